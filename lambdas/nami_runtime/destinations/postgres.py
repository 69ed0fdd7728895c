"""PostgreSQL: a row for each delivery, a batch in one statement, over a connection kept between invocations."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import conninfo

from nami_runtime import aws, log, login, rows, same_id, secret
from nami_runtime.documents import without_body
from nami_runtime.login import NotNow
from nami_runtime.results import NO_TIME, Away

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Connection = psycopg.Connection[Any]

# A host that vanished without a word is noticed after this long, and the next attempt finds its successor.
ATTEMPT_SECONDS = 10.0
_CONNECT_SECONDS = 5
_PAUSE_SECONDS = 0.5
_DELETE_SECONDS, _DELETE_EVERY_SECONDS = 2.0, 3600.0
# What a row itself can be refused for: data that is none, constraints and triggers of the user's own, over a limit.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_ITS_OWN = ("22", "23", "54", "P0")
_NO_TABLE = "42P01"
_READ_ONLY = "25006"
# Amazon Linux's, and others'; psycopg's own libraries look where they were built.
_AUTHORITIES = ("/etc/pki/tls/cert.pem", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem")
_ON_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")


def connect() -> Postgres:
    """Connects at the first write, not here."""
    return Postgres()


class Postgres:
    """The table of the database that the secret POSTGRES_SECRET_ARN leads to."""

    name = "PostgreSQL"

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._keep_days = int(os.environ.get("KEEP_DAYS") or 0)
        self._deletes_at = 0.0  # time.monotonic()

    def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
        results = same_id.write(self, documents, deadline)
        if self._keep_days and monotonic() >= self._deletes_at and "stored" in results:
            self._delete_old(min(deadline, monotonic() + _DELETE_SECONDS))
        return results

    def _delete_old(self, deadline: float) -> None:
        """Deletes some of what is too old, after the new rows are safe; the rest after the next batch, or in an hour.

        A batch writes less than it may delete, so it keeps up. Without the right to, webhooks are stored all the same.
        """
        self._deletes_at = monotonic() + _DELETE_EVERY_SECONDS
        try:
            ((count,),) = self._run(rows.DELETE, (os.environ["NAMI_SUBSCRIPTION"], self._keep_days), deadline)
        except (NotNow, psycopg.Error) as error:
            reason = error.reason if isinstance(error, NotNow) else f"code {error.sqlstate or type(error).__name__}"
            log.line("WARNING", "rows over keep_days were not deleted", reason=reason)
            return
        if count == rows.MOST_DELETED:
            self._deletes_at = 0.0

    def renew(self, documents: Mapping[int, dict[str, Any]], results: list[str], deadline: float) -> None:
        self.put(documents, results, deadline, rows.RENEW)

    def put(
        self,
        documents: Mapping[int, dict[str, Any]],
        results: list[str],
        deadline: float,
        statement: str = rows.INSERT,
    ) -> None:
        items: dict[int, rows.Row] = {}
        for index, document in documents.items():
            try:
                items[index] = rows.of(document)
            except Exception as error:
                results[index] = f"can't be stored: {type(error).__name__}"
        refused = self._insert(statement, items, results, deadline)
        # What the server won't take in parsed form (a limit that is not known here) goes in raw.
        bare = {
            index: rows.of(without_body(documents[index], f"refused by PostgreSQL: {reason}"))
            for index, reason in refused.items()
        }
        for index, reason in self._insert(statement, bare, results, deadline).items():
            results[index] = f"refused by PostgreSQL: {reason}"

    def hashes(self, ids: list[Any], deadline: float) -> dict[Any, str]:
        subscription = os.environ["NAMI_SUBSCRIPTION"]
        found: list[tuple[str, str]] = self._run(rows.HASHES, (subscription, list(map(str, ids))), deadline)
        return dict(found)

    def _insert(
        self, statement: str, items: dict[int, rows.Row], results: list[str], deadline: float
    ) -> dict[int, str]:
        """Fills in the results; returns what the server refused for its own sake, with its reason."""
        if not items:
            return {}
        try:
            fresh = {(row[0], row[1]) for row in self._run(statement, rows.columns(items.values()), deadline)}
        except NotNow as not_now:
            for index in items:
                results[index] = not_now.reason
            return {}
        except psycopg.Error as error:
            if len(items) == 1:
                return dict.fromkeys(items, f"code {error.sqlstate or type(error).__name__}")
            # Whichever of them it was, the others are written.
            half, given = len(items) // 2, list(items.items())
            parts = [dict(given[:half]), dict(given[half:])]
            said = [self._insert(statement, part, results, deadline) for part in parts]
            return {index: why for each in said for index, why in each.items()}
        for index, row in items.items():
            key = (row[0], row[1])
            results[index] = "stored" if key in fresh else "duplicate"
            fresh.discard(key)  # the first of them
        return {}

    def _run(self, statement: str, parameters: Sequence[Any], deadline: float) -> list[Any]:
        """The statement's rows. A repeat after a broken connection is safe.

        Raises NotNow for what is the database's, and psycopg.Error for what is a row's.
        """
        while True:
            try:
                if deadline - monotonic() <= 0:
                    raise NotNow(f"PostgreSQL: {NO_TIME}")
                limit = min(deadline, monotonic() + ATTEMPT_SECONDS)
                opened = self._open(limit)
                with _cut_at(limit, opened):
                    return opened.execute(statement, parameters).fetchall()
            except psycopg.Error as error:
                code = error.sqlstate or ""
                if code.startswith(_ITS_OWN) or isinstance(error, psycopg.DataError):
                    raise
                reason = f"{type(error).__name__} {code}".strip()
                if code == _NO_TABLE and self._make_table(deadline):
                    continue
                if self._connection is None or self._connection.closed or code == _READ_ONLY:
                    self._forget()
            except aws.Unavailable as error:
                reason = str(error)
            if deadline - monotonic() < _PAUSE_SECONDS:
                raise NotNow(Away(f"PostgreSQL away: {reason}"))
            sleep(_PAUSE_SECONDS)

    def _make_table(self, deadline: float) -> bool:
        """Whether the table is there now. Two that make it at once may both be told that it is there already."""
        try:
            opened = self._open(deadline)
            with _cut_at(min(deadline, monotonic() + ATTEMPT_SECONDS), opened):
                for statement in rows.TABLE:
                    opened.execute(statement)
        except psycopg.errors.UniqueViolation:
            return True
        except psycopg.Error as error:
            log.line(
                "WARNING", "the table was not made", reason=f"{type(error).__name__} {error.sqlstate or ''}".strip()
            )
            return False
        return True

    def _open(self, deadline: float) -> Connection:
        if self._connection is None or self._connection.closed:
            settings = login.read(self.name, os.environ["POSTGRES_SECRET_ARN"], deadline, settings_of)
            seconds = max(1, min(_CONNECT_SECONDS, int(deadline - monotonic())))
            # Nothing is prepared, so that a pooler between may give each statement another connection.
            self._connection = psycopg.connect(
                **settings, connect_timeout=seconds, autocommit=True, prepare_threshold=None
            )
        return self._connection

    def _forget(self) -> None:
        """Reads the secret again next time: it may say by now where the database is, or with which password."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def settings_of(text: str) -> dict[str, Any]:
    """The connection's parameters by a secret's text. Raises ValueError with what is wrong, without a word of it."""
    found = secret.database(text, on_host=False, uris=secret.POSTGRES_URIS)
    try:
        return verified(conninfo.conninfo_to_dict(found["uri"]))
    except psycopg.ProgrammingError:
        raise ValueError("it is no URI of PostgreSQL's") from None


def verified(given: dict[str, Any]) -> dict[str, Any]:
    """The same parameters with the server's certificate verified, whatever `sslmode` was pasted along.

    `require` only encrypts, and whoever stands between can be the server. On this machine there is nobody between.
    Raises ValueError for a URI that asks for no TLS at all.
    """
    hosts = str(given.get("host") or "").split(",")
    if all(host.startswith("/") or host in _ON_THIS_MACHINE for host in hosts):
        return given
    mode = given.get("sslmode")
    if mode == "disable":
        raise ValueError("sslmode=disable sends webhooks unencrypted; leave it out")
    authorities = given.get("sslrootcert") or next(filter(os.path.exists, _AUTHORITIES), "system")
    return {**given, "sslmode": mode if mode == "verify-ca" else "verify-full", "sslrootcert": authorities}


@contextlib.contextmanager
def _cut_at(limit: float, opened: Connection) -> Iterator[None]:
    """Ends a statement's waiting at `limit`: psycopg waits for as long as the server is silent."""

    def cut() -> None:
        with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(opened.fileno())) as connected:
            connected.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(max(0.0, limit - monotonic()), cut)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
