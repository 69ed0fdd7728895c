"""The lean client: its signatures and endpoints are botocore's, and it survives what happens to connections."""

import contextlib
import hashlib
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.endpoint_provider
import botocore.exceptions
import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nami_runtime import aws
from nami_runtime.aws import Credentials, Signer
from nami_runtime.connection import Connection
from tests.unit.runtime.conftest import FakeAws

# Signatures

_HEADER_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
_NAME = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)
_KEY_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
# What botocore leaves out of what it signs, and what the test sets itself.
_UNSIGNED = {*botocore.auth.SIGNED_HEADERS_BLACKLIST, "authorization", "x-amz-date", "host"}


@given(
    method=st.sampled_from(["GET", "POST", "PUT"]),
    key=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    extra=st.dictionaries(_NAME.filter(lambda name: name not in _UNSIGNED and "amz" not in name), _HEADER_TEXT),
    body=st.binary(max_size=200),
    service=st.sampled_from(["sqs", "secretsmanager", "s3"]),
    region=st.sampled_from(["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"]),
    access_key=_KEY_TEXT.filter(lambda text: "," not in text and "/" not in text),
    secret_key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    token=st.one_of(st.just(""), _KEY_TEXT),
    day=st.datetimes(),
)
def test_the_signature_is_botocores(
    method: str,
    key: str,
    extra: dict[str, str],
    body: bytes,
    service: str,
    region: str,
    access_key: str,
    secret_key: str,
    token: str,
    day: object,
) -> None:
    path = "/" + aws._percent_encoded(key) if service == "s3" else "/"
    timestamp = f"{day:%Y%m%dT%H%M%SZ}".rjust(16, "0")
    headers = {**extra, "host": "service.example.com", "x-amz-date": timestamp}
    payload_hash = hashlib.sha256(body).hexdigest()
    if service == "s3":
        headers["x-amz-content-sha256"] = payload_hash
    if token:
        headers["x-amz-security-token"] = token
    credentials = botocore.credentials.Credentials(access_key, secret_key, token or None)
    request = botocore.awsrequest.AWSRequest(method, f"https://service.example.com{path}", headers, body)
    request.context["timestamp"] = timestamp
    kind = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
    theirs = kind(credentials, service, region)
    canonical = theirs.canonical_request(request)
    signature = theirs.signature(theirs.string_to_sign(request, canonical), request)

    ours = Signer(service, region, Credentials(access_key, secret_key, token))
    head = ours.head(ours.template(method, path, {**extra, "host": "service.example.com"}), body, timestamp)
    value = head.partition("\r\nauthorization: ")[2].partition("\r\n")[0]

    assert value.endswith(f"Signature={signature}")
    assert f"SignedHeaders={theirs.signed_headers(theirs.headers_to_sign(request))}," in value
    assert value.startswith(
        f"AWS4-HMAC-SHA256 Credential={access_key}/{timestamp[:8]}/{region}/{service}/aws4_request,"
    )


def test_every_request_on_the_wire_carries_the_signature_that_botocore_computes_for_it(cloud: FakeAws) -> None:
    cloud.secrets["arn"] = "s"
    aws.client("sqs").call("AmazonSQS.SendMessage", {"QueueUrl": "q", "MessageBody": "é"}, time.monotonic() + 5)
    aws.client("secretsmanager").call("secretsmanager.GetSecretValue", {"SecretId": "arn"}, time.monotonic() + 5)
    aws.client("s3", bucket="b").put_object("a b/é", b"body", time.monotonic() + 5)
    services = ["sqs", "secretsmanager", "s3"]
    for service, (method, path, headers, body) in zip(services, cloud.requests, strict=True):
        signed = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
        request = botocore.awsrequest.AWSRequest(
            method, cloud.url + path, {name: headers[name] for name in signed if name != "host"}, body
        )
        request.context["timestamp"] = headers["x-amz-date"]
        credentials = botocore.credentials.Credentials(
            "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session/token+=="
        )
        kind = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
        theirs = kind(credentials, service, "eu-central-1")
        signature = theirs.signature(theirs.string_to_sign(request, theirs.canonical_request(request)), request)
        assert headers["authorization"].endswith(signature)
        assert headers["x-amz-security-token"] == "session/token+=="


