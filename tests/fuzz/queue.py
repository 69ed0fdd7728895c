"""The post-queue function with the queue's messages, and each destination with what it makes of them.

In direct mode the gateway has queued them, and this function verifies.
"""

import base64
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from copy import deepcopy
from typing import Any

import bson
import pytest

from nami_runtime import batch, direct, envelope, outcome, rows
from nami_runtime.destinations import dynamodb, eventbridge, http, mongo
from nami_runtime.request import MAX_BODY_BYTES, Request
from nami_runtime.signatures import fetched
from tests.backend.server import Backend
from tests.fuzz.intake import VECTORS
from tests.fuzz.target import Case, Target, octets
from tests.unit.runtime import conftest, test_backend, test_replays

_QUARANTINE = "https://sqs.eu-central-1.amazonaws.com/123456789012/quarantine"
_MULTIPART = (
    b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--x\r\ncontent-disposition: form-data; name="f"; '
    b'filename="a.txt"\r\ncontent-type: text/plain; charset=utf-16\r\n\r\nab\r\n--x\r\ncontent-disposition: form-data; '
    b'name="_charset_"\r\n\r\niso-8859-1\r\n--x--\r\n'
)
_AT = 1_790_000_000_123  # epoch ms
_METHODS = ("POST", "PUT", "PATCH", "GET", "DELETE")
# By content types: bodies of each kind that is read.
_BODIES = (
    (
        "application/json",
        b'{"a": 1.5, "b": [1e400, 12345678901234567890123, {"$c.d": "\\u0000 \\ud83d\\ude00"}], "": null}',
    ),
    ("application/json; charset=utf-16", '{"a": "ä"}'.encode("utf-16")),
    ("application/x-ndjson", b'{"a": 1}\n\n[2]\r\n"x"\n'),
    ("application/x-www-form-urlencoded; charset=windows-1252", b"a=%e4&a=2&b=\xe4&charset=iso-8859-1&payload=%7B%7D"),
    ("multipart/form-data; boundary=x", _MULTIPART),
    ("text/xml", b"<?xml version='1.0' encoding='iso-8859-15'?><a>\xa4</a>"),
    ("text/plain; charset=shift_jis", "日本".encode("shift_jis")),
    ("application/octet-stream", bytes(range(256))),
    ("", b"\xef\xbb\xbf[1]"),
    ("application/cloudevents+json, application/json", b'{"specversion": "1.0", "type": "a", "data_base64": "AA=="}'),
)
_PACKED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress, "": lambda raw: raw}


def _bodies() -> list[Case]:
    cases: list[Case] = []
    for number, (kind, body) in enumerate(_BODIES):
        for packed in _PACKED:
            request = Request(
                "POST",
                "/nami/shopify",
                "a=1",
                headers={"content-type": kind},
                body=body,
                request_id="r",
                received_at=_AT,
            )
            if packed:
                request.headers["content-encoding"] = packed
            request.delivery_id = f"evt-{number}"
            cases.append(_case(request, body, {"vector": None, "packed": packed}))
    return cases


def _signed() -> list[Case]:
    cases: list[Case] = []
    for number, vector in enumerate(VECTORS):
        if not vector.fetched:
            headers, received = dict(vector.headers), int(vector.now * 1000)
            request = Request(
                "POST", "/", vector.query, headers=headers, body=vector.body, request_id="r", received_at=received
            )
            cases.append(_case(request, vector.body, {"vector": number, "packed": ""}))
    return cases


def _case(request: Request, body: bytes, frozen: dict[str, Any]) -> Case:
    fields = json.loads(envelope.write(request, "shopify"))
    return {"frozen": frozen, "message": {**fields, "base64": True, "body": body.decode("latin-1")}}


