"""The console's pages with whatever stands in their addresses and forms, over a database and AWS's answers."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.awsrequest import AWSResponse

from nami_console import app
from nami_console.site import Site
from nami_control.aws import Aws
from nami_control.deployment import Deployment, Drain, Function
from nami_control.destinations.mongo import Documents
from nami_control.stacks import Target
from tests.fuzz.target import Case, strings
from tests.fuzz.target import Target as Fuzzed
from tests.unit.runtime import conftest

PORT = 8123
_PATIENCE = 20  # seconds
_URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/"
_OUTPUTS = {
    "PostQueueFunctionName": "post",
    "QueueUrl": f"{_URL}queue",
    "DeadLetterQueueUrl": f"{_URL}dead",
    "QuarantineUrl": f"{_URL}quarantine",
    "EndpointUrl": "https://hooks.example.com/nami/shopify",
}
_LETTER = {
    "MessageId": "m-1",
    "ReceiptHandle": "r",
    "Body": '{"v":1,"id":"<img src=x>","subscription":"shopify","received_at":1700000000000,"method":"POST","path":"/",'
    '"query":"","headers":{"a":"<script>"},"source_ip":"","verified":null,"body":"<script>"}',
    "Attributes": {"SentTimestamp": "1700000000000"},
}
_NO_STACK = (
    b"<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>"
    b"<Message>Stack with id nami-x does not exist</Message></Error></ErrorResponse>"
)
_EVENT = {
    "_id": "evt-<script>",
    "subscription": "shopify",
    "received_at": datetime(2023, 11, 14, tzinfo=UTC),
    "stored_at": datetime(2023, 11, 14, tzinfo=UTC),
    "method": "POST",
    "path": "/<script>",
    "query": "a='><img src=x>",
    "headers": {"x-topic": "<script>", "content-type": "application/json"},
    "content_type": "application/json",
    "body": {"<script>": ["<img src=x>", 1.5, None, {"a": b"\xff"}]},
    "body_format": "json",
    "raw": b"<script>\xff",
    "source_ip": "203.0.113.7",
    "verified": "shopify",
    "message_id": "m",
    "attempts": 1,
}
_SOUGHT = {"text": "", "field": "body.id = 1", "since": "10m", "until": "2026-01-31T12:00", "to": "mongo"}
_PAGES: dict[str, dict[str, str]] = {
    "/": {"token": "x"},
    "/s/shopify/events": {**_SOUGHT, "before": "1700000000000.2", "id": ""},
    "/s/shopify/event": {"id": "evt-<script>", "to": "mongo", "all": "1"},
    "/s/shopify/event/path": {"id": "evt-<script>", "to": ""},
    "/s/shopify/event/body": {"id": "evt-<script>"},
    "/s/shopify/dead": {"to": "mongo", "text": "a", "since": "3d", "until": "1h", "look": "1"},
    "/s/shopify/dead/list": {"quarantine": "1", "since": "2023-01-01"},
    "/s/shopify/dead/job/7": {},
    "/s/shopify/sent": {"id": "evt", "status": "200", "ms": "3", "since": "1700000000000", "answer": "no"},
    "/s/shopify/send": {"provider": "github"},
    "/s/shopify/plan": {"rate": "1000", "seconds": "60", "body_kb": "3", "destination": "dynamodb"},
    "/s/shopify/plan/outcome": {"pre_queue_memory": "256", "maximum_concurrency": "5"},
    "/static/console.css": {},
}
_FORMS: dict[str, dict[str, str]] = {
    "/s/shopify/dead/ask": {"verb": "redrive all", "text": "x", "since": "1h", "to": "mongo", "id": "m-1"},
    "/s/shopify/dead/do": {"verb": "purge", "id": "", "rate": "5"},
    "/s/shopify/again": {"id": "not there", "from": "mongo", "to": ""},
}


def _seeds() -> list[Case]:
    gets = [
        {"frozen": {"cookie": True}, "method": "GET", "path": path, "query": asked} for path, asked in _PAGES.items()
    ]
    posts = [
        {"frozen": {"cookie": True}, "method": "POST", "path": path, "query": {}, "form": form}
        for path, form in _FORMS.items()
    ]
    stranger = {"frozen": {"cookie": False}, "method": "GET", "path": "/s/shopify/events", "query": {"token": ""}}
    return [*gets, *posts, {**stranger, "headers": {"cookie": f"nami-console-{PORT}=x", "origin": "null"}}]


class _Aws(Aws):
    """AWS, of which each answer is canned."""

    def _client(self, service: Any) -> Any:
        made = super()._client(service)
        made.meta.events.register("before-send", _answered)
        return made


def _answered(request: Any, **_: Any) -> AWSResponse:
    if "cloudformation" in request.url:
        return AWSResponse(request.url, 400, {"content-type": "text/xml"}, _Raw(_NO_STACK))
    target = (request.headers.get("X-Amz-Target") or b"").decode().rpartition(".")[2]
    said: dict[str, Any] = {
        "GetQueueAttributes": {"Attributes": {"ApproximateNumberOfMessages": "1"}},
        "ReceiveMessage": {"Messages": [_LETTER]},
        "FilterLogEvents": {"events": [{"timestamp": 1700000000000, "message": '{"level":"ERROR"}', "eventId": "e"}]},
    }.get(target, {})
    return AWSResponse(
        request.url, 200, {"content-type": "application/x-amz-json-1.0"}, _Raw(json.dumps(said).encode())
    )


class _Raw:
    """The body of an answer, as botocore reads it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._content


