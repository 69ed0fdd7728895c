"""What a DynamoDB table holds of a subscription: its webhooks, or how the last try to forward each of them went.

Such a table is found by the delivery's id alone, also where it is an adopted one. An index by time would put all that
is written at one moment into one partition, which takes a thousand writes a second, at twice the price of each write:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
So it is the post-queue function's log that says which are the newest, as far back as it is kept.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from nami_control import logs
from nami_control.checks import Check, ok, warn
from nami_control.deployment import Deployment, Drain
from nami_control.destinations.base import Destination, Find
from nami_control.errors import Command, UsageError
from nami_control.logs import Line
from nami_control.searching import Position, Store
from nami_runtime.documents import iso

_POLL = 1.0  # seconds between looks while following
# Seconds back in the log: more only where less did not name enough.
_SPANS = (600, 7200, 86_400, 604_800, 34_560_000)
_LATE = 120  # seconds until a line of the log is there for sure
_BODIES = 25  # items of up to 400 KB that are read at once, with bodies of up to 6 MB
_KEYS = 100  # that DynamoDB takes at once
# Of a backend, and of a bus.
_TRIES = ("BACKEND_ATTEMPTS_TABLE", "EVENTS_TABLE")
_LOOKED_AT = 20  # tries, the newest
DATES = ("received_at", "stored_at", "replayed_at", "at")


class Items:
    """The table that one post-queue function writes to."""

    def __init__(self, deployment: Deployment, drain: Drain) -> None:
        environment = drain.post_queue.environment
        self._attempts = next((environment[name] for name in _TRIES if name in environment), None)
        self._table = self._attempts or environment.get("DYNAMO_TABLE") or environment["ARCHIVE_IDS_TABLE"]
        self._subscription = deployment.name
        self._log = {"post-queue": drain.post_queue.log_group}
        self._aws = deployment.aws
        self._client: Any = deployment.aws.client("dynamodb")

    def get(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Those of these deliveries that are there, in this order."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(ids), _KEYS):
            asked: Any = {
                self._table: {"Keys": list(map(self._key, ids[start : start + _KEYS])), "ConsistentRead": True}
            }
            while asked:
                said = self._client.batch_get_item(RequestItems=asked)
                for item in said["Responses"].get(self._table, []):
                    document = _document(item)
                    found[document["_id"]] = document
                if asked := said.get("UnprocessedKeys"):
                    time.sleep(0.2)  # it gives at most 16 MB at once, and less while it is throttled
        return [found[each] for each in ids if each in found]

    def newest(self, limit: int) -> list[dict[str, Any]]:
        """The last ones that were written, the newest first."""
        found: list[dict[str, Any]] = []
        for span in _SPANS:
            named = [delivery_id for _, delivery_id in self._named(time.time() - span)][::-1]
            found = []
            for start in range(0, len(named), limit):  # more where some are gone, or were never tried
                found += self.get(named[start : start + limit])
                if len(found) >= limit:
                    return found[:limit]
        return found

    def newest_first(self, before: Position | None, since: float | None) -> Iterator[tuple[int, dict[str, Any]]]:
        """Those behind a position, as far back as the log goes; a position's `at` is when an item was written."""
        now = time.time()
        end, skip = (before.at / 1000, before.skip) if before else (now, 0)
        oldest = max(since or 0.0, now - _SPANS[-1])
        shown: set[str] = set()
        for span in _SPANS:
            start = max(end - span, oldest)
            # The millisecond of the position itself belongs to what is behind it.
            named = [each for each in self._written(start, end + 0.001)[::-1] if each[1] not in shown]
            shown |= {delivery_id for _, delivery_id in named}
            named, skip = named[skip:], max(skip - len(named), 0)
            for first in range(0, len(named), _KEYS):
                part = {delivery_id: at for at, delivery_id in named[first : first + _KEYS]}
                for document in self.get(list(part)):
                    yield part[document["_id"]], document
            if (end := start) <= oldest:
                return

    def written_since(self, at: datetime) -> list[dict[str, Any]]:
        """What was written since then."""
        named = self._written(at.timestamp(), None)
        return self.get(list(dict.fromkeys(delivery_id for _, delivery_id in named)))

    def stored(self, ids: list[str], limit: int, *, follow: bool, again: bool = False) -> Generator[dict[str, Any]]:
        """Those that are there, the newest last, and with `follow` those that come; `again`: the same may come anew."""
        arriving = self.arriving() if follow else iter(())
        found = self.get(ids) if ids else self.newest(limit)
        yield from reversed(found)
        shown = set() if again else {document["_id"] for document in found}
        yield from (each for each in arriving if each["_id"] not in shown and (not ids or each["_id"] in ids))

    def arriving(self) -> Iterator[dict[str, Any]]:
        """What is written from this call on."""
        return self._arriving(set(self._named(time.time() - _LATE)))

    def following(self) -> Iterator[dict[str, Any]]:
        """As `arriving`, with the whole bodies."""
        coming = self.arriving()
        return (self._whole(document) for document in coming)

    def between(self, since: float, until: float) -> Iterator[dict[str, Any]]:
        """What came in between (epoch seconds), by its time of arrival, with its whole body.

        The table is read from end to end for it, but for the bodies: it has no index by time.
        """
        found = sorted(self._came_in(since, until))
        for start in range(0, len(found), _BODIES):
            for document in self.get([delivery_id for *_, delivery_id in found[start : start + _BODIES]]):
                yield self._whole(document)

    def _came_in(self, since: float, until: float) -> Iterator[tuple[str, str, str]]:
        """(received_at, stored_at, id)."""
        values = {"s": self._subscription, "a": _text(since), "z": _text(until)}
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table,
            ProjectionExpression="id, received_at, stored_at",
            FilterExpression="subscription = :s AND received_at >= :a AND received_at < :z",
            ExpressionAttributeValues={f":{name}": {"S": value} for name, value in values.items()},
        )
        for page in pages:
            for item in page["Items"]:
                yield item["received_at"]["S"], item.get("stored_at", {}).get("S", ""), item["id"]["S"]

    def _whole(self, document: dict[str, Any]) -> dict[str, Any]:
        if "raw" not in document and (reference := document.get("body_ref")):
            s3 = self._aws.client("s3")
            document["raw"] = s3.get_object(Bucket=reference["bucket"], Key=reference["key"])["Body"].read()
        return document

    def _arriving(self, seen: set[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        while True:
            fresh = [each for each in self._named(time.time() - _LATE) if each not in seen]
            seen.update(fresh)
            yield from self.get(list(dict.fromkeys(delivery_id for _, delivery_id in fresh)))
            time.sleep(_POLL)

    def _named(self, since: float) -> Iterator[tuple[str, str]]:
        """(log event, delivery id) of what was written since then, the newest last; of tries also the failed ones."""
        for line, delivery_id in self._latest(since, None):
            yield line.event_id, delivery_id

    def _written(self, since: float, until: float | None) -> list[tuple[int, str]]:
        """(epoch ms, delivery id) of what was written in this time (epoch seconds), the newest last."""
        return [(line.at, delivery_id) for line, delivery_id in self._latest(since, until)]

    def _latest(self, since: float, until: float | None) -> list[tuple[Line, str]]:
        """The last line of the log that names each delivery as written, the newest last."""
        latest: dict[str, Line] = {}
        read = logs.read(self._aws, self._log, since=since, until=until, pattern=logs.naming("stored"))
        for line in logs.in_order(read):
            fields = line.fields
            told = [str(each) for each in fields.get("stored", [])]
            if self._attempts:
                told += [str(each["id"]) for each in fields.get("failed", [])]
            for delivery_id in told:
                latest.pop(delivery_id, None)
                latest[delivery_id] = line
        return [(line, delivery_id) for delivery_id, line in latest.items()]

    def _key(self, delivery_id: str) -> dict[str, Any]:
        key = {"id": {"S": delivery_id}}
        return key | {"subscription": {"S": self._subscription}} if self._attempts else key


class InTable(Destination):
    """What it stores, or how the last try of each webhook went, is in a table."""

    comes_again: ClassVar[bool] = False
    """Whether what is followed may come anew."""

    def items(self) -> Items:
        """What is in the table."""
        return Items(self.deployment, self.drain)

    def stored(self, *, query: dict[str, Any], ids: list[str], limit: int, follow: bool) -> Generator[dict[str, Any]]:
        """Found by ids, or as the function's log names the newest."""
        if query:
            raise UsageError(f"--query: {self.drain.destination} is found by ids alone; give --id, or leave it out")
        yield from self.items().stored(ids, limit, follow=follow, again=self.comes_again)

    @contextmanager
    def opened(self) -> Iterator[Find]:
        """Found by ids."""
        yield self.items().get

    def tries(self, name: str, well: Callable[[int], str], *, failed: str, shows: str) -> Check:
        """How the last webhooks went, where each one's last try is noted.

        Args:
            well: what to say of so many of which none failed.
            failed: what those that did are not, or were not.
            shows: what `nami events` shows of them.
        """
        tries = self.items().newest(_LOOKED_AT)
        missed = [each for each in tries if not each.get("delivered")]
        if not missed:
            return ok(name, well(len(tries)))
        return warn(
            name,
            f"{len(missed)} of the last {len(tries)} webhooks {failed}, the newest of them: "
            f"{missed[0].get('reason', 'no reason')}",
            Command(f"events {self.deployment.name} --destination {self.drain.destination}"),
            f" shows {shows}",
        )

    @contextmanager
    def browsed(self) -> Iterator[Store]:
        """By the time of writing, as the function's log tells it."""
        yield self.items()


def _text(seconds: float) -> str:
    """A moment as items hold it."""
    return iso(datetime.fromtimestamp(seconds, UTC))


def _document(item: dict[str, Any]) -> dict[str, Any]:
    """An item in the form that documents have."""
    from boto3.dynamodb.types import TypeDeserializer  # noqa: PLC0415

    decode = TypeDeserializer().deserialize
    fields = {name: _plain(decode(value)) for name, value in item.items()}
    dates = {name: datetime.fromisoformat(fields[name]) for name in DATES if isinstance(fields.get(name), str)}
    return {"_id": fields.pop("id"), **fields, **dates}


def _plain(value: Any) -> Any:
    """Numbers and bytes as Python's own."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, Decimal):
        return _number(value)
    return bytes(value) if type(value).__name__ == "Binary" else value


def _number(value: Decimal) -> Any:
    """As MongoDB would hold it: an integer or a double where that is exact, else a decimal, or its digits as a text."""
    from bson.decimal128 import Decimal128  # noqa: PLC0415

    if value == value.to_integral_value() and abs(value) < 2**63:
        return int(value)
    if Decimal(repr(float(value))) == value:
        return float(value)
    try:
        return Decimal128(value)
    except ArithmeticError:
        return str(value)
