"""What Sentry is told, by a server on the loopback that takes what its ingestion takes."""

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk import transport

from nami_runtime import aws, batch, envelope, intake, transform
from nami_runtime.request import GatewayRequest, Request
from nami_runtime.results import Later
from tests.serving import Server
from tests.unit.runtime.conftest import ROOT, Context, FakeAws, Mongo, http_event, load_handler, sqs_event

HUSH = "hush-4711"  # in bodies, headers, local variables and the texts of errors


class Ingest:
    """Takes envelopes at /api/1/envelope/; `open` lets it answer."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.came = threading.Semaphore(0)
        self.drops = 0
        self.open = threading.Event()
        self.open.set()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if owner.drops:
                    owner.drops -= 1
                    self.close_connection = True
                    return
                content = gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body
                owner.raw.append(self.path.encode() + b"\n" + content)
                owner.came.release()
                owner.open.wait(30)
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        self.server = Server(Handler)
        self.dsn = f"http://public@127.0.0.1:{self.server.server_port}/1"

    def events(self, count: int) -> list[dict[str, Any]]:
        """So many events, waited for."""
        for _ in range(count):
            assert self.came.acquire(timeout=30)
        found = []
        for raw in self.raw:
            path, _header, item, payload = raw.split(b"\n", 3)
            assert path == b"/api/1/envelope/"
            assert json.loads(item)["type"] == "event"
            found.append(json.loads(payload))
        return found


@pytest.fixture
def ingest(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ingest]:
    """Sentry on the loopback, and functions that are set up for it."""
    server = Ingest()
    monkeypatch.setenv("SENTRY_DSN", server.dsn)
    monkeypatch.setenv("SENTRY_ENVIRONMENT", "prod")
    monkeypatch.setattr(transport, "brotli", None)  # a function has none
    from nami_runtime import sentry  # noqa: PLC0415 - reads its variables when it is loaded

    monkeypatch.setattr(sentry, "_told", {})
    monkeypatch.setattr(sentry, "_sdk", sentry.start())
    for module in (intake, batch):
        monkeypatch.setattr(module, "_SENTRY", True)
    yield server
    server.open.set()
    sentry_sdk.get_client().close(timeout=5)
    # Not even what it puts around the standard library by default: other tests start processes.
    sentry_sdk.init(default_integrations=False)
    server.server.end()


def error_of(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = event["exception"]["values"][-1]
    return found


class Refused(Exception):
    """An error of the user's own."""


def unlucky(request: Request) -> dict[str, Any]:
    local = HUSH
    raise Refused(f"no such customer: {local} {request.body!r}")


def failing(document: dict[str, Any]) -> dict[str, Any]:
    local = HUSH
    raise Refused(f"can't do {local} {document['raw']!r}")


def message(delivery_id: str = "d-1") -> str:
    event = http_event(HUSH.encode(), headers={"x-token": HUSH}, request_id=delivery_id)
    return envelope.write(GatewayRequest(event), "shopify").decode()


def post_queue(process: Callable[..., Any]) -> ModuleType:
    module: Any = load_handler("post_queue")
    module.process = process
    return module  # type: ignore[no-any-return]


def test_fault_in_the_pre_queue_function_is_told_with_type_place_and_delivery(ingest: Ingest) -> None:
    assert intake.answer(http_event(request_id="d-7"), unlucky)["statusCode"] == 503
    (event,) = ingest.events(1)
    assert error_of(event)["type"] == "Refused"
    assert error_of(event)["stacktrace"]["frames"][-1]["function"] == "unlucky"
    assert event["extra"] == {"reason": event["extra"]["reason"], "deliveries": ["d-7"], "count": 1}
    assert event["extra"]["reason"].startswith("fault: Refused at test_sentry.py:")
    assert (event["tags"]["subscription"], event["environment"], event["level"]) == ("shopify", "prod", "error")


