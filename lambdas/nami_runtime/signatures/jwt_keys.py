"""Keys that senders publish for their tokens. Needs `pyjwt` and `cryptography`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from nami_runtime import aws
from nami_runtime.request import Refused
from nami_runtime.signatures import jwt_check, urls
from nami_runtime.signatures.fetched import Fetched
from nami_runtime.signatures.keys import key_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nami_runtime.request import Request

# https://docs.cloud.google.com/pubsub/docs/authenticate-push-subscriptions; accounts.google.com's OpenID configuration
_GOOGLE = ("www.googleapis.com", "/oauth2/v3/certs")
_GOOGLE_ISSUERS = ("https://accounts.google.com", "accounts.google.com")
# https://plaid.com/docs/api/webhooks/webhook-verification/
_PLAID_PATH = "/webhook_verification_key/get"
_KEY_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


def by_pasted(token: str, secret: str) -> dict[str, Any] | None:
    """The claims of a token that is signed with this RSA key, else None. Raises Refused (401) for what is no token."""
    try:
        key = load_der_public_key(key_bytes(secret))
    except (ValueError, UnsupportedAlgorithm):
        return None
    return jwt_check.claims(token, key, ["RS256"]) if isinstance(key, RSAPublicKey) else None


def by_google(token: str, deadline: float) -> dict[str, Any] | None:
    """The claims of a token that one of Google's keys signed, else None.

    Raises Refused (401) for what is no token, aws.Unavailable where the keys can't be fetched.
    """
    kid = str(jwt_check.header(token).get("kid"))
    key = _google_keys.get(*_GOOGLE, deadline, lambda keys: kid in keys).get(kid)
    return jwt_check.claims(token, key, ["RS256"]) if key else None


def check_google(claims: dict[str, Any], request: Request, public_url: str) -> None:
    """Raises Refused (401) for a token that was not made for this endpoint."""
    if claims.get("iss") not in _GOOGLE_ISSUERS or claims.get("email_verified") is not True:
        raise Refused(401, "not a token of a service account")
    if claims.get("aud") not in list(urls.written(request, public_url)):
        raise Refused(401, "the audience is another URL")


def by_plaid(
    token: str, host: str, secrets: Sequence[str], deadline: float
) -> tuple[str | None, dict[str, Any] | None]:
    """(the credentials that found the key, the claims) of a token that one of Plaid's keys signed, else None twice.

    Raises Refused (401) for what is no token or signed with a key of old, aws.Unavailable where no key can be fetched.
    """
    kid = jwt_check.header(token).get("kid")
    if not isinstance(kid, str) or not _KEY_ID.fullmatch(kid):
        raise Refused(401, "no kid in the token")
    fault: aws.Unavailable | None = None
    for secret in secrets:
        client, _, password = secret.partition(":")
        asked = json.dumps({"client_id": client, "secret": password, "key_id": kid}).encode()
        try:
            key = _plaid_keys.get(host, _PLAID_PATH, deadline, asked=asked, name=kid)
        except aws.Unavailable as error:
            fault = error
            continue
        if key is None:
            raise Refused(401, "Plaid's key is no longer used")
        claims = jwt_check.claims(token, key, ["ES256"])
        return (None, None) if claims is None else (secret, claims)
    raise fault or Refused(401, "no credentials to ask Plaid with")


def _key_set(body: bytes) -> dict[str, PyJWK]:
    """A key set's keys by their kid. Raises ValueError."""
    try:
        return {key["kid"]: PyJWK(key) for key in json.loads(body)["keys"]}
    except (PyJWTError, KeyError, TypeError) as error:
        raise ValueError(type(error).__name__) from None


def _plaid_key(body: bytes) -> PyJWK | None:
    """The key of Plaid's answer; None where Plaid signs with it no more. Raises ValueError."""
    try:
        key = json.loads(body)["key"]
        return PyJWK(key) if key.get("expired_at") is None else None
    except (PyJWTError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(type(error).__name__) from None


_google_keys = Fetched("Google's keys", _key_set)
_plaid_keys = Fetched("Plaid's key", _plaid_key)
