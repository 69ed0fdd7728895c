"""The few ways in which providers prove who they are; the table of providers fills in the fields.

A *source* says where in a request a value is found: `name` is a header, `part:name` one of the `name=value` pairs in
the signature's header, `body:path.to.field` a field of a JSON body.
"""

from __future__ import annotations

import binascii
from hashlib import sha256
from hmac import compare_digest, digest

from nami_runtime.request import Refused, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from dataclasses import dataclass
    from typing import ClassVar

    from nami_runtime.request import Request

    IdSource = str | Callable[[Request], str]
else:
    from nami_runtime.frozen import dataclass

_MAX_ID_LENGTH = 128
# Fields that a literal need not end: there is one of them, at an end of what is signed, or its form is the gateway's.
_ENDLESS = ("body", "form", "url", "uri", "method")


@dataclass(frozen=True)
class Scheme:
    """What all schemes share.

    `ids` are the sources of the delivery's id, the first that is there counts. `per_try` are fields of a JSON body that
    differ between two tries of one delivery. `handshake` names what the provider asks
    before it sends (see handshakes), with `handshake_method`. `settable` are the fields that a subscription may set,
    beside those that follow from the others. `requirements` names what has to be installed to verify.
    """

    ids: tuple[IdSource, ...] = ()
    per_try: tuple[str, ...] = ()
    handshake: str = ""
    handshake_method: str = "POST"
    settable: tuple[str, ...] = ()
    requirements: ClassVar[str] = ""

    def applies(self, request: Request) -> bool:
        """Whether the request carries what this scheme reads; decides between the forms of one provider."""
        return True

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        """The one of `secrets` that the request proves, None where none fits.

        Raises Refused (401) where something is missing or out of date.
        """
        raise NotImplementedError

    def secret_header(self) -> str:
        """The header that carries the secret itself; empty where only a signature made with it travels."""
        return ""

    def covers(self, source: str) -> bool:
        """Whether the signature covers that source, so that nobody can change it on the way."""
        return False

    def options(self) -> set[str]:
        """What a subscription may set about it: names of fields, and `id`."""
        return set(self.settable)

    def find(self, request: Request, source: str) -> str:
        """The text at a source, or empty. Of a JSON list, the values of all its items, joined by commas."""
        kind, colon, name = source.partition(":")
        if not colon:
            return request.headers.get(source, "")
        if kind == "part":
            pairs = _pairs(request.headers.get(getattr(self, "header", ""), ""))
            return next((text for pair, text in pairs if pair == name), "")
        body = request.json()
        if not isinstance(body, list):
            return field(body, name)
        values = [field(item, name) for item in body]
        return ",".join(values) if all(values) else ""

    def delivery_id(self, request: Request) -> str:
        """The id under which this delivery is stored once.

        What the signature covers is taken as it is. What it doesn't cover is bound to a hash of query and body, so that
        nobody can send another body under the id of a delivery to come. Without either, the gateway's request id: two
        deliveries are never taken for one by guess.
        """
        for source in self.ids:
            found = self.find(request, source) if isinstance(source, str) else source(request)
            if not found:
                continue
            if not (found.isascii() and found.isprintable() and len(found) <= _MAX_ID_LENGTH):
                found = "sha256-" + sha256(found.encode("utf-8", "backslashreplace")).hexdigest()
            request.id_is_bound = callable(source) or not self.covers(source)
            if callable(source) or self.covers(source):
                return found
            content = request.query.encode("utf-8", "backslashreplace") + b"\n" + self._lasting(request)
            return f"{found}-{sha256(content).hexdigest()[:32]}"
        return request.delivery_id

    def _lasting(self, request: Request) -> bytes:
        """The body as it is at each try."""
        body = request.json() if self.per_try else None
        if not isinstance(body, dict):
            return request.body
        import json  # noqa: PLC0415 - one provider sends such

        rest = {name: value for name, value in body.items() if name not in self.per_try}
        return json.dumps(rest, sort_keys=True).encode()