def test_the_day_changes_the_key() -> None:
    signer = Signer("sqs", "us-east-1", Credentials("a", "b"))
    template = signer.template("POST", "/", {"host": "h"})
    values = [
        signer.head(template, b"", stamp).partition("authorization: ")[2]
        for stamp in ("20240101T000000Z", "20240102T000000Z", "20240101T000000Z")
    ]
    assert values[0] == values[2] != values[1]


# Endpoints


def _regions() -> list[str]:
    session = botocore.session.get_session()
    return [
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("sqs", partition)
    ]


@pytest.mark.parametrize("dual_stack", [False, True])
@pytest.mark.parametrize("service", ["sqs", "secretsmanager", "s3"])
def test_endpoints_are_botocores_in_every_region_that_it_knows(service: str, dual_stack: bool) -> None:
    loader = botocore.session.get_session().get_component("data_loader")
    rules = loader.load_service_model(service, "endpoint-rule-set-1")
    partitions = loader.load_data("partitions")
    provider = botocore.endpoint_provider.EndpointProvider(rules, partitions)
    regions = _regions()
    assert len(regions) > 30
    for region in regions:
        try:
            theirs = provider.resolve_endpoint(Region=region, UseDualStack=dual_stack, UseFIPS=False).url
        except botocore.exceptions.EndpointProviderError:
            continue
        assert aws.endpoint(service, region, dual_stack=dual_stack) == theirs


@pytest.mark.parametrize(
    ("environment", "bucket", "url"),
    [
        ({}, "", "https://sqs.eu-central-1.amazonaws.com"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "", "https://sqs.eu-central-1.api.aws"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "", "http://127.0.0.1:4566"),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:1"},
            "",
            "http://127.0.0.1:1",
        ),
    ],
)
def test_the_environment_decides_where_calls_go(
    cloud: FakeAws, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], bucket: str, url: str
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    connection = aws.Client("sqs", bucket=bucket)._connection
    assert f"{'https' if connection.secure else 'http'}://{connection.host}" == url


def test_a_bucket_is_a_host_on_aws_and_a_path_elsewhere(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.client("s3", bucket="claims").put_object("k", b"x", time.monotonic() + 5)
    assert cloud.requests[0][1] == "/claims/k"
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert aws.Client("s3", bucket="claims")._connection.host == "claims.s3.eu-central-1.amazonaws.com"


# Connections


class Script:
    """A raw server: one function per connection that is accepted."""

    def __init__(self, *scenes: Callable[[socket.socket], None]) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.accepted = 0
        self._scenes = scenes
        self.thread = threading.Thread(target=self._play, daemon=True)
        self.thread.start()

    def _play(self) -> None:
        for scene in self._scenes:
            with contextlib.suppress(OSError):
                connected, _ = self.listener.accept()
                self.accepted += 1
                with connected:
                    scene(connected)
        self.listener.close()


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


def _ask(connected: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        received = connected.recv(65536)
        if not received:
            raise ConnectionError
        data += received
    return data


def _answers(*answers: bytes) -> Callable[[socket.socket], None]:
    def scene(connected: socket.socket) -> None:
        for answer in answers:
            _ask(connected)
            connected.sendall(answer)

    return scene


def _exchange(connection: Connection, seconds: float = 5.0) -> tuple[int, bytes]:
    return connection.exchange("GET / HTTP/1.1\r\nhost: h\r\n\r\n", b"", time.monotonic() + seconds)


@pytest.fixture
def connect() -> Iterator[Callable[..., tuple[Connection, Script]]]:
    opened: list[Connection] = []

    def make(*scenes: Callable[[socket.socket], None]) -> tuple[Connection, Script]:
        script = Script(*scenes)
        opened.append(Connection(script.url))
        return opened[-1], script

    yield make
    for connection in opened:
        connection.close()


Connect = Callable[..., tuple[Connection, Script]]


def test_one_connection_serves_many_calls(connect: Connect) -> None:
    connection, script = connect(_answers(OK, OK, OK))
    assert [_exchange(connection) for _ in range(3)] == [(200, b"{}")] * 3
    assert script.accepted == 1


def test_a_connection_closed_in_the_meantime_is_renewed(connect: Connect) -> None:
    connection, script = connect(_answers(OK), _answers(OK))
    _exchange(connection)
    time.sleep(0.05)
    assert _exchange(connection) == (200, b"{}")
    assert script.accepted == 2


def test_a_connection_is_renewed_once_only(connect: Connect) -> None:
    def hang_up(connected: socket.socket) -> None:
        _ask(connected)

    connection, script = connect(_answers(OK), hang_up, _answers(OK))
    _exchange(connection)
    time.sleep(0.05)
    with pytest.raises(OSError, match="closed"):
        _exchange(connection)
    assert script.accepted == 2


def test_a_connection_that_went_dead_without_a_word_is_given_up_early(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nami_runtime.connection._STALE_AFTER_SECONDS", -1.0)
    monkeypatch.setattr("nami_runtime.connection._STALE_WAIT_SECONDS", 0.1)

    def silent(connected: socket.socket) -> None:
        _ask(connected)
        connected.sendall(OK)
        threading.Thread(target=time.sleep, args=(2,), daemon=True).start()
        kept.append(connected.dup())

    kept: list[socket.socket] = []
    connection, script = connect(silent, _answers(OK))
    _exchange(connection)
    started = time.monotonic()
    assert _exchange(connection) == (200, b"{}")
    assert time.monotonic() - started < 1
    assert script.accepted == 2


def test_connection_close_is_obeyed(connect: Connect) -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    connection, script = connect(_answers(closing), _answers(OK))
    assert [_exchange(connection), _exchange(connection)] == [(200, b"{}")] * 2
    assert script.accepted == 2


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx", b"x"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.0 200 OK\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", b""),
    ],
)
def test_each_way_of_framing_a_body_is_read(connect: Connect, answer: bytes, expected: bytes) -> None:
    connection, _ = connect(_answers(answer))
    assert _exchange(connection)[1] == expected


