"""The pre-queue function with events of both gateways, made from a genuine request of each provider."""

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any
from urllib.parse import parse_qsl

import pytest

from nami_runtime import envelope, intake, signatures
from nami_runtime.signatures import fetched, verification
from tests.fuzz.target import Case, Target
from tests.unit.runtime import conftest, test_every_provider, test_fuzz, test_replays
from tests.unit.runtime.vectors import Vector

VECTORS = test_every_provider.VECTORS
_long = re.compile(r"[A-Za-z0-9+/_-]{16,}")
_STATUSES = {200, 204, 400, 401, 403, 413, 429, 503}
_ASKING = {name for name, forms in signatures.every().items() if forms[0].handshake}
# Beside the scheme, what a subscription may set; drawn by the vector.
_SETTINGS: tuple[dict[str, str], ...] = (
    {},
    {},
    {"DEDUPLICATE_BY": "header:x-id,body:id,form:id,query:id,body:items[].id"},
    {"FILTER": '{"body":{"id":[{"anything-but":["1","x"]}]},"headers":{"content-type":[{"wildcard":"*json*"}]}}'},
    {"FILTER": '{"$or":[{"query":{"a":["b"]}},{"body":{"type":[{"exists":false},{"numeric":[">",0]}]}}]}'},
    {"ALLOWED_SOURCES": "203.0.113.0/24,2001:db8::/32"},
    {"SUCCESS_STATUS": "204", "UNAUTHORIZED_STATUS": "403", "UNAVAILABLE_STATUS": "429"},
    {"ORDER_BY": "body:id", "QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/nami-shopify.fifo"},
)

# What the queue says, by how often: it takes it, or answers so.
_QUEUES: tuple[tuple[int, bytes] | None, ...] = (
    *[None] * 8,
    (500, b""),
    (200, b'{"MessageId":"m","MD5OfMessageBody":""}'),
    (200, b"\xff"),
)


def _seeds() -> list[Case]:
    cases: list[Case] = []
    for number, vector in enumerate(VECTORS):
        event = conftest.http_event(vector.body, headers=vector.headers, query=vector.query)
        as_text = {"body": vector.body.decode("latin-1")}  # which the case's reader encodes
        known = test_fuzz.of_a_rest_api(event) if number % 3 == 0 else event
        frozen = {"vector": number, "settings": number % len(_SETTINGS), "signed": number % 10 != 0}
        frozen["queue"] = number % len(_QUEUES)
        cases.append({"frozen": frozen, "event": known | as_text})
    return cases


# What providers ask before they send: (method, query, headers, body).
_ASKS: tuple[tuple[str, str, dict[str, str], bytes], ...] = (
    ("GET", "hub.mode=subscribe&hub.verify_token=token&hub.challenge=1158201444", {}, b""),
    ("GET", "challenge=abc%20%3Cscript%3E", {}, b""),
    ("POST", "validationToken=Validation%3A+Testing", {}, b""),
    ("GET", "crc_token=%5B1%5D", {}, b""),
    ("GET", "bt_challenge=20f9f8ed05f77439fe955c977e4c8a53", {}, b""),
    ("GET", "", {"x-okta-verification-challenge": "c-1"}, b""),
    ("POST", "", {"x-hook-secret": "b537207f20cb"}, b""),
    ("POST", "", {"validation-token": "wtdwi2y8"}, b""),
    ("POST", "", {}, b'{"verification_token": "secret_1"}'),
    ("HEAD", "", {}, b""),
    ("OPTIONS", "", {"webhook-request-origin": "eventgrid.azure.net"}, b""),
    ("POST", "", {"x-event-key": "diagnostics:ping"}, b'{"test": true}'),
    ("POST", "", {}, b'{"event": {"eventType": "Verification"}}'),
    ("POST", "", {}, b"webhook_id=12"),
)


def _asks() -> list[Case]:
    cases: list[Case] = []
    asking = {vector.scheme: number for number, vector in enumerate(VECTORS) if vector.scheme in _ASKING}
    for number in asking.values():
        for method, query, headers, body in _ASKS:
            event = conftest.http_event(body, headers=headers, query=query, method=method)
            frozen = {"vector": number, "settings": 0, "signed": True, "queue": 0}
            cases.append({"frozen": frozen, "event": event | {"body": body.decode("latin-1")}})
    return cases


def event_of(given: Any) -> Any:
    """The event, whose body a gateway would have encoded."""
    if isinstance(given, dict) and isinstance(given.get("body"), str) and given.get("isBase64Encoded") is True:
        try:
            return {**given, "body": base64.b64encode(given["body"].encode("latin-1")).decode()}
        except UnicodeEncodeError:
            return given
    return given


@contextmanager
def _opened() -> Iterator[Callable[[Case], None]]:
    with pytest.MonkeyPatch.context() as patch, conftest.opened_cloud(patch) as cloud:
        patch.setenv("SIGNATURE_SECRET_ARN", conftest.SIGNATURE_SECRET)
        patch.setenv("RECEIVED_SECRET_ARN", "received")
        handler = conftest.load_handler("pre_queue").handler
        yield lambda case: _check(case, cloud, handler)


