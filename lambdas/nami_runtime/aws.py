"""The few calls that the functions make to AWS, on the standard library alone.

boto3 costs half a second of CPU to import and most of a millisecond per call, and a function of 256 MB has a seventh of
a core. This is a SigV4 signer, one kept-alive HTTP/1.1 connection per service, and the names of the endpoints.
Sources: AWS's "Signature Version 4 signing process", the AWS JSON protocols 1.0 and 1.1, RFC 9112.
"""

from __future__ import annotations

import json
import os
import socket
from functools import lru_cache
from hashlib import sha256
from hmac import digest
from json.encoder import encode_basestring
from select import POLLIN, poll
from time import gmtime, monotonic, strftime, time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

_HEAD_BYTES = 8_192
_RECEIVE_BYTES = 65_536
_MAX_HEAD_BYTES = 65_536
MAX_ANSWER_BYTES = 32 * 1024 * 1024
# A connection that the other side dropped without a word is found out by waiting; after this long, a new one is tried.
_STALE_AFTER_SECONDS = 5.0
_STALE_WAIT_SECONDS = 0.75


class Unavailable(Exception):
    """AWS gave no usable answer in time; the call may or may not have been carried out."""


class Rejected(Exception):
    """AWS understood the call and said no: `code` is its name for the error, `status` the HTTP status."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{code or 'error'} ({status})")
        self.status = status
        self.code = code


class Credentials:
    """What the platform puts into the function's environment."""

    __slots__ = ("access_key", "secret_key", "token")

    def __init__(self, access_key: str, secret_key: str, token: str = "") -> None:
        self.access_key = access_key
        self.secret_key = secret_key
        self.token = token

    @classmethod
    def from_environment(cls) -> Credentials:
        """Raises KeyError where there are none."""
        environ = os.environ
        return cls(
            environ["AWS_ACCESS_KEY_ID"],
            environ["AWS_SECRET_ACCESS_KEY"],
            environ.get("AWS_SESSION_TOKEN", ""),
        )


# Where a template has what changes from call to call; no header's value can hold a NUL.
_TIME, _HASH = "\0time\0", "\0hash\0"


class Template:
    """A request that is sent again and again: what of it stays the same is brought into canonical form once."""

    __slots__ = ("canonical", "head", "signed_names")

    def __init__(self, method: str, path: str, headers: dict[str, str]) -> None:
        """`path` is already percent-encoded; `headers` have lower-case names, host and the session token among them."""
        signed = {**headers, "x-amz-date": _TIME}
        names = sorted(signed)
        self.signed_names = ";".join(names)
        lines = "".join([f"{name}:{' '.join(signed[name].split())}\n" for name in names])
        self.canonical = f"{method}\n{path}\n\n{lines}\n{self.signed_names}\n{_HASH}".split("\0")
        lines = "".join([f"{name}: {value}\r\n" for name, value in signed.items()])
        self.head = f"{method} {path} HTTP/1.1\r\n{lines}".split("\0")


class Signer:
    """Signature Version 4 for one service in one region; the day's derived key is kept."""

    def __init__(self, service: str, region: str, credentials: Credentials) -> None:
        self.service = service
        self.region = region
        self.credentials = credentials
        self._day = ""
        self._key = b""

    def template(self, method: str, path: str, headers: dict[str, str]) -> Template:
        """A request of this service; `path` is percent-encoded, `headers` have lower-case names, host among them."""
        token = self.credentials.token
        return Template(
            method,
            path,
            {
                **headers,
                **({"x-amz-content-sha256": _HASH} if self.service == "s3" else {}),
                **({"x-amz-security-token": token} if token else {}),
            },
        )

    def head(self, template: Template, body: bytes, timestamp: str) -> str:
        """The signed head of the request with this body; `timestamp` is as x-amz-date writes it."""
        changing = {"time": timestamp, "hash": sha256(body).hexdigest()}
        canonical = "".join([changing.get(part, part) for part in template.canonical])
        head = "".join([changing.get(part, part) for part in template.head])
        day = timestamp[:8]
        scope = f"{day}/{self.region}/{self.service}/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = digest(self._signing_key(day), to_sign.encode(), "sha256").hex()
        return (
            f"{head}authorization: AWS4-HMAC-SHA256 Credential={self.credentials.access_key}/{scope}, "
            f"SignedHeaders={template.signed_names}, Signature={signature}\r\ncontent-length: {len(body)}\r\n\r\n"
        )

    def _signing_key(self, day: str) -> bytes:
        if day != self._day:
            key = ("AWS4" + self.credentials.secret_key).encode()
            for part in (day, self.region, self.service, "aws4_request"):
                key = digest(key, part.encode(), "sha256")
            self._key, self._day = key, day
        return self._key