@dataclass(frozen=True)
class Hmac(Scheme):
    """An HMAC with a shared secret.

    `signed` is a template over {body}, {timestamp}, {id}, {method}, {url}, {uri} (HubSpot's half-decoded URL), {form}
    (Twilio's sorted parameters) and any other source. `part` names the pairs that hold signatures, where the header
    holds pairs. `key` is the secret's own form: text, base64 or hex. `tolerance` is in seconds, 0 leaves the timestamp
    unchecked; a timestamp is epoch seconds, epoch milliseconds or ISO 8601. `digits` is how many it has, where
    it stands beside a field that may begin with one. `milliseconds` and `separator` (of the pairs) are how the provider
    writes what is read in any form. `public_url` is the URL that the producer calls, where it is not
    the gateway's own.
    """

    header: str = ""
    signed: str = "{body}"
    digest: str = "sha256"
    encoding: str = "hex"
    prefix: str = ""
    part: str = ""
    key: str = "text"
    timestamp: str = ""
    digits: int = 0
    milliseconds: bool = False
    separator: str = ","
    id: str = ""
    tolerance: int = 0
    public_url: str = ""

    def applies(self, request: Request) -> bool:
        return bool(self.find(request, self.header))

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        given = self._given(request)
        if not given:
            raise Refused(401, "no signature")
        if self.tolerance:
            from nami_runtime.signatures.timestamps import check_age  # noqa: PLC0415 - half of the schemes sign none

            check_age(self.find(request, self.timestamp), self.tolerance, now)
        for content in self.contents(request):
            for secret in secrets:
                expected = self.signature(secret, content)
                if expected and any(compare_digest(expected, candidate) for candidate in given):
                    return secret
        return None

    def covers(self, source: str) -> bool:
        if source.startswith("body:"):
            return "{body}" in self.signed
        return source == self.id and "{id}" in self.signed

    def options(self) -> set[str]:
        derived = {"tolerance": bool(self.timestamp), "public_url": "{ur" in self.signed}
        return {*self.settable, *(name for name, there in derived.items() if there)}

    def contents(self, request: Request) -> Iterator[bytes]:
        """What may have been signed: one content, or one for each way of writing the URL's port."""
        if self.signed == "{body}":
            yield request.body
        elif "{ur" in self.signed:
            for url in _urls(request, self.public_url):
                yield self._content(request, url)
        else:
            yield self._content(request, "")

    def signature(self, secret: str, content: bytes) -> bytes:
        """The signature as it is written in the header, without its prefix; empty where the secret is no key."""
        key = _key(secret, self.key)
        if not key:
            return b""
        raw = digest(key, content, self.digest)
        return raw.hex().encode() if self.encoding == "hex" else binascii.b2a_base64(raw, newline=False)

    def _given(self, request: Request) -> list[bytes]:
        value = self.find(request, self.header)
        if self.part:
            given = [text for name, text in _pairs(value) if name == self.part]
        else:
            length = len(self.prefix)
            given = [text[length:] for text in value.split(" ") if text.startswith(self.prefix)]
        if self.encoding == "hex":
            given = [text.lower() for text in given]
        return [text.encode("utf-8", "replace") for text in given if text]

    def _content(self, request: Request, url: str) -> bytes:
        pieces = self.signed.replace("}", "{").split("{")  # literal, field, literal, …
        values = [self._field(request, piece, url) if i % 2 else piece.encode() for i, piece in enumerate(pieces)]
        for at in range(1, len(pieces), 2):
            if pieces[at] == "timestamp":
                from nami_runtime.signatures.timestamps import check_ends  # noqa: PLC0415 - as above

                before, after = "{body}{timestamp}" in self.signed, "{timestamp}{body}" in self.signed
                check_ends(values[at], request.body if before else b"", request.body if after else b"", self.digits)
            elif pieces[at] not in _ENDLESS and any(end and end in values[at] for end in values[at - 1 : at + 2 : 2]):
                # Another request could have it end there.
                raise Refused(401, f"no telling where the {pieces[at]} ends")
        self._check_query(request)
        return b"".join(values)

    def _check_query(self, request: Request) -> None:
        """Where the body touches the URL, a part of it could be moved into a query that nobody else has written."""
        touches = any(pair in self.signed for pair in ("{url}{body}", "{url}{form}", "{uri}{body}"))
        if not touches or request.method == "GET" or request.query in ("", self.public_url.partition("?")[2]):
            return
        if "{form}" in self.signed and "bodySHA256=" in request.query:
            return  # Twilio's own, of a body that is no form and does not follow the URL
        raise Refused(401, "a query that the public URL has not")

    def _field(self, request: Request, name: str, url: str) -> bytes:
        if name == "body":
            return request.body
        if name == "form":
            from nami_runtime.signatures import twilio  # noqa: PLC0415 - one provider signs it

            return twilio.form(request, url)
        if name == "uri":
            from nami_runtime.signatures import hubspot  # noqa: PLC0415 - as above

            return hubspot.uri(url)
        if name in ("method", "url"):
            text = request.method if name == "method" else url
        else:
            text = self.find(request, getattr(self, name) if name in ("timestamp", "id") else name)
            if not text:
                raise Refused(401, f"no {name}")
        return text.encode("utf-8", "replace")


