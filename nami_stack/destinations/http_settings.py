"""The settings of an HTTP backend, and what is wrong with them."""

import ipaddress
import re
from itertools import count
from math import ceil
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from nami_runtime.destinations.http import MAX_LATER_SECONDS
from nami_runtime.outcome import MARGIN_SECONDS
from nami_stack.pipeline_settings import Method, PipelineSettings
from nami_stack.section import SecretArn, Section, SettingsError

# Seconds of a post-queue function that are kept for ending in order: what the functions keep, and one more.
BACKEND_MARGIN = int(MARGIN_SECONDS) + 1
# Seconds by which a backend can put off the next try, at the most.
BACKEND_LATER = MAX_LATER_SECONDS
# Seconds that Lambda lets a function run: https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
_LONGEST = 900

# Each turn is a write of one item, and a partition takes 1,000 a second, of which some find their turn taken:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput-scenarios.html
LEAST_RATE, MOST_RATE = 0.01, 500

Signature = Literal["standard-webhooks", "none"]


class BackendSettings(Section):
    """Where webhooks are forwarded to, and how long that may take."""

    backend_url: str | None = None
    """http: where webhooks are forwarded to."""
    backend_allow_private: bool = False
    """http: forward to private addresses, and over plain http, too."""
    backend_connect_timeout: Annotated[int, Field(ge=1, le=60)] = 3
    """http: seconds to reach the backend, TLS included."""
    backend_read_timeout: Annotated[int, Field(ge=1, le=800)] = 10
    """http: seconds for its whole answer."""
    backend_concurrency: Annotated[int, Field(ge=1, le=100)] = 5
    """http: requests at once for each of the maximum_concurrency batches."""
    backend_method: Annotated[Method, BeforeValidator(lambda value: str(value).upper())] | None = None
    """http: the method of every request, in place of the webhook's own."""
    backend_headers_secret_arn: SecretArn | None = None
    """http: the secret with headers that are added, as in `{"authorization": "Bearer …"}`."""
    backend_rate: Annotated[float, Field(ge=LEAST_RATE, le=MOST_RATE)] | None = None
    """http: requests a second at the most, of all batches together."""
    backend_signature: Signature = "standard-webhooks"
    """http: how each webhook is signed; none: not at all, and a producer's own `webhook-*` headers go through."""


def check_backend(settings: BackendSettings, pipeline: PipelineSettings) -> None:
    """Raise ValueError where webhooks can't be forwarded as the settings say."""
    if not settings.backend_url:
        raise ValueError("destination=http: to which URL? Give it as backend_url=https://…")
    check_backend_url(settings.backend_url, allow_private=settings.backend_allow_private)
    connect, read, function = (
        settings.backend_connect_timeout,
        settings.backend_read_timeout,
        pipeline.post_queue_timeout,
    )
    check_backend_timeouts(connect, read, function)
    check_backend_rate(settings.backend_rate, connect + read, function, pipeline.maximum_concurrency)


def check_backend_url(url: str, *, allow_private: bool = False) -> str:
    """Return the URL of a backend where webhooks can be forwarded to it.

    Raises:
        SettingsError: they can't; names the rule and the remedy.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("https", "http") or not host or re.search(r"[^!-~]", url):
        raise SettingsError(f"backend_url={url!r}: must look like https://shop.example.com/webhooks")
    if parts.username or parts.password:
        raise SettingsError(
            "backend_url: holds a password, which everybody could read in the function's settings; leave it out, and "
            "let the backend check the signature"
        )
    if parts.fragment:
        raise SettingsError(f"backend_url={url!r}: a fragment (#{parts.fragment}) is never sent; leave it out")
    if parts.scheme == "http" and not allow_private:
        raise SettingsError(
            f"backend_url={url!r}: plain http lets others read and change webhooks on their way; give https://, or "
            "backend_allow_private=true for a network of your own"
        )
    try:
        private = not ipaddress.ip_address(host).is_global
    except ValueError:
        private = host == "localhost" or host.endswith((".localhost", ".internal"))
    if private and not allow_private:
        raise SettingsError(
            f"backend_url={url!r}: {host} is a private address; give backend_allow_private=true where that is meant"
        )
    return url


def check_backend_timeouts(connect: int, read: int, function: int) -> None:
    """Raise SettingsError unless a function of so many seconds can wait for one answer of the backend."""
    if connect + read > function - BACKEND_MARGIN:
        raise SettingsError(
            f"backend_read_timeout={read}: with backend_connect_timeout={connect} and {BACKEND_MARGIN} seconds to end "
            f"in order exceeds post_queue_timeout={function}; give post_queue_timeout={connect + read + BACKEND_MARGIN}"
        )


def check_backend_rate(rate: float | None, request: int, function: int, batches: int) -> None:
    """Raise SettingsError unless so many batches, of a function of so many seconds, can each send a webhook.

    Args:
        rate: requests a second; None: as many as come.
        request: seconds that one takes at the most.
    """
    if rate is None:
        return
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise SettingsError(f"backend_rate={rate:g}: must be from {LEAST_RATE} to {MOST_RATE} requests a second")
    left = function - BACKEND_MARGIN - request
    if rate * left >= batches:
        return
    turns = ceil(batches / rate)
    enough = turns + request + BACKEND_MARGIN
    remedy = f"post_queue_timeout={enough}" if enough <= _LONGEST else "a higher rate"
    if batches > 2:  # the least that an event source takes
        remedy += " or a lower maximum_concurrency"
    raise SettingsError(
        f"backend_rate={rate:g}: with maximum_concurrency={batches} a webhook waits up to {turns} seconds for its "
        f"turn, of which post_queue_timeout={function} leaves {left}; give {remedy}"
    )


def backend_batch(
    *, connect: int, read: int, concurrency: int, function: int, ordered: bool, rate: float | None, batches: int
) -> int:
    """So many webhooks that a function of so many seconds tries each, even where each waits as long as it may.

    In order they may all be of one group, and go one after the other. With a `rate` there are so many `batches` at
    once, and each request waits for its turn behind all that the others have under way.
    """

    def fits(webhooks: int) -> bool:
        at_once = min(webhooks, concurrency)
        rounds = webhooks if ordered else ceil(webhooks / concurrency)
        turns = rounds * batches * at_once / rate if rate else 0
        return rounds * (connect + read) + turns <= function - BACKEND_MARGIN

    return next(webhooks for webhooks in count() if not fits(webhooks + 1))
