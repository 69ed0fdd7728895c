"""What Twilio alone does."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from nami_runtime.request import Refused
from nami_runtime.signatures import places

if TYPE_CHECKING:
    from nami_runtime.request import Request


def form(request: Request, url: str) -> bytes:
    """Each parameter's name and value, sorted; bodies that are no form are covered by their hash in the signed URL."""
    announced = dict(parse_qsl(url.partition("?")[2])).get("bodySHA256", "")
    if not announced and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        pairs = places.urlencoded(request.body)
        return "".join([name + value for name, value in sorted(set(pairs))]).encode("utf-8", "replace")
    if (announced or request.body) and not compare_digest(
        announced.encode("utf-8", "replace"), request.body_hash().encode()
    ):
        raise Refused(401, "body not covered by the URL's bodySHA256")
    return b""
