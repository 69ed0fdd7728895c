"""What the gateway has put on the queue by itself: who sent it is proven here, before anything of it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nami_runtime import aws
from nami_runtime.request import Refused
from nami_runtime.signatures import verification

if TYPE_CHECKING:
    from nami_runtime.envelope import Delivery
    from nami_runtime.signatures.verification import Verification

_verification: Verification | None = None


def refusal(delivery: Delivery, sent_at: float, deadline: float) -> str | None:
    """Marks the delivery as verified and gives it its id; else returns why it belongs in quarantine.

    `sent_at` is when it was put on the queue, in epoch seconds.
    Raises aws.Unavailable where the secret can't be read.
    """
    global _verification  # noqa: PLW0603 - kept between the invocations of one process
    if _verification is None:
        _verification = verification.from_environment()
    if _verification is None:
        return None
    delivery.deadline = deadline
    try:
        # Its age is that of its arrival: it may have waited in the queue for days, or been sent back to it.
        if _verification.check(delivery, now=delivery.received_at / 1000, queued_at=sent_at) is not None:
            raise Refused(400, "a handshake, which nobody waits for any more")
    except Refused as refused:
        return refused.reason
    except aws.Rejected as error:
        raise aws.Unavailable(f"the signature's secret: {error}") from None
    delivery.json_body = ...  # it takes memory, and the document has its own
    return None