class _Site(Site):
    """One subscription over a real database."""

    def __init__(self, found: Deployment, documents: Documents) -> None:
        super().__init__(found.aws)
        self._found, self._documents = found, documents

    def deployment(self, label: str) -> Deployment:
        return self._found if label == "shopify" else super().deployment(label)

    def rows(self) -> list[Any]:
        return []

    @contextmanager
    def store(self, found: Deployment, drain: Drain) -> Iterator[Documents]:
        yield self._documents


@contextmanager
def _opened() -> Iterator[Callable[[Case], None]]:
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder, asyncio.Runner() as runner:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "-")
        patch.setenv("AWS_REGION", "eu-central-1")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setattr(Target, "deployed_settings", lambda _: {})
        server = conftest.Mongo(Path(folder))
        server.start()
        try:
            stored = server.client["nami"]["shopify"]
            stored.insert_many([{**_EVENT, "_id": f"evt-{number}"} for number in range(3)] + [_EVENT])
            found = Deployment(Target("shopify", _Aws()), _OUTPUTS)
            found.__dict__["pre_queue"] = Function("pre", {"SIGNATURE": '{"scheme": "shopify"}'}, "pre")
            for drain in found.drains:
                drain.__dict__["post_queue"] = Function("post", {"DESTINATION": "mongo"}, "post")
            shared = _Site(found, Documents(stored))
            console = app.make(shared, PORT)
            yield lambda case: _check(case, console, shared, runner)
        finally:
            server.client.close()
            server.kill()


def _check(case: Case, console: Any, shared: Site, runner: asyncio.Runner) -> None:
    path, is_post = str(case.get("path", "/")).encode(errors="replace").decode(), case.get("method") == "POST"
    if path.endswith(("live", "shopify", "health")) or (is_post and path.endswith("send")):
        return  # a stream, which ends with the page; what CloudWatch says; a webhook to the endpoint
    query, form = urlencode(_octets(case.get("query"))), _octets(case.get("form"))
    headers = {"host": f"127.0.0.1:{PORT}", **strings(case.get("headers"))}
    if case["frozen"]["cookie"]:
        headers["cookie"] = f"nami-console-{PORT}={shared.keys.cookie}"
        form[b"token"] = shared.keys.form.encode()
    status, said, body = runner.run(_asked(console, path, query, headers, urlencode(form) if is_post else None))
    assert status < 500, f"answered {status}".ljust(80) + unescape(body.decode(errors="replace"))[-300:]
    assert "content-security-policy" in said, "no policy"
    assert case["frozen"]["cookie"] or status in (403, 405, 421), "a stranger gets in"
    if "html" in said.get("content-type", ""):
        assert b"<script>" not in body, "markup of a stranger's"
        assert b"<img src=x" not in body, "markup of a stranger's"


def _octets(pairs: object) -> dict[bytes, bytes]:
    """Names and values as an address may hold them, also what is no UTF-8."""
    there = strings(pairs).items()
    return {name.encode("utf-8", "surrogatepass"): text.encode("utf-8", "surrogatepass") for name, text in there}


async def _asked(
    console: Any, path: str, query: str, headers: Mapping[str, str], form: str | None
) -> tuple[int, dict[str, str], bytes]:
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET" if form is None else "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "replace"),
        "query_string": query.encode("utf-8", "replace"),
        "headers": [
            (name.lower().encode("latin-1", "replace"), text.encode("latin-1", "replace"))
            for name, text in headers.items()
        ],
        "server": ("127.0.0.1", PORT),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
    sent: list[Mapping[str, Any]] = []

    coming = [{"type": "http.request", "body": (form or "").encode(), "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not coming:
            await asyncio.Event().wait()  # the browser stays
        return coming.pop()

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    await asyncio.wait_for(console(scope, receive, send), _PATIENCE)
    start, *parts = sent
    said = {name.decode("latin-1").lower(): text.decode("latin-1") for name, text in start["headers"]}
    return start["status"], said, b"".join(part.get("body", b"") for part in parts)


TARGET = Fuzzed(_seeds, _opened)