def test_queue_that_does_not_take_it_is_told_in_our_own_words(ingest: Ingest, cloud: FakeAws) -> None:
    cloud.answer = lambda service, _action: (500, b"{}") if service == "sqs" else None
    handler = load_handler("pre_queue").handler
    assert handler(http_event(), None)["statusCode"] == 503
    (event,) = ingest.events(1)
    assert error_of(event)["module"] == "nami_runtime.aws"
    assert error_of(event)["value"]
    assert event["extra"]["reason"] == f"{error_of(event)['type']}: {error_of(event)['value']}"


@pytest.mark.parametrize("refusal", [401, 413])
def test_webhook_that_is_refused_is_no_error(ingest: Ingest, refusal: int) -> None:
    def refuse(_request: Request) -> dict[str, Any]:
        raise intake.Refused(refusal, "no")

    assert intake.answer(http_event(), refuse)["statusCode"] == refusal
    intake.answer(http_event(), unlucky)  # the one that comes
    ingest.events(1)
    assert len(ingest.raw) == 1


@pytest.mark.usefixtures("ingest")
def test_nothing_of_sentrys_is_told_to_the_process_of_a_transform() -> None:
    """Its integration of subprocess would put a trace into the environment, which has but one variable."""
    running = transform.Transform("body")
    environment = Path(f"/proc/{running._process.pid}/environ").read_bytes()
    running.close()
    assert [each.partition(b"=")[0] for each in environment.split(b"\0") if each] == [b"PYTHONPATH"]


def test_answer_does_not_wait_for_sentry(ingest: Ingest) -> None:
    ingest.open.clear()
    assert intake.answer(http_event(), unlucky)["statusCode"] == 503
    ingest.events(1)
    assert not ingest.open.is_set()  # the answer was there before Sentry's


def test_sentry_that_is_away_changes_no_answer(
    ingest: Ingest, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch, mongo: Mongo
) -> None:
    ingest.server.end()
    assert intake.answer(http_event(), unlucky)["statusCode"] == 503
    found = post_queue(failing).handler(sqs_event(message()), Context())
    assert found == {"batchItemFailures": [{"itemIdentifier": "m0"}]}


def test_connection_that_broke_while_the_function_was_stopped_is_made_anew(ingest: Ingest) -> None:
    ingest.drops = 2
    intake.answer(http_event(), unlucky)
    assert len(ingest.events(1)) == 1


def test_failed_documents_are_told_once_for_each_reason_before_the_batch_ends(ingest: Ingest, mongo: Mongo) -> None:
    handler = post_queue(failing).handler
    failures = handler(sqs_event(message("d-1"), message("d-2"), "{}"), Context())["batchItemFailures"]
    assert len(ingest.raw) == 2  # already there
    assert len(failures) == 3
    theirs, ours = sorted(ingest.events(2), key=lambda event: error_of(event)["module"], reverse=True)
    assert (error_of(theirs)["type"], theirs["extra"]["deliveries"], theirs["extra"]["count"]) == (
        "Refused",
        ["d-1", "d-2"],
        2,
    )
    assert error_of(ours)["type"] == "Unreadable"
    assert error_of(ours)["value"]


def test_document_that_the_destination_refuses_without_an_error_is_told_too(ingest: Ingest, mongo: Mongo) -> None:
    module = post_queue(lambda document: document)

    class Full:
        def write(self, documents: list[dict[str, Any]], _deadline: float) -> list[str]:
            return ["no room for 17 more"] * len(documents)

    module.destination = Full()  # type: ignore[attr-defined]
    module.handler(sqs_event(message("d-1")), Context())
    (event,) = ingest.events(1)
    assert (event["message"], event["extra"]["deliveries"]) == ("no room for 17 more", ["d-1"])
    assert "exception" not in event


def test_batch_that_ends_with_an_error_is_told_before_the_function_ends(ingest: Ingest, mongo: Mongo) -> None:
    with pytest.raises(KeyError):
        post_queue(failing).handler({"Records": [{}]}, Context())
    assert error_of(ingest.events(1)[0])["type"] == "KeyError"


