"""What may have become of a webhook, its secret or its settings before they came here.

Each guess is the cause in words, and what would fit if it were so; whether it does is asked of the functions' own
verification.
"""

import binascii
import contextlib
import json
import unicodedata
from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode

from nami_runtime.request import Request
from nami_runtime.signatures.schemes import Hmac, Scheme, Token

if TYPE_CHECKING:
    from dataclasses import replace
else:
    from nami_runtime.frozen import replace

_SECONDS = 10.0  # for a scheme that fetches the provider's key
_BOM = b"\xef\xbb\xbf"
_AGAIN = "; what is signed is the exact bytes, so take them before anything parses the body"


def changed(request: Request, *, body: bytes | None = None, path: str | None = None, query: str | None = None,
            domain: str | None = None) -> Request:  # fmt: skip
    """A copy of the request, with what is given in place of its own."""
    return Request(
        request.method,
        request.path if path is None else path,
        request.query if query is None else query,
        headers=request.headers,
        body=request.body if body is None else body,
        request_id=request.request_id,
        domain=request.domain if domain is None else domain,
        received_at=request.received_at,
        deadline=monotonic() + _SECONDS,
    )


def bodies(body: bytes) -> Iterator[tuple[str, bytes]]:
    """The body as it may have been when it was signed."""
    bare = body.rstrip(b"\r\n")
    if bare != body:
        yield "a line end was added after the body, as editors and echo do (use printf or --data-binary)", bare
    yield "the line end after the body was taken away, as $(…) and curl's --data do (use --data-binary)", body + b"\n"
    yield "the CRLF after the body was taken away", body + b"\r\n"
    unix = body.replace(b"\r\n", b"\n")
    if unix != body:
        yield "the body's line ends were turned from LF into CRLF", unix
    if b"\n" in unix:
        yield "the body's line ends were turned from CRLF into LF", unix.replace(b"\n", b"\r\n")
    if body.startswith(_BOM):
        yield "a byte order mark was put before the body", body.removeprefix(_BOM)
    yield from _texts(body)
    yield from _documents(body)
    yield (
        "the body was lost on the way, and was signed as an empty one" if not body else "an empty body was signed",
        b"",
    )


def _texts(body: bytes) -> Iterator[tuple[str, bytes]]:
    with contextlib.suppress(ValueError):
        raw = binascii.a2b_base64(body, strict_mode=True)
        yield "the body is still base64, as the gateway's event has it (isBase64Encoded)", raw
    with contextlib.suppress(UnicodeError):
        yield "the body was turned from Latin-1 into UTF-8", body.decode().encode("latin-1")
    if b"=" in body and body.lstrip()[:1] not in (b"{", b"["):
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        for via in (urlencode(pairs), urlencode(pairs, quote_via=quote)):
            yield f"the form was parsed and written again{_AGAIN}", via.encode()


