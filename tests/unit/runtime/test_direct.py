"""What the gateway queues by itself is verified before it is stored, and goes to quarantine where it is not genuine."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from nami_runtime import direct
from tests.unit.runtime.conftest import SIGNATURE_SECRET, FakeAws, Mongo, sqs_event

PostQueue = Callable[..., dict[str, Any]]
SECRET = "whsec"
QUARANTINE = "https://sqs.eu-central-1.amazonaws.com/123456789012/quarantine"


def message(body: bytes = b'{"id": 1}', headers: dict[str, str] | None = None, **fields: Any) -> str:
    """As the gateway's mapping template writes it."""
    envelope = {
        **{"v": 1, "id": "JKJaXFPLvHcEJPw=", "subscription": "shopify", "received_at": 1700000000000},
        **{"method": "POST", "path": "/live/nami/shopify", "query": "", "headers": headers or {}},
        **{"source_ip": "203.0.113.7", "verified": None},
        **{"body": base64.b64encode(body).decode(), "base64": True},
    }
    return json.dumps(envelope | fields)


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.digest(secret.encode(), body, hashlib.sha256)
    return {"x-shopify-hmac-sha256": base64.b64encode(digest).decode()}


@pytest.fixture(autouse=True)
def gateway_queues(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUARANTINE_URL", QUARANTINE)
    monkeypatch.setenv("SIGNATURE", '{"scheme": "shopify"}')
    monkeypatch.setenv("SIGNATURE_SECRET_ARN", SIGNATURE_SECRET)
    monkeypatch.setattr(direct, "_verification", None)
    cloud.secrets[SIGNATURE_SECRET] = SECRET


def test_genuine_webhook_is_stored_as_verified(post_queue: PostQueue, mongo: Mongo, cloud: FakeAws) -> None:
    body = bytes(range(256))
    assert post_queue(sqs_event(message(body, signed(body))))["batchItemFailures"] == []
    (document,) = mongo.documents().values()
    assert (document["raw"], document["verified"]) == (body, "shopify")
    assert cloud.messages == []


def test_large_body_that_was_queued_before_the_switch_to_direct_is_verified_whole(
    post_queue: PostQueue, mongo: Mongo, cloud: FakeAws
) -> None:
    body = b"x" * 2_000_000
    digest = hashlib.sha256(body).hexdigest()
    cloud.objects[f"/nami-claims/shopify/{digest}"] = body
    reference = {"bucket": "nami-claims", "key": f"shopify/{digest}", "size": len(body), "sha256": digest}
    queued = json.loads(message(headers=signed(body), body_ref=reference))
    del queued["body"], queued["base64"]
    assert post_queue(sqs_event(json.dumps(queued)))["batchItemFailures"] == []
    (document,) = mongo.documents().values()
    assert (document["raw"], document["verified"]) == (body, "shopify")


def test_id_is_the_one_that_the_scheme_gives(post_queue: PostQueue, mongo: Mongo) -> None:
    body = b'{"id": 1}'
    headers = {**signed(body), "x-shopify-webhook-id": "b54557e4"}
    post_queue(sqs_event(message(body, headers), message(body, headers, id="another-request")))
    (delivery_id,) = mongo.documents()
    assert delivery_id.startswith("b54557e4")


def test_forged_webhook_goes_to_quarantine_and_not_to_the_dead_letters(
    post_queue: PostQueue, mongo: Mongo, cloud: FakeAws
) -> None:
    forged = message(b"{}", signed(b"{}", "another"))
    assert post_queue(sqs_event(forged))["batchItemFailures"] == []
    assert cloud.messages == [forged]
    assert mongo.documents() == {}
    assert any(QUARANTINE.encode() in request[3] for request in cloud.requests)


def test_unsigned_webhook_goes_to_quarantine(post_queue: PostQueue, mongo: Mongo, cloud: FakeAws) -> None:
    post_queue(sqs_event(message()))
    assert cloud.messages == [message()]
    assert mongo.documents() == {}


def test_quarantine_names_the_delivery_and_the_reason_in_the_log(
    post_queue: PostQueue, capsys: pytest.CaptureFixture[str]
) -> None:
    post_queue(sqs_event(message()))
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["level"], line["quarantined"][0]["id"]) == ("WARNING", "JKJaXFPLvHcEJPw=")
    assert line["quarantined"][0]["reason"]