@dataclass(frozen=True)
class Token(Scheme):
    """A secret that the producer sends as it is, in a header."""

    header: str = "authorization"
    prefix: str = ""

    def applies(self, request: Request) -> bool:
        return self.header in request.headers

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        given = request.headers.get(self.header, "")
        if not given.startswith(self.prefix) or len(given) == len(self.prefix):
            raise Refused(401, "no token")
        return matching(given[len(self.prefix) :], secrets)

    def secret_header(self) -> str:
        return self.header


@dataclass(frozen=True)
class Basic(Scheme):
    """HTTP basic authentication; the secret is `user:password`."""

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        try:
            credentials = binascii.a2b_base64(given.strip()).decode()
        except ValueError:
            credentials = ""
        if kind.lower() != "basic" or ":" not in credentials:
            raise Refused(401, "no basic credentials")
        return matching(credentials, [secret for secret in secrets if ":" in secret])

    def secret_header(self) -> str:
        return "authorization"


@dataclass(frozen=True)
class ClientState(Scheme):
    """Microsoft Graph: each notification of the body repeats the secret that the subscription was made with."""

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        body = request.json()
        notifications = body.get("value") if isinstance(body, dict) else None
        if not isinstance(notifications, list) or not notifications:
            raise Refused(401, "no notifications")
        matches = [matching(field(item, "clientState"), secrets) for item in notifications]
        return matches[0] if None not in matches else None


@dataclass(frozen=True)
class Unsigned(Scheme):
    """Nothing to verify, by the user's decision."""


@dataclass(frozen=True)
class Asymmetric(Scheme):
    """A signature by the provider's private key, over the timestamp and the body; the secret is the public key.

    `algorithm` is ed25519 or ecdsa, `encoding` (hex or base64) that of signature and key.
    """

    algorithm: str = ""
    header: str = ""
    encoding: str = "base64"
    timestamp: str = ""
    tolerance: int = 0
    requirements: ClassVar[str] = "asymmetric"

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        # The first needs cryptography, which other schemes don't carry.
        from nami_runtime.signatures import asymmetric, timestamps  # noqa: PLC0415

        signature, timestamp = request.header(self.header), request.header(self.timestamp)
        if self.tolerance:
            timestamps.check_age(timestamp, self.tolerance, now)
        stamp = timestamp.encode("utf-8", "replace")
        timestamps.check_ends(stamp, b"", request.body)
        return asymmetric.verify(self.algorithm, self.encoding, signature, stamp + request.body, secrets)

    def covers(self, source: str) -> bool:
        return source.startswith("body:")

    def options(self) -> set[str]:
        return {*self.settable, "tolerance"}


@dataclass(frozen=True)
class PayPal(Scheme):
    """A signature by the key of a certificate, which lies at PayPal; the secret is the webhook's id.

    A try again carries the old time, so no age is checked.
    """

    requirements: ClassVar[str] = "asymmetric"

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        from nami_runtime.signatures import paypal  # noqa: PLC0415 - as above

        return paypal.verify(request, secrets, now)

    # It covers nothing: of the body it signs a CRC-32, which four chosen bytes give to any other.


def matching(given: str, secrets: Sequence[str]) -> str | None:
    """The secret that equals `given`; hashed first, so that the comparison tells nothing of its length either."""
    hashed = sha256(given.encode("utf-8", "replace")).digest()
    for secret in secrets:
        if compare_digest(hashed, sha256(secret.encode()).digest()):
            return secret
    return None


def _key(secret: str, form: str) -> bytes:
    try:
        if form == "base64":
            return binascii.a2b_base64(secret.removeprefix("whsec_"), strict_mode=True)
        return bytes.fromhex(secret) if form == "hex" else secret.encode()
    except ValueError:
        return b""


def _pairs(value: str) -> list[tuple[str, str]]:
    """`t=1,v1=ab` (Stripe) and `ts=1;h1=ab` (Paddle)."""
    pairs = []
    for pair in value.replace(";", ",").split(","):
        name, _, text = pair.partition("=")
        pairs.append((name.strip(), text.strip()))
    return pairs


def _urls(request: Request, public_url: str) -> list[str]:
    """The URL that was called, and the same with the default port written or left out, as some producers do."""
    url = public_url or f"https://{request.domain}{request.path}"
    if request.query and "?" not in url:
        url += "?" + request.query
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    name, _, port = host.rpartition(":")
    if name and port.isdigit():
        return [url, f"{scheme}://{name}{slash}{path}"]
    return [url, f"{scheme}://{host}:{443 if scheme == 'https' else 80}{slash}{path}"]
