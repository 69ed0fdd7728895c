"""How providers sign what they send: a table, one entry each. A new provider is a new line in SCHEMES.

A *source* says where in a request a value is found: `name` is a header, `part:name` one of the `name=value` pairs in
the signature's header, `body:path.to.field` a field of a JSON body. The facts come from the providers' documents.
"""

from __future__ import annotations

import binascii
from hashlib import sha256
from hmac import compare_digest, digest

from nami_runtime.request import Refused, field
from nami_runtime.secret import matching

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from dataclasses import dataclass, replace
    from typing import Any

    from nami_runtime.request import Request

    IdSource = str | Callable[[Request], str]
else:
    from nami_runtime.frozen import dataclass, replace

_MAX_ID_LENGTH = 128


@dataclass(frozen=True)
class Scheme:
    """What all schemes share.

    `ids` are the sources of the delivery's id, the first that is there counts. `handshake`: the provider asks before it
    sends. `verify` returns the one of `secrets` that the request proves, None where none fits, and raises Refused (401)
    where something is missing or out of date.
    """

    ids: tuple[IdSource, ...] = ()
    handshake: bool = False

    def applies(self, request: Request) -> bool:
        """Whether the request carries what this scheme reads; decides between the forms of one provider."""
        return True

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        """See the class."""
        raise NotImplementedError

    def secret_header(self) -> str:
        """The header that carries the secret itself; empty where only a signature made with it travels."""
        return ""

    def covers(self, source: str) -> bool:
        """Whether the signature covers that source, so that nobody can change it on the way."""
        return False


@dataclass(frozen=True)
class Hmac(Scheme):
    """An HMAC with a shared secret.

    `signed` is a template over {body}, {timestamp}, {id}, {method}, {url}, {uri} (HubSpot's half-decoded URL), {form}
    (Twilio's sorted parameters) and any other source. `part` names the pairs that hold signatures, where the header
    holds pairs. `key` is the secret's own form: text, base64 or hex. `tolerance` is in seconds, 0 leaves the timestamp
    unchecked; a timestamp is epoch seconds, epoch milliseconds or ISO 8601. `digits` is how many it has, where
    it stands beside a field that may begin with one. `public_url` is the URL that the producer calls, where it is not
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
    id: str = ""
    tolerance: int = 0
    public_url: str = ""

    def applies(self, request: Request) -> bool:
        """See Scheme."""
        return bool(find(self, request, self.header))

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        """See Scheme."""
        given = self._given(request)
        if not given:
            raise Refused(401, "no signature")
        if self.tolerance:
            from nami_runtime.timestamps import check_age  # noqa: PLC0415 - half of the schemes sign none

            check_age(find(self, request, self.timestamp), self.tolerance, now)
        for content in self.contents(request):
            for secret in secrets:
                expected = self.signature(secret, content)
                if expected and any(compare_digest(expected, candidate) for candidate in given):
                    return secret
        return None

    def covers(self, source: str) -> bool:
        """See Scheme."""
        if source.startswith("body:"):
            return "{body}" in self.signed
        return source == self.id and "{id}" in self.signed

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
        value = find(self, request, self.header)
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
        before, after = "{body}{timestamp}" in self.signed, "{timestamp}{body}" in self.signed
        if before or after or self.digits:
            from nami_runtime.timestamps import check_ends  # noqa: PLC0415 - as above

            stamp = values[pieces.index("timestamp")]
            check_ends(stamp, request.body if before else b"", request.body if after else b"", self.digits)
        return b"".join(values)

    def _field(self, request: Request, name: str, url: str) -> bytes:
        if name == "body":
            return request.body
        if name in ("form", "uri"):
            from nami_runtime import peculiar  # noqa: PLC0415 - two providers need it

            return peculiar.FIELDS[name](request, url)
        if name in ("method", "url"):
            text = request.method if name == "method" else url
        else:
            text = find(self, request, getattr(self, name) if name in ("timestamp", "id") else name)
            if not text:
                raise Refused(401, f"no {name}")
        return text.encode("utf-8", "replace")


@dataclass(frozen=True)
class Token(Scheme):
    """A secret that the producer sends as it is, in a header."""

    header: str = "authorization"
    prefix: str = ""

    def applies(self, request: Request) -> bool:
        """See Scheme."""
        return self.header in request.headers

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        """See Scheme."""
        given = request.headers.get(self.header, "")
        if not given.startswith(self.prefix) or len(given) == len(self.prefix):
            raise Refused(401, "no token")
        return matching(given[len(self.prefix) :], secrets)

    def secret_header(self) -> str:
        """See Scheme."""
        return self.header


@dataclass(frozen=True)
class Basic(Scheme):
    """HTTP basic authentication; the secret is `user:password`."""

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        """See Scheme."""
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        try:
            credentials = binascii.a2b_base64(given.strip()).decode()
        except ValueError:
            credentials = ""
        if kind.lower() != "basic" or ":" not in credentials:
            raise Refused(401, "no basic credentials")
        return matching(credentials, [secret for secret in secrets if ":" in secret])

    def secret_header(self) -> str:
        """See Scheme."""
        return "authorization"


@dataclass(frozen=True)
class ClientState(Scheme):
    """Microsoft Graph: each notification of the body repeats the secret that the subscription was made with."""

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        """See Scheme."""
        from nami_runtime import peculiar  # noqa: PLC0415 - one provider does it like this

        return peculiar.client_state(request, secrets)


@dataclass(frozen=True)
class Unsigned(Scheme):
    """Nothing to verify, by the user's decision."""