def test_an_interim_answer_may_come_long_before_the_real_one(connect: Connect) -> None:
    def slow(connected: socket.socket) -> None:
        _ask(connected)
        connected.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.1)
        connected.sendall(OK)

    connection, _ = connect(slow)
    assert _exchange(connection) == (200, b"{}")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 \u0662\u0660\u0660 OK\r\n\r\n".encode(),
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-5\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000,
    ],
)
def test_a_broken_answer_is_an_error_and_closes_the_connection(connect: Connect, answer: bytes) -> None:
    connection, _ = connect(_answers(answer))
    with pytest.raises(OSError):  # noqa: PT011 - which of them does not matter to the caller
        _exchange(connection)
    assert connection._socket is None


def test_the_deadline_holds_against_a_server_that_drips(connect: Connect) -> None:
    def drip(connected: socket.socket) -> None:
        _ask(connected)
        connected.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(100):
            connected.sendall(b"x")
            time.sleep(0.02)

    connection, _ = connect(drip)
    started = time.monotonic()
    with pytest.raises(OSError):  # noqa: PT011 - a time-out is one
        _exchange(connection, seconds=0.3)
    assert time.monotonic() - started < 0.6


def test_a_deadline_in_the_past_sends_nothing(cloud: FakeAws) -> None:
    with pytest.raises(aws.Unavailable):
        aws.client("sqs").call("AmazonSQS.SendMessage", {}, time.monotonic() - 1)
    assert cloud.requests == []


def test_an_empty_answer_is_that_of_an_action_without_output(cloud: FakeAws) -> None:
    parameters: dict[str, object] = {"QueueUrl": "q", "ReceiptHandle": "r1", "VisibilityTimeout": 7}
    assert aws.client("sqs").call("AmazonSQS.ChangeMessageVisibility", parameters, time.monotonic() + 5) == {}
    assert cloud.hidden_for == {"r1": 7}


def test_a_refusal_is_told_by_its_code(cloud: FakeAws) -> None:
    cloud.answer = lambda service, action: (400, b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}')
    with pytest.raises(aws.Rejected) as caught:
        aws.client("sqs").call("AmazonSQS.SendMessage", {}, time.monotonic() + 5)
    assert (caught.value.status, caught.value.code) == (400, "QueueDoesNotExist")


