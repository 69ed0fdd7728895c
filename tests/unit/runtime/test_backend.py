"""An HTTP backend as a destination, against a real one on the loopback."""

import base64
import contextlib
import hmac
import ipaddress
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from nami_runtime import reaching
from nami_runtime.destinations import http as backend_module
from tests.backend.server import Backend, Received
from tests.unit.runtime.conftest import Context, FakeAws, load_handler, sqs_event

SECRET_ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:backend"
KEY = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TABLE = "attempts"
Function = Callable[..., dict[str, Any]]


def message(key: str = "evt_1", body: str = '{"n": 1}', **fields: object) -> str:
    headers = {"content-type": "application/json", **fields.pop("headers", {})}  # type: ignore[dict-item]
    return json.dumps(
        {
            **{"v": 1, "id": key, "subscription": "shopify", "received_at": 1_790_000_000_123, "method": "POST"},
            **{"path": "/nami/shopify", "query": "", "headers": headers},
            **{"source_ip": "192.0.2.1", "verified": None, "body": body, **fields},
        }
    )


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend() as running:
        yield running


@pytest.fixture
def post_queue(backend: Backend, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Function:
    cloud.secrets[SECRET_ARN] = KEY
    for name, value in {
        "DESTINATION": "http",
        "BACKEND_URL": backend.url,
        "BACKEND_SECRET_ARN": SECRET_ARN,
        "BACKEND_ATTEMPTS_TABLE": TABLE,
        "BACKEND_CONNECT_TIMEOUT": "1",
        "BACKEND_READ_TIMEOUT": "1",
        "BACKEND_ALLOW_PRIVATE": "1",
        "BACKEND_CONCURRENCY": "4",
    }.items():
        monkeypatch.setenv(name, value)
    return lambda event, seconds=30.0: load_handler("post_queue").handler(event, Context(seconds))


def only(backend: Backend) -> Received:
    (request,) = backend.received
    return request


def noted(cloud: FakeAws, key: str = "evt_1") -> dict[str, Any]:
    return {name: next(iter(value.values())) for name, value in cloud.tables[TABLE][key].items()}


FAILED = {"batchItemFailures": [{"itemIdentifier": "m0"}]}


def test_method_query_and_exact_body_are_forwarded(backend: Backend, post_queue: Function) -> None:
    body = base64.b64encode(bytes(range(256))).decode()
    assert post_queue(sqs_event(message(body=body, base64=True, query="a=1&b=%20", method="PUT"))) == {
        "batchItemFailures": []
    }
    request = only(backend)
    assert (request.method, request.target, request.body) == ("PUT", "/hooks?a=1&b=%20", bytes(range(256)))


def test_urls_own_query_stays(backend: Backend, post_queue: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKEND_URL", backend.url + "?key=1")
    post_queue(sqs_event(message(query="a=1")))
    assert only(backend).target == "/hooks?key=1&a=1"


def test_headers_are_forwarded_less_hop_by_hop_ones(backend: Backend, post_queue: Function) -> None:
    hop = {"connection": "x-mine, keep-alive", "x-mine": "1", "keep-alive": "5", "transfer-encoding": "chunked"}
    post_queue(sqs_event(message(headers={"x-topic": "orders/crëate", "host": "nami.example", **hop})))
    headers = only(backend).headers
    assert headers["x-topic"].encode("latin-1").decode() == "orders/crëate"
    assert headers["content-type"] == "application/json"
    assert headers["host"] == f"127.0.0.1:{backend.port}"
    assert not {"x-mine", "keep-alive", "transfer-encoding", "connection"} & set(headers)


def test_get_without_body_has_none(backend: Backend, post_queue: Function) -> None:
    post_queue(sqs_event(message(method="GET", body="")))
    assert "content-length" not in only(backend).headers


def test_producer_can_not_pass_for_nami(backend: Backend, post_queue: Function) -> None:
    forged = {"nami-delivery-id": "x", "nami-attempt": "9", "webhook-id": "x", "webhook-signature": "v1,x"}
    post_queue(sqs_event(message(headers=forged), attempts=3))
    headers = only(backend).headers
    assert (headers["nami-delivery-id"], headers["nami-attempt"], headers["webhook-id"]) == ("evt_1", "3", "evt_1")


@pytest.mark.parametrize(
    "name", ["webhook_id", "webhook_signature", "nami_attempt", "nami_delivery-id", "content_length"]
)
def test_producer_can_not_pass_for_nami_where_a_server_reads_both_characters_as_one(
    backend: Backend, post_queue: Function, name: str
) -> None:
    post_queue(sqs_event(message(headers={name: "forged"})))
    assert name not in only(backend).headers


@pytest.mark.parametrize("query", ["tenant=evil", "tenant=evil&a=1", "%74enant=evil&a=1", "a=1&tenant"])
def test_producer_does_not_add_to_what_the_urls_own_query_says(
    backend: Backend, post_queue: Function, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setenv("BACKEND_URL", f"{backend.url}?tenant=shop")
    post_queue(sqs_event(message(query=query)))
    assert only(backend).target == "/hooks?tenant=shop" + ("&a=1" if "a=1" in query else "")


def test_header_can_not_carry_a_line_end(backend: Backend, post_queue: Function) -> None:
    post_queue(sqs_event(message(headers={"x-a": "1\r\nx-injected: 1", "bad name": "1"}, query="a b\r\nc")))
    assert only(backend).headers["x-a"] == "1  x-injected: 1"
    assert "x-injected" not in only(backend).headers


def test_signature_is_that_of_standard_webhooks(backend: Backend, post_queue: Function) -> None:
    post_queue(sqs_event(message()))
    headers = only(backend).headers
    content = f"evt_1.{headers['webhook-timestamp']}.".encode() + b'{"n": 1}'
    expected = base64.b64encode(hmac.digest(base64.b64decode(KEY), content, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 5


def test_signature_fits_the_standards_own_example() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signature = backend_module.sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["", "not base64", "[]", "whsec_", f'["{KEY}", "whsec_"]'])
def test_without_a_good_key_nothing_is_forwarded(
    cloud: FakeAws, backend: Backend, post_queue: Function, secret: str
) -> None:
    cloud.secrets[SECRET_ARN] = secret
    assert post_queue(sqs_event(message())) == FAILED
    assert backend.received == []


def test_each_key_of_a_rotation_signs(cloud: FakeAws, backend: Backend, post_queue: Function) -> None:
    cloud.secrets[SECRET_ARN] = json.dumps([f"whsec_{KEY}", base64.b64encode(b"another").decode()])
    post_queue(sqs_event(message()))
    assert len(only(backend).headers["webhook-signature"].split()) == 2


@pytest.mark.parametrize("status", ["301", "404", "410", "500", "503"])
def test_other_than_2xx_is_a_failed_try(backend: Backend, post_queue: Function, status: str) -> None:
    assert post_queue(sqs_event(message(headers={"backend-status": status}))) == FAILED


@pytest.mark.parametrize("status", ["200", "201", "204"])
def test_2xx_is_a_delivery(backend: Backend, post_queue: Function, status: str) -> None:
    assert post_queue(sqs_event(message(headers={"backend-status": status}))) == {"batchItemFailures": []}


def test_redirect_is_not_followed(backend: Backend, post_queue: Function) -> None:
    told = {"backend-status": "302", "backend-location": backend.url + "/other"}
    assert post_queue(sqs_event(message(headers=told))) == FAILED
    assert len(backend.received) == 1


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"backend-fault": "drop"}, "backend: RemoteDisconnected"),
        ({"backend-fault": "garbage"}, "backend: BadStatusLine"),
        ({"backend-delay": "3"}, "backend: TimeoutError"),
        ({"backend-fault": "drip"}, "backend: TimeoutError"),
        ({"backend-fault": "endless"}, "backend: TimeoutError"),
    ],
)
def test_no_answer_in_time_is_a_failed_try(
    cloud: FakeAws, post_queue: Function, told: dict[str, str], reason: str
) -> None:
    started = time.monotonic()
    assert post_queue(sqs_event(message(headers=told))) == FAILED
    assert noted(cloud)["reason"] == reason
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("interim", ["100", "102", "103", "102,103,102"])
def test_answer_that_counts_is_the_one_after_those_on_the_way(
    backend: Backend, post_queue: Function, monkeypatch: pytest.MonkeyPatch, interim: str
) -> None:
    monkeypatch.setenv("BACKEND_CONCURRENCY", "1")
    first = message("e0", headers={"backend-interim": interim, "backend-delay": "0.2"})
    event = sqs_event(first, message("e1", headers={"backend-status": "500"}))
    assert post_queue(event) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert backend.connections == 1


