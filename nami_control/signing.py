"""What a provider would send: the other side of the functions' verification."""

from __future__ import annotations

import binascii
import hmac
import json
import re
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from hashlib import sha256
from time import time
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from nami_runtime import signatures
from nami_runtime.request import Refused, Request
from nami_runtime.signatures import adyen, braintree, contentful
from nami_runtime.signatures.client_state import ClientState
from nami_runtime.signatures.jwts import SharedJwt
from nami_runtime.signatures.schemes import Basic, Hmac, Token, Unsigned

# Who writes its time otherwise than as a number, by the header it is in.
_WRITTEN = {"x-orb-timestamp": "%Y-%m-%dT%H:%M:%S.%f", "box-delivery-timestamp": "%Y-%m-%dT%H:%M:%SZ"}


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
    if isinstance(scheme, SharedJwt):
        token = _json_web_token(scheme, secret, body, scheme.public_url or url, int(time() if now is None else now))
        return {**given, scheme.header: scheme.prefix + token}, body
    if isinstance(scheme, adyen.Adyen | braintree.Braintree | ClientState):
        return _within(scheme, secret, given, body)
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
    if scheme.header.startswith(("query:", "form:")):
        raise ValueError(f"its signature travels in {scheme.header}")
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
    if isinstance(scheme, contentful.Contentful):
        headers[contentful.LIST] = ",".join(headers)
        headers[contentful.LIST] = contentful.listed(headers)
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
    try:
        content = next(scheme.contents(request))
    except Refused as refused:
        raise ValueError(f"what is signed is not for nami to make up: {refused.reason}") from None
    signature = scheme.signature(secret, content).decode()
    if scheme.header.startswith("body:"):
        return headers, _with_field(body, scheme.header, signature)
    before = headers[scheme.header] + scheme.separator if scheme.timestamp.startswith(("part:", "item:")) else ""
    name = scheme.part.split(" ")[0] + "=" if scheme.part else scheme.prefix
    headers[scheme.header] = before + name + signature
    return headers, body


def _stamp(scheme: Hmac, now: float) -> str:
    if written := _WRITTEN.get(scheme.timestamp):
        return datetime.fromtimestamp(now, UTC).strftime(written)
    if scheme.iso:
        return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(int(now * 1000 if scheme.milliseconds else now))


def _json_web_token(scheme: SharedJwt, secret: str, body: bytes, url: str, now: int) -> str:
    """A JSON web token by an HMAC, with the claims that the scheme looks at."""
    digest = sha256(body).digest()
    claims: dict[str, Any] = {"iat": now, "nbf": now, "exp": now + 60, "jti": uuid4().hex, **dict(scheme.claims)}
    claims[scheme.body_claim] = (
        digest.hex() if scheme.body_encoding == "hex" else binascii.b2a_base64(digest, newline=False).decode()
    )
    if scheme.url_claim:
        claims[scheme.url_claim] = sha256(url.encode()).hexdigest()
    parts = [json.dumps(part).encode() for part in ({"typ": "JWT", "alg": "HS256"}, claims)]
    signed = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    return b".".join([signed, urlsafe_b64encode(hmac.digest(secret.encode(), signed, "sha256")).rstrip(b"=")]).decode()


def _within(
    scheme: adyen.Adyen | braintree.Braintree | ClientState, secret: str, headers: dict[str, str], body: bytes
) -> tuple[dict[str, str], bytes]:
    """As sign, where the proof is a part of the body: of each notification, or beside it in a form."""
    if isinstance(scheme, braintree.Braintree):
        public, _, private = secret.partition(":")
        payload = binascii.b2a_base64(body).decode()
        fields = {braintree.SIGNATURE: f"{public}|{braintree.signature(private, payload)}", braintree.PAYLOAD: payload}
        return {**headers, "content-type": "application/x-www-form-urlencoded"}, urlencode(fields).encode()
    document = json.loads(body)
    if isinstance(scheme, ClientState):
        for item in document["value"]:
            item["clientState"] = secret
        return headers, json.dumps(document).encode()
    if not adyen.notifications(document):
        raise KeyError("notificationItems")
    for item in adyen.notifications(document):
        item.setdefault("additionalData", {})["hmacSignature"] = adyen.signature(secret, adyen.content(item)).decode()
    return headers, json.dumps(document).encode()


def _with_field(body: bytes, source: str, value: object) -> bytes:
    document = json.loads(body)
    *parents, last = source.removeprefix("body:").split(".")
    target = document
    for name in parents:
        target = target.setdefault(name, {})
    target[last] = value
    return json.dumps(document).encode()
