"""JSON web tokens (RFC 7519) as signatures, and the table of who sends them.

What verifies them needs `pyjwt`, and `cryptography` where the key is the sender's; it is loaded with the first request.
"""

from __future__ import annotations

from binascii import b2a_base64
from hashlib import sha256
from hmac import compare_digest

from nami_runtime.request import Refused
from nami_runtime.signatures.schemes import Scheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from dataclasses import dataclass, replace
    from typing import Any, ClassVar

    from nami_runtime.request import Request
else:
    from nami_runtime.frozen import dataclass, replace

# "A few minutes" at the most, says RFC 7519, 4.1.4; a minute is what many libraries take.
_LEEWAY_SECONDS = 60


@dataclass(frozen=True)
class JsonWebToken(Scheme):
    """What they share: a token in `header`, behind `prefix`, or in place of the body where that is empty.

    Its times (exp, nbf) are kept to wherever they stand in it; `required` names the claims that must be there, `claims`
    those that must have a certain value. `body_claim` holds the body's SHA-256, in `body_encoding`: hex or base64;
    empty where the body is not signed. `bodiless` requests lack it. `url_claim` holds the called URL's, in hex. An iat
    is over `tolerance` seconds away at the most, 0 leaves it unchecked.
    """

    header: str = "authorization"
    prefix: str = ""
    required: tuple[str, ...] = ()
    claims: tuple[tuple[str, str], ...] = ()
    body_claim: str = ""
    body_encoding: str = "hex"
    bodiless: bool = False
    url_claim: str = ""
    public_url: str = ""
    tolerance: int = 0
    requirements: ClassVar[tuple[str, ...]] = ("jwt",)

    def applies(self, request: Request) -> bool:
        return not self.header or self.header in request.headers

    def covers(self, source: str) -> bool:
        return bool(self.body_claim) and source.startswith("body:")

    def options(self) -> set[str]:
        derived = {"tolerance": "iat" in self.required, "public_url": bool(self.url_claim)}
        return {*self.settable, *(name for name, there in derived.items() if there)}

    def token(self, request: Request) -> str:
        """The token. Raises Refused (401)."""
        given = request.headers.get(self.header, "") if self.header else request.body.decode("ascii", "replace")
        length = len(self.prefix)
        text = given[length:].strip()
        if not text or given[:length].lower() != self.prefix.lower():
            raise Refused(401, "no token")
        return text

    def check(self, found: dict[str, Any], request: Request, now: float) -> None:
        """Raises Refused (401) where the token's claims are not those that are asked for, at `now` (epoch seconds)."""
        for name in self.required:
            if name not in found:
                raise Refused(401, f"no {name} in the token")
        for name, value in self.claims:
            if found.get(name) != value:
                raise Refused(401, f"{name} is not {value}")
        if _time(found, "exp", now) + _LEEWAY_SECONDS < now or _time(found, "nbf", now) - _LEEWAY_SECONDS > now:
            raise Refused(401, "stale timestamp")
        if self.tolerance and abs(_time(found, "iat", now) - now) > self.tolerance:
            raise Refused(401, "stale timestamp")
        if self.body_claim and not (self.bodiless and not request.body and self.body_claim not in found):
            digest = sha256(request.body).digest()
            text = digest.hex() if self.body_encoding == "hex" else b2a_base64(digest, newline=False).decode()
            _check_equal(found, self.body_claim, [text])
        if self.url_claim:
            from nami_runtime.signatures import urls  # noqa: PLC0415 - one provider signs it

            written = urls.written(request, self.public_url)
            called = [sha256(url.encode("utf-8", "replace")).hexdigest() for url in written]
            _check_equal(found, self.url_claim, called)


def _time(found: dict[str, Any], name: str, now: float) -> float:
    value = found.get(name, now)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(401, f"{name} is no time")
    return value


def _check_equal(found: dict[str, Any], name: str, expected: Sequence[str]) -> None:
    given = str(found.get(name, "")).encode("utf-8", "replace")
    if not any(compare_digest(given, text.encode()) for text in expected):
        raise Refused(401, f"the token's {name} is of another request")


