"""A table of PostgreSQL's."""

import json
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from nami_control.aws import Aws
from nami_control.checks import database_secret, secret_text
from nami_control.destinations.base import Destination, Find, Looks, Speed
from nami_control.errors import DatabaseError, MissingToolError, UsageError
from nami_control.planning.assumptions import Assumption, Times
from nami_control.stacks import Stack
from nami_runtime import rows, secret
from nami_runtime.results import APART
from nami_stack.settings import Subscription

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[dict[str, Any]]

_POLL = 0.7  # seconds between looks while following
_ANSWERS_WITHIN = 10  # seconds; a database that is up does at once
# Functions that run at once write at once: one that began earlier may be the later one to write.
_LATE = timedelta(seconds=60)
_AT_ONCE = 50  # rows, while all of a time are read
_EPOCH = datetime.fromtimestamp(0, UTC)
# Whoever brings a database knows what it takes; until then it counts like the smallest instance.
_CORES = 2


class Postgres(Destination):
    """In a database that the user has."""

    kind = "postgres"
    shown_by = "PostgresSecretArn"
    work: ClassVar = Assumption(
        0.25, "ms of a whole vCPU for a webhook of a batch", "make bench, 0.15 ms; half more on Graviton"
    )
    write: ClassVar = Assumption(
        1.0, "ms of one of the database's vCPUs for a write", "assumed, with caution: a thousand rows a second for each"
    )

    def stored(self, *, query: dict[str, Any], ids: list[str], limit: int, follow: bool) -> Generator[dict[str, Any]]:
        """Those that match; `query` has columns by their names, those of JSON by what they contain."""
        wanted, values = _condition(self.deployment.name, query, ids)
        with self._opened() as database:
            newest = f"SELECT * FROM {rows.TABLE_NAME} WHERE {wanted} ORDER BY received_at DESC"  # noqa: S608 - ours
            found = _asked(database, newest if ids else f"{newest} LIMIT {limit:d}", values)
            # Looked at first, so that what is stored meanwhile is not taken for old.
            yield from reversed(found)
            if follow:
                seen = {each["_id"]: each["stored_at"] for each in found}
                since = max(seen.values(), default=datetime.now(UTC)) - _LATE
                yield from _arriving(database, wanted, values, seen | _recent(database, wanted, values, since))

    @contextmanager
    def opened(self) -> Iterator[Find]:
        """Found by ids."""
        with self._opened() as database:
            statement = f"SELECT * FROM {rows.TABLE_NAME} WHERE subscription = %s AND id = ANY(%s)"  # noqa: S608 - ours
            yield lambda ids: _asked(database, statement, [self.deployment.name, ids])

    @contextmanager
    def oldest_first(self, since: float, until: float, query: dict[str, Any]) -> Iterator[Iterator[dict[str, Any]]]:
        """By `received_at`, which has an index."""
        wanted, values = _condition(self.deployment.name, query, [])
        with self._opened() as database:
            yield _between(database, wanted, values, _moment(since), _moment(until))

    @contextmanager
    def arriving(self) -> Iterator[Iterator[dict[str, Any]]]:
        """By `stored_at`, which has an index."""
        wanted, values = _condition(self.deployment.name, {}, [])
        with self._opened() as database:
            seen = _recent(database, wanted, values, datetime.now(UTC) - _LATE)
            yield _arriving(database, wanted, values, seen)

    def looks(self) -> Looks:
        """At the secret that says where it is."""
        return _look(self.deployment.aws, self.drain.post_queue.environment["POSTGRES_SECRET_ARN"])

    @classmethod
    def looks_before(cls, aws: Aws, asked: Subscription, stack: Stack | None) -> Looks:
        """At the same, before the deployment."""
        return _look(aws, asked.postgres_secret_arn) if asked.postgres_secret_arn else {}

    @classmethod
    def speed(cls, subscription: Subscription, times: Times, batch_size: float) -> Speed:
        """What its vCPUs write."""
        return Speed(rate=_CORES * 1000 / cls.write_ms(times))

    @contextmanager
    def _opened(self) -> Iterator["Connection"]:
        """The database; what goes wrong with it becomes one line."""
        try:
            import psycopg  # noqa: PLC0415 (a tenth of a second that other commands need not wait)
            from psycopg.rows import dict_row  # noqa: PLC0415
        except ImportError:
            raise MissingToolError("psycopg is not installed; pip install 'nami[cli]'") from None
        from nami_runtime.destinations.postgres import settings_of  # noqa: PLC0415 (it loads psycopg)

        arn = self.drain.post_queue.environment["POSTGRES_SECRET_ARN"]
        try:
            settings = settings_of(secret_text(self.deployment.aws, arn))
        except ValueError as error:
            raise DatabaseError(f"the secret {arn} can't be used: {error}") from None
        try:
            with psycopg.connect(
                **settings, connect_timeout=_ANSWERS_WITHIN, autocommit=True, row_factory=dict_row
            ) as database:
                database.read_only = True
                yield database
        except psycopg.Error as error:
            told = error.diag.message_primary or str(error).strip().splitlines()[-1]
            verb = "refused" if error.diag.message_primary else "does not answer"
            raise DatabaseError(f"the database {verb}: {told}") from None


