"""The proxy before local AWS: each of its faults is what AWS would do, and follows from the seed."""

import contextlib
import http.client
import json
import threading
from collections.abc import Iterator
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from proofs.faults import proxy
from proofs.faults.proxy import Proxy


class Queue(ThreadingHTTPServer):
    """Answers SendMessage as SQS does, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Queue

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.sent.append(asked)
        entries = asked.get("Entries", [asked])
        said = [
            {"Id": each.get("Id"), "MessageId": f"id {each['MessageBody']}", "MD5OfMessageBody": digest(each)}
            for each in entries
        ]
        body = json.dumps({"Successful": said} if "Entries" in asked else said[0]).encode()
        self.send_response_only(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def digest(entry: dict[str, Any]) -> str:
    return md5(entry["MessageBody"].encode(), usedforsecurity=False).hexdigest()


@pytest.fixture
def queue() -> Iterator[Queue]:
    queue = Queue()
    yield queue
    queue.shutdown()
    queue.server_close()


@pytest.fixture
def between(queue: Queue) -> Iterator[Proxy]:
    between = Proxy(queue.server_port, seed=1)
    between.start()
    yield between
    between.stop()


@pytest.fixture
def always(between: Proxy, monkeypatch: pytest.MonkeyPatch) -> Proxy:
    monkeypatch.setattr(proxy, "SHARES", dict.fromkeys(proxy.FAULTS, 1.0))
    monkeypatch.setattr(proxy, "STORM_SHARE", 1.0)
    monkeypatch.setattr(proxy, "_LATE_SECONDS", (0.05, 0.05))
    between.begin()
    return between


def ask(between: Proxy, action: str = "SendMessage", **parameters: object) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", between.port, timeout=5)
    headers = {
        "authorization": "AWS4-HMAC-SHA256 Credential=test/20261128/us-east-1/sqs/aws4_request, Signature=0",
        "x-amz-target": f"AmazonSQS.{action}",
    }
    try:
        connection.request("POST", "/", json.dumps(parameters), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def only(monkeypatch: pytest.MonkeyPatch, *faults: str) -> None:
    monkeypatch.setattr(proxy, "FAULTS", {"sqs": faults})


def test_nothing_fails_before_it_begins(between: Proxy, queue: Queue) -> None:
    assert [ask(between, MessageBody=str(n))[0] for n in range(20)] == [200] * 20
    assert between.made.total() == 0


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (proxy.ERROR, 500, "InternalError"),
        (proxy.UNAVAILABLE, 503, "ServiceUnavailable"),
        (proxy.THROTTLED, 400, "ThrottlingException"),
        (proxy.EXPIRED, 400, "ExpiredTokenException"),
    ],
)
def test_what_aws_refuses_is_not_carried_out(
    always: Proxy, queue: Queue, monkeypatch: pytest.MonkeyPatch, fault: str, status: int, code: str
) -> None:
    only(monkeypatch, fault)
    said, body = ask(always, MessageBody="a")
    assert (said, body["__type"].rpartition("#")[2], queue.sent) == (status, code, [])


@pytest.mark.parametrize(("fault", "carried_out"), [(proxy.RESET_BEFORE, 0), (proxy.RESET_AFTER, 1)])
def test_connection_ends_before_or_after_the_call(
    always: Proxy, queue: Queue, monkeypatch: pytest.MonkeyPatch, fault: str, carried_out: int
) -> None:
    only(monkeypatch, fault)
    with pytest.raises((OSError, http.client.HTTPException)):
        ask(always, MessageBody="a")
    assert len(queue.sent) == carried_out


def test_truncated_answer_is_shorter_than_it_says(always: Proxy, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, proxy.TRUNCATED)
    with pytest.raises(http.client.IncompleteRead):
        ask(always, MessageBody="a")
    assert len(queue.sent) == 1


@pytest.mark.parametrize("fault", [proxy.CHUNKED, proxy.LATE, proxy.TWICE, proxy.OUT_OF_ORDER])
def test_answer_is_a_good_one_all_the_same(always: Proxy, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    only(monkeypatch, fault)
    status, said = ask(always, MessageBody="a")
    assert (status, said["MD5OfMessageBody"]) == (200, digest({"MessageBody": "a"}))


def test_message_is_in_the_queue_twice(always: Proxy, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, proxy.TWICE)
    ask(always, MessageBody="a")
    assert [each["MessageBody"] for each in queue.sent] == ["a", "a"]


def test_message_is_kept_back_for_seconds(always: Proxy, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, proxy.OUT_OF_ORDER)
    ask(always, MessageBody="a")
    assert 1 <= queue.sent[0]["DelaySeconds"] <= 5


def test_message_of_a_group_is_never_kept_back(always: Proxy, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, proxy.OUT_OF_ORDER, proxy.CHUNKED)
    for _ in range(4):
        ask(always, MessageBody="a", MessageGroupId="g")
    assert not any("DelaySeconds" in each for each in queue.sent)


def test_md5_is_another_ones_and_the_queue_has_no_such_message(
    always: Proxy, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, proxy.WRONG_MD5)
    status, said = ask(always, MessageBody="a")
    assert (status, said["MD5OfMessageBody"], queue.sent) == (200, "0" * 32, [])


def test_batch_is_told_by_the_id_of_an_entry_that_was_not_taken(
    always: Proxy, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, proxy.ANOTHERS_ID)
    entries = [{"Id": str(n), "MessageBody": f"body {n}"} for n in range(3)]
    _, said = ask(always, "SendMessageBatch", Entries=entries)
    assert [each["Id"] for each in queue.sent[0]["Entries"]] == ["0", "1"]
    assert [(each["Id"], each["MessageId"]) for each in said["Successful"]] == [("2", "id body 0"), ("1", "id body 1")]


def test_each_fault_of_a_service_comes_before_one_comes_again(always: Proxy) -> None:
    for _ in range(2 * len(proxy.FAULTS["sqs"]) - 2):
        with contextlib.suppress(OSError, http.client.HTTPException):
            ask(always, MessageBody="a")
    faults = [each for each in proxy.FAULTS["sqs"] if each != proxy.ANOTHERS_ID]  # of batches alone
    assert {fault: always.made["sqs", fault] for fault in faults} == dict.fromkeys(faults, 2)


def test_seed_decides_which_service_has_a_storm_when() -> None:
    def storms(seed: int) -> list[str]:
        return [Proxy(1, seed).storm(second) for second in range(60)]

    assert storms(1) == storms(1) != storms(2)
    assert set(storms(1)) == {"", *proxy.FAULTS}
