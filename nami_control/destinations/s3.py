"""An archive in S3: gzipped JSON lines by day, whose keys say from when to when each object's webhooks came in."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import islice
from typing import Any, ClassVar

from nami_control.aws import Aws, Ignoring
from nami_control.checks import Check, fail, ok
from nami_control.deployment import Deployment, Drain
from nami_control.destinations.base import Looks, Speed
from nami_control.destinations.dynamodb import HIGHEST_RATE, RATE
from nami_control.destinations.items import DATES, InTable, Items
from nami_control.errors import UsageError
from nami_control.planning.assumptions import Assumption, Times
from nami_control.planning.bill import Line, line
from nami_control.searching import Position
from nami_runtime import lines
from nami_runtime.destinations.s3 import THREADS
from nami_stack.settings import Subscription

_KEY = re.compile(rf"{lines.FOLDER}date=(\d{{4}}-\d\d-\d\d)/(\d{{9}})-(\d{{9}})-[0-9a-f]+\.json\.gz")
_IN_AN_OBJECT = 10  # of a burst, whose batches hold a hundred; few of them may be full


class S3(InTable):
    """Webhooks are lines of objects; a table says of each in which one it is."""

    kind = "s3"
    shown_by = "ArchiveBucketName"
    work: ClassVar = Assumption(
        0.8, "ms of a whole vCPU for a webhook of a batch", "assumed, as of an event and a note"
    )
    write: ClassVar = Assumption(10, "ms for a note and a part of an object", "assumed")

    def items(self) -> "Archive":
        """What is in the archive."""
        return Archive(self.deployment, self.drain)

    @contextmanager
    def oldest_first(self, since: float, until: float, query: dict[str, Any]) -> Iterator[Iterator[dict[str, Any]]]:
        """By `received_at`, of which the keys tell."""
        if query:
            raise UsageError(f"--query: {self.drain.destination} takes none; give --filter instead")
        yield self.items().between(since, until)

    @contextmanager
    def arriving(self) -> Iterator[Iterator[dict[str, Any]]]:
        """As the function's log names what it has written."""
        yield self.items().following()

    def looks(self) -> Looks:
        """At the bucket."""
        environment = self.drain.post_queue.environment
        return {"archive": partial(_bucket, self.deployment.aws, environment["ARCHIVE_BUCKET"])}

    @classmethod
    def speed(cls, subscription: Subscription, times: Times, batch_size: float) -> Speed:
        """What the table of ids takes."""
        return Speed(at_once=THREADS, rate=RATE, doubles=True, highest_rate=HIGHEST_RATE)

    @classmethod
    def burst_lines(cls, subscription: Subscription, stored: float, times: Times) -> list[Line]:
        """The ids, and the objects."""
        return [line("DynamoDB", "dynamodb-write", stored), line("S3", "s3-put", stored / _IN_AN_OBJECT)]


@dataclass(frozen=True)
class Stored:
    """An object, and when the first and the last of its webhooks came in, in epoch ms."""

    key: str
    oldest: int
    newest: int

    @classmethod
    def of(cls, key: str) -> "Stored | None":
        """By its key; None of what is no object of the archive's."""
        if not (told := _KEY.fullmatch(key)):
            return None
        day = datetime.fromisoformat(f"{told[1]}T00:00:00Z")
        return cls(key, _ms(day + _clock(told[2])), _ms(day + _clock(told[3])))


