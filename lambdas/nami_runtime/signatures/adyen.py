"""Adyen's standard webhooks: each notification of the body carries a signature over eight of its fields.

Source: docs.adyen.com, Verify HMAC signatures; Adyen/adyen-python-api-library, Adyen/util.py.
"""

from __future__ import annotations

import binascii
from hmac import compare_digest, digest

from nami_runtime.request import Refused, field
from nami_runtime.signatures import places
from nami_runtime.signatures.schemes import Scheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from dataclasses import dataclass
    from typing import Any

    from nami_runtime.request import Request
else:
    from nami_runtime.frozen import dataclass

# The only one of them that is free text.
_REFERENCE = "merchantReference"
FIELDS = (
    *("pspReference", "originalReference", "merchantAccountCode", _REFERENCE),
    *("amount.value", "amount.currency", "eventCode", "success"),
)
SIGNATURE = "additionalData.hmacSignature"


@dataclass(frozen=True)
class Adyen(Scheme):
    """An HMAC-SHA256 in base64 over the fields, joined by colons; the secret is the key in hex.

    It covers those fields alone, so that no id counts without the body.
    """

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        signed = [(item, field(item, SIGNATURE).encode("utf-8", "replace")) for item in notifications(request.json())]
        if not signed or not all(given for _, given in signed):
            raise Refused(401, "no signature")
        for secret in secrets:
            if all(compare_digest(signature(secret, content(item)), given) for item, given in signed):
                places.check_once(request.body)
                return secret
        return None


def notifications(body: Any) -> list[Any]:
    """The notifications of a parsed body; none where it is no body of Adyen's."""
    items = body.get("notificationItems") if isinstance(body, dict) else None
    listed = items if isinstance(items, list) else []
    return [item.get("NotificationRequestItem") if isinstance(item, dict) else None for item in listed]


def content(item: Any) -> bytes:
    """What is signed of a notification; a field that is missing is empty.

    Raises Refused (401) for a field that is neither text nor integer, and where a colon stands in more than the one
    field that may hold any: the signature would fit other fields too.
    """
    values = [_text(item, name) for name in FIELDS]
    if any(":" in value for name, value in zip(FIELDS, values, strict=True) if name != _REFERENCE):
        raise Refused(401, "no telling where a field ends")
    return ":".join(values).encode("utf-8", "replace")


def _text(item: Any, name: str) -> str:
    value = item
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
        raise Refused(401, f"{name} is no text")
    return "" if value is None else str(value)


def signature(secret: str, text: bytes) -> bytes:
    """The signature as it is written in the notification; empty where the secret is no key."""
    try:
        key = bytes.fromhex(secret)
    except ValueError:
        return b""
    return binascii.b2a_base64(digest(key, text, "sha256"), newline=False)


SCHEMES: dict[str, tuple[Scheme, ...]] = {
    "adyen": (Adyen(ids=("body:notificationItems[].NotificationRequestItem.pspReference",)),)
}
