"""What the pre-queue function does with a request: read it, queue it, answer it."""

from __future__ import annotations

import json
import os
from hashlib import md5
from time import monotonic

from nami_runtime import aws, envelope, log
from nami_runtime.request import Refused, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from nami_runtime.verification import Verification

    Answer = dict[str, Any]

__all__ = ["Refused", "Request", "accepted", "answer", "enqueue", "verify"]

# Below the patience of the least patient producers (3 s), with room for the way there and back.
DEADLINE_SECONDS = 2.0
RETRY_AFTER_SECONDS = 30

_MESSAGES = {
    400: "malformed request",
    401: "signature missing or wrong",
    403: "forbidden",
    413: "body too large",
    503: "not queued, send it again",
}


def answer(event: dict[str, Any], receive: Callable[[Request], Answer]) -> Answer:
    """Runs `receive` on the event's request and turns whatever it raises into an answer; logs one line."""
    started = monotonic()
    request: Request | None = None
    reason = ""
    try:
        request = Request(event, started + DEADLINE_SECONDS)
        reply = receive(request)
    except Refused as refused:
        reason, reply = refused.reason, _refusal(refused.status)
    except (aws.Unavailable, aws.Rejected) as error:
        reason, reply = f"{type(error).__name__}: {error}", _refusal(503)
    except Exception as error:
        # A fault of ours or of the user's own checks: nothing is queued, so the producer must try again.
        reason, reply = f"fault: {type(error).__name__}{log.place(error)}", _refusal(503)
    _log(request, reply["statusCode"], reason, started)
    return reply


_verification: Verification | None = None
_verification_made = False


def verify(request: Request) -> Answer | None:
    """Raises Refused unless the sender has proven who it is; returns an answer where it only asks for a handshake.

    Without SIGNATURE everything passes, and the document says `verified: null`.
    """
    global _verification, _verification_made  # noqa: PLW0603 - kept between the invocations of one process
    if not _verification_made:
        if "SIGNATURE" in os.environ:
            from nami_runtime import verification  # noqa: PLC0415 - without a signature nothing of it is loaded

            _verification = verification.from_environment()
        _verification_made = True
    return _verification.check(request) if _verification else None


def enqueue(request: Request) -> None:
    """Puts the request on the queue; returns only when SQS says that it holds exactly this message."""
    message = envelope.write(request, os.environ["NAMI_SUBSCRIPTION"])
    if envelope.size(message) > envelope.MAX_BYTES:
        message = _claim_check(request)
    said = aws.client("sqs").call(
        "AmazonSQS.SendMessage",
        {"QueueUrl": os.environ["QUEUE_URL"], "MessageBody": message, **_order(request)},
        request.deadline,
    )
    sent = md5(message.encode(), usedforsecurity=False).hexdigest()
    if said.get("MD5OfMessageBody") != sent or not said.get("MessageId"):
        raise aws.Unavailable("the queue holds another message than was sent")


def _order(request: Request) -> dict[str, object]:
    order_by = os.environ.get("ORDER_BY")
    if not order_by:
        return {}
    from nami_runtime import ordering  # noqa: PLC0415 - only a FIFO queue's messages carry anything of it

    return ordering.send_parameters(request, order_by)


def _claim_check(request: Request) -> str:
    """Leaves the body in S3 and returns the envelope that points to it; named by its content, it can't be replaced."""
    bucket = os.environ.get("CLAIM_CHECK_BUCKET")
    if not bucket:
        raise Refused(413, "message over 1 MiB, and no bucket for larger ones")
    subscription = os.environ["NAMI_SUBSCRIPTION"]
    content = request.body_hash()
    key = f"{subscription}/{content}"
    reference = {"bucket": bucket, "key": key, "size": len(request.body), "sha256": content}
    message = envelope.write(request, subscription, reference)
    if envelope.size(message) > envelope.MAX_BYTES:
        raise Refused(413, "headers over 1 MiB")
    aws.client("s3", bucket=bucket).put_object(key, request.body, request.deadline)
    return message


def accepted(request: Request) -> Answer:
    """The success answer; its status and body are settings."""
    status = int(os.environ.get("SUCCESS_STATUS", "200"))
    body = os.environ.get("SUCCESS_BODY", "")
    headers = {"nami-delivery-id": request.delivery_id}
    if status == 204:
        return {"statusCode": 204, "headers": headers}
    if not body:
        headers["content-type"] = "application/json"
        body = json.dumps({"id": request.delivery_id})
    return {"statusCode": status, "headers": headers, "body": body}


def _refusal(status: int) -> Answer:
    headers = {"content-type": "application/json"}
    if status == 503:
        headers["retry-after"] = str(RETRY_AFTER_SECONDS)
    body = json.dumps({"error": _MESSAGES.get(status, "refused")})
    return {"statusCode": status, "headers": headers, "body": body}


def _log(request: Request | None, status: int, reason: str, started: float) -> None:
    fields: dict[str, object] = {"status": status, "ms": round((monotonic() - started) * 1000, 1)}
    if request is not None:
        fields.update(id=request.delivery_id, bytes=len(request.body), verified=request.verified)
    if reason:
        fields["reason"] = reason
    level = "INFO" if status < 400 else "ERROR" if status >= 500 else "WARNING"
    log.line(level, "webhook", **fields)