def test_genuine_one_beside_a_forged_one_is_stored(post_queue: PostQueue, mongo: Mongo) -> None:
    post_queue(sqs_event(message(), message(b"{}", signed(b"{}"), id="r2")))
    assert len(mongo.documents()) == 1


def test_without_the_quarantine_it_stays_on_the_queue(post_queue: PostQueue, cloud: FakeAws) -> None:
    cloud.answer = lambda service, action: (403, b'{"__type":"AccessDenied"}') if service == "sqs" else None
    assert post_queue(sqs_event(message()))["batchItemFailures"] == [{"itemIdentifier": "m0"}]


def test_without_the_secret_it_stays_on_the_queue(post_queue: PostQueue, cloud: FakeAws) -> None:
    cloud.answer = lambda service, action: (500, b"{}") if service == "secretsmanager" else None
    assert post_queue(sqs_event(message()), seconds=4)["batchItemFailures"] == [{"itemIdentifier": "m0"}]
    assert cloud.messages == []


def queued(*messages: str) -> dict[str, Any]:
    """Messages that were put on the queue a moment ago, whenever they came in."""
    event = sqs_event(*messages)
    for record in event["Records"]:
        record["attributes"] = {**record["attributes"], "SentTimestamp": str(int(time.time() * 1000))}
    time.sleep(0.01)
    return event


def test_secret_changed_since_its_last_reading_is_read_again_for_what_is_queued_later(
    post_queue: PostQueue, mongo: Mongo, cloud: FakeAws
) -> None:
    post_queue(queued(message(b"{}", signed(b"{}"))))
    cloud.secrets[SIGNATURE_SECRET] = "rotated"
    post_queue(queued(message(b"{}", signed(b"{}", "rotated"), id="later")))
    assert cloud.messages == []
    assert "later" in mongo.documents()


def test_secret_filled_in_since_its_last_reading_is_read_again_for_what_is_sent_back(
    post_queue: PostQueue, mongo: Mongo, cloud: FakeAws
) -> None:
    del cloud.secrets[SIGNATURE_SECRET]
    genuine = message(b"{}", signed(b"{}"))
    post_queue(queued(genuine))
    assert cloud.messages == [genuine]
    cloud.secrets[SIGNATURE_SECRET] = SECRET
    post_queue(queued(genuine))
    assert len(mongo.documents()) == 1


def test_forged_ones_that_were_queued_before_the_secret_was_read_cost_no_more_readings(
    post_queue: PostQueue, mongo: Mongo, cloud: FakeAws
) -> None:
    post_queue(queued(message(b"{}", signed(b"{}"))))
    reads = cloud.secret_reads
    post_queue(queued(*(message(b"{}", signed(b"{}", "guessed"), id=f"r{number}") for number in range(20))))
    assert (len(cloud.messages), cloud.secret_reads) == (20, reads + 1)


def test_signed_timestamp_is_compared_with_the_arrival(
    post_queue: PostQueue, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The envelope's 2023 is far out of Stripe's five minutes from now."""
    monkeypatch.setenv("SIGNATURE", '{"scheme": "stripe"}')
    body = b'{"id": "evt_1"}'
    proof = hmac.digest(SECRET.encode(), b"1700000000." + body, "sha256").hex()
    post_queue(sqs_event(message(body, {"stripe-signature": f"t=1700000000,v1={proof}"})))
    assert [document["verified"] for document in mongo.documents().values()] == ["stripe"]


def test_without_a_signature_everything_is_stored(
    post_queue: PostQueue, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIGNATURE")
    post_queue(sqs_event(message()))
    assert [document["verified"] for document in mongo.documents().values()] == [None]
