"""Microsoft Graph's way: the secret comes back in the body."""

from __future__ import annotations

from nami_runtime.request import Refused, field
from nami_runtime.signatures.schemes import Scheme, matching

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from dataclasses import dataclass

    from nami_runtime.request import Request
else:
    from nami_runtime.frozen import dataclass


@dataclass(frozen=True)
class ClientState(Scheme):
    """Each notification of the body repeats the secret that the subscription was made with."""

    def verify(self, request: Request, secrets: Sequence[str], now: float) -> str | None:
        body = request.json()
        notifications = body.get("value") if isinstance(body, dict) else None
        if not isinstance(notifications, list) or not notifications:
            raise Refused(401, "no notifications")
        for item in notifications:
            if (proven := matching(field(item, "clientState"), secrets)) is None:
                return None
        return proven


SCHEMES: dict[str, tuple[Scheme, ...]] = {"microsoft-graph": (ClientState(handshake="microsoft-graph"),)}
