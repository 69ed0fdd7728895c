"""The few ways in which providers prove who they are; the table of providers fills in the fields.

A *source* says where in a request a value is found: `name` is a header; `part:name` one of the `name=value` pairs in
the signature's header, `item:0` one of its texts between commas; `body:path.to.field` a field of a JSON body, where
`list[0]` is one item and `list[]` all; `query:name` and `form:name` parameters; `path:0` a part of the path.
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
_ENDLESS = ("body", "body_sha256", "form", "url", "uri", "path", "method")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_URLS = ("{url}", "{uri}", "{path}")


@dataclass(frozen=True)
class Scheme:
    """What all schemes share.

    `ids` are the sources of the delivery's id, the first that is there counts. `per_try` are fields of a JSON body that
    differ between two tries of one delivery. `handshake` names what the provider asks before it sends (see handshakes),
    with `handshake_method`. `empty_answer`: who sends takes no body. `settable` are the fields that a subscription may
    set, beside those that follow from the others. `requirements` names what has to be installed to verify, `fetches`
    tells whether that takes something from the provider's host.
    """

    ids: tuple[IdSource, ...] = ()
    per_try: tuple[str, ...] = ()
    handshake: str = ""
    handshake_method: str = "POST"
    empty_answer: bool = False
    settable: tuple[str, ...] = ()
    requirements: ClassVar[tuple[str, ...]] = ()
    fetches: ClassVar[bool] = False

    def applies(self, request: Request) -> bool:
        """Whether the request carries what this scheme reads; decides between the forms of one provider."""
        return True

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        """The one of `secrets` that the request proves, None where none fits.

        Raises Refused (401) where something is missing or out of date.
        """
        raise NotImplementedError

    def secret_source(self) -> str:
        """The source of the secret itself; empty where only a signature made with it travels."""
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
        header = request.headers.get(getattr(self, "header", ""), "")
        if kind == "part":
            return next((text for pair, text in _pairs(header, getattr(self, "separator", ",")) if pair == name), "")
        if kind != "body" or "[" in name:
            from nami_runtime.signatures import places  # noqa: PLC0415 - few providers put anything there

            return places.find(request, kind, name, header)
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
            lasting = request.body
            if self.per_try:
                from nami_runtime.signatures import places  # noqa: PLC0415 - as above

                lasting = places.lasting(request, self.per_try)
            content = request.query.encode("utf-8", "backslashreplace") + b"\n" + lasting
            return f"{found}-{sha256(content).hexdigest()[:32]}"
        return request.delivery_id


@dataclass(frozen=True)
class Signed(Scheme):
    """A signature over a template.

    `header` is the source of the signature, `also` others that may hold one: any that fits counts. In it stands
    `prefix` and the signature, or several with commas or blanks between; where it holds pairs, `part` names those that
    hold signatures, with blanks between the names. Where each group of pairs has a time of its own, it is `grouped`.
    `signed` is a template over {body}, {body_sha256} (in hex), {timestamp}, {id}, {method}, {url}, {path} (with its
    query), {uri} (HubSpot's half-decoded URL), {form} (Twilio's sorted parameters) and any other source. `encoding` is
    that of the signature: hex (in any case), base64 or base64url, padded or not. `tolerance` is in seconds, 0 leaves
    the timestamp unchecked, which is epoch seconds or milliseconds, ISO 8601 or an HTTP date. `digits` is how many it
    has, where it stands beside a field that may begin with one, `id_length` the id's where nothing else ends it; `iso`
    takes a time in ISO 8601 alone, which shows where it begins. `milliseconds` is how the provider writes it,
    `separator` what it puts between pairs; a comma or a semicolon is read as well. `public_url` is the URL that the
    producer calls, where it is not the gateway's own. `when` is (header, its value), which tells which of two forms
    with one header it is.
    """

    header: str = ""
    also: tuple[str, ...] = ()
    signed: str = "{body}"
    encoding: str = "hex"
    prefix: str = ""
    part: str = ""
    grouped: bool = False
    timestamp: str = ""
    digits: int = 0
    id_length: int = 0
    milliseconds: bool = False
    iso: bool = False
    separator: str = ","
    id: str = ""
    tolerance: int = 0
    public_url: str = ""
    when: tuple[str, ...] = ()

    def applies(self, request: Request) -> bool:
        if self.when and request.headers.get(self.when[0], "").lower() != self.when[1]:
            return False
        return any(self.find(request, source) for source in (self.header, *self.also))

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        if not self.grouped:
            return self._verify(request, secrets, now)
        from nami_runtime.signatures import places  # noqa: PLC0415 - one provider groups them

        proven = (self._verify(each, secrets, now) for each in places.groups(request, self.header))
        return next((secret for secret in proven if secret is not None), None)

    def _verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        given = self.given(request)
        if not given:
            raise Refused(401, "no signature")
        if self.tolerance:
            from nami_runtime.signatures.timestamps import check_age  # noqa: PLC0415 - half of the schemes sign none

            check_age(self.find(request, self.timestamp), self.tolerance, now)
        for content in self.contents(request):
            for secret in secrets:
                if self.fits(secret, content, given):
                    return secret
        return None

    def fits(self, secret: str, content: bytes, given: Sequence[bytes]) -> bool:
        """Whether one of the signatures, as `given` returns them, is of this content."""
        raise NotImplementedError

    def covers(self, source: str) -> bool:
        # Nor is an id covered that is signed without a body: another body could come under it.
        if "{body}" not in self.signed and "{body_sha256}" not in self.signed:
            return "{form}" in self.signed and source.startswith("form:")
        return (
            source.startswith(("body:", "form:"))
            or f"{{{source}}}" in self.signed
            or (source == self.id and "{id}" in self.signed)
        )

    def options(self) -> set[str]:
        derived = {"tolerance": bool(self.timestamp), "public_url": any(url in self.signed for url in _URLS)}
        return {*self.settable, *(name for name, there in derived.items() if there)}

    def contents(self, request: Request) -> Iterator[bytes]:
        """What may have been signed: one content, or one for each way of writing the URL."""
        if self.signed == "{body}":
            yield request.body
        elif any(url in self.signed for url in _URLS):
            from nami_runtime.signatures import urls  # noqa: PLC0415 - few schemes sign it

            urls.check_query(request, self.signed, self.public_url)
            for url in urls.written(request, self.public_url):
                yield self._content(request, url)
        else:
            yield self._content(request, "")

    def given(self, request: Request) -> list[bytes]:
        """The signatures that came with the request, without prefix and padding, hex in lower case."""
        given = []
        for source in (self.header, *self.also):
            value = self.find(request, source)
            if self.part:
                given += [text for name, text in _pairs(value, self.separator) if name in self.part.split(" ")]
            else:
                given += _signatures(value, self.prefix)
        given = [text.lower() for text in given] if self.encoding == "hex" else given
        return [text.rstrip("=").encode("utf-8", "replace") for text in given if text]

    def _content(self, request: Request, url: str) -> bytes:
        pieces = self.signed.replace("}", "{").split("{")  # literal, field, literal, …
        values = [self._field(request, piece, url) if i % 2 else piece.encode() for i, piece in enumerate(pieces)]
        for at in range(1, len(pieces), 2):
            if pieces[at] == "timestamp":
                from nami_runtime.signatures.timestamps import check_ends  # noqa: PLC0415 - as above

                before = request.body if "{body}{timestamp}" in self.signed else b""
                after = values[at + 1] or (request.body if "{timestamp}{body}" in self.signed else b"")
                identity = values[at - 2] if "{id}{timestamp}" in self.signed else b""
                check_ends(values[at], before, after, self.digits, iso=self.iso, identity=identity)
            elif pieces[at] == "id" and self.id_length and len(values[at]) != self.id_length:
                raise Refused(401, "no telling where the id ends")
            elif pieces[at] not in _ENDLESS and any(end and end in values[at] for end in values[at - 1 : at + 2 : 2]):
                # Another request could have it end there.
                raise Refused(401, f"no telling where the {pieces[at]} ends")
        return b"".join(values)

    def _field(self, request: Request, name: str, url: str) -> bytes:
        if name == "body":
            return request.body
        if name == "body_sha256":
            return request.body_hash().encode()
        if name in ("form", "uri", "path"):
            from nami_runtime.signatures import urls  # noqa: PLC0415 - as above

            return urls.derived(name, request, url)
        if name in ("method", "url"):
            text = request.method if name == "method" else url
        else:
            text = self.find(request, getattr(self, name) if name in ("timestamp", "id") else name)
            if not text:
                raise Refused(401, f"no {name}")
        return text.encode("utf-8", "replace")


@dataclass(frozen=True)
class Hmac(Signed):
    """An HMAC with a shared secret.

    `digest` is md5, sha1, sha256, sha384 or sha512. `key` is the secret's own form: text, base64, hex, or nfkd: text as
    Unicode decomposes it. `hashed` is for those who make no HMAC but hash the secret "before" or "after" the content.
    `is_json` is for a body that is signed alone, where the provider's other way signs more, which could pass for one.
    """

    digest: str = "sha256"
    key: str = "text"
    hashed: str = ""
    is_json: bool = False

    def fits(self, secret: str, content: bytes, given: Sequence[bytes]) -> bool:
        expected = self.signature(secret, content).rstrip(b"=")
        return bool(expected) and any(compare_digest(expected, candidate) for candidate in given)

    def contents(self, request: Request) -> Iterator[bytes]:
        if self.hashed == "before" or self.is_json:
            from nami_runtime.signatures import places  # noqa: PLC0415 - as above

            places.check_text(request.body, is_json=self.is_json)
        return super().contents(request)

    def signature(self, secret: str, content: bytes) -> bytes:
        """The signature as it is written in the header, without its prefix; empty where the secret is no key."""
        key = _key(secret, self.key)
        if not key:
            return b""
        if self.hashed:
            from hashlib import new  # noqa: PLC0415 - few do it so

            raw = new(self.digest, key + content if self.hashed == "before" else content + key).digest()
        else:
            raw = digest(key, content, self.digest)
        if self.encoding == "hex":
            return raw.hex().encode()
        text = binascii.b2a_base64(raw, newline=False)
        return text if self.encoding == "base64" else text.translate(_URL_SAFE).rstrip(b"=")


@dataclass(frozen=True)
class Token(Scheme):
    """A secret that the producer sends as it is: in a header, or wherever else the source `header` says.

    A prefix that ends in a blank is an authentication scheme: in any case, with any number of blanks (RFC 9110, 11.1).
    """

    header: str = "authorization"
    prefix: str = ""

    def applies(self, request: Request) -> bool:
        return bool(self.find(request, self.header))

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        given, length = self.find(request, self.header), len(self.prefix)
        if self.prefix[-1:] == " ":
            fits, token = given[:length].lower() == self.prefix.lower(), given[length:].strip()
        else:
            fits, token = given.startswith(self.prefix), given[length:]
        if not fits or not token:
            raise Refused(401, "no token")
        return matching(token, secrets)

    def secret_source(self) -> str:
        return self.header


@dataclass(frozen=True)
class Basic(Scheme):
    """HTTP basic authentication; the secret is `user:password`."""

    challenge: ClassVar[str] = 'Basic realm="nami", charset="UTF-8"'

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        try:
            credentials = binascii.a2b_base64(given.strip()).decode()
        except ValueError:
            credentials = ""
        if kind.lower() != "basic" or ":" not in credentials:
            raise Refused(401, "no basic credentials")
        return matching(credentials, [secret for secret in secrets if ":" in secret])

    def secret_source(self) -> str:
        return "authorization"


@dataclass(frozen=True)
class Unsigned(Scheme):
    """Nothing to verify, by the user's decision."""