@dataclass(frozen=True)
class Asymmetric(Scheme):
    """A provider's public key; the code and the library it needs are loaded at the first request."""

    provider: str = ""
    tolerance: int = 0

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        """See Scheme."""
        from nami_runtime import asymmetric  # noqa: PLC0415 - needs cryptography, which other schemes don't carry

        return asymmetric.verify(self.provider, self.tolerance, request, secrets, now)

    def covers(self, source: str) -> bool:
        """See Scheme."""
        return source.startswith("body:") or source == "paypal-transmission-id"


def _hubspot_events(request: Request) -> str:
    from nami_runtime import peculiar  # noqa: PLC0415 - one provider does it like this

    return peculiar.hubspot_events(request)


def _standard(family: str) -> Hmac:
    return Hmac(
        header=f"{family}-signature",
        prefix="v1,",
        encoding="base64",
        key="base64",
        signed="{id}.{timestamp}.{body}",
        id=f"{family}-id",
        ids=(f"{family}-id",),
        timestamp=f"{family}-timestamp",
        tolerance=300,
    )


_STANDARD_WEBHOOKS = (_standard("webhook"), _standard("svix"))
_HUB = Hmac(header="x-hub-signature-256", prefix="sha256=")
_ATLASSIAN = Hmac(header="x-hub-signature", prefix="sha256=")

# Several entries under one name are the forms one provider uses; the first that applies to a request counts.
SCHEMES: dict[str, tuple[Scheme, ...]] = {
    "none": (Unsigned(),),
    "basic": (Basic(),),
    "token": (Token(),),
    "hmac": (Hmac(),),
    "asana": (Hmac(header="x-hook-signature", handshake=True),),
    "bitbucket": (replace(_ATLASSIAN, ids=("x-request-uuid",)),),
    "discord": (Asymmetric(provider="discord", handshake=True),),
    "dropbox": (Hmac(header="x-dropbox-signature", handshake=True),),
    "github": (replace(_HUB, ids=("x-github-delivery",)),),
    "gitlab": (*_STANDARD_WEBHOOKS, Token(header="x-gitlab-token", ids=("idempotency-key", "x-gitlab-event-uuid"))),
    "hubspot": (
        Hmac(
            header="x-hubspot-signature-v3",
            encoding="base64",
            signed="{method}{uri}{body}{timestamp}",
            timestamp="x-hubspot-request-timestamp",
            tolerance=300,
            ids=(_hubspot_events,),
        ),
    ),
    "intercom": (Hmac(header="x-hub-signature", prefix="sha1=", digest="sha1", ids=("body:id",)),),
    "jira": (replace(_ATLASSIAN, ids=("x-atlassian-webhook-identifier",)),),
    "linear": (
        Hmac(header="linear-signature", timestamp="body:webhookTimestamp", tolerance=60, ids=("linear-delivery",)),
    ),
    # Its signature covers no body, so its token counts as an id only together with the body's hash. Tries go on for
    # eight hours.
    "mailgun": (
        Hmac(
            header="body:signature.signature",
            signed="{timestamp}{body:signature.token}",
            timestamp="body:signature.timestamp",
            digits=10,
            tolerance=12 * 3600,
            ids=("body:signature.token",),
        ),
    ),
    "meta": (replace(_HUB, handshake=True),),
    "microsoft-graph": (ClientState(handshake=True),),
    "okta": (Token(ids=("body:eventId",), handshake=True),),
    "paddle": (
        Hmac(
            header="paddle-signature",
            part="h1",
            signed="{timestamp}:{body}",
            timestamp="part:ts",
            tolerance=300,
            ids=("body:event_id",),
        ),
    ),
    "paypal": (Asymmetric(provider="paypal", ids=("paypal-transmission-id",)),),
    "sendgrid": (Asymmetric(provider="sendgrid", ids=("body:sg_event_id",)),),
    "shopify": (Hmac(header="x-shopify-hmac-sha256", encoding="base64", ids=("x-shopify-webhook-id",)),),
    "slack": (
        Hmac(
            header="x-slack-signature",
            prefix="v0=",
            signed="v0:{timestamp}:{body}",
            timestamp="x-slack-request-timestamp",
            tolerance=300,
            ids=("body:event_id",),
            handshake=True,
        ),
    ),
    "square": (
        Hmac(header="x-square-hmacsha256-signature", encoding="base64", signed="{url}{body}", ids=("body:event_id",)),
    ),
    "standard-webhooks": _STANDARD_WEBHOOKS,
    "stripe": (
        Hmac(
            header="stripe-signature",
            part="v1",
            signed="{timestamp}.{body}",
            timestamp="part:t",
            tolerance=300,
            ids=("body:id",),
        ),
    ),
    "twilio": (
        Hmac(
            header="x-twilio-signature",
            digest="sha1",
            encoding="base64",
            signed="{url}{form}",
            ids=("i-twilio-idempotency-token",),
        ),
    ),
    "typeform": (Hmac(header="typeform-signature", prefix="sha256=", encoding="base64", ids=("body:event_id",)),),
    "x": (Hmac(header="x-twitter-webhooks-signature", prefix="sha256=", encoding="base64", handshake=True),),
    "zendesk": (
        Hmac(
            header="x-zendesk-webhook-signature",
            encoding="base64",
            signed="{timestamp}{body}",
            timestamp="x-zendesk-webhook-signature-timestamp",
            ids=("x-zendesk-webhook-invocation-id",),
        ),
    ),
    "zoom": (
        Hmac(
            header="x-zm-signature",
            prefix="v0=",
            signed="v0:{timestamp}:{body}",
            timestamp="x-zm-request-timestamp",
            tolerance=300,
            ids=("x-zm-trackingid",),
            handshake=True,
        ),
    ),
}