def test_fault_while_the_queue_learns_what_to_do_is_told_too(
    ingest: Ingest, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = post_queue(lambda document: document)

    class Busy:
        def write(self, documents: list[dict[str, Any]], _deadline: float) -> list[Later]:
            return [Later("busy", 5)] * len(documents)

    module.destination = Busy()  # type: ignore[attr-defined]
    monkeypatch.delenv("QUEUE_URL", raising=False)
    with pytest.raises(KeyError):
        module.handler(sqs_event(message("d-1")), Context())
    assert error_of(ingest.events(1)[0])["type"] == "KeyError"


def test_nothing_of_a_webhook_and_no_text_of_anothers_error_leaves(ingest: Ingest, mongo: Mongo) -> None:
    event = http_event(HUSH.encode(), headers={"x-token": HUSH}, query=f"t={HUSH}")
    intake.answer(event, unlucky)
    post_queue(failing).handler(sqs_event(message()), Context())
    try:
        try:
            raise ValueError(HUSH)
        except ValueError as cause:
            raise aws.Unavailable("the queue is away") from cause
    except aws.Unavailable as error:
        from nami_runtime import sentry  # noqa: PLC0415

        sentry.report(error, "Unavailable: the queue is away")
    sentry_sdk.capture_exception(Refused(HUSH))  # by the user's own code
    told = ingest.events(4)
    assert HUSH.encode() not in b"".join(ingest.raw)
    chain = next(event["exception"]["values"] for event in told if len(event["exception"]["values"]) == 2)
    assert [(each["type"], each.get("value")) for each in chain] == [
        ("ValueError", None),
        ("Unavailable", "the queue is away"),
    ]
    allowed = {"event_id", "timestamp", "platform", "level", "environment", "exception", "tags", "extra", "sdk"}
    assert all(event.keys() <= allowed for event in told)
    assert {key for event in told for frame in error_of(event)["stacktrace"]["frames"] for key in frame} <= {
        "filename",
        "function",
        "module",
        "lineno",
        "in_app",
    }


def test_fault_that_each_webhook_meets_is_told_once_a_minute(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    from nami_runtime import sentry  # noqa: PLC0415

    now = [1000.0]
    monkeypatch.setattr(sentry, "monotonic", lambda: now[0])
    for _ in range(50):
        intake.answer(http_event(), unlucky)
    now[0] += sentry.REPEAT_SECONDS
    intake.answer(http_event(request_id="d-2"), unlucky)
    assert [event["extra"]["deliveries"] for event in ingest.events(2)] == [["JKJaXmPLvHcESHA="], ["d-2"]]


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SENTRY")}
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = ['lambdas']\n{code}"],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        check=True,
    )


LOADED = (
    "import nami_runtime.intake, nami_runtime.batch; print(*('sentry_sdk' in sys.modules, 'urllib3' in sys.modules))"
)


def test_without_a_dsn_nothing_of_it_is_loaded() -> None:
    assert python(LOADED).stdout.split() == ["False", "False"]


def test_with_a_dsn_it_is_loaded_while_the_function_starts() -> None:
    assert python(LOADED, SENTRY_DSN="https://public@127.0.0.1/1").stdout.split()[0] == "True"


@pytest.mark.parametrize("dsn", ["nonsense", "https://127.0.0.1/no-project"])
def test_dsn_that_is_none_stops_no_function(dsn: str) -> None:
    said = python(LOADED, SENTRY_DSN=dsn).stdout.splitlines()
    assert json.loads(said[0])["message"] == "errors are not told to Sentry"
    assert said[-1].startswith("True")


def test_sdk_that_is_not_there_stops_no_function() -> None:
    said = python(f"sys.modules['sentry_sdk'] = None\n{LOADED}", SENTRY_DSN="https://public@127.0.0.1/1").stdout
    assert json.loads(said.splitlines()[0])["reason"].startswith("ModuleNotFoundError at sentry.py:")