def _documents(body: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return
    compact = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    again = f"the JSON was parsed and written again, pretty-printed or with other blanks or escapes{_AGAIN}"
    yield again, compact.encode("utf-8", "replace")
    for indent in (None, 2, 4, "\t"):
        yield again, json.dumps(document, indent=indent, ensure_ascii=False).encode("utf-8", "replace")
    ascii_only = json.dumps(document, separators=(",", ":"))
    for text in (ascii_only, json.dumps(document), compact.replace("/", "\\/"), ascii_only.replace("/", "\\/")):
        yield again, text.encode("utf-8", "replace")
    ordered = json.dumps(document, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    yield f"the JSON was parsed and its names written in another order{_AGAIN}", ordered.encode("utf-8", "replace")


def secrets(value: str) -> Iterator[tuple[str, str]]:
    """The secret as the provider may have it, where it was pasted with more or less than that."""
    if (bare := value.strip("\"'` \t\r\n\ufeff\u200b\u00a0")) != value:
        yield "the secret was given with quotes, blanks or unseen characters around it; give it without", bare
    if (joined := "".join(value.split())) != value:
        yield "the secret was given with blanks or line ends in it; give it without", joined
    name, equals, rest = value.partition("=")
    if equals and rest and name.replace("_", "").replace("export ", "").isalnum():
        yield "the secret was given as NAME=value; give the value alone", rest.strip("\"' ")
    try:
        document = json.loads(value) if value[:1] == "{" else {}
    except ValueError:
        document = {}
    for each in document.values():
        if isinstance(each, str):
            yield 'the secret was given as JSON; give the value alone, or as {"secret": value}', each.strip()
    for prefix in ("v1,whsec_", "whsec_", "v1,", "Bearer ", "sha256=", "Basic "):
        if value.startswith(prefix):
            yield f"the secret was given with {prefix!r} before it, which is no part of the key", value[len(prefix) :]
    yield "the secret was given without 'whsec_' before it, which is part of the key", f"whsec_{value}"
    for form in ("NFC", "NFKD"):
        if (other := unicodedata.normalize(form, value)) != value:
            yield f"the secret's accents are composed otherwise; the provider uses Unicode's {form}", other
    yield "the provider's own secret ends in a line end; enter it there again without", value + "\n"


def schemes(form: Scheme) -> Iterator[tuple[str, Scheme]]:
    """The scheme with one of its settings otherwise."""
    if isinstance(form, Token):
        for prefix in _other(form.prefix, "", "Bearer ", "Token "):
            text = f"behind {prefix!r}" if prefix else "without anything before it"
            yield f"the token comes {text}, and was looked for behind {form.prefix!r}", replace(form, prefix=prefix)
    if not isinstance(form, Hmac):
        return
    for encoding in _other(form.encoding, "hex", "base64", "base64url"):
        yield f"the signature is {encoding}, and was read as {form.encoding}", replace(form, encoding=encoding)
    for key in _other(form.key, "text", "base64", "hex"):
        what = "the secret's own bytes" if key == "text" else f"the secret decoded from {key}"
        yield f"the key is {what}, and was taken as {form.key}", replace(form, key=key)
    for digest in _other(form.digest, "md5", "sha1", "sha256", "sha384", "sha512"):
        yield f"the digest is {digest}, and {form.digest} was computed", replace(form, digest=digest)
    if form.prefix:
        yield f"the signature comes without {form.prefix!r} before it", replace(form, prefix="")
    if form.signed != "{body}":
        yield (
            "the body alone was signed, by an older or another kind of the provider's webhooks",
            replace(form, signed="{body}"),
        )
    for encoding in ("hex", "base64"):
        for prefix in ("", "sha256=", "sha1=", "v1=", "v0="):
            fits = replace(form, encoding=encoding, prefix=prefix, digest="sha1" if prefix == "sha1=" else form.digest)
            said = f"{encoding} behind {prefix!r}" if prefix else f"{encoding} with nothing before it"
            yield f"the signature is {said}, and was looked for as {form.encoding} behind {form.prefix!r}", fits


def urls(form: Scheme, request: Request) -> Iterator[tuple[str, Scheme, Request]]:
    """Of a scheme that signs the URL, the URL as the provider may know it."""
    if not isinstance(form, Hmac) or "public_url" not in form.options():
        return
    remedy = "set public_url to the URL that the provider calls"
    host = request.headers.get("x-forwarded-host") or request.headers.get("x-original-host") or request.domain
    path, query = request.path, f"?{request.query}" if request.query else ""
    other_slash = path.removesuffix("/") if path.endswith("/") and path != "/" else path + "/"
    for scheme in ("https", "http"):
        yield (
            f"the provider calls {scheme}://{host}; {remedy}",
            replace(form, public_url=f"{scheme}://{host}{path}{query}"),
            request,
        )
        yield (
            f"the provider writes the URL's last / otherwise; {remedy}",
            replace(form, public_url=f"{scheme}://{host}{other_slash}{query}"),
            request,
        )
    if query:
        yield f"the query was added on the way; {remedy}", form, changed(request, query="")
    for stage in ("prod", "dev", "default"):
        if path.startswith(f"/{stage}/"):
            yield (
                f"the stage /{stage} is no part of the URL that the provider calls; {remedy}",
                form,
                changed(request, path=path.removeprefix(f"/{stage}")),
            )


def _other(used: str, *all_of_them: str) -> list[str]:
    return [each for each in all_of_them if each != used]