def configured(setting: dict[str, Any]) -> tuple[Scheme, ...]:
    """The scheme that a setting names, with its options, e.g. {"scheme": "stripe", "tolerance": 600}.

    `id` is the source of the delivery's id; the other options are the scheme's own fields.
    Raises KeyError for an unknown scheme and TypeError for an option that the scheme does not have.
    """
    forms = SCHEMES[setting["scheme"]]
    options = {name: value for name, value in setting.items() if name != "scheme"}
    for name in ("header", "timestamp", "id"):
        if name in options:
            options[name] = _source(options[name])
    if "id" in options:
        options["ids"] = (options["id"],)
    if unknown := [name for name in options if name != "id" and not any(hasattr(form, name) for form in forms)]:
        raise TypeError(f"{setting['scheme']} has no option {unknown[0]}")
    return tuple(
        replace(form, **{name: value for name, value in options.items() if hasattr(form, name)}) for form in forms
    )


def _source(text: str) -> str:
    return text if text.startswith(("body:", "part:")) else text.lower()


def delivery_id(scheme: Scheme, request: Request) -> str:
    """The id under which this delivery is stored once.

    What the signature covers is taken as it is. What it doesn't cover is bound to a hash of query and body, so that
    nobody can send another body under the id of a delivery to come. Without either, the gateway's request id: two
    deliveries are never taken for one by guess.
    """
    for source in scheme.ids:
        found = find(scheme, request, source) if isinstance(source, str) else source(request)
        if not found:
            continue
        if not (found.isascii() and found.isprintable() and len(found) <= _MAX_ID_LENGTH):
            found = "sha256-" + sha256(found.encode("utf-8", "backslashreplace")).hexdigest()
        if callable(source) or scheme.covers(source):
            return found
        content = request.query.encode("utf-8", "backslashreplace") + b"\n" + request.body
        return f"{found}-{sha256(content).hexdigest()[:32]}"
    return request.delivery_id


def find(scheme: Scheme, request: Request, source: str) -> str:
    """The text at a source, or empty. Of a JSON list, the values of all its items, joined by commas."""
    kind, colon, name = source.partition(":")
    if not colon:
        return request.headers.get(source, "")
    if kind == "part":
        pairs = _pairs(request.headers.get(getattr(scheme, "header", ""), ""))
        return next((text for pair, text in pairs if pair == name), "")
    body = request.json()
    if not isinstance(body, list):
        return field(body, name)
    values = [field(item, name) for item in body]
    return ",".join(values) if all(values) else ""


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
