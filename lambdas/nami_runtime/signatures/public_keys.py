"""Signatures that the provider makes with a private key of its own, and the table of who does.

What verifies them needs `cryptography`; it is loaded with the first request.
"""

from __future__ import annotations

import binascii

from nami_runtime.signatures.schemes import Scheme, Signed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from dataclasses import dataclass
    from typing import ClassVar

    from nami_runtime.request import Request
else:
    from nami_runtime.frozen import dataclass


@dataclass(frozen=True)
class Asymmetric(Signed):
    """A signature by the provider's private key; the secret is the public key.

    `algorithm` is ed25519 or ecdsa, `key` is how the public key is written: hex or base64.
    """

    encoding: str = "base64"
    signed: str = "{timestamp}{body}"
    algorithm: str = ""
    key: str = "base64"
    requirements: ClassVar[tuple[str, ...]] = ("asymmetric",)

    def fits(self, secret: str, content: bytes, given: Sequence[bytes]) -> bool:
        from nami_runtime.signatures import asymmetric  # noqa: PLC0415 - needs cryptography

        return any(asymmetric.fits(self.algorithm, self.key, secret, content, raw) for raw in self._decoded(given))

    def _decoded(self, given: Sequence[bytes]) -> list[bytes]:
        """The signatures' bytes, of those that can be read."""
        raw = []
        for text in given:
            try:
                raw.append(binascii.unhexlify(text) if self.encoding == "hex" else binascii.a2b_base64(text + b"=="))
            except ValueError:
                continue
        return raw


@dataclass(frozen=True)
class PayPal(Scheme):
    """A signature by the key of a certificate, which lies at PayPal; the secret is the webhook's id.

    A try again carries the old time, so no age is checked.
    """

    requirements: ClassVar[tuple[str, ...]] = ("asymmetric",)
    fetches: ClassVar[bool] = True

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        from nami_runtime.signatures import paypal  # noqa: PLC0415 - as above

        return paypal.verify(request, secrets, now)

    # It covers nothing: of the body it signs a CRC-32, which four chosen bytes give to any other.


SCHEMES: dict[str, tuple[Scheme, ...]] = {
    "discord": (
        Asymmetric(
            algorithm="ed25519",
            header="x-signature-ed25519",
            encoding="hex",
            key="hex",
            timestamp="x-signature-timestamp",
            handshake="discord",
        ),
    ),
    "paypal": (PayPal(ids=("paypal-transmission-id",)),),
    "sendgrid": (
        Asymmetric(
            algorithm="ecdsa",
            header="x-twilio-email-event-webhook-signature",
            timestamp="x-twilio-email-event-webhook-timestamp",
            ids=("body:sg_event_id",),
        ),
    ),
}