@lru_cache(maxsize=1)
def _timestamp(second: int) -> str:
    return strftime("%Y%m%dT%H%M%SZ", gmtime(second))


class Connection:
    """One HTTP/1.1 connection that stays open between calls and is renewed once when it turns out to be stale."""

    _tls: Any = None  # the trusted certificates, read once for all connections

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        self.secure = scheme == "https"
        self.host = rest.partition("/")[0]
        name, _, port = self.host.rpartition(":") if not self.host.endswith("]") else (self.host, "", "")
        if port.isdigit():
            self._name, self._port = name.strip("[]"), int(port)
        else:
            self._name, self._port = self.host.strip("[]"), 443 if self.secure else 80
        self._socket: socket.socket | None = None
        self._poller = poll()
        self._not_now: tuple[type[OSError], ...] = (BlockingIOError,)
        self._used_at = 0.0

    def exchange(self, head: str, body: bytes, deadline: float) -> tuple[int, bytes]:
        """Sends one request, returns status and body. Raises OSError; the connection is then closed."""
        request = head.encode("latin-1") + body
        if self._socket is not None:
            now = monotonic()
            idle = now - self._used_at > _STALE_AFTER_SECONDS
            try:
                return self._attempt(
                    self._socket, request, min(deadline, now + _STALE_WAIT_SECONDS) if idle else deadline
                )
            except OSError:
                self.close()
                _remaining(deadline)
        return self._attempt(self._open(deadline), request, deadline)

    def connect(self, deadline: float) -> None:
        """Opens the connection unless it is open. Raises OSError."""
        if self._socket is None:
            self._open(deadline)
            self._used_at = monotonic()

    def close(self) -> None:
        """Drops the connection; the next call opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket, self._poller = None, poll()

    def _open(self, deadline: float) -> socket.socket:
        plain = socket.create_connection((self._name, self._port), _remaining(deadline))
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = self._secured(plain, deadline) if self.secure else plain
        except BaseException:
            plain.close()
            raise
        self._poller.register(self._socket, POLLIN)
        return self._socket

    def _secured(self, plain: socket.socket, deadline: float) -> socket.socket:
        if Connection._tls is None:
            from ssl import create_default_context  # noqa: PLC0415 - tens of ms, only where the endpoint is https

            Connection._tls = create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
        from ssl import SSLWantReadError, SSLWantWriteError  # noqa: PLC0415 - as above

        self._not_now = (SSLWantReadError, SSLWantWriteError)
        plain.settimeout(_remaining(deadline))
        secured: socket.socket = Connection._tls.wrap_socket(plain, server_hostname=self._name)
        return secured

    def _attempt(self, connected: socket.socket, request: bytes, deadline: float) -> tuple[int, bytes]:
        try:
            self._send(connected, request, deadline)
            status, body, reusable = _read_answer(connected, self._first(connected, deadline), deadline)
        except BaseException:
            self.close()
            raise
        if reusable:
            self._used_at = monotonic()
        else:
            self.close()
        return status, body

    # With a time-out, Python asks the kernel before each call whether it may. Nearly all requests go out at once and
    # nearly all answers come in at once, so one wait between the two is enough; what is left is done with time-outs.

    def _send(self, connected: socket.socket, request: bytes, deadline: float) -> None:
        if connected.gettimeout() != 0:
            connected.settimeout(0)
        try:
            sent = connected.send(request)
        except self._not_now:
            sent = 0
        if sent < len(request):
            connected.settimeout(_remaining(deadline))
            connected.sendall(request[sent:])

    def _first(self, connected: socket.socket, deadline: float) -> bytes:
        """What comes first of an answer."""
        if not self._poller.poll(1000 * _remaining(deadline)):
            raise TimeoutError("no answer in time")
        try:
            return connected.recv(_HEAD_BYTES)
        except self._not_now:
            connected.settimeout(_remaining(deadline))
            return connected.recv(_HEAD_BYTES)


def _remaining(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError("deadline")
    return left


def _read_answer(connected: socket.socket, data: bytes, deadline: float) -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection can serve again. `data` is what came first."""
    if not data:
        raise ConnectionResetError("connection closed before the answer")
    while True:
        while (end := data.find(b"\r\n\r\n")) < 0:
            if len(data) > _MAX_HEAD_BYTES:
                raise OSError("answer's head too long")
            data = _more(connected, data, deadline)
        if not data.startswith(b"HTTP/1.") or not data[9:12].isdigit():
            raise OSError("not an HTTP answer")
        status = int(data[9:12])
        head, data = data[: end + 2].lower(), data[end + 4 :]
        if status >= 200:
            break
    reusable = head.startswith(b"http/1.1 ") and _field(head, b"\r\nconnection:") != b"close"
    announced = _field(head, b"\r\ncontent-length:")
    if announced.isdigit() and len(announced) < 20 and b"\r\ntransfer-encoding:" not in head:
        if int(announced) > MAX_ANSWER_BYTES:
            raise OSError("answer's length out of range")
        return status, _read_exactly(connected, data, int(announced), deadline), reusable
    from nami_runtime import framing  # noqa: PLC0415 - the calls on the hot path are answered with a length

    def receive() -> bytes:
        connected.settimeout(_remaining(deadline))
        return connected.recv(_RECEIVE_BYTES)

    chunked = _field(head, b"\r\ntransfer-encoding:") == b"chunked"
    if announced and not chunked:
        raise OSError("answer's length is not a number")
    body, complete = framing.read(status, data, receive, chunked=chunked, limit=MAX_ANSWER_BYTES)
    return status, body, reusable and complete


