"""A document as a row of PostgreSQL's table, and the statements that make, fill and ask it."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nami_runtime.bodies import MAX_DEPTH
from nami_runtime.documents import TRANSFORMED, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

TABLE_NAME = "webhooks"
COLUMNS = {
    "id": "text",
    "subscription": "text",
    "received_at": "timestamptz",
    "stored_at": "timestamptz",
    "method": "text",
    "path": "text",
    "query": "text",
    "headers": "jsonb",
    "content_type": "text",
    "body": "jsonb",
    "body_format": "text",
    "body_error": "text",
    "body_changes": "jsonb",
    "raw": "bytea",
    "raw_sha256": "text",
    "same_id_as": "text",
    "source_ip": "text",
    "verified": "text",
    "message_id": "text",
    "attempts": "integer",
    "more": "jsonb",
}
"""Name and type of each; `more` has what a `process` of the user's added."""
_NEVER_EMPTY = ("id", "subscription", "received_at", "stored_at")

Row = list[Any]

TABLE = (
    f"CREATE TABLE IF NOT EXISTS {TABLE_NAME} ("
    + ", ".join(f"{name} {kind}{' NOT NULL' if name in _NEVER_EMPTY else ''}" for name, kind in COLUMNS.items())
    + ", PRIMARY KEY (id, subscription))",
    # What "the newest" and "since then" are asked by.
    *(
        f"CREATE INDEX IF NOT EXISTS {TABLE_NAME}_{name} ON {TABLE_NAME} (subscription, {name})"
        for name in ("received_at", "stored_at")
    ),
)
# What is acknowledged is deleted from the queue, so a commit waits for the disk, whatever the server does by default:
# https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-SYNCHRONOUS-COMMIT. In the statement itself, since
# a pooler may give each one another connection.
_DURABLE = (
    "(SELECT set_config('synchronous_commit', CASE setting WHEN 'off' THEN 'on' ELSE setting END, true) "
    "FROM current_setting('synchronous_commit') AS setting) AS durable"
)
_INSERT = (
    f"INSERT INTO {TABLE_NAME} ({', '.join(COLUMNS)}) "  # noqa: S608 - names of ours
    + "SELECT "
    + ", ".join(f"given.{name}::jsonb" if kind == "jsonb" else f"given.{name}" for name, kind in COLUMNS.items())
    + " FROM unnest("
    # In binary: an array in text has every quote of every body escaped, which took psycopg two thirds of a batch's CPU.
    + ", ".join(f"%b::{'text' if kind == 'jsonb' else kind}[]" for kind in COLUMNS.values())
    + f") AS given ({', '.join(COLUMNS)}), {_DURABLE} "
    + "ON CONFLICT (id, subscription) DO "
)
_RETURNING = " RETURNING id, subscription"
INSERT = f"{_INSERT}NOTHING{_RETURNING}"
RENEW = (
    f"{_INSERT}UPDATE SET "
    + ", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS if name not in ("id", "subscription", "stored_at"))
    + _RETURNING
)
"""A row that is there takes all of the new one but its id and the time at which it was first stored."""
MOST_DELETED = 1000
"""Rows in one statement: ten times as many as an ordinary batch brings."""
DELETE = (
    f"WITH old AS (SELECT id, subscription FROM {TABLE_NAME} "  # noqa: S608 - names of ours
    "WHERE subscription = %s AND stored_at < now() - make_interval(days => %s) "
    f"ORDER BY stored_at LIMIT {MOST_DELETED} FOR UPDATE SKIP LOCKED), "
    f"gone AS (DELETE FROM {TABLE_NAME} AS kept USING old "
    "WHERE kept.id = old.id AND kept.subscription = old.subscription RETURNING 1) SELECT count(*) FROM gone"
)
"""Deletes what is older than so many days of a subscription; what another function deletes just now is left to it."""
HASHES = (
    f"SELECT id, coalesce(raw_sha256, encode(sha256(raw), 'hex')) FROM {TABLE_NAME} "  # noqa: S608 - names of ours
    "WHERE subscription = %s AND id = ANY(%s)"
)

# https://www.postgresql.org/docs/current/datatype-numeric.html
_MAX_DIGITS_BEFORE, _MAX_DIGITS_AFTER = 131_072, 16_383
_DIGITS = re.compile(r'"\\u0000([-+.0-9eE]+)\\u0000"')


def of(document: dict[str, Any]) -> Row:
    """One value for each of COLUMNS. What no row holds is changed in the document, and named in its `body_changes`."""
    if (text := document.get(TRANSFORMED)) is not None:
        document = {**document, "body": json.loads(text)}
        del document[TRANSFORMED]
    try:
        return _row(document, _json)
    except (TypeError, ValueError):
        from nami_runtime import fitting  # noqa: PLC0415 - most documents fit

        name = lambda given: given.replace("\0", "\\u0000")  # noqa: E731
        fitting.fit(document, fitting.Limits(_exact, name, MAX_DEPTH, nul=False))
        return _row(document, _exact_json)


def columns(given: Iterable[Row]) -> list[list[Any]]:
    """The rows turned round: a list for each of COLUMNS, as INSERT takes them."""
    return [list(column) for column in zip(*given, strict=True)]


def _row(document: dict[str, Any], encode: Any) -> Row:
    fields = {("id" if name == "_id" else name): value for name, value in document.items()}
    if isinstance(fields.get("body"), bytes):
        fields["body"] = None  # `raw` has them
    if more := {name: fields[name] for name in fields if name not in COLUMNS}:
        fields["more"] = more
    return [_value(fields.get(name), kind, encode) for name, kind in COLUMNS.items()]


def _value(value: Any, kind: str, encode: Any) -> Any:
    if value is None:
        return None
    if kind == "jsonb":
        return encode(value)
    return _text(value if isinstance(value, str) else str(value)) if kind == "text" else value


def _text(text: str) -> str:
    if "\0" in text:
        raise ValueError("NUL")
    text.encode()
    return text


def _json(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=plain)
    if "\\u0000" in text:
        raise ValueError("NUL")
    text.encode()
    return text


def _exact_json(value: Any) -> str:
    """With Decimals as numbers: between NULs on the way, of which there are no others any more."""

    def exact(value: object) -> object:
        return f"\0{value}\0" if isinstance(value, Decimal) else plain(value)

    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=exact)
    return _DIGITS.sub(r"\1", text)


def _exact(number: float | Decimal) -> float | Decimal | None:
    exact = Decimal(number)
    if not exact.is_finite():
        return None
    after = -int(exact.as_tuple().exponent)
    return number if exact.adjusted() < _MAX_DIGITS_BEFORE and after <= _MAX_DIGITS_AFTER else None