class Archive(Items):
    """The archive that one post-queue function writes."""

    def __init__(self, deployment: Deployment, drain: Drain) -> None:
        super().__init__(deployment, drain)
        self._bucket = drain.post_queue.environment["ARCHIVE_BUCKET"]
        self._s3: Any = deployment.aws.client("s3")

    def get(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Those of these deliveries that are there, in this order."""
        keys = dict.fromkeys(each["held_in"] for each in super().get(ids))
        wanted = set(ids)
        found = {each["_id"]: each for key in keys for each in self._read(key) if each["_id"] in wanted}
        return [found[each] for each in ids if each in found]

    def newest(self, limit: int) -> list[dict[str, Any]]:
        """The last ones that came in, the newest first."""
        return [document for _, document in islice(self.newest_first(None, None), limit)]

    def newest_first(self, before: Position | None, since: float | None) -> Iterator[tuple[int, dict[str, Any]]]:
        """Those behind a position, by the time at which they came in."""
        first, skip = (before.at, before.skip) if before else (None, 0)
        for day in reversed(self._days(since, None if first is None else first / 1000)):
            objects = [each for each in self._objects(day) if first is None or each.oldest <= first]
            for at, document in self._in_order(sorted(objects, key=lambda each: -each.newest), newest_first=True):
                if since is not None and at < since * 1000:
                    return
                if first is None or at < first:
                    yield at, document
                elif at == first:
                    skip -= 1
                    if skip < 0:
                        yield at, document

    def between(self, since: float, until: float) -> Iterator[dict[str, Any]]:
        """What came in between (epoch seconds), the oldest first."""
        for day in self._days(since, until):
            objects = [
                each for each in self._objects(day) if each.newest >= since * 1000 and each.oldest < until * 1000
            ]
            for at, document in self._in_order(sorted(objects, key=lambda each: each.oldest), newest_first=False):
                if since * 1000 <= at < until * 1000:
                    yield document

    def _days(self, since: float | None, until: float | None) -> list[str]:
        """The prefixes of the days that are there, in order, of those between (epoch seconds)."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=lines.FOLDER, Delimiter="/"
        )
        found = sorted(each["Prefix"] for page in pages for each in page.get("CommonPrefixes", []))
        from_, to = ("" if at is None else _prefix(at) for at in (since, until))
        return [each for each in found if each >= from_ and (not to or each <= to)]

    def _objects(self, day: str) -> list[Stored]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=day)
        found = (Stored.of(each["Key"]) for page in pages for each in page.get("Contents", []))
        return [each for each in found if each]

    def _in_order(self, objects: Iterable[Stored], *, newest_first: bool) -> Iterator[tuple[int, dict[str, Any]]]:
        """The documents of objects that are in order, where the times of one may begin before another's end."""
        sign = -1 if newest_first else 1
        waiting: list[tuple[int, str, dict[str, Any]]] = []
        for each in objects:
            edge = sign * (each.newest if newest_first else each.oldest)
            while waiting and waiting[0][0] < edge:
                at, _, document = heappop(waiting)
                yield sign * at, document
            for document in self._read(each.key):
                heappush(waiting, (sign * _came_in(document), str(document["_id"]), document))
        while waiting:
            at, _, document = heappop(waiting)
            yield sign * at, document

    def _read(self, key: str) -> list[dict[str, Any]]:
        """The documents of an object; none where it is gone, or was never written."""
        try:
            content = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return []
        return [_document(line) for line in lines.unpacked(content)]


def _document(line: bytes) -> dict[str, Any]:
    """A line in the form that documents have."""
    fields = json.loads(line)
    fields |= {name: _value(fields[name]) for name in lines.IN_JSON if name in fields}
    if isinstance(fields.get("raw"), str):
        raw = fields["raw"]
        fields["raw"] = base64.b64decode(raw) if fields.pop("raw_base64", False) else raw.encode()
    dates = {name: datetime.fromisoformat(fields[name]) for name in DATES if isinstance(fields.get(name), str)}
    more = fields.pop("more", None) or {}
    return {"_id": fields.pop("id"), "body": None, **more, **fields, **dates}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # of an integer of over 4,300 digits, which Python reads not
        return text


def _came_in(document: dict[str, Any]) -> int:
    return _ms(document.get("received_at") or document["stored_at"])


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _clock(text: str) -> timedelta:
    """Of HHMMSS and milliseconds."""
    return timedelta(hours=int(text[:2]), minutes=int(text[2:4]), seconds=int(text[4:6]), milliseconds=int(text[6:]))


def _prefix(at: float) -> str:
    """Of the day of a moment (epoch seconds), such as webhooks/date=2026-11-28/."""
    return f"{lines.FOLDER}date={lines.day_of(datetime.fromtimestamp(at, UTC))}/"


def _bucket(aws: Aws, bucket: str) -> Check:
    with Ignoring("404", "NoSuchBucket"):
        aws.client("s3").head_bucket(Bucket=bucket)
        return ok("archive", bucket)
    return fail("archive", f"there is no bucket {bucket} here; the queue holds the webhooks meanwhile")