def test_an_object_that_is_not_there_is_told_by_its_code(cloud: FakeAws) -> None:
    with pytest.raises(aws.Rejected) as caught:
        aws.client("s3", bucket="b").get_object("k", time.monotonic() + 5)
    assert (caught.value.status, caught.value.code) == (404, "NoSuchKey")


# TLS


@pytest.fixture(autouse=True)
def no_certificates_read_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "_tls", None)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    return folder


def _tls_server(certificate: Path, *answers: bytes) -> int:
    return _tls_scene(certificate, _answers(*answers))


def _tls_scene(certificate: Path, scene: Callable[[socket.socket], None]) -> int:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError), listener:
            connected, _ = listener.accept()
            with context.wrap_socket(connected, server_side=True) as secured:
                scene(secured)

    threading.Thread(target=serve, daemon=True).start()
    port: int = listener.getsockname()[1]
    return port


def test_tls_is_kept_alive_and_its_certificate_checked(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate / "cert.pem"))
    connection = Connection(f"https://localhost:{_tls_server(certificate, OK, OK)}")
    assert [_exchange(connection), _exchange(connection)] == [(200, b"{}")] * 2
    connection.close()


@pytest.mark.parametrize(("host", "trusted"), [("localhost", False), ("127.0.0.1", True)])
def test_an_untrusted_certificate_or_another_name_is_refused(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, host: str, trusted: bool
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    if trusted:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate / "cert.pem"))
    with pytest.raises(ssl.SSLCertVerificationError):
        _exchange(Connection(f"https://{host}:{_tls_server(certificate, OK)}"))


LARGE = bytes(range(256)) * 20_000  # 5 MB: more than the buffers of both sides hold


def _echo_of(received: list[bytes]) -> Callable[[socket.socket], None]:
    """Takes a large body in slowly, twice, and answers it with itself."""

    def scene(connected: socket.socket) -> None:
        for _ in range(2):
            body = _ask(connected).partition(b"\r\n\r\n")[2]
            time.sleep(0.05)
            while len(body) < len(LARGE):
                body += connected.recv(1_000_000)
            received.append(body)
            connected.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    return scene


def _large(connection: Connection) -> tuple[int, bytes]:
    return connection.exchange("PUT / HTTP/1.1\r\nhost: h\r\n\r\n", LARGE, time.monotonic() + 20)


def test_large_requests_and_answers_go_whole(connect: Connect) -> None:
    received: list[bytes] = []
    connection, script = connect(_echo_of(received))
    assert [_large(connection), _large(connection)] == [(200, LARGE)] * 2
    assert (received, script.accepted) == ([LARGE, LARGE], 1)


def test_large_requests_and_answers_go_whole_over_tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate / "cert.pem"))
    received: list[bytes] = []
    connection = Connection(f"https://localhost:{_tls_scene(certificate, _echo_of(received))}")
    assert [_large(connection), _large(connection)] == [(200, LARGE)] * 2
    assert received == [LARGE, LARGE]
    connection.close()


# Weight


def test_the_pre_queue_function_imports_the_standard_library_alone_and_little_of_it() -> None:
    code = """
import sys
sys.path[:0] = ["lambdas", "lambdas/pre_queue"]
before = set(sys.modules)
import handler
from nami_runtime.signatures import verification
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(new))
"""
    root = Path(__file__).parents[3]
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], cwd=root, check=True, capture_output=True, text=True
    )
    imported = set(result.stdout.split())
    ours = {"handler", "nami_runtime"}
    assert imported - ours <= set(sys.stdlib_module_names)
    heavy = {"ssl", "http", "email", "urllib", "datetime", "logging", "asyncio", "typing", "base64", "boto3"}
    assert imported & heavy == set()


def test_json_bodies_are_sent_as_utf_8(cloud: FakeAws) -> None:
    aws.client("sqs").call(
        "AmazonSQS.SendMessage", {"QueueUrl": "q", "MessageBody": "ä\U0001f4e6"}, time.monotonic() + 5
    )
    assert "ä\U0001f4e6".encode() in cloud.requests[0][3]
    assert json.loads(cloud.requests[0][3])["MessageBody"] == "ä\U0001f4e6"
