"""What the pre-queue function does with a request: read it, queue it, answer it."""

from __future__ import annotations

import gc
import json
import os
from hashlib import md5
from json.encoder import encode_basestring_ascii
from time import monotonic

from nami_runtime import aws, envelope, log
from nami_runtime.request import GatewayRequest, Refused, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from nami_runtime.signatures.verification import Verification
    from nami_runtime.wanted import Routes

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
    status, reason = 0, ""
    try:
        request = GatewayRequest(event, started + DEADLINE_SECONDS)
        if allowed := settings().allowed_sources:
            from nami_runtime import sources  # noqa: PLC0415 - most subscriptions name none

            sources.check(request.source_ip, allowed)
        reply = receive(request)
    except Refused as refused:
        status, reason = refused.status, refused.reason
    except (aws.Unavailable, aws.Rejected) as error:
        status, reason = 503, f"{type(error).__name__}: {error}"
        _tell(error, reason, request)
    except Exception as error:
        # A fault of ours or of the user's own checks: nothing is queued, so the producer must try again.
        status, reason = 503, f"fault: {type(error).__name__}{log.place(error)}"
        _tell(error, reason, request)
    if status:
        reply = _refusal(status)
    _log(request, status or reply["statusCode"], reply["statusCode"], reason, started)
    return reply


def _tell(error: Exception, reason: str, request: Request | None) -> None:
    if _SENTRY:
        from nami_runtime import sentry  # noqa: PLC0415 - loaded below, where it is set up

        sentry.report(error, reason, [request.delivery_id] if request else [])


class Settings:
    """The function's environment, read once."""

    def __init__(self) -> None:
        environ = os.environ
        self.subscription = environ["NAMI_SUBSCRIPTION"]
        self.metrics_name = environ.get("NAMI_METRICS_NAME") or self.subscription
        self.queue_urls = environ["QUEUE_URL"].split()
        if not self.queue_urls:
            raise KeyError("QUEUE_URL")  # a webhook that went nowhere must not be answered with 200
        self.bucket = environ.get("CLAIM_CHECK_BUCKET", "")
        self.success_status = int(environ.get("SUCCESS_STATUS") or 200)
        self.success_body = environ.get("SUCCESS_BODY", "")
        self.order_by = environ.get("ORDER_BY", "")
        self.deduplicate_by = environ.get("DEDUPLICATE_BY", "")
        self.allowed_sources = environ.get("ALLOWED_SOURCES", "")
        self.routes: Routes | None = None
        if environ.get("FILTER") or environ.get("FILTERS"):
            from nami_runtime import wanted  # noqa: PLC0415 - most subscriptions want everything

            self.routes = wanted.routes(environ)
        self.queue = aws.Client("sqs")
        self.verification: Verification | None = None
        if environ.get("SIGNATURE"):
            from nami_runtime.signatures import verification  # noqa: PLC0415 - without a signature nothing of it is loaded

            self.verification = verification.from_environment()


_settings: Settings | None = None


def settings() -> Settings:
    """The process's settings. Raises what is wrong with the environment, at each request until it is right."""
    global _settings  # noqa: PLW0603 - kept between the invocations of one process
    if _settings is None:
        _settings = Settings()
    return _settings


def prepare() -> None:
    """Reads the secret and connects to the queue, so that the first request finds both.

    While it starts a function the platform lends it a whole core, of which 256 MB get a seventh afterwards.
    """
    try:
        deadline = monotonic() + DEADLINE_SECONDS
        known = settings()
        known.queue.connect(deadline)
        if known.verification:
            known.verification.prepare(deadline)
        gc.freeze()  # what is loaded by now stays, so no request need pay for looking through it
    except Exception as error:  # the first request tries the same, and is answered accordingly
        log.line("WARNING", "not prepared", reason=f"{type(error).__name__}{log.place(error)}")


def verify(request: Request) -> Answer | None:
    """Raises Refused unless the sender has proven who it is; returns an answer where it only asks for a handshake.

    Without SIGNATURE everything passes, and the document says `verified: null`.
    """
    known = settings()
    if known.verification:
        return known.verification.check(request)
    if known.deduplicate_by:
        from nami_runtime import deduplication  # noqa: PLC0415 - most go by the provider's ids

        deduplication.apply(request, known.deduplicate_by)
    return None