def _asked(database: "Connection", statement: str, values: list[Any]) -> list[dict[str, Any]]:
    """Rows in the form that documents have; none where there is no table yet."""
    from psycopg.errors import UndefinedTable  # noqa: PLC0415

    try:
        found = database.execute(statement.encode(), values).fetchall()
    except UndefinedTable:
        return []
    return [_document(row) for row in found]


def _recent(database: "Connection", wanted: str, values: list[Any], since: datetime) -> dict[Any, datetime]:
    """Ids of what was stored since then, with their times, the oldest first."""
    statement = f"SELECT id, stored_at FROM {rows.TABLE_NAME} WHERE {wanted} AND stored_at >= %s ORDER BY stored_at"  # noqa: S608 - ours
    return {each["_id"]: each["stored_at"] for each in _asked(database, statement, [*values, since])}


def _arriving(
    database: "Connection", wanted: str, values: list[Any], seen: dict[Any, datetime]
) -> Iterator[dict[str, Any]]:
    """What is stored from now on. It looks back a little each time, and leaves out what was there."""
    one = f"SELECT * FROM {rows.TABLE_NAME} WHERE {wanted} AND id = %s"  # noqa: S608 - ours
    while True:
        since = max(seen.values(), default=datetime.now(UTC)) - _LATE
        for delivery_id, stored_at in _recent(database, wanted, values, since).items():
            if delivery_id not in seen:
                seen[delivery_id] = stored_at
                # Its body once, and not at each look.
                yield from _asked(database, one, [*values, delivery_id])
        seen = {key: at for key, at in seen.items() if at >= since}
        time.sleep(_POLL)


def _between(
    database: "Connection", wanted: str, values: list[Any], since: datetime, until: datetime
) -> Iterator[dict[str, Any]]:
    """What came in between, some at a time, so that no statement lasts as long as all of them take."""
    part = f"SELECT * FROM {rows.TABLE_NAME} WHERE {wanted} AND received_at < %s AND (received_at, id) > (%s, %s) "  # noqa: S608 - ours
    last = (since, "")
    while found := _asked(database, f"{part}ORDER BY received_at, id LIMIT {_AT_ONCE:d}", [*values, until, *last]):
        yield from found
        last = (found[-1]["received_at"], found[-1]["_id"])


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _document(row: dict[str, Any]) -> dict[str, Any]:
    optional = ("body_error", "body_changes", "raw_sha256", "same_id_as", "more")
    there = {name: value for name, value in row.items() if value is not None or name not in optional}
    return {"_id": there.pop("id"), **(there.pop("more", None) or {}), **there}


def _condition(subscription: str, query: Mapping[str, Any], ids: list[str]) -> tuple[str, list[Any]]:
    """What follows WHERE, with its values.

    Raises:
        UsageError: the query has something else than columns.
    """
    parts, values = ["subscription = %s"], [subscription]
    for name, value in query.items():
        column = "id" if name == "_id" else name
        if (kind := rows.COLUMNS.get(column)) is None or kind == "bytea":
            first = name.partition(".")[0]
            inside = f'; inside of it as in {{"{first}": {{"order": {{"id": 1001}}}}}}' if first in rows.COLUMNS else ""
            raise UsageError(f"--query: {name} is no column of the table {rows.TABLE_NAME}{inside}")
        parts.append(f"{column} @> %s::jsonb" if kind == "jsonb" else f"{column} = %s")
        values.append(json.dumps(value, default=str) if kind == "jsonb" else value)
    if ids:
        # That delivery, and those with other content that came under its id: theirs begin with it.
        parts.append("(id = ANY(%s) OR EXISTS (SELECT FROM unnest(%s::text[]) AS taken WHERE starts_with(id, taken)))")
        values += [ids, [f"{each}{APART}" for each in ids]]  # type: ignore[list-item] # lists are values too
    return " AND ".join(parts), list(values)


def _look(aws: Aws, arn: str) -> Looks:
    rules = {"uris": secret.POSTGRES_URIS}
    return {"postgres": partial(database_secret, "postgres", aws, arn, "postgresql://…", **rules)}