def message_of(given: Any, packed: str) -> str:
    """The text that the queue holds."""
    if isinstance(given, dict) and isinstance(given.get("body"), str) and given.get("base64") is True:
        raw = octets(given["body"].encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
        given = {**given, "body": base64.b64encode(_PACKED[packed](raw)).decode()}
    return given if isinstance(given, str) else json.dumps(given)


class _Stores:
    """Has every destination write each document, and sees that it comes out again."""

    def __init__(self, cloud: conftest.FakeAws, backend: Backend) -> None:
        self._cloud, self._backend = cloud, backend
        self._dynamo, self._bus, self._http = dynamodb.connect(), eventbridge.connect(), http.connect()
        self.written: list[dict[str, Any]] = []
        self.troubles: list[Exception] = []

    def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
        """As a destination does, which in a function is asked for each by itself once it raises."""
        for document in documents:
            self.written.append(document)
            try:
                self._each(document, deadline)
            except Exception as error:
                self.troubles.append(error)
        return ["stored"] * len(documents)

    def _each(self, document: dict[str, Any], deadline: float) -> None:
        raw = document["raw"]
        encoded = bson.decode(mongo._encoded(deepcopy(document)).raw)
        assert encoded["raw"] == raw, "mongo: another body"
        row = dict(zip(rows.COLUMNS, rows.of(deepcopy(document)), strict=True))
        assert row["raw"] == raw, "postgres: another body"
        for column in ("headers", "body", "more"):
            assert row[column] is None or "\\u0000" not in row[column].replace("\\\\", ""), "postgres: a NUL"
            json.loads(row[column] or "null", parse_int=str)
        assert self._dynamo.write([deepcopy(document)], deadline) == ["stored"], "dynamodb does not store it"
        assert self._bus.write([deepcopy(document)], deadline) == ["stored"], "eventbridge does not take it"
        if document["method"] not in _METHODS:
            return  # no gateway hands it on, and a server may answer it with anything
        self._backend.received.clear()
        (said,) = self._http.write([deepcopy(document)], deadline)
        assert said == "stored", f"http: {said}"
        (request,) = self._backend.received
        assert request.body == raw, "http: another body"


@contextmanager
def _opened() -> Iterator[Callable[[Case], None]]:
    with pytest.MonkeyPatch.context() as patch, conftest.opened_cloud(patch) as cloud, Backend() as backend:
        cloud.secrets[test_backend.SECRET_ARN] = test_backend.KEY
        environment = {
            **{"DYNAMO_TABLE": "webhooks", "DYNAMO_LARGE_ITEMS": "large", "EVENT_BUS": "default"},
            **{"EVENTS_TABLE": "events", "BACKEND_URL": backend.url, "BACKEND_SECRET_ARN": test_backend.SECRET_ARN},
            **{"BACKEND_ATTEMPTS_TABLE": "attempts", "BACKEND_CONNECT_TIMEOUT": "1", "BACKEND_READ_TIMEOUT": "1"},
            **{"BACKEND_ALLOW_PRIVATE": "1", "BACKEND_CONCURRENCY": "1"},
        }
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(fetched, "fetch", lambda *_: b'{"keys": []}')
        stores = _Stores(cloud, backend)
        yield lambda case: _check(case, cloud, stores)


def _check(case: Case, cloud: conftest.FakeAws, stores: _Stores) -> None:
    for kept in (cloud.messages, cloud.requests, cloud.events, cloud.sent_on, stores.written, stores.troubles):
        kept.clear()
    cloud.tables.clear()
    number, packed = case["frozen"]["vector"], case["frozen"]["packed"]
    vector = VECTORS[number] if number is not None else None
    message = message_of(case.get("message"), packed)
    with pytest.MonkeyPatch.context() as settings, redirect_stdout(io.StringIO()) as written:
        settings.setattr(outcome, "_away_since", None)
        if vector:
            cloud.secrets[conftest.SIGNATURE_SECRET] = vector.secret
            settings.setenv("QUARANTINE_URL", _QUARANTINE)
            settings.setenv("SIGNATURE", json.dumps({"scheme": vector.scheme, **vector.options}))
            settings.setenv("SIGNATURE_SECRET_ARN", conftest.SIGNATURE_SECRET)
            settings.setattr(direct, "_verification", None)
        answer = batch.drain(
            conftest.sqs_event(message),
            conftest.Context(),
            lambda document: document,
            stores,  # type: ignore[arg-type]
        )
    for line in written.getvalue().splitlines():
        json.loads(line)
    for trouble in stores.troubles:
        raise trouble
    failed = len(answer["batchItemFailures"])
    assert failed + len(stores.written) + len(cloud.messages) == 1, "not in one place"
    try:
        delivery = envelope.read(message)
    except envelope.Unreadable as error:
        unreadable = str(error)
    else:
        unreadable = ""
    if unreadable:
        assert failed, "what can't be read is not kept"
        assert unreadable.isprintable(), "a reason of more than one line"
        return
    if delivery.body_ref or len(delivery.body) > MAX_BODY_BYTES:
        return
    if delivery.replayed_at is None and vector:
        assert not stores.written or test_replays.same(vector, delivery.body), "another body than was signed"
    assert not failed, json.loads(written.getvalue().splitlines()[-1])["failed"][0]["reason"]
    assert all(each["raw"] == delivery.body for each in stores.written), "another body than came"


DOCUMENTS, DIRECT = Target(_bodies, _opened), Target(_signed, _opened)
