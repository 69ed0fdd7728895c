"""What nami reads of an archive: in order, however the objects overlap, and as the documents that they were."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nami_control.deployment import Deployment, Function
from nami_control.destinations import s3
from nami_control.destinations.s3 import Archive
from nami_control.searching import Position
from nami_runtime import lines
from tests.unit.cli.conftest import target

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
OUTPUTS = {"QueueUrl": "q", "DeadLetterQueueUrl": "d", "PostQueueFunctionName": "post"}


class Bucket:
    """S3, as far as the archive is read: listings are by key, two to a page."""

    class exceptions:  # noqa: N801 - boto3 names it so
        NoSuchKey = KeyError

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.read: list[str] = []
        self.listed: list[str] = []

    def put(self, *documents: dict[str, Any]) -> str:
        times = [each["received_at"] for each in documents]
        key = lines.key(lines.day_of(times[0]), min(times), max(times))
        self.objects[key] = lines.packed(map(lines.of, documents))
        return key

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self.read.append(Key)
        return {"Body": io.BytesIO(self.objects[Key])}

    def get_paginator(self, _operation: str) -> "Bucket":
        return self

    def paginate(self, *, Bucket: str, Prefix: str, Delimiter: str = "") -> Iterator[dict[str, Any]]:  # noqa: N803
        self.listed.append(Prefix)
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        if Delimiter:
            prefixes = sorted({key[: key.index(Delimiter, len(Prefix)) + 1] for key in keys})
            yield {"CommonPrefixes": [{"Prefix": each} for each in prefixes]}
            return
        for start in range(0, len(keys), 2):
            yield {"Contents": [{"Key": key} for key in keys[start : start + 2]]}


def document(delivery_id: str, minutes: float = 0, **fields: Any) -> dict[str, Any]:
    at = NOON + timedelta(minutes=minutes)
    return {"_id": delivery_id, "received_at": at, "stored_at": at, "body": None, "raw": b"", **fields}


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def archive(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Archive:
    found = Deployment(target(), OUTPUTS)
    found.drains[0].post_queue = Function("post", {"ARCHIVE_BUCKET": "archive", "ARCHIVE_IDS_TABLE": "ids"}, "/logs")
    monkeypatch.setattr(type(found.aws), "client", lambda _self, _service: bucket)
    return Archive(found, found.drains[0])


@pytest.fixture
def overlapping(bucket: Bucket) -> Bucket:
    """Five webhooks a minute apart, in three objects of two days; then an object of nothing, and one of another's."""
    bucket.put(document("c"), document("a", -2))
    bucket.put(document("d", 1), document("b", -1))
    bucket.put(document("z", -24 * 60))
    bucket.objects[lines.key("2026-11-28", NOON, NOON)] = lines.packed([])
    bucket.objects["webhooks/date=2026-11-28/results.csv"] = b"x"
    return bucket


@pytest.mark.usefixtures("overlapping")
def test_newest_come_first_across_objects_and_days(archive: Archive) -> None:
    assert [each["_id"] for _, each in archive.newest_first(None, None)] == ["d", "c", "b", "a", "z"]


@pytest.mark.usefixtures("overlapping")
def test_a_page_goes_on_behind_the_one_before(archive: Archive) -> None:
    seen, before = [], None
    for _ in range(5):
        at, found = next(archive.newest_first(before, None))
        seen.append(found["_id"])
        before = Position.behind(at, before)
    assert seen == ["d", "c", "b", "a", "z"]


def test_those_of_one_moment_are_all_shown_page_by_page(bucket: Bucket, archive: Archive) -> None:
    for name in "dbca":
        bucket.put(document(name))
    shown = [next(archive.newest_first(Position(int(NOON.timestamp() * 1000), skip), None))[1] for skip in range(4)]
    assert sorted(each["_id"] for each in shown) == ["a", "b", "c", "d"]


def test_no_more_is_read_than_is_shown(overlapping: Bucket, archive: Archive) -> None:
    assert [each["_id"] for each in archive.newest(1)] == ["d"]
    assert len(overlapping.read) < 3


@pytest.mark.usefixtures("overlapping")
def test_what_came_in_between_is_given_the_oldest_first(archive: Archive) -> None:
    since, until = (NOON - timedelta(minutes=2)).timestamp(), (NOON + timedelta(minutes=1)).timestamp()
    assert [each["_id"] for each in archive.between(since, until)] == ["a", "b", "c"]


@pytest.mark.usefixtures("overlapping")
def test_search_ends_at_the_moment_that_is_asked_for(archive: Archive) -> None:
    found = archive.newest_first(None, (NOON - timedelta(minutes=1)).timestamp())
    assert [each["_id"] for _, each in found] == ["d", "c", "b"]


def test_days_that_are_not_asked_for_are_not_listed(overlapping: Bucket, archive: Archive) -> None:
    list(archive.between((NOON - timedelta(hours=1)).timestamp(), NOON.timestamp()))
    list(archive.newest_first(Position(int((NOON - timedelta(days=1)).timestamp() * 1000)), None))
    of_days = [each for each in overlapping.listed if "date=" in each]
    assert of_days == ["webhooks/date=2026-11-28/", "webhooks/date=2026-11-27/"]


def test_line_reads_like_the_document_that_it_was(bucket: Bucket, archive: Archive) -> None:
    whole = document("a", body={"n": 1 << 70, "s": "ü"}, raw=b"\xff", headers={"x": "y"}, attempts=2, mine=[1])
    bucket.put(whole)
    assert archive.newest(1) == [whole]


def test_number_that_python_does_not_read_stays_a_text(bucket: Bucket) -> None:
    assert s3._document(b'{"id":"a","body":"1%s"}' % (b"0" * 5000))["body"] == "1" + "0" * 5000


def test_webhooks_are_found_by_their_ids(bucket: Bucket, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = bucket.put(document("a"), document("b")), bucket.put(document("c"))
    notes = {"a": first, "c": second, "gone": "webhooks/date=2026-11-28/never-written"}
    monkeypatch.setattr(s3.Items, "get", lambda _self, ids: [{"_id": each, "held_in": notes[each]} for each in ids])
    assert [each["_id"] for each in archive.get(["c", "gone", "a"])] == ["c", "a"]
    assert len(bucket.read) == 3