def test_connection_that_the_backend_makes_another_protocols_is_given_up(
    cloud: FakeAws, backend: Backend, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKEND_CONCURRENCY", "1")
    event = sqs_event(message("e0", headers={"backend-interim": "101", "backend-delay": "0.2"}), message("e1"))
    assert post_queue(event) == FAILED
    assert noted(cloud, "e0")["reason"] == "backend: HTTP 101"
    assert backend.connections == 2


def test_backend_that_is_away_is_a_failed_try(
    cloud: FakeAws, backend: Backend, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("BACKEND_URL", f"http://127.0.0.1:{free.getsockname()[1]}/")
        assert post_queue(sqs_event(message())) == FAILED
    assert noted(cloud)["reason"] == "backend away: ConnectionRefusedError"


def test_one_that_fails_does_not_fail_others(backend: Backend, post_queue: Function) -> None:
    event = sqs_event(*[message(f"e{n}", headers={"backend-status": "500" if n == 3 else "200"}) for n in range(8)])
    assert post_queue(event) == {"batchItemFailures": [{"itemIdentifier": "m3"}]}


def test_connections_are_kept_within_the_concurrency(backend: Backend, post_queue: Function) -> None:
    post_queue(sqs_event(*[message(f"e{n}") for n in range(40)]))
    assert len(backend.received) == 40
    assert backend.connections <= 4


def test_connection_is_kept_for_the_next_batch(
    backend: Backend, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKEND_CONCURRENCY", "1")
    handler = load_handler("post_queue").handler
    for key in ("e0", "e1"):
        assert handler(sqs_event(message(key)), Context(30)) == {"batchItemFailures": []}
    assert backend.connections == 1


def test_connection_that_was_idle_for_long_is_not_used_again(
    backend: Backend, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKEND_CONCURRENCY", "1")
    monkeypatch.setattr(reaching, "IDLE_SECONDS", 0.0)
    handler = load_handler("post_queue").handler
    for key in ("e0", "e1"):
        assert handler(sqs_event(message(key)), Context(30)) == {"batchItemFailures": []}
    assert backend.connections == 2


def test_connection_that_the_backend_has_closed_is_not_used_again(
    backend: Backend, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKEND_CONCURRENCY", "1")
    handler = load_handler("post_queue").handler
    handler(sqs_event(message("e0", headers={"backend-hang-up": "1"})), Context(30))
    assert backend.hung_up.wait(10)
    assert handler(sqs_event(message("e1")), Context(30)) == {"batchItemFailures": []}
    assert [request.delivery_id for request in backend.received] == ["e0", "e1"]


def test_connection_is_not_used_again_once_the_backend_said_close(
    post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may well leave it open for a while, and answers nothing on it."""
    accepted: list[socket.socket] = []

    def answer_once_each() -> None:
        with contextlib.suppress(OSError):  # the test is over
            while True:
                connected, _ = listening.accept()
                accepted.append(connected)
                connected.recv(65_536)
                connected.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=answer_once_each, daemon=True).start()
        monkeypatch.setenv("BACKEND_CONCURRENCY", "1")
        monkeypatch.setenv("BACKEND_URL", f"http://127.0.0.1:{listening.getsockname()[1]}/")
        assert post_queue(sqs_event(message("e0"), message("e1"))) == {"batchItemFailures": []}
    assert len(accepted) == 2
    for each in accepted:
        each.close()


def test_those_that_no_time_is_left_for_fail_untried(cloud: FakeAws, backend: Backend, post_queue: Function) -> None:
    event = sqs_event(*[message(f"e{n}", headers={"backend-delay": "0.7"}) for n in range(12)])
    started = time.monotonic()
    response = post_queue(event, 4.5)  # of which 2 and 1 s are kept: room for two rounds
    assert time.monotonic() - started < 4.5
    assert 4 <= len(response["batchItemFailures"]) <= 8
    # Of those nothing is noted: they were not tried.
    assert len(cloud.tables[TABLE]) == len(backend.received)


def test_last_try_is_noted_with_the_beginning_of_the_answer(cloud: FakeAws, post_queue: Function) -> None:
    told = {"backend-status": "500,200", "backend-answer": "no" * 3000}
    post_queue(sqs_event(message(headers=told)))
    first = noted(cloud)
    assert (first["status"], first["attempt"], first["delivered"]) == ("500", "1", False)
    assert first["answer"] == "no" * 1024
    assert abs(int(first["expires_at"]) - time.time() - 14 * 86_400) < 60
    post_queue(sqs_event(message(headers=told), attempts=2))
    second = noted(cloud)
    assert (second["status"], second["attempt"], second["delivered"]) == ("200", "2", True)


def batches(cloud: FakeAws) -> list[list[dict[str, Any]]]:
    """The notes of each call."""
    return [
        [put["PutRequest"]["Item"] for put in json.loads(body)["RequestItems"][TABLE]]
        for _, _, headers, body in cloud.requests
        if headers.get("x-amz-target", "").endswith(".BatchWriteItem")
    ]


def test_tries_of_a_batch_are_noted_25_at_once(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(*[message(f"e{number}") for number in range(30)]))
    assert [len(batch) for batch in batches(cloud)] == [25, 5]
    assert len(cloud.tables[TABLE]) == 30


def test_of_one_id_twice_in_a_batch_the_last_try_is_noted(
    cloud: FakeAws, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKEND_CONCURRENCY", "1")
    again = {"backend-status": "500,200"}
    post_queue(sqs_event(message(headers=again), message("evt_2"), message(headers=again)))
    assert [len(batch) for batch in batches(cloud)] == [2]
    assert (noted(cloud)["delivered"], noted(cloud, "evt_2")["delivered"]) == (True, True)


def test_notes_that_dynamodb_leaves_over_are_given_again(cloud: FakeAws, post_queue: Function) -> None:
    def one_less(service: str, action: str) -> tuple[int, bytes] | None:
        if action != "BatchWriteItem" or len(batches(cloud)) > 1:
            return None
        (puts,) = batches(cloud)
        return 200, json.dumps({"UnprocessedItems": {TABLE: [{"PutRequest": {"Item": puts[0]}}]}}).encode()

    cloud.answer = one_less
    assert post_queue(sqs_event(message(), message("evt_2"))) == {"batchItemFailures": []}
    assert [len(batch) for batch in batches(cloud)] == [2, 1]


def test_notes_that_dynamodb_never_takes_are_given_up_in_time(
    cloud: FakeAws, post_queue: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(_: str, action: str) -> tuple[int, bytes] | None:
        if action != "BatchWriteItem":
            return None
        left = [{"PutRequest": {"Item": item}} for item in batches(cloud)[-1]]
        return 200, json.dumps({"UnprocessedItems": {TABLE: left}}).encode()

    cloud.answer = none
    started = time.monotonic()
    assert post_queue(sqs_event(message())) == {"batchItemFailures": []}
    assert time.monotonic() - started < 2
    assert '"tries are not noted","ids":["evt_1"]' in capsys.readouterr().out.replace(": ", ":").replace(", ", ",")


def test_delivery_that_can_not_be_noted_is_delivered(cloud: FakeAws, post_queue: Function) -> None:
    cloud.answer = lambda service, action: (400, b'{"__type":"Gone"}') if service.startswith("Dynamo") else None
    assert post_queue(sqs_event(message())) == {"batchItemFailures": []}


def test_delivery_whose_note_gets_no_answer_is_delivered(
    backend: Backend, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a network without a way to DynamoDB."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{silent.getsockname()[1]}")
        batch = sqs_event(*(message(f"evt_{number}") for number in range(8)))  # two for each connection
        started = time.monotonic()
        assert post_queue(batch, 8.0) == {"batchItemFailures": []}
    assert len(backend.received) == 8
    assert time.monotonic() - started < 2  # a second for all notes together


def test_retry_after_is_told_to_the_queue(cloud: FakeAws, post_queue: Function) -> None:
    told = {"backend-status": "503", "backend-retry-after": "40"}
    event = sqs_event(message(headers=told))
    assert post_queue(event) == FAILED
    assert cloud.hidden_for == {event["Records"][0]["receiptHandle"]: 40}


def test_all_of_a_batch_are_put_off_in_calls_of_ten(cloud: FakeAws, post_queue: Function) -> None:
    told = {"backend-status": "503", "backend-retry-after": "40"}
    event = sqs_event(*(message(f"evt_{number}", headers=told) for number in range(25)))
    for number, record in enumerate(event["Records"]):
        record["receiptHandle"] = f"r{number}"
    assert len(post_queue(event)["batchItemFailures"]) == 25
    assert cloud.hidden_for == {f"r{number}": 40 for number in range(25)}
    calls = [headers["x-amz-target"] for _, _, headers, _ in cloud.requests if "x-amz-target" in headers]
    assert calls.count("AmazonSQS.ChangeMessageVisibilityBatch") == 3


def test_failure_without_retry_after_leaves_the_time_to_the_queue(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(message(headers={"backend-status": "503"})))
    assert cloud.hidden_for == {}


def test_queue_that_does_not_take_the_time_changes_nothing(cloud: FakeAws, post_queue: Function) -> None:
    cloud.answer = lambda service, action: (400, b"{}") if action == "ChangeMessageVisibilityBatch" else None
    told = {"backend-status": "503", "backend-retry-after": "40"}
    assert post_queue(sqs_event(message(headers=told))) == FAILED


@pytest.mark.parametrize(
    ("retry_after", "attempt", "seconds"),
    [
        ("", 1, 0),
        ("soon", 1, 0),
        ("0", 1, 1),
        ("1", 3, 25),
        ("120", 1, 120),
        ("120", 3, 120),
        ("120 ", 1, 120),
        ("120, 120", 1, 120),
        ("9" * 30, 1, 3600),
        ("1", 50, 3600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 2, 5),
    ],
)
def test_retry_after_is_kept_within_sense(retry_after: str, attempt: int, seconds: int) -> None:
    assert backend_module.later(retry_after, attempt) == seconds


def test_retry_after_may_be_a_date() -> None:
    assert 28 <= backend_module.later(formatdate(time.time() + 30, usegmt=True), 1) <= 31


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "backend")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "backend.pem"
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(text + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def secure(certificate: Path, monkeypatch: pytest.MonkeyPatch, post_queue: Function) -> Iterator[Backend]:
    monkeypatch.setattr(reaching, "_context", None)
    with Backend(certificate=certificate) as running:
        monkeypatch.setenv("BACKEND_URL", running.url)
        yield running


def test_backend_with_a_trusted_certificate_gets_webhooks(
    secure: Backend, certificate: Path, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert post_queue(sqs_event(*[message(f"e{n}") for n in range(12)])) == {"batchItemFailures": []}
    assert len(secure.received) == 12
    assert secure.connections <= 4


def test_backend_with_an_untrusted_certificate_gets_nothing(
    cloud: FakeAws, secure: Backend, post_queue: Function
) -> None:
    assert post_queue(sqs_event(message())) == FAILED
    assert secure.received == []
    assert noted(cloud)["reason"] == "backend away: SSLCertVerificationError"


def test_handshake_that_does_not_end_is_a_failed_try(
    cloud: FakeAws, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("BACKEND_URL", f"https://127.0.0.1:{silent.getsockname()[1]}/")
        assert post_queue(sqs_event(message())) == FAILED
    assert noted(cloud)["reason"] == "backend away: TimeoutError"


@pytest.mark.parametrize("told", [{"backend-fault": "drip"}, {"backend-fault": "endless"}])
def test_answer_over_tls_that_does_not_end_is_a_failed_try(
    cloud: FakeAws,
    secure: Backend,
    certificate: Path,
    post_queue: Function,
    monkeypatch: pytest.MonkeyPatch,
    told: dict[str, str],
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    started = time.monotonic()
    assert post_queue(sqs_event(message(headers=told))) == FAILED
    assert noted(cloud)["reason"] == "backend: TimeoutError"
    assert time.monotonic() - started < 2


def drip(listening: socket.socket, first: bytes) -> None:
    """Accepts one connection and sends a byte at a time on it, as long as somebody listens."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            connected, _ = listening.accept()
            with connected:
                connected.sendall(first)
                while True:
                    connected.sendall(b"x")
                    time.sleep(0.1)

    threading.Thread(target=serve, daemon=True).start()


def test_handshake_that_comes_a_byte_at_a_time_is_cut(
    cloud: FakeAws, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        drip(listening, b"\x16\x03\x03\x40\x00")  # a handshake's record of 16 KB
        monkeypatch.setenv("BACKEND_URL", f"https://127.0.0.1:{listening.getsockname()[1]}/")
        started = time.monotonic()
        assert post_queue(sqs_event(message())) == FAILED
    assert noted(cloud)["reason"] == "backend away: TimeoutError"
    assert time.monotonic() - started < 2


def test_body_that_the_backend_does_not_take_is_cut(
    cloud: FakeAws, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads nothing, and says a byte at a time."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        drip(listening, b"")
        monkeypatch.setenv("BACKEND_URL", f"http://127.0.0.1:{listening.getsockname()[1]}/")
        started = time.monotonic()
        assert post_queue(sqs_event(message(body="x" * 8_000_000))) == FAILED
    assert noted(cloud)["reason"] == "backend: TimeoutError"
    assert time.monotonic() - started < 3


def test_requests_start_no_thread_of_their_own(
    backend: Backend, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    start = threading.Thread.start

    def counted(self: threading.Thread) -> None:
        started.append(self.name)
        start(self)

    monkeypatch.setattr(threading.Thread, "start", counted)
    post_queue(sqs_event(*[message(f"e{number}") for number in range(20)]))
    assert len(backend.received) == 20
    assert [name for name in started if not name.startswith("http_") and "process_request" not in name] == []


def test_long_body_arrives_whole(backend: Backend, post_queue: Function) -> None:
    body = "y" * 1_000_000
    assert post_queue(sqs_event(message(body=body))) == {"batchItemFailures": []}
    assert only(backend).body == body.encode()


def test_method_that_is_none_is_not_sent(cloud: FakeAws, backend: Backend, post_queue: Function) -> None:
    assert post_queue(sqs_event(message(method="GET / HTTP/1.1\r\nx: y"))) == FAILED
    assert backend.received == []
    assert noted(cloud)["reason"] == "backend: ValueError"


PRIVATE = [
    *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
    *("224.0.0.1", "240.0.0.1", "::1", "::", "fe80::1%eth0", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1"),
    *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1::101:101", "2002:7f00:1::", "::10.0.0.1", "fec0::1"),
    *("192.0.0.8", "198.18.0.1", "2001:db8::1", "5f00::1"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_address_of_no_internet_is_not_public(address: str) -> None:
    assert not reaching.is_public(address)


PUBLIC = ["1.1.1.1", "52.94.236.248", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


@pytest.mark.parametrize("address", PUBLIC)
def test_address_of_the_internet_is_public(address: str) -> None:
    assert reaching.is_public(address)


def test_name_that_leads_to_a_private_address_is_refused(
    cloud: FakeAws, backend: Backend, post_queue: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BACKEND_ALLOW_PRIVATE")
    monkeypatch.setenv("BACKEND_URL", f"http://localhost:{backend.port}/")
    assert post_queue(sqs_event(message())) == FAILED
    assert (backend.received, backend.connections) == ([], 0)
    assert "addresses that are private" in noted(cloud)["reason"]


def test_name_is_asked_once_and_that_address_is_connected_to(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that gives a public address (here 127.0.0.2) first and a private one next gets nowhere."""
    answers = iter([("127.0.0.2", backend.port), ("127.0.0.1", backend.port)])
    asked: list[str] = []

    def resolve(host: str, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", next(answers))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(reaching, "is_public", lambda address: address == "127.0.0.2")
    with pytest.raises(ConnectionRefusedError):
        reaching.reach("rebind.example", backend.port, time.monotonic() + 0.3, allow_private=False)
    assert asked == ["rebind.example"]
    assert backend.connections == 0
