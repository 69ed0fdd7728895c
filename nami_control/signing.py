"""What a provider would send: the other side of the functions' verification."""

from __future__ import annotations

import binascii
import json
import re
from datetime import UTC, datetime
from time import time
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from nami_runtime import signatures
from nami_runtime.request import Request
from nami_runtime.signatures import adyen
from nami_runtime.signatures.client_state import ClientState
from nami_runtime.signatures.schemes import Basic, Hmac, Token, Unsigned


def sign(
    setting: dict[str, Any],
    secret: str,
    body: bytes,
    *,
    headers: dict[str, str] | None = None,
    method: str = "POST",
    url: str = "https://example.com/",
    now: float | None = None,
) -> tuple[dict[str, str], bytes]:
    """(headers, body) to send so that the scheme in `setting` accepts them.

    `headers` are those sent anyway, such as content-type. The body changes for providers that put the timestamp or the
    signature into it. Raises ValueError for schemes whose private key is the provider's.
    """
    forms = signatures.configured(setting)
    token_form = isinstance(forms[-1], Token) and not secret.startswith("whsec_")  # GitLab has both
    scheme = forms[-1] if token_form else forms[0]
    given = {name.lower(): value for name, value in (headers or {}).items()}
    if isinstance(scheme, Hmac):
        return _hmac(scheme, secret, body, given, method, url, time() if now is None else now)
    if isinstance(scheme, Token):
        return _token(scheme, secret, body, given)
    if isinstance(scheme, Basic):
        return {**given, "authorization": "Basic " + binascii.b2a_base64(secret.encode(), newline=False).decode()}, body
    if isinstance(scheme, adyen.Adyen):
        return given, _adyen(secret, body)
    if isinstance(scheme, ClientState):
        notifications = json.loads(body)
        for item in notifications["value"]:
            item["clientState"] = secret
        return given, json.dumps(notifications).encode()
    if isinstance(scheme, Unsigned):
        return given, body
    raise ValueError(f"{setting['scheme']} signs with the provider's private key")


def query(setting: dict[str, Any], secret: str) -> str:
    """What the URL ends with where a token travels there, such as `code=…`; else empty."""
    form = signatures.configured(setting)[-1]
    kind, _, name = form.secret_source().partition(":")
    return urlencode({name: getattr(form, "prefix", "") + secret}) if kind == "query" else ""


def _token(scheme: Token, secret: str, body: bytes, headers: dict[str, str]) -> tuple[dict[str, str], bytes]:
    kind, colon, name = scheme.header.partition(":")
    if kind == "body":
        return headers, _with_field(body, scheme.header, scheme.prefix + secret)
    if kind == "form":
        return headers, body + b"&" * bool(body) + urlencode({name: scheme.prefix + secret}).encode()
    return ({**headers, scheme.header: scheme.prefix + secret} if not colon else headers), body


def _hmac(
    scheme: Hmac, secret: str, body: bytes, headers: dict[str, str], method: str, url: str, now: float
) -> tuple[dict[str, str], bytes]:
    stamp = _stamp(scheme, now)
    if scheme.id:
        headers.setdefault(scheme.id, f"msg_{uuid4().hex}")
    if scheme.timestamp.startswith("body:"):
        body = _with_field(body, scheme.timestamp, int(stamp) if scheme.milliseconds else stamp)
    elif scheme.timestamp.startswith("part:"):
        headers[scheme.header] = f"{scheme.timestamp[5:]}={stamp}"
    elif scheme.timestamp.startswith("item:"):
        headers[scheme.header] = stamp
    elif scheme.timestamp:
        headers[scheme.timestamp] = stamp
    for source in re.findall(r"\{(body:[^{}]+)\}", scheme.signed):
        body = _with_field(body, source, uuid4().hex)
    called = urlsplit(url)
    request = Request(
        method,
        called.path or "/",
        called.query,
        headers=headers,
        body=body,
        request_id="-",
        domain=called.netloc,
    )
    content = next(scheme.contents(request))
    signature = scheme.signature(secret, content).decode()
    if scheme.header.startswith("body:"):
        return headers, _with_field(body, scheme.header, signature)
    before = headers[scheme.header] + scheme.separator if scheme.timestamp.startswith(("part:", "item:")) else ""
    name = scheme.part.split(" ")[0] + "=" if scheme.part else scheme.prefix
    headers[scheme.header] = before + name + signature
    return headers, body


def _stamp(scheme: Hmac, now: float) -> str:
    if scheme.iso:
        return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(int(now * 1000 if scheme.milliseconds else now))


def _adyen(secret: str, body: bytes) -> bytes:
    """The body with a signature in each notification."""
    document = json.loads(body)
    if not adyen.notifications(document):
        raise KeyError("notificationItems")
    for item in adyen.notifications(document):
        item.setdefault("additionalData", {})["hmacSignature"] = adyen.signature(secret, adyen.content(item)).decode()
    return json.dumps(document).encode()


def _with_field(body: bytes, source: str, value: object) -> bytes:
    document = json.loads(body)
    *parents, last = source.removeprefix("body:").split(".")
    target = document
    for name in parents:
        target = target.setdefault(name, {})
    target[last] = value
    return json.dumps(document).encode()
