"""Runs nx-27017 a little more as MongoDB is. `python -m nami_local.stand_in OPTIONS…`.

- MongoDB takes any collection name. nx-27017's SQLite layer refuses a hyphen, because it writes names without quotes;
  with quotes SQLite takes them.
- MongoDB has a bulk of writes on disk with one sync of its journal; nx-27017 commits each document. Here a command is
  one transaction. A write that fails fails alone all the same: SQLite takes back the statement, not the transaction.
- MongoDB stores a document's bytes as they came. nx-27017 walks the parsed document in Python three times, which is
  most of its work on a webhook of 3 KB, and writes each `insert` out for a log that is off. Here a document is copied
  only if it holds an ObjectId, bytes are wrapped while the JSON is made, and nothing is written out.
- MongoDB compares dates to the millisecond, with an index where there is one. nx-27017's SQLite layer compares them by
  whole seconds, and reads all that there is for it; within `$and` it compares them with what is no date, and finds
  nothing.
- MongoDB stores what an update sets as it does what is inserted. nx-27017 has SQLite set it, which makes dates texts;
  here they are set in Python, as bytes are anyway.
- MongoDB has decimals. nx-27017 refuses a document with one; here it is stored as extended JSON writes it.

These are its internals, so its version is pinned exactly, and tests look at each of them.
"""

import datetime
import functools
import re
import runpy
from collections.abc import Callable
from typing import Any

import bson
from neosqlite import sql_utils
from neosqlite.binary import Binary
from neosqlite.collection.cursor import Cursor
from neosqlite.collection.json_helpers import NeoSQLiteJSONEncoder
from neosqlite.collection.query_helper import QueryHelper
from neosqlite.objectid import ObjectId
from nx_27017 import utils
from nx_27017.handler import NeoSQLiteHandler

_WRITES = ("insert", "update", "delete")
# What has no ObjectId in it.
_PLAIN = frozenset({str, int, bson.Int64, float, bool, type(None), bytes, datetime.datetime})
_strict = sql_utils.quote_identifier
_convert: Any = utils.convert_bson_to_neo_objectids
_answer: Any = utils.convert_neo_to_bson_objectids
_DECIMAL = "$numberDecimal"
_encoder = NeoSQLiteJSONEncoder()


def _quoted(name: str) -> str:
    return f'"{name}"' if "-" in name and re.fullmatch(r"[A-Za-z_][\w-]*", name, re.ASCII) else _strict(name)


def _in_one_transaction(handle: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    @functools.wraps(handle)
    def handle_once(self: Any, message: Any) -> Any:
        message["sections"] = _Untold(message["sections"])
        command: dict[str, Any] = next((document for kind, document in message["sections"] if kind == "body"), {})
        name = command.get("$db", "test")
        if not any(write in command for write in _WRITES):
            return handle(self, message)
        with self._lock_for(name):
            database = self.get_database(name)
            # Within a transaction SQLite lets nobody change how it syncs.
            self._apply_write_concern(database, name, command.get("writeConcern"))
            connection = database.db
            if connection.in_transaction or "startTransaction" in command:  # the client's own
                return handle(self, message)
            connection.execute("BEGIN IMMEDIATE")
            try:
                return handle(self, message)
            finally:
                if connection.in_transaction:
                    connection.execute("COMMIT")

    return handle_once


class _Untold(list[Any]):
    """A list that is not written out."""

    __repr__ = object.__repr__


def _converted(value: Any) -> Any:
    """With the SQLite layer's ObjectIds in place of BSON's: a copy, or what was given if there is nothing to change."""
    todo: list[Any] = [[value]]
    for container in todo:
        for item in container.values() if type(container) is dict else container:
            kind = type(item)
            if kind is dict or kind is list:
                todo.append(item)
            elif kind not in _PLAIN:
                return _convert(value)
    return value


def _answered(document: Any) -> Any:
    """With BSON's decimals and ObjectIds in place of what they are stored as; it is asked for each document within."""
    if isinstance(document, dict) and len(document) == 1 and isinstance(document.get(_DECIMAL), str):
        return bson.Decimal128(document[_DECIMAL])
    return _answer(document)


def _inserted(self: Any, document: dict[str, Any]) -> Any:
    """Stores the document and returns its _id, a new one if it has none."""
    key = document.get("_id")
    key = ObjectId() if key is None else key
    text = _encoder.encode({**document, "_id": key})
    if not self._validate_json_document(text):
        raise ValueError("Invalid JSON document")
    table = sql_utils.quote_table_name(self.collection.name)
    self.collection.db.execute(f"INSERT INTO {table}(data, _id) VALUES (?, ?)", (text, str(key)))  # noqa: S608 quoted
    document.setdefault("_id", key)
    return key


def _encodable(encoder: Any, value: Any, encodable: Callable[[Any, Any], Any] = NeoSQLiteJSONEncoder.default) -> Any:
    if isinstance(value, bson.Decimal128):
        return {_DECIMAL: str(value)}
    plain_bytes = isinstance(value, bytes) and not isinstance(value, Binary)
    return Binary(value).encode_for_storage() if plain_bytes else encodable(encoder, value)


def _updates_in_sql(
    self: Any, update: dict[str, Any], *given: Any, may: Callable[..., Any] = QueryHelper._can_use_sql_updates
) -> bool:
    return "$set" not in update and bool(may(self, update, *given))


_COMPARED = ("$eq", "$ne", "$lt", "$lte", "$gt", "$gte")


def _found(cursor: Any, find: Callable[[Any], Any] = Cursor._get_filtered_documents) -> Any:
    query = _merged(cursor._filter)
    cursor._filter = query if "$and" in (query or ()) else _with_dates_as_stored(query)
    return find(cursor)


def _merged(query: Any) -> Any:
    """A query whose `$and` is of different fields as one of all these fields, for which SQLite is asked."""
    if not isinstance(query, dict) or not isinstance(parts := query.get("$and"), list):
        return query
    parts = [*map(_merged, parts), {key: value for key, value in query.items() if key != "$and"}]
    names = [key for part in parts for key in part]
    whole = {key: value for part in parts for key, value in part.items()}
    return whole if len(whole) == len(names) else query


def _with_dates_as_stored(query: Any) -> Any:
    """A query whose dates are compared as the text that they are stored and indexed as, which has the order of time."""
    if isinstance(query, list):
        return [_with_dates_as_stored(each) for each in query]
    if not isinstance(query, dict):
        return query
    return {
        key: f'{{"$date":"{_naive(value).isoformat()}"}}'
        if key in _COMPARED and isinstance(value, datetime.datetime)
        else _with_dates_as_stored(value)
        for key, value in query.items()
    }


def _naive(at: datetime.datetime) -> datetime.datetime:
    return at.astimezone(datetime.UTC).replace(tzinfo=None) if at.tzinfo else at


if __name__ == "__main__":
    sql_utils.quote_identifier = sql_utils.quote_table_name = _quoted
    NeoSQLiteHandler.handle_insert = _in_one_transaction(NeoSQLiteHandler.handle_insert)
    NeoSQLiteHandler.handle_command = _in_one_transaction(NeoSQLiteHandler.handle_command)
    utils.convert_bson_to_neo_objectids = _converted
    utils.convert_neo_to_bson_objectids = _answered
    QueryHelper._internal_insert = _inserted
    QueryHelper._can_use_sql_updates = _updates_in_sql
    NeoSQLiteJSONEncoder.default = _encodable
    Cursor._get_filtered_documents = _found
    runpy.run_module("nx_27017.nx_27017", run_name="__main__")