@dataclass(frozen=True)
class SharedJwt(JsonWebToken):
    """Signed with an HMAC; the secret is the key."""

    algorithms: tuple[str, ...] = ("HS256",)

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        from nami_runtime.signatures import jwt_check  # noqa: PLC0415 - needs pyjwt

        token = self.token(request)
        for secret in secrets:
            if (claims := jwt_check.claims(token, secret, self.algorithms)) is not None:
                self.check(claims, request, now)
                return secret
        return None


@dataclass(frozen=True)
class PublicJwt(JsonWebToken):
    """Signed with RSA and SHA-256; the secret is the sender's public key."""

    requirements: ClassVar[tuple[str, ...]] = ("asymmetric", "jwt")

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        from nami_runtime.signatures import jwt_keys  # noqa: PLC0415 - as above

        token = self.token(request)
        for secret in secrets:
            if (claims := jwt_keys.by_pasted(token, secret)) is not None:
                self.check(claims, request, now)
                return secret
        return None


@dataclass(frozen=True)
class GooglePush(JsonWebToken):
    """Google Cloud Pub/Sub: an OpenID Connect token by one of Google's keys; the secret is the service account's email.

    Its audience must be the URL that is called, as it is where the subscription names no other.
    """

    requirements: ClassVar[tuple[str, ...]] = ("asymmetric", "jwt")
    fetches: ClassVar[bool] = True

    def options(self) -> set[str]:
        return {"public_url"}

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        from nami_runtime.signatures import jwt_keys  # noqa: PLC0415 - as above

        claims = jwt_keys.by_google(self.token(request), request.deadline)
        if claims is None:
            return None
        self.check(claims, request, now)
        jwt_keys.check_google(claims, request, self.public_url)
        return next((secret for secret in secrets if secret == claims.get("email")), None)


@dataclass(frozen=True)
class Plaid(JsonWebToken):
    """Plaid: a key for each token's kid, asked of its API at `host`; the secret is `client_id:secret` of the API."""

    host: str = "production.plaid.com"
    requirements: ClassVar[tuple[str, ...]] = ("asymmetric", "jwt")
    fetches: ClassVar[bool] = True

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        from nami_runtime.signatures import jwt_keys  # noqa: PLC0415 - as above

        secret, claims = jwt_keys.by_plaid(self.token(request), self.host, secrets, request.deadline)
        if claims is None:
            return None
        self.check(claims, request, now)
        return secret


_PLAID = Plaid(header="plaid-verification", required=("iat",), body_claim="request_body_sha256", tolerance=300)

SCHEMES: dict[str, tuple[Scheme, ...]] = {
    "fusionauth": (
        SharedJwt(
            header="x-fusionauth-signature-jwt",
            algorithms=("HS256", "HS384", "HS512"),
            body_claim="request_body_sha256",
            body_encoding="base64",
            ids=("body:event.id",),
        ),
    ),
    # A try again has the same body but for the number of the try, which is there where there are dead letters.
    "google-pubsub": (
        GooglePush(prefix="Bearer ", required=("exp",), ids=("body:message.messageId",), per_try=("deliveryAttempt",)),
    ),
    # The same secret signs the tokens that users join a room with: those have no sha256.
    "livekit": (SharedJwt(required=("exp",), body_claim="sha256", body_encoding="base64", ids=("body:id",)),),
    "messagebird": (
        SharedJwt(
            header="messagebird-signature-jwt",
            algorithms=("HS256", "HS384", "HS512"),
            required=("nbf", "exp"),
            claims=(("iss", "MessageBird"),),
            body_claim="payload_hash",
            bodiless=True,
            url_claim="url_hash",
        ),
    ),
    "netlify": (SharedJwt(header="x-webhook-signature", claims=(("iss", "netlify"),), body_claim="sha256"),),
    "plaid": (_PLAID,),
    "plaid-sandbox": (replace(_PLAID, host="sandbox.plaid.com"),),
    "vonage": (SharedJwt(prefix="Bearer ", required=("iat",), body_claim="payload_hash"),),
    # Its body is the token, and that holds the event.
    "wix": (PublicJwt(header="", required=("exp",)),),
}