def _field(head: bytes, name: bytes) -> bytes:
    """A header's value; empty where there is none. All is in lower case, `name` from the line's beginning on."""
    start = head.find(name)
    return head[start + len(name) : head.find(b"\r\n", start + 2)].strip() if start >= 0 else b""


def _more(connected: socket.socket, data: bytes, deadline: float) -> bytes:
    connected.settimeout(_remaining(deadline))
    received = connected.recv(_HEAD_BYTES)
    if not received:
        raise ConnectionResetError("connection closed before the answer was complete")
    return data + received


def _read_exactly(connected: socket.socket, data: bytes, length: int, deadline: float) -> bytes:
    if len(data) < length:
        parts, have = [data], len(data)
        while have < length:
            connected.settimeout(_remaining(deadline))
            received = connected.recv(_RECEIVE_BYTES)
            if not received:
                raise ConnectionResetError("connection closed before the answer was complete")
            parts.append(received)
            have += len(received)
        data = b"".join(parts)
    return data[:length]


# Region prefix → suffix of the endpoints' names, and suffix of the dual-stack ones (botocore's partitions).
_PARTITIONS = {
    "cn-": ("amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    "eusc-": ("amazonaws.eu", "api.amazonwebservices.eu"),
    "us-iso-": ("c2s.ic.gov", "api.aws.ic.gov"),
    "us-isob-": ("sc2s.sgov.gov", "api.aws.scloud"),
    "us-isof-": ("csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    "eu-isoe-": ("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
}


def endpoint(service: str, region: str, *, dual_stack: bool = False) -> str:
    """The service's URL in a region, GovCloud and China among them."""
    suffix, dual_suffix = next(
        (names for prefix, names in _PARTITIONS.items() if region.startswith(prefix)),
        ("amazonaws.com", "api.aws"),
    )
    both_anyway = service == "secretsmanager" and not region.startswith(("us-iso", "eu-iso", "eusc-"))
    if not dual_stack or both_anyway:
        return f"https://{service}.{region}.{suffix}"
    if service == "s3":
        return f"https://s3.dualstack.{region}.{suffix}"
    return f"https://{service}.{region}.{dual_suffix}"


def _configured_endpoint(service: str) -> str:
    environ = os.environ
    name = {"secretsmanager": "SECRETS_MANAGER"}.get(service, service.upper())
    return environ.get(f"AWS_ENDPOINT_URL_{name}") or environ.get("AWS_ENDPOINT_URL") or ""


def quoted(text: bytes) -> bytes:
    """UTF-8 as a JSON string in UTF-8.

    All that JSON escapes is ASCII, so the bytes can be taken for Latin-1: that costs a copy where UTF-8 costs a look at
    each character.
    """
    return encode_basestring(text.decode("latin-1")).encode("latin-1")


def compact(value: object) -> bytes:
    """A value as JSON, without spaces."""
    return _compact(value).encode()


_JSON_VERSION = {"dynamodb": "1.0", "sqs": "1.0", "secretsmanager": "1.1"}


class Client:
    """One service, one connection. Deadlines are in the clock of time.monotonic()."""

    def __init__(self, service: str, *, bucket: str = "") -> None:
        region = os.environ["AWS_REGION"]
        dual_stack = os.environ.get("AWS_USE_DUALSTACK_ENDPOINT", "").lower() == "true"
        url = _configured_endpoint(service)
        self._path = "/"
        if bucket and (url or "." in bucket):
            self._path = f"/{bucket}/"
        elif bucket:
            url = endpoint(service, region, dual_stack=dual_stack).replace("://", f"://{bucket}.", 1)
        self._connection = Connection(url.rstrip("/") or endpoint(service, region, dual_stack=dual_stack))
        self._signer = Signer(service, region, Credentials.from_environment())
        self._content_type = f"application/x-amz-json-{_JSON_VERSION.get(service, '1.1')}"
        self._templates: dict[str, Template] = {}  # by action; a JSON service's calls differ in nothing else

    def connect(self, deadline: float) -> None:
        """Opens the connection ahead of the first call. Raises OSError."""
        self._connection.connect(deadline)

    def call(self, target: str, parameters: dict[str, object] | bytes, deadline: float) -> dict[str, Any]:
        """One action of a JSON service, e.g. "AmazonSQS.SendMessage". Raises Unavailable or Rejected.

        Parameters that are bytes are JSON already.
        """
        return self._call(target, parameters if isinstance(parameters, bytes) else compact(parameters), deadline)

    def send_message(
        self, queue_url: str, message: bytes, deadline: float, parameters: dict[str, str]
    ) -> dict[str, Any]:
        """SQS's SendMessage of a text in UTF-8, with its other parameters. Raises Unavailable or Rejected."""
        others = b"".join([b',"%s":%s' % (name.encode(), quoted(text.encode())) for name, text in parameters.items()])
        body = b'{"QueueUrl":%s,"MessageBody":%s%s}' % (quoted(queue_url.encode()), quoted(message), others)
        return self._call("AmazonSQS.SendMessage", body, deadline)

    def _call(self, target: str, body: bytes, deadline: float) -> dict[str, Any]:
        template = self._templates.get(target)
        if template is None:
            headers = {"content-type": self._content_type, "x-amz-target": target}
            template = self._templates[target] = self._template("POST", "/", headers)
        answer = self._send(template, body, deadline)
        if not answer:  # of an action without output, such as SQS's ChangeMessageVisibility
            return {}
        try:
            decoded = json.loads(answer.decode())
        except ValueError:
            raise Unavailable("answer is not JSON") from None
        if not isinstance(decoded, dict):
            raise Unavailable("answer is not a JSON object")
        return decoded

    def put_object(self, key: str, body: bytes, deadline: float) -> None:
        """Writes an object of the client's bucket. Raises Unavailable or Rejected."""
        self._send(self._template("PUT", self._path + _percent_encoded(key), {}), body, deadline)

    def get_object(self, key: str, deadline: float) -> bytes:
        """Reads an object of the client's bucket. Raises Unavailable or Rejected."""
        return self._send(self._template("GET", self._path + _percent_encoded(key), {}), b"", deadline)

    def _template(self, method: str, path: str, headers: dict[str, str]) -> Template:
        return self._signer.template(method, path, {**headers, "host": self._connection.host})

    def _send(self, template: Template, body: bytes, deadline: float) -> bytes:
        """Tries twice where AWS asks for it (5xx, throttling) and time is left."""
        status, answer = self._exchange(template, body, deadline)
        if status >= 500 or status == 429:
            status, answer = self._exchange(template, body, deadline)
        if 200 <= status < 300:
            return answer
        if status >= 500 or status == 429:
            raise Unavailable(f"HTTP {status}")
        raise Rejected(status, _error_code(answer))

    def _exchange(self, template: Template, body: bytes, deadline: float) -> tuple[int, bytes]:
        head = self._signer.head(template, body, _timestamp(int(time())))
        try:
            return self._connection.exchange(head, body, deadline)
        except OSError as error:
            raise Unavailable(f"{self._signer.service}: {type(error).__name__}") from None


_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")


def _percent_encoded(key: str) -> str:
    return "".join([chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in key.encode()])


def _error_code(answer: bytes) -> str:
    """AWS's name for the error: `__type` in JSON, `<Code>` in S3's XML."""
    try:
        return str(json.loads(answer)["__type"]).rpartition("#")[2][:80]
    except (ValueError, KeyError, TypeError):
        return answer.partition(b"<Code>")[2].partition(b"</Code>")[0].decode("ascii", "replace")[:80]


_clients: dict[tuple[str, str], Client] = {}


def client(service: str, *, bucket: str = "") -> Client:
    """The process's client for a service, made at its first use and kept between invocations."""
    found = _clients.get((service, bucket))
    if found is None:
        found = _clients[service, bucket] = Client(service, bucket=bucket)
    return found
