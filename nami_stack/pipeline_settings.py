"""The settings of the pipeline: gateway to queue, queue to destination."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator, model_validator

from nami_stack.reporting_settings import ReportingSettings
from nami_stack.section import Memory, Section, SettingsError, matches, network, one_of, rule, separated

# What https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html takes.
LOG_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653)
_HEADER = r"[A-Za-z0-9!#%&'*+.^_`|~-]+"
_JSON_PATH = r"\$(?:\.[^.\[\]\s]+|\[\d{1,6}\])+"
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


def _as_json(value: object) -> object:
    """An object in cdk.json is as good as its text on a command line."""
    return json.dumps(value, separators=(",", ":")) if isinstance(value, Mapping) else value


def _check_filter(text: str) -> str:
    from nami_runtime import pattern, wanted  # noqa: PLC0415 - few subscriptions have one

    try:
        wanted.Filter(text)
    except pattern.Wrong as wrong:
        raise ValueError(f"{wrong}") from None
    return text


def _check_transform(text: str) -> str:
    from nami_runtime import expression  # noqa: PLC0415 - as above, and it loads jsonata

    try:
        expression.parsed(text)
    except expression.Wrong as wrong:
        raise ValueError(f"{wrong}") from None
    return text


class _Intake(Section):
    # Apart from the rules, so that the settings of reporting come after these in every listing.

    methods: Annotated[tuple[Method, ...], separated(str.upper)] = ("POST",)
    """HTTP methods that are taken, as in `GET,POST`."""
    success_status: Annotated[int, one_of(200, 201, 202, 204)] = 200
    """HTTP status of the answer to an accepted webhook."""
    success_body: Annotated[str, Field(max_length=4096)] = ""
    """Body of that answer; empty: a short JSON that names the delivery."""
    unauthorized_status: Annotated[int, one_of(400, 401, 403, 404)] = 401
    """HTTP status of the answer to a webhook whose sender is not proven."""
    unavailable_status: Annotated[int, one_of(500, 502, 503, 504)] = 503
    """HTTP status of the answer where the queue did not take a webhook, so that the producer sends it again."""
    ingest: Literal["function", "direct"] = "function"
    """direct: the REST gateway writes to the queue by itself, no function between: docs/gateways.md."""
    allowed_sources: Annotated[tuple[Annotated[str, network()], ...], separated()] = ()
    """The only source addresses that may send, in CIDR form, as in `198.51.100.0/24,2001:db8::/32`; others get 403."""

    pre_queue_memory: Memory = 256
    """MB. Below 256 a function's share of a core makes bursts slower for no saving."""
    pre_queue_timeout: Annotated[int, Field(ge=3, le=29)] = 5
    """Seconds. Over the 2 s that the function gives the queue, under what producers wait (Shopify: 5 s)."""

    post_queue_memory: Memory = 256
    """MB. A batch of 100 ordinary webhooks needs about 100. A body that would take more once parsed is
    stored raw, and its `body_error` says how much is enough."""
    post_queue_timeout: Annotated[int, Field(ge=5, le=900)] = 30
    """Seconds for one batch, of which the last 2 are for the answer. The queue's visibility timeout is six times this,
    and the window, as AWS advises:
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    maximum_concurrency: Annotated[int, Field(ge=2, le=1000)] = 5
    """Batches processed at once. 2 is the least that an event source takes; more than a small host can write
    only moves the queue into the database."""
    reserved_concurrency: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Concurrency kept for the post-queue function; as maximum_concurrency where not given. 0 reserves none, for
    accounts whose limit is too low (a new account has 10, and 100 must stay unreserved)."""
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Webhooks in one batch at the most. Writes are idempotent, so a batch may be repeated."""
    batch_window: Annotated[int, Field(ge=0, le=300)] = 1
    """Seconds that a batch waits to fill up."""
    order_by: Annotated[str, matches(f"{_HEADER}|{_JSON_PATH}", "x-order-id or $.order.id")] | None = None
    """Keep the order of webhooks that are equal in this header, or at this path of their JSON body: docs/order.md.
    batch_size is then 10 and batch_window 0, the most that AWS takes."""
    deduplicate_by: Annotated[
        tuple[Annotated[str, matches(f"{_HEADER}|body:[^,\\s]+", "x-event-id or body:order.id,body:status")], ...],
        separated(),
    ] = ()
    """Webhooks that are equal in all of these are one, in place of those with the provider's id: headers, and fields of
    a JSON body or a form, as in `body:order.id,body:status`: docs/how-it-works.md."""
    filter: Annotated[str, BeforeValidator(_as_json), AfterValidator(_check_filter)] | None = None
    """Webhooks that are stored, as an event pattern of EventBridge's over `method, path, query, headers, source_ip,
    verified, body`; others are answered as taken, counted, and go no further: docs/routes.md."""
    transform: Annotated[str, AfterValidator(_check_transform)] | None = None
    """http, eventbridge, postgres: what a destination gets in place of each document, as a JSONata expression over it:
    docs/routes.md."""
    max_receives: Annotated[int, Field(ge=1, le=1000)] = 5
    """Times that a webhook fails by itself before it is a dead letter; a destination that is away costs it none. All
    tries fit into half of queue_retention_days."""

    queue_retention_days: Annotated[int, Field(ge=1, le=14)] = 4
    """Days that a webhook waits while the destination is away; then it has its tries, and is a dead letter. With
    order_by 14 where not given, because a group whose webhooks fail goes on slowly."""
    dead_letter_retention_days: Annotated[int, Field(ge=2, le=14)] = 14
    """Days counted from when the webhook was first queued, so more than queue_retention_days. With order_by they
    begin anew when it becomes a dead letter."""
    keep_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """Days after which a stored webhook is deleted from MongoDB, PostgreSQL, a DynamoDB table or an archive in S3;
    it stays for good where not given: docs/destinations.md."""
    log_retention_days: Annotated[int, one_of(*LOG_RETENTION_DAYS)] = 30
    """Days that the functions' logs are kept."""


class PipelineSettings(ReportingSettings, _Intake):
    """How webhooks are taken in, queued and stored."""

    @field_validator("methods")
    @classmethod
    def _methods(cls, methods: tuple[Method, ...]) -> tuple[Method, ...]:
        if not methods:
            raise ValueError("must name at least one method")
        return tuple(dict.fromkeys(methods))

    @model_validator(mode="before")
    @classmethod
    def _ordered_defaults(cls, settings: object) -> object:
        if isinstance(settings, Mapping) and settings.get("order_by"):
            return {"batch_size": 10, "batch_window": 0, "queue_retention_days": 14, **settings}
        return settings

    @model_validator(mode="after")
    def _pipeline_rules(self) -> Self:
        if self.order_by and self.batch_size > 10:
            raise ValueError(f"batch_size={self.batch_size}: with order_by at most 10; leave batch_size out")
        if self.order_by and self.batch_window:
            raise ValueError(f"batch_window={self.batch_window}: with order_by there is none; leave batch_window out")
        if self.batch_size > 10 and self.batch_window < 1:
            raise ValueError(
                f"batch_size={self.batch_size}: more than 10 needs batch_window of at least 1 second; "
                "give batch_window=1, or batch_size=10"
            )
        reserved = self.reserved_concurrency
        if reserved and reserved < self.maximum_concurrency:
            raise ValueError(
                f"reserved_concurrency={reserved}: less than maximum_concurrency={self.maximum_concurrency} throttles "
                "deliveries, and a throttled one counts as a failed try; "
                "give reserved_concurrency=0 or a maximum_concurrency no larger"
            )
        if not self.order_by and self.dead_letter_retention_days <= self.queue_retention_days:
            remedy = (
                f"dead_letter_retention_days={min(self.queue_retention_days + 10, 14)}"
                if self.queue_retention_days < 14
                else "queue_retention_days=13"
            )
            raise ValueError(
                f"dead_letter_retention_days={self.dead_letter_retention_days}: must exceed "
                f"queue_retention_days={self.queue_retention_days}, because it counts from when the webhook was first "
                f"queued; give {remedy}"
            )
        pause, half = self.longest_pause, self.queue_retention_days * 86_400 // 2
        if self.max_receives * pause > half:
            raise ValueError(
                f"max_receives={self.max_receives}: tries up to {pause} seconds apart take "
                f"{self.max_receives * pause // 3600} hours, more than half of queue_retention_days="
                f"{self.queue_retention_days}, after which SQS deletes a webhook in place of making it a dead letter; "
                f"give max_receives={half // pause}"
            )
        return self

    def way_to(self, destination: str | None, own: Mapping[str, Any]) -> Self:
        """The same settings as one destination has them.

        Args:
            destination: its name; None where it has none.
            own: those that it has in its own way.

        Raises:
            SettingsError: they can't be.
        """
        if not own:
            return self
        try:
            return type(self).model_validate({**self.given, **own})
        except ValidationError as error:
            raise SettingsError(f"{destination}: {rule(error)}") from None

    @property
    def given(self) -> dict[str, Any]:
        """Those that are not left to their defaults."""
        return {key: getattr(self, key) for key in type(self).model_fields if key in self.model_fields_set}

    @property
    def environment_name(self) -> str:
        """Of the environment that this is deployed to; empty without one."""
        return ""

    def metrics_name(self, name: str) -> str:
        """What metrics call the subscription `name`: environments of one account and region share a namespace."""
        return f"{self.environment_name}-{name}" if self.environment_name else name

    @property
    def post_queue_reservation(self) -> int | None:
        """Reserved concurrency of the post-queue function; None: nothing is reserved."""
        if self.reserved_concurrency is None:
            return self.maximum_concurrency
        return self.reserved_concurrency or None

    @property
    def large_body_days(self) -> int:
        """Days that a body too large for the queue is kept: a redrive from the dead letters starts both times anew.

        In a FIFO queue's dead letters a webhook's days begin anew, in others' they count from when it was last queued,
        which it is anew each time that the destination is found away:
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
        """
        return 2 * (self.dead_letter_retention_days + self.queue_retention_days) + 2

    @property
    def visibility_timeout(self) -> int:
        """Seconds that a received webhook stays hidden from other receivers."""
        return 6 * self.post_queue_timeout + self.batch_window

    @property
    def longest_pause(self) -> int:
        """Seconds from one try of a webhook to the next, at the most."""
        return self.visibility_timeout
