"""Runs nx-27017 a little more as MongoDB is. `python -m nami_cli.local.stand_in OPTIONS…`.

- MongoDB takes any collection name. nx-27017's SQLite layer refuses a hyphen, because it writes names without quotes;
  with quotes SQLite takes them.
- MongoDB has a bulk of writes on disk with one sync of its journal; nx-27017 commits each document. Here a command is
  one transaction. A write that fails fails alone all the same: SQLite takes back the statement, not the transaction.
- Each document is copied twice on its way, by `copy.deepcopy`, for callers that might change it; of what came over the
  wire a plain copy of lists and dictionaries is as good, and ten times as fast.

These are its internals, so its version is pinned exactly, and tests look at each of the three.
"""

import copy
import functools
import re
import runpy
from collections.abc import Callable
from typing import Any

from neosqlite import sql_utils
from nx_27017.handler import NeoSQLiteHandler

_WRITES = ("insert", "update", "delete")
_strict = sql_utils.quote_identifier
_deep: Any = copy.deepcopy


def _quoted(name: str) -> str:
    return f'"{name}"' if "-" in name and re.fullmatch(r"[A-Za-z_][\w-]*", name, re.ASCII) else _strict(name)


def _in_one_transaction(handle: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    @functools.wraps(handle)
    def handle_once(self: Any, message: Any) -> Any:
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


def _copied(value: Any, memo: Any = None) -> Any:
    if memo is None and type(value) is dict:
        return {key: _copied(item) for key, item in value.items()}
    if memo is None and type(value) is list:
        return [_copied(item) for item in value]
    return value if type(value) in (str, int, float, bool, bytes, type(None)) else _deep(value, memo)


if __name__ == "__main__":
    sql_utils.quote_identifier = sql_utils.quote_table_name = _quoted
    NeoSQLiteHandler.handle_insert = _in_one_transaction(NeoSQLiteHandler.handle_insert)
    NeoSQLiteHandler.handle_command = _in_one_transaction(NeoSQLiteHandler.handle_command)
    vars(copy)["deepcopy"] = _copied
    runpy.run_module("nx_27017.nx_27017", run_name="__main__")
