"""The few calls that the functions make to AWS, on the standard library alone.

boto3 costs half a second of CPU to import and most of a millisecond per call, and a function of 256 MB has a seventh of
a core. The requests are of the AWS JSON protocols 1.0 and 1.1, the query protocol, and S3's, signed by Signature
Version 4 as AWS describes it: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from hashlib import sha256
from hmac import digest
from json.encoder import encode_basestring
from time import gmtime, strftime, time

from nami_runtime.connection import Connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


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

    def ask(self, form: bytes, deadline: float) -> bytes:
        """One action of a service of the query protocol, such as SNS: its XML. Raises Unavailable or Rejected."""
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        return self._send(self._template("POST", "/", headers), form, deadline)

    def put_object(self, key: str, body: bytes, deadline: float, condition: dict[str, str] | None = None) -> None:
        """Writes an object of the client's bucket, on a condition such as {"if-none-match": "*"}.

        Raises Unavailable or Rejected; status 412 where the condition does not hold.
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        self._send(self._template("PUT", self._path + _percent_encoded(key), condition or {}), body, deadline)

    def get_object(self, key: str, deadline: float) -> bytes:
        """Reads an object of the client's bucket. Raises Unavailable or Rejected."""
        return self._send(self._template("GET", self._path + _percent_encoded(key), {}), b"", deadline)

    def _template(self, method: str, path: str, headers: dict[str, str]) -> Template:
        return self._signer.template(method, path, {**headers, "host": self._connection.host})

    def _send(self, template: Template, body: bytes, deadline: float) -> bytes:
        """Tries twice where AWS asks for it (5xx, throttling) and time is left."""
        for _ in range(2):
            status, answer = self._exchange(template, body, deadline)
            if status < 500 and status != 429:
                break
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
