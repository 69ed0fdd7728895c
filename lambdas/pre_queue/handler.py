"""Takes a webhook in, and answers 200 only once the queue holds it. This file is yours to change."""

from nami_runtime import intake


def authenticate(request: intake.Request) -> None:
    """Your own checks go here: raise intake.Refused(401, "why") and the webhook goes no further."""


def receive(request: intake.Request) -> dict[str, object]:
    """One webhook; whatever is raised here becomes an answer other than 200."""
    if handshake := intake.verify(request):
        return handshake
    authenticate(request)
    intake.enqueue(request)
    return intake.accepted(request)


def handler(event: dict[str, object], context: object) -> dict[str, object]:
    """Called by the gateway: an HTTP API (payload format 2.0) or a REST API (1.0)."""
    return intake.answer(event, receive)
