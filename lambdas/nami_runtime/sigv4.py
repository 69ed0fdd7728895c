"""Signature Version 4, by AWS's own description: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html"""

from __future__ import annotations

import os
from hashlib import sha256
from hmac import digest


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