def enqueue(request: Request) -> None:
    """Puts the request on the queue, or on those of all destinations that want it; one that none wants on no queue.

    Returns only when SQS says that each holds exactly this message. Where one does not, the producer sends again, and
    the delivery id tells the others that they have it.
    """
    known = settings()
    queue_urls: Sequence[str] = known.queue_urls
    if known.routes:
        queue_urls, request.unwanted = known.routes.split(request)
        if not queue_urls:
            request.filtered = True
            return
    message = envelope.write(request, known.subscription)
    if len(message) > envelope.MAX_BYTES:
        message = _claim_check(request)
    digest, order = md5(message, usedforsecurity=False).hexdigest(), _order(request, known.order_by)
    for queue_url in queue_urls:
        said = known.queue.send_message(queue_url, message, request.deadline, order)
        if said.get("MD5OfMessageBody") != digest or not said.get("MessageId"):
            raise aws.Unavailable("the queue holds another message than was sent")
    request.enqueued = True


def _order(request: Request, order_by: str) -> dict[str, str]:
    if not order_by:
        return {}
    from nami_runtime import ordering  # noqa: PLC0415 - only a FIFO queue's messages carry anything of it

    return ordering.send_parameters(request, order_by)


def _claim_check(request: Request) -> bytes:
    """Leaves the body in S3 and returns the envelope that points to it; named by its content, it can't be replaced."""
    known = settings()
    if not known.bucket:
        raise Refused(413, "message over 1 MiB, and no bucket for larger ones")
    content = request.body_hash()
    key = f"{known.subscription}/{content}"
    reference = {"bucket": known.bucket, "key": key, "size": len(request.body), "sha256": content}
    message = envelope.write(request, known.subscription, reference)
    if len(message) > envelope.MAX_BYTES:
        raise Refused(413, "headers over 1 MiB")
    aws.client("s3", bucket=known.bucket).put_object(key, request.body, request.deadline)
    return message


def accepted(request: Request) -> Answer:
    """The success answer; its status and body are settings."""
    known = settings()
    headers = {"nami-delivery-id": request.delivery_id}
    if known.success_status == 204:
        return {"statusCode": 204, "headers": headers}
    body = known.success_body
    if not body and not (known.verification and known.verification.empty_answer):
        headers["content-type"] = "application/json"
        body = '{"id":' + encode_basestring_ascii(request.delivery_id) + "}"
    return {"statusCode": known.success_status, "headers": headers, "body": body}


# What a producer makes of a status differs: some switch an endpoint off after 401s, others try again after 500 alone.
_STATUS_SETTINGS = {401: "UNAUTHORIZED_STATUS", 503: "UNAVAILABLE_STATUS"}


def _refusal(status: int) -> Answer:
    headers = {"content-type": "application/json"}
    if status == 503:
        headers["retry-after"] = str(RETRY_AFTER_SECONDS)
    body = json.dumps({"error": _MESSAGES.get(status, "refused")})
    if _settings and (verification := _settings.verification):
        if status == 401 and verification.challenge:
            headers["www-authenticate"] = verification.challenge
        if verification.empty_answer:
            body = ""
            del headers["content-type"]
    said = os.environ.get(_STATUS_SETTINGS.get(status, "")) or status
    return {"statusCode": int(said), "headers": headers, "body": body}


def _log(request: Request | None, status: int, answered: int, reason: str, started: float) -> None:
    """`status` is what it came to, `answered` what the settings make of that."""
    fields: dict[str, object] = {"status": answered, "ms": round((monotonic() - started) * 1000, 1)}
    metrics: dict[str, float] = {"Received": 1}
    if request is not None:
        fields["id"], fields["bytes"], fields["verified"] = request.delivery_id, len(request.body), request.verified
        if request.request_id != request.delivery_id:
            fields["request"] = request.request_id  # what the gateway's access log calls it
        if request.enqueued:
            metrics["Enqueued"] = 1
        elif request.filtered:
            metrics["Filtered"] = 1
    if reason:
        fields["reason"] = reason
        fields["refused"] = log.REFUSED.get(status, log.REFUSED_OTHERWISE)
        metrics["Refused"] = 1
    if _settings is None:  # an environment that can't be read; Lambda's own metrics tell of it
        metrics.clear()
    else:
        fields["subscription"] = _settings.metrics_name
    log.line("INFO" if status < 400 else "ERROR" if status >= 500 else "WARNING", "webhook", metrics, **fields)
    if request is not None and request.unwanted and (request.enqueued or request.filtered):
        _log_unwanted(request)


def _log_unwanted(request: Request) -> None:
    # A line each, since a metric has one value of a dimension in a line.
    named = {"id": request.delivery_id, "subscription": settings().metrics_name}
    for name in request.unwanted:
        log.line("INFO", "not wanted", {"Filtered": 1}, **named, destination=name)


_SENTRY = bool(os.environ.get("SENTRY_DSN"))
if _SENTRY:
    from nami_runtime import sentry as _  # noqa: F401 - while the function starts: at the first error a producer waits
if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") in ("on-demand", "provisioned-concurrency"):
    prepare()