def matching(given: str, secrets: Sequence[str]) -> str | None:
    """The secret that equals `given`; hashed first, so that the comparison tells nothing of its length either."""
    hashed = sha256(_composed(given).encode("utf-8", "replace")).digest()
    fits = (secret for secret in secrets if compare_digest(hashed, sha256(_composed(secret).encode()).digest()))
    return next(fits, None)


def _composed(text: str) -> str:
    """In one of the ways in which Unicode can write the same: keyboards and clients differ."""
    if text.isascii():
        return text
    from unicodedata import normalize  # noqa: PLC0415 - few secrets need it

    return normalize("NFC", text)


def _key(secret: str, form: str) -> bytes:
    try:
        if form == "base64":
            text = secret.removeprefix("v1,").removeprefix("whsec_").replace("-", "+").replace("_", "/")
            return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
        if form == "nfkd" and not secret.isascii():
            from unicodedata import normalize  # noqa: PLC0415 - as above

            return normalize("NFKD", secret).encode()
        return bytes.fromhex(secret) if form == "hex" else secret.encode()
    except ValueError:
        return b""


def _pairs(value: str, separator: str) -> list[tuple[str, str]]:
    """`t=1,v1=ab` (Stripe) and `ts=1;h1=ab` (Paddle)."""
    pairs = (value if separator in ",;" else value.replace(separator, ",")).replace(";", ",").split(",")
    return [(name.strip(), text.strip()) for pair in pairs for name, _, text in [pair.partition("=")]]


def _signatures(value: str, prefix: str) -> list[str]:
    text = value[len(prefix) :]
    if value.startswith(prefix) and "," not in text and " " not in text:
        return [text]
    from nami_runtime.signatures import places  # noqa: PLC0415 - mostly there is one

    return places.listed(value, prefix)
