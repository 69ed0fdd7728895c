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
    """A signature by the provider's private key; the secret is the public key, as `keys` reads it.

    `algorithm` is ed25519, ecdsa or rsa (PKCS#1 v1.5); the latter two with SHA-256.
    """

    encoding: str = "base64"
    algorithm: str = ""
    requirements: ClassVar[tuple[str, ...]] = ("asymmetric",)

    def fits(self, secret: str, content: bytes, given: Sequence[bytes]) -> bool:
        from nami_runtime.signatures import asymmetric, places  # noqa: PLC0415 - needs cryptography

        some = self._decoded(given[: places.MOST_SIGNATURES])
        return any(asymmetric.fits(self.algorithm, secret, content, raw) for raw in some)

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


@dataclass(frozen=True)
class Sns(Scheme):
    """A signature by the key of a certificate, which lies at Amazon SNS; the secret is the ARN of the topic.

    A try again carries the old time, so no age is checked.
    """

    requirements: ClassVar[tuple[str, ...]] = ("asymmetric",)
    fetches: ClassVar[bool] = True

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        from nami_runtime.signatures import sns  # noqa: PLC0415 - as above

        return sns.verify(request, secrets, now)

    def covers(self, source: str) -> bool:
        return source == "body:MessageId"


# Standard Webhooks' asymmetric signatures (standard-webhooks.com, the specification: `v1a`).
_STANDARD_WEBHOOKS = Asymmetric(
    algorithm="ed25519",
    header="webhook-signature",
    prefix="v1a,",
    signed="{id}.{timestamp}.{body}",
    id="webhook-id",
    ids=("webhook-id",),
    timestamp="webhook-timestamp",
    tolerance=300,
)

SCHEMES: dict[str, tuple[Scheme, ...]] = {
    "aws-sns": (Sns(ids=("body:MessageId",), handshake="aws-sns"),),
    "discord": (
        Asymmetric(
            algorithm="ed25519",
            header="x-signature-ed25519",
            encoding="hex",
            signed="{timestamp}{body}",
            timestamp="x-signature-timestamp",
            handshake="discord",
        ),
    ),
    # It signed with RSA in X-WH-Signature until July 2026.
    "highlevel": (Asymmetric(algorithm="ed25519", header="x-ghl-signature", ids=("body:webhookId",)),),
    "manus": (
        Asymmetric(
            algorithm="rsa",
            header="x-webhook-signature",
            signed="{timestamp}.{url}.{body_sha256}",
            timestamp="x-webhook-timestamp",
            tolerance=300,
        ),
    ),
    "mobiscroll": (_STANDARD_WEBHOOKS,),
    "paypal": (PayPal(ids=("paypal-transmission-id",)),),
    "sendgrid": (
        Asymmetric(
            algorithm="ecdsa",
            header="x-twilio-email-event-webhook-signature",
            signed="{timestamp}{body}",
            timestamp="x-twilio-email-event-webhook-timestamp",
            ids=("body:sg_event_id",),
        ),
    ),
    "standard-webhooks-v1a": (_STANDARD_WEBHOOKS,),
    "telnyx": (
        Asymmetric(
            algorithm="ed25519",
            header="telnyx-signature-ed25519",
            signed="{timestamp}|{body}",
            timestamp="telnyx-timestamp",
            tolerance=300,
            ids=("body:data.id",),
        ),
    ),
    "wise": (Asymmetric(algorithm="rsa", header="x-signature-sha256", ids=("x-delivery-id",)),),
}
