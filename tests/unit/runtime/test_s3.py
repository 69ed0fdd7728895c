"""The archive as a destination, against a server that speaks S3's and DynamoDB's protocols."""

import gzip
import json
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from time import monotonic
from typing import Any
from urllib.parse import unquote

import pytest

from nami_runtime import aws, lines
from nami_runtime.destinations import s3
from tests.unit.runtime.conftest import Context, FakeAws, load_handler, sqs_event
from tests.unit.runtime.test_dynamodb import message
from tests.unit.runtime.test_eventbridge import fresh

Function = Callable[..., dict[str, Any]]


@pytest.fixture
def post_queue(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Function:
    monkeypatch.setenv("DESTINATION", "s3")
    monkeypatch.setenv("ARCHIVE_BUCKET", "archive")
    monkeypatch.setenv("ARCHIVE_IDS_TABLE", "ids")
    monkeypatch.setattr(s3, "_PATIENCE_SECONDS", 0.01)
    return lambda event, seconds=30.0: load_handler("post_queue").handler(event, Context(seconds))


def table(cloud: FakeAws) -> list[dict[str, Any]]:
    """All lines of all objects, as gzip and JSON themselves read them."""
    found = (gzip.decompress(content).decode() for path, content in cloud.objects.items() if "/webhooks/" in path)
    return [json.loads(line) for each in found for line in each.splitlines()]


def ids(cloud: FakeAws) -> list[str]:
    return sorted(line["id"] for line in table(cloud))


def duplicates(capsys: pytest.CaptureFixture[str]) -> list[str]:
    told: list[str] = json.loads(capsys.readouterr().out.splitlines()[-1])["duplicates"]
    return told


def test_webhook_becomes_a_line_of_its_day(cloud: FakeAws, post_queue: Function) -> None:
    assert post_queue(sqs_event(message())) == {"batchItemFailures": []}
    (path,) = map(unquote, cloud.objects)
    assert re.fullmatch(r"/archive/webhooks/date=2026-09-21/141320123-141320123-[0-9a-f]{16}\.json\.gz", path)
    (line,) = table(cloud)
    stored_at = datetime.fromisoformat(line.pop("stored_at"))
    assert abs((datetime.now(UTC) - stored_at).total_seconds()) < 60
    assert line == {
        **{"id": "evt_1", "subscription": "shopify", "received_at": "2026-09-21T14:13:20.123Z", "method": "POST"},
        **{"path": "/nami/shopify", "query": "a=1", "headers": {"content-type": "application/json"}},
        **{"content_type": "application/json", "body": '{"total":19.9}', "body_format": "json"},
        **{"raw": '{"total": 19.9}', "source_ip": "192.0.2.1", "message_id": "m0", "attempts": 1},
    }


def test_batch_is_one_object(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(*[message(f"evt_{number}") for number in range(100)]))
    assert (len(cloud.objects), len(table(cloud))) == (1, 100)


def test_webhooks_of_two_days_are_in_two_objects(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(message(), message("evt_2", received_at=1_790_000_000_123 - 86_400_000)))
    assert re.findall(r"date%3D([-\d]+)", " ".join(sorted(cloud.objects))) == ["2026-09-20", "2026-09-21"]


def test_repeat_makes_no_second_line_and_is_told_as_a_duplicate(
    cloud: FakeAws, post_queue: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    post_queue(sqs_event(message(), message("evt_2")))
    assert post_queue(sqs_event(message("evt_2"), message("evt_3"), attempts=2)) == {"batchItemFailures": []}
    assert ids(cloud) == ["evt_1", "evt_2", "evt_3"]
    assert duplicates(capsys) == ["evt_2"]


def test_same_id_twice_in_one_batch_is_one_line(cloud: FakeAws, post_queue: Function) -> None:
    assert post_queue(sqs_event(*[message()] * 12)) == {"batchItemFailures": []}
    assert ids(cloud) == ["evt_1"]


def test_what_was_taken_and_never_written_is_written_by_the_next(cloud: FakeAws, post_queue: Function) -> None:
    sent = [fresh("evt_1"), fresh("evt_2")]
    cloud.answer = lambda service, _: (500, b"") if service == "s3" else None
    assert post_queue(sqs_event(*sent)) == {"batchItemFailures": []}
    assert (cloud.messages, cloud.objects) == (sent, {})  # they wait, and that was no try
    cloud.answer = lambda _service, _action: None
    post_queue(sqs_event(fresh("evt_3"), sent[1]))
    post_queue(sqs_event(sent[0]))
    assert ids(cloud) == ["evt_1", "evt_2", "evt_3"]


def test_object_that_was_written_without_an_answer_counts(
    cloud: FakeAws, post_queue: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    def written_all_the_same(service: str, action: str) -> tuple[int, bytes] | None:
        if (service, action) == ("s3", "PUT"):
            method, path, headers, body = cloud.requests[-1]
            cloud.answer = lambda _service, _action: None
            cloud.respond(method, path, headers, body)
            return 500, b""
        return None

    cloud.answer = written_all_the_same
    assert post_queue(sqs_event(fresh())) == {"batchItemFailures": []}
    assert (ids(cloud), cloud.messages) == (["evt_1"], [])


def test_lost_answer_of_the_table_makes_no_webhook_taken_for_a_repeat(cloud: FakeAws, post_queue: Function) -> None:
    """Its id is noted with an object that is written without it."""
    broken: list[str] = []

    def noted_all_the_same(service: str, action: str) -> tuple[int, bytes] | None:
        method, path, headers, body = cloud.requests[-1]
        if action == "PutItem" and b"evt_2" in body and len(broken) < 2:
            broken.append(action)
            told, cloud.answer = cloud.answer, lambda _service, _action: None
            cloud.respond(method, path, headers, body)
            cloud.answer = told
            return 500, b""
        return None

    cloud.answer = noted_all_the_same
    post_queue(sqs_event(fresh("evt_1"), waiting := fresh("evt_2")))
    assert (ids(cloud), cloud.messages) == (["evt_1"], [waiting])
    post_queue(sqs_event(waiting))
    assert ids(cloud) == ["evt_1", "evt_2"]


def test_invocation_whose_object_was_closed_writes_another_one(cloud: FakeAws, post_queue: Function) -> None:
    """Another one has waited for it in vain."""

    def closed_before(service: str, action: str) -> tuple[int, bytes] | None:
        if (service, action) == ("s3", "PUT"):
            cloud.answer = lambda _service, _action: None
            cloud.objects[cloud.requests[-1][1]] = lines.packed([])
        return None

    cloud.answer = closed_before
    assert post_queue(sqs_event(message(), message("evt_2"))) == {"batchItemFailures": []}
    assert (ids(cloud), len(cloud.objects)) == (["evt_1", "evt_2"], 2)


def test_two_invocations_with_the_same_webhook_write_it_once(cloud: FakeAws, post_queue: Function) -> None:
    """The first has taken its id, and is about to write when the second looks for its object."""
    other = load_handler("post_queue")

    def in_between(service: str, action: str) -> tuple[int, bytes] | None:
        if (service, action) == ("s3", "PUT"):
            cloud.answer = lambda _service, _action: None
            assert other.handler(sqs_event(message(), message("evt_3")), Context()) == {"batchItemFailures": []}
            assert ids(cloud) == ["evt_1", "evt_3"]
        return None

    cloud.answer = in_between
    assert post_queue(sqs_event(message(), message("evt_2"))) == {"batchItemFailures": []}
    assert ids(cloud) == ["evt_1", "evt_2", "evt_3"]


def test_whatever_ends_an_invocation_every_webhook_is_in_the_table_once(cloud: FakeAws, post_queue: Function) -> None:
    dice = random.Random(4)
    sent = [fresh(f"evt_{number}") for number in range(40)]

    def ends_somewhere(service: str, _action: str) -> tuple[int, bytes] | None:
        if service in ("s3", "DynamoDB") and dice.random() < 0.1:
            if dice.random() < 0.5:  # it is done, and nobody hears of it
                told, cloud.answer = cloud.answer, lambda _service, _action: None
                method, path, headers, body = cloud.requests[-1]
                cloud.respond(method, path, headers, body)
                cloud.answer = told
            return 500, b""
        return None

    cloud.answer = ends_somewhere
    for _ in range(15):
        post_queue(sqs_event(*dice.sample(sent, 12)))
    cloud.answer = lambda _service, _action: None
    post_queue(sqs_event(*sent))
    assert ids(cloud) == sorted(f"evt_{number}" for number in range(40))


def test_replayed_webhook_takes_the_place_of_its_line(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(message(), message("evt_2")))
    before = {line["id"]: line for line in table(cloud)}
    post_queue(sqs_event(message("evt_2", replayed_at=1_795_000_000_000)))
    after = {line["id"]: line for line in table(cloud)}
    assert (len(table(cloud)), len(cloud.objects)) == (2, 1)
    assert after["evt_1"] == before["evt_1"]
    assert after["evt_2"] == before["evt_2"] | {"replayed_at": "2026-11-18T11:06:40.000Z", "message_id": "m0"}


def test_two_replays_at_once_both_take_their_places(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(message(), message("evt_2")))
    other = load_handler("post_queue")

    def in_between(service: str, action: str) -> tuple[int, bytes] | None:
        if (service, action) == ("s3", "PUT"):
            cloud.answer = lambda _service, _action: None
            other.handler(sqs_event(message("evt_2", replayed_at=1_795_000_000_000)), Context())
        return None

    cloud.answer = in_between
    post_queue(sqs_event(message(replayed_at=1_795_000_000_000)))
    assert [line.get("replayed_at") for line in table(cloud)] == ["2026-11-18T11:06:40.000Z"] * 2


@pytest.mark.parametrize("fault", [(500, b""), (400, b'{"__type":"x#AccessDeniedException"}')], ids=["500", "denied"])
@pytest.mark.parametrize("action", ["PutItem", "PUT"])
def test_what_s3_or_the_table_refuse_costs_no_webhook_a_try(
    cloud: FakeAws, post_queue: Function, action: str, fault: tuple[int, bytes]
) -> None:
    cloud.answer = lambda _, asked: fault if asked == action else None
    sent = [fresh(), fresh("evt_2")]
    assert post_queue(sqs_event(*sent)) == {"batchItemFailures": []}
    assert (cloud.messages, cloud.objects) == (sent, {})


def test_line_that_json_has_no_form_for_fails_alone(
    cloud: FakeAws, monkeypatch: pytest.MonkeyPatch, post_queue: Function
) -> None:
    monkeypatch.setattr(
        lines, "of", lambda document, real=lines.of: 1 / 0 if document["_id"] == "evt_1" else real(document)
    )
    failed = post_queue(sqs_event(message(), message("evt_2")))
    assert (failed, ids(cloud)) == ({"batchItemFailures": [{"itemIdentifier": "m0"}]}, ["evt_2"])


def test_ids_outlive_their_lines(cloud: FakeAws, post_queue: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEP_DAYS", "30")
    post_queue(sqs_event(message()))
    expires_at = int(cloud.tables["ids"]["evt_1"]["expires_at"]["N"])
    assert expires_at - datetime.now(UTC).timestamp() == pytest.approx(37 * 86_400, abs=60)


def test_body_is_the_json_of_what_came(cloud: FakeAws) -> None:
    exact = {
        "sum": Decimal("0.10000000000000000055"),
        "big": 1 << 80,
        "text": 'a\n"b"\ud800',
        "at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    line = json.loads(lines.of({"_id": "a", "body": exact, "mine": {"x": Decimal(1)}}))
    assert line["body"] == (
        '{"sum":0.10000000000000000055,"big":1208925819614629174706176,"text":"a\\n\\"b\\"\\ud800",'
        '"at":"2026-01-01T00:00:00.000Z"}'
    )
    assert line["more"] == '{"mine":{"x":1}}'


@pytest.mark.parametrize(
    ("raw", "told"), [(b"a\xc3\xa9\n", {"raw": "aé\n"}), (b"\xff", {"raw": "/w==", "raw_base64": True})]
)
def test_bytes_are_text_where_they_are_one(raw: bytes, told: dict[str, object]) -> None:
    assert json.loads(lines.of({"_id": "a", "raw": raw, "body": raw})) == {"id": "a", **told}


def test_condition_is_signed(cloud: FakeAws) -> None:
    aws.client("s3", bucket="b").put_object("k", b"x", monotonic() + 5, {"if-none-match": "*"})
    headers = cloud.requests[-1][2]
    assert headers["if-none-match"] == "*"
    assert "if-none-match" in headers["authorization"]