def _check(case: Case, cloud: conftest.FakeAws, handler: Callable[..., Any]) -> None:
    vector, said = VECTORS[case["frozen"]["vector"]], _QUEUES[case["frozen"]["queue"]]
    cloud.answer = lambda service, _: said if service == "sqs" else None
    cloud.messages.clear()
    cloud.requests.clear()
    cloud.secrets[conftest.SIGNATURE_SECRET] = vector.secret
    event = event_of(case.get("event"))
    with pytest.MonkeyPatch.context() as settings:
        if case["frozen"]["signed"]:
            settings.setenv("SIGNATURE", json.dumps({"scheme": vector.scheme, **vector.options}))
        for name, value in _SETTINGS[case["frozen"]["settings"]].items():
            settings.setenv(name, value)
        settings.setattr(intake, "_settings", None)
        settings.setattr(intake, "DEADLINE_SECONDS", 20.0 if said is None else 0.05)
        settings.setattr(verification, "time", lambda: vector.now)
        settings.setattr(fetched, "fetch", lambda *_: vector.fetched or b'{"keys": []}')
        written = io.StringIO()
        with redirect_stdout(written):
            answer = handler(event, None)
            first, again = list(cloud.messages), handler(json.loads(json.dumps(event)), None)
            forged = [handler(each, None) for each in _with_what_was_answered(vector, event, answer, first)]
    _answer_is_sound(answer, event, vector if case["frozen"]["signed"] else None, first)
    assert [again["statusCode"], _id(again)] == [answer["statusCode"], _id(answer)], "the same event has another answer"
    assert all(each["statusCode"] >= 400 for each in forged), "the answer to a handshake proves a webhook"
    for line in written.getvalue().splitlines():
        reason = json.loads(line).get("reason", "")
        assert not reason.startswith("fault") or (said and b"\xff" in said[1]), reason
    told = json.dumps(answer) + written.getvalue()
    # A request that brings it itself, such as a token in a place where none belongs, may have it in its own id.
    assert len(vector.secret) < 12 or vector.secret not in told or vector.secret in json.dumps(event), (
        "a secret is told"
    )


def _id(answer: dict[str, Any]) -> str | None:
    found: str | None = answer["headers"].get("nami-delivery-id")
    return found


def _with_what_was_answered(
    vector: Vector, event: Any, answer: dict[str, Any], messages: list[str]
) -> Iterator[dict[str, Any]]:
    """Webhooks of what was asked in a handshake, each signed with what that was answered."""
    if messages or answer["statusCode"] >= 400 or _id(answer) is not None:
        return
    asked = {text for _, text in parse_qsl(str(event.get("rawQueryString") or ""))}
    for proof in _long.findall(f"{answer.get('body', '')}{json.dumps(answer['headers'])}"):
        for form in signatures.configured({"scheme": vector.scheme, **vector.options}):
            if not (header := getattr(form, "header", "")) or ":" in header:
                continue
            for text in asked:
                headers = {header: f"{getattr(form, 'prefix', '')}{proof}="}
                yield conftest.http_event(text.encode("utf-8", "surrogatepass"), headers=headers)


def _answer_is_sound(answer: dict[str, Any], event: Any, vector: Vector | None, messages: list[str]) -> None:
    json.dumps(answer)
    assert "html" not in answer["headers"].get("content-type", ""), "an answer that a browser shows"
    assert answer["statusCode"] in _STATUSES, f"the status is {answer['statusCode']}"
    assert isinstance(answer.get("body", ""), str)
    for name, value in answer["headers"].items():
        assert name.isascii(), "a header's name"
        assert value.isascii(), "a header's value"
        assert value.isprintable(), "a header's value"
    if not messages:
        # A filter, a handshake: of what was not proven, a handshake alone has success.
        filtered = _id(answer) is not None
        assert answer["statusCode"] >= 400 or filtered or (vector and vector.scheme in _ASKING), (
            "success without a message"
        )
        if not filtered:
            return
    assert answer["statusCode"] in (200, 204)
    for message in messages:
        delivery = envelope.read(message)
        assert (delivery.delivery_id, delivery.verified) == (_id(answer), vector and vector.scheme)
        body = event.get("body") or ""
        raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
        assert delivery.body == raw, "another body than came"
        assert vector is None or test_replays.same(vector, raw), "another body than was signed"
        assert vector is None or _has_proof(vector, event), "taken without what proves it"
        message.encode()


def _has_proof(vector: Vector, event: Any) -> bool:
    """Whether one of the signatures or the token is in the event; hex in any case, base64 with whatever it allows."""
    given = vector.headers.get(vector.signature, "").rpartition(" ")[2] or vector.headers.get(vector.signature, "")
    proofs = _long.findall(given) or [given]
    came = _letters(json.dumps(event))
    return any(_letters(proof) in came for proof in proofs)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


TARGET, HANDSHAKES = Target(_seeds, _opened), Target(_asks, _opened)
