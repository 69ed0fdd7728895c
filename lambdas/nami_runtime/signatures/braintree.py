"""Braintree's webhooks: a form of a payload and its signatures, each under the public key of who reads it.

Source: braintree/braintree_python, webhook_notification_gateway.py.
"""

from __future__ import annotations

import re
from hashlib import sha1
from hmac import compare_digest, digest

from nami_runtime.request import Refused
from nami_runtime.signatures.schemes import Scheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from dataclasses import dataclass

    from nami_runtime.request import Request
else:
    from nami_runtime.frozen import dataclass

SIGNATURE, PAYLOAD = "bt_signature", "bt_payload"
_CHALLENGE = re.compile(r"[a-f0-9]{20,32}")


@dataclass(frozen=True)
class Braintree(Scheme):
    """An HMAC-SHA1 with the SHA-1 of the private key; the secret is `public_key:private_key` of the API."""

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        signatures, payload = self.find(request, f"form:{SIGNATURE}"), self.find(request, f"form:{PAYLOAD}")
        # Anybody can have a text of that form signed as a challenge.
        if not signatures or not payload or _CHALLENGE.fullmatch(payload.strip()):
            raise Refused(401, "no signature")
        given = dict(pair.partition("|")[::2] for pair in signatures.split("&"))
        for secret in secrets:
            public, _, private = secret.partition(":")
            if not private:
                continue
            found = given.get(public, "").encode("utf-8", "replace")
            # Whether the last line's end is signed depends on what it went through.
            if any(compare_digest(signature(private, text).encode(), found) for text in (payload, payload + "\n")):
                return secret
        return None

    def covers(self, source: str) -> bool:
        return source == f"form:{PAYLOAD}"


def signature(private_key: str, text: str) -> str:
    """The signature of a payload or a challenge, in hex."""
    return digest(sha1(private_key.encode()).digest(), text.encode("utf-8", "replace"), "sha1").hex()  # noqa: S324 theirs


def answer(challenge: str, secret: str) -> str:
    """What proves to Braintree that the endpoint is its customer's. Raises Refused (400) for what is no challenge."""
    if not _CHALLENGE.fullmatch(challenge):
        raise Refused(400, "bt_challenge is none")
    public, _, private = secret.partition(":")
    return f"{public}|{signature(private, challenge)}"


SCHEMES: dict[str, tuple[Scheme, ...]] = {
    "braintree": (Braintree(ids=(f"form:{PAYLOAD}",), handshake="braintree", handshake_method="GET"),)
}
