"""Every setting, its default, its rule, and the one line that a wrong one gets."""

import difflib
import ipaddress
import re
from collections.abc import Collection, Mapping, Sequence
from ipaddress import ip_network
from typing import Annotated, Any, Literal, Self, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from nami_runtime.destinations.http import MAX_LATER_SECONDS
from nami_runtime.outcome import MARGIN_SECONDS
from nami_stack.signature import Signature

# Where a template says which settings it was made with.
SETTINGS_METADATA = "nami:settings"
ENVIRONMENT_TAG = "nami:environment"
# With this in the context an environment has no account and region of its own: AWS on this machine has but one.
LOCAL_CONTEXT = "nami:local"
SHARED = "shared"  # the name of what subscriptions share
RESERVED_NAMES = frozenset({SHARED})
# What https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html takes.
LOG_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653)
# Seconds of a post-queue function that are kept for ending in order: what the functions keep, and one more.
BACKEND_MARGIN = int(MARGIN_SECONDS) + 1
# Seconds by which a backend can put off the next try, at the most.
BACKEND_LATER = MAX_LATER_SECONDS
# Context keys without a namespace that belong to the CDK itself.
_CDK_CONTEXT = frozenset({"cli-telemetry", "acknowledged-issue-numbers"})


class SettingsError(ValueError):
    """A bad setting, told in one line that names the key, the rule and the remedy."""


def check_name(name: str) -> str:
    """Return the name of a subscription where it is a good one.

    It becomes a part of the stack's name, the route and a DNS label, so the strictest of them rules: RFC 1123,
    section 2.1 (63 characters).

    Raises:
        SettingsError: it is not.
    """
    if name in RESERVED_NAMES:
        raise SettingsError(f"name={name!r}: is reserved for what subscriptions share; choose another name")
    if not re.fullmatch(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?", name):
        remedy = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:63].rstrip("-") or "shopify"
        if remedy in RESERVED_NAMES:
            remedy = "shopify"
        raise SettingsError(
            f"name={name!r}: must be 1 to 63 lower-case letters, digits and inner hyphens, "
            f"and begin with a letter; try name={remedy}"
        )
    return name


def check_environment(name: str) -> str:
    """Return the name of an environment where it is a good one.

    It has no hyphen, so that a stack's name tells where the environment ends and the subscription begins.

    Raises:
        SettingsError: it is not.
    """
    if name in RESERVED_NAMES:
        raise SettingsError(f"env={name!r}: is reserved for what subscriptions share; choose another name")
    if not re.fullmatch(r"[a-z][a-z0-9]{0,15}", name):
        remedy = re.sub(r"[^a-z0-9]+", "", name.lower()).lstrip("0123456789")[:16]
        if not remedy or remedy in RESERVED_NAMES:
            remedy = "prod"
        raise SettingsError(
            f"env={name!r}: must be 1 to 16 lower-case letters and digits, and begin with a letter; try env={remedy}"
        )
    return name


def stack_name(name: str, environment: str | None = None) -> str:
    """The stack of a subscription, or of what they share: `nami-shopify`, in an environment `nami-prod-shopify`."""
    return "-".join(part for part in ("nami", environment, name) if part)


def as_typed(value: object) -> str:
    """The value of a setting as one types it: `true`, `http,dynamodb`."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _one_of(*allowed: int) -> AfterValidator:
    def check(value: int) -> int:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(map(str, allowed))}")
        return value

    return AfterValidator(check)


def _matches(pattern: str, example: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must look like {example}")
        return value

    return AfterValidator(check)


def _network() -> AfterValidator:
    def check(value: str) -> str:
        try:
            return str(ip_network(value))
        except ValueError as error:
            raise ValueError(f"must be networks in CIDR form, as in 198.51.100.0/24 ({error})") from None

    return AfterValidator(check)


DestinationName = Literal["mongo-host", "shared-mongo", "mongo-database", "dynamodb", "http"]
_HEADER = r"[A-Za-z0-9!#%&'*+.^_`|~-]+"
_JSON_PATH = r"\$(?:\.[^.\[\]\s]+|\[\d{1,6}\])+"
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Memory = Annotated[int, Field(ge=128, le=10_240)]
Subnet = Annotated[str, _matches(r"subnet-([0-9a-f]{8}|[0-9a-f]{17})", "subnet-0123456789abcdef0")]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


# https://docs.datadoghq.com/getting_started/site/
DatadogSite = Literal[
    "datadoghq.com",
    "datadoghq.eu",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "uk1.datadoghq.com",
    "ddog-gov.com",
    "us2.ddog-gov.com",
]


def check_sentry_dsn(dsn: str) -> str:
    """Return the DSN of a Sentry project where it can stand in a function's settings for everybody to read.

    Its key is public: it lets one send events and read nothing
    (https://docs.sentry.io/concepts/key-terms/dsn-explainer/).

    Raises:
        SettingsError: it is none, or holds a secret.
    """
    form = "must look like https://0123456789abcdef@o1.ingest.sentry.io/2"
    try:
        parts = urlsplit(dsn)
        host, password, _ = parts.hostname, parts.password, parts.port
    except ValueError:
        raise SettingsError(f"sentry_dsn: {form}") from None
    if password is not None:
        raise SettingsError(
            "sentry_dsn: holds a secret key after its public one, as DSNs of old did, and everybody could read it in "
            "the function's settings; leave it out, Sentry does not need it"
        )
    if parts.scheme != "https" or not host or not parts.username or not re.fullmatch(r"(/[^/\s]+)*/\d+", parts.path):
        raise SettingsError(f"sentry_dsn: {form}")
    return dsn


def no_way_out(key: str) -> str:
    """What is wrong where a function that should report to the internet stands in a network without a way to it."""
    return (
        f"{key}: the post-queue function stands in a subnet without a way out, and could not report anything; "
        f"give egress=nat, or leave {key} out"
    )


class PipelineSettings(_Settings):
    """How webhooks are taken in, queued and stored."""

    methods: tuple[Method, ...] = ("POST",)
    """HTTP methods that are taken, as in `GET,POST`."""
    success_status: Annotated[int, _one_of(200, 201, 202, 204)] = 200
    """HTTP status of the answer to an accepted webhook."""
    success_body: Annotated[str, Field(max_length=4096)] = ""
    """Body of that answer; empty: a short JSON that names the delivery."""
    unauthorized_status: Annotated[int, _one_of(400, 401, 403, 404)] = 401
    """HTTP status of the answer to a webhook whose sender is not proven."""
    unavailable_status: Annotated[int, _one_of(500, 502, 503, 504)] = 503
    """HTTP status of the answer where the queue did not take a webhook, so that the producer sends it again."""
    ingest: Literal["function", "direct"] = "function"
    """direct: the REST gateway writes to the queue by itself, no function between: docs/gateways.md."""
    allowed_sources: tuple[Annotated[str, _network()], ...] = ()
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
    order_by: Annotated[str, _matches(f"{_HEADER}|{_JSON_PATH}", "x-order-id or $.order.id")] | None = None
    """Keep the order of webhooks that are equal in this header, or at this path of their JSON body: docs/order.md.
    batch_size is then 10 and batch_window 0, the most that AWS takes."""
    max_receives: Annotated[int, Field(ge=1, le=1000)] = 5
    """Times that a webhook is tried before it goes to the dead letters. All tries fit into half of
    queue_retention_days."""

    queue_retention_days: Annotated[int, Field(ge=1, le=13)] = 4
    """Days that the queue keeps a webhook while the destination is away."""
    dead_letter_retention_days: Annotated[int, Field(ge=2, le=14)] = 14
    """Days counted from when the webhook was first queued, so more than queue_retention_days. With order_by they
    begin anew when it becomes a dead letter."""
    log_retention_days: Annotated[int, _one_of(*LOG_RETENTION_DAYS)] = 30
    """Days that the functions' logs are kept."""

    tracing: bool = False
    """X-Ray follows a share of the webhooks through a REST API and the functions; an HTTP API has no tracing."""
    sentry_dsn: str | None = None
    """Errors of the functions go to the Sentry project with this DSN, without a webhook's content: docs/watching.md."""
    datadog_site: DatadogSite | None = None
    """Metrics, traces and logs of the functions go to Datadog there, by its layers: docs/watching.md."""
    datadog_api_key_secret_arn: (
        Annotated[
            str,
            _matches(
                r"arn:aws[a-z-]*:secretsmanager:[^:]+:\d{12}:secret:.+-[A-Za-z0-9]{6}",
                "arn:aws:secretsmanager:…:secret:datadog-AbCdEf, whole, with its random ending",
            ),
        ]
        | None
    ) = None
    """The secret that is Datadog's API key and nothing else, with datadog_site."""

    @field_validator("methods", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if isinstance(value, str):
            value = [method.strip().upper() for method in value.split(",")]
        if isinstance(value, list | tuple) and not value:
            raise ValueError("must name at least one method")
        return list(dict.fromkeys(value)) if isinstance(value, list | tuple) else value

    @field_validator("allowed_sources", mode="before")
    @classmethod
    def _separated(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @model_validator(mode="before")
    @classmethod
    def _ordered_defaults(cls, given: object) -> object:
        if isinstance(given, Mapping) and given.get("order_by"):
            return {"batch_size": 10, "batch_window": 0, **given}
        return given

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
        if self.dead_letter_retention_days <= self.queue_retention_days:
            raise ValueError(
                f"dead_letter_retention_days={self.dead_letter_retention_days}: must exceed "
                f"queue_retention_days={self.queue_retention_days}, because it counts from when the webhook was first "
                f"queued; give dead_letter_retention_days={min(self.queue_retention_days + 10, 14)}"
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

    @model_validator(mode="after")
    def _reporting_rules(self) -> Self:
        if self.sentry_dsn:
            check_sentry_dsn(self.sentry_dsn)
        given = {key: getattr(self, key) for key in ("datadog_site", "datadog_api_key_secret_arn")}
        if any(given.values()) and not all(given.values()):
            missing, there = sorted(given, key=lambda key: given[key] is not None)
            raise ValueError(f"{there}: goes with {missing}; give both, or neither")
        return self

    @property
    def environment_name(self) -> str:
        """Of the environment that this is deployed to; empty without one."""
        return ""

    def metrics_name(self, name: str) -> str:
        """What metrics call the subscription `name`: environments of one account and region share a namespace."""
        return f"{self.environment_name}-{name}" if self.environment_name else name

    @property
    def reports_to(self) -> str:
        """The setting by which the functions report to a service on the internet; empty where they do not."""
        return "sentry_dsn" if self.sentry_dsn else "datadog_site" if self.datadog_site else ""

    @property
    def post_queue_reservation(self) -> int | None:
        """Reserved concurrency of the post-queue function; None: nothing is reserved."""
        if self.reserved_concurrency is None:
            return self.maximum_concurrency
        return self.reserved_concurrency or None

    @property
    def large_body_days(self) -> int:
        """Days that a body too large for the queue is kept: a redrive from the dead letters starts both times anew.

        In a FIFO queue's dead letters a webhook's days begin anew, in others' they count from when it was first queued:
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
        """
        life = self.dead_letter_retention_days + (self.queue_retention_days if self.order_by else 0)
        return 2 * life + 2

    @property
    def visibility_timeout(self) -> int:
        """Seconds that a received webhook stays hidden from other receivers."""
        return 6 * self.post_queue_timeout + self.batch_window

    @property
    def longest_pause(self) -> int:
        """Seconds from one try of a webhook to the next, at the most."""
        return self.visibility_timeout


_LIMITS = ("throttle_rate", "throttle_burst")


class GatewaySettings(_Settings):
    """What producers send to."""

    gateway: Literal["http", "rest", "shared"] = "http"
    """http: an HTTP API, at under a third of the cost; rest: a REST API, for what the settings below need; shared: the
    HTTP API of `name=shared`."""
    throttle_rate: Annotated[int, Field(ge=1)] | None = None
    """http, rest: webhooks a second, above which producers get 429; the account's limit where not given."""
    throttle_burst: Annotated[int, Field(ge=1)] | None = None
    """http, rest: webhooks at once, with throttle_rate."""
    web_acl_arn: (
        Annotated[
            str,
            _matches(
                r"arn:aws[a-z-]*:wafv2:[^:]+:\d{12}:regional/webacl/[^/]+/[^/]+", "arn:aws:wafv2:…:regional/webacl/…"
            ),
        ]
        | None
    ) = None
    """rest: a regional AWS WAF web ACL that looks at each request first."""
    direct_content_types: tuple[Annotated[str, _matches(r"[^\s/]+/[^\s/;]+", "application/json")], ...] = ()
    """ingest=direct: content types that are taken beside the common ones; others get 415."""

    @field_validator("direct_content_types", mode="before")
    @classmethod
    def _separated_types(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _gateway_rules(self) -> Self:
        if self.gateway != "rest" and self.web_acl_arn is not None:
            raise ValueError(f"web_acl_arn={self.web_acl_arn!r}: an HTTP API has none; give gateway=rest")
        if self.gateway == "shared" and (limits := [key for key in _LIMITS if getattr(self, key) is not None]):
            raise ValueError(f"{limits[0]}: the shared gateway is not this subscription's to limit; give gateway=http")
        if bool(self.throttle_rate) != bool(self.throttle_burst):
            raise ValueError("throttle_rate: goes with throttle_burst; give both, or neither")
        return self


class DomainSettings(_Settings):
    """A name of yours for the gateway."""

    domain_name: Annotated[str, _matches(r"(?!-)[a-z0-9-]+(\.[a-z0-9-]+)+", "hooks.example.com")] | None = None
    """A name of yours for the endpoint. Without certificate_arn the domain must be there already, and the endpoint is
    below /<name> on it, so that several subscriptions share it."""
    certificate_arn: (
        Annotated[str, _matches(r"arn:aws[a-z-]*:acm:[^:]+:\d{12}:certificate/.+", "arn:aws:acm:…")] | None
    ) = None
    """Its certificate, in the region of the stack."""
    hosted_zone_id: Annotated[str, _matches(r"Z[A-Z0-9]+", "Z0123456789ABCDEFGHIJ")] | None = None
    """The Route 53 zone that gets the domain's records; where not given, make them yourself."""

    @model_validator(mode="after")
    def _domain_rules(self) -> Self:
        if self.certificate_arn and not self.domain_name:
            raise ValueError("certificate_arn: of which domain? Give it as domain_name=hooks.example.com")
        if self.hosted_zone_id and not self.certificate_arn:
            raise ValueError("hosted_zone_id: goes with a domain that is made here; give certificate_arn too")
        return self


class SignatureSettings(_Settings):
    """Who may send, and how."""

    signature: str | None = None
    """How the sender is known: a provider of docs/signatures.md, hmac, token, basic, or none by decision."""
    signature_tolerance: int | None = None
    """Seconds that a signed timestamp may be off, where the scheme has one; the provider's advice where not given."""
    public_url: str | None = None
    """The URL that the producer calls, for schemes that sign it, where it is not the gateway's own."""
    signature_header: str | None = None
    """hmac, token: the header that carries the signature or the token."""
    signature_prefix: str | None = None
    """hmac, token: what stands before it in the header, such as `sha256=`."""
    signature_digest: str | None = None
    """hmac: sha1, sha256 (the default) or sha512."""
    signature_encoding: str | None = None
    """hmac: of the signature, hex (the default) or base64."""
    signature_key: str | None = None
    """hmac: how the secret is written: text (the default), hex or base64."""
    signature_signed: str | None = None
    """hmac: template of what is signed, over {body} (the default), {timestamp}, {id}, {method} and {url}."""
    signature_timestamp: str | None = None
    """hmac: the header that carries the timestamp."""
    signature_id: str | None = None
    """hmac, token: the header that identifies the delivery."""

    @model_validator(mode="after")
    def _signature_rules(self) -> Self:
        self.build_signature()
        return self

    def build_signature(self) -> Signature | None:
        """The scheme with its options; None where no signature is set."""
        keys = {key: key.removeprefix("signature_") for key in SignatureSettings.model_fields if key != "signature"}
        given = {key: value for key in keys if (value := getattr(self, key)) is not None}
        if self.signature is None:
            if given:
                raise ValueError(f"{next(iter(given))}: of which scheme? Give it as signature=hmac")
            return None
        try:
            return Signature.model_validate(
                {"scheme": self.signature, **{keys[key]: value for key, value in given.items()}}
            )
        except ValidationError as error:
            first = error.errors()[0]
            rule = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
            named = str(first["loc"][0]) if first["loc"] else rule.partition(":")[0]
            key = next((key for key in keys if keys[key] == named), None)
            if first["loc"]:
                raise ValueError(f"{key}={first['input']!r}: {rule}") from None
            raise ValueError(rule.replace(named, key, 1) if key else rule) from None


class HostSettings(_Settings):
    """The MongoDB host and the network that it stands in."""

    instance_type: Annotated[
        str, _matches(r"(a1|[a-z]+\d+g[a-z]*)\.[a-z0-9]+", "t4g.micro, an arm64 (Graviton) type")
    ] = "t4g.micro"
    """EC2 type, arm64: the cheapest that holds MongoDB (1 GiB)."""
    volume_size: Annotated[int, Field(ge=1, le=16_384)] = 20
    """GiB of the data volume, kept on destroy. It can grow with a later deployment, never shrink."""
    backup_days: Annotated[int, Field(ge=0, le=365)] = 0
    """Days that a snapshot of the data volume is kept, of which one is made each night; 0: none is."""
    data_volume_id: Annotated[str, _matches(r"vol-([0-9a-f]{8}|[0-9a-f]{17})", "vol-0123456789abcdef0")] | None = None
    """An existing data volume to adopt, with its availability_zone and database_secret_arn."""
    availability_zone: Annotated[str, _matches(r"[a-z]{2}(-[a-z]+)+-\d[a-z]", "eu-west-1a")] | None = None
    """Zone of the host and its volume; the region's first where not given."""
    database_secret_arn: (
        Annotated[
            str, _matches(r"arn:aws[a-z-]*:secretsmanager:[^:]+:\d{12}:secret:.+", "arn:aws:secretsmanager:…:secret:…")
        ]
        | None
    ) = None
    """The secret with the root credentials that the adopted volume was set up with; mongo-database: with the `uri`."""
    egress: Literal["none", "nat"] = "none"
    """nat: functions reach the internet through a NAT gateway and nothing else has a public address."""
    vpc_id: Annotated[str, _matches(r"vpc-([0-9a-f]{8}|[0-9a-f]{17})", "vpc-0123456789abcdef0")] | None = None
    """A VPC of yours to use, with host_subnet_id, function_subnet_id and availability_zone."""
    host_subnet_id: Subnet | None = None
    """Subnet of the host in vpc_id; it needs a way to the internet."""
    function_subnet_id: Subnet | None = None
    """Subnet of the post-queue function in vpc_id; it needs a way to Secrets Manager and S3."""

    @property
    def has_host(self) -> bool:
        """Whether there is a MongoDB host that the rules below are about."""
        return True

    @property
    def has_database(self) -> bool:
        """Whether database_secret_arn is that of an existing database."""
        return False

    @model_validator(mode="after")
    def _host_rules(self) -> Self:
        if not self.has_host:
            return self
        network = ("vpc_id", "host_subnet_id", "function_subnet_id")
        given = [key for key in network if getattr(self, key)]
        if given and (missing := self._missing(*network, "availability_zone")):
            raise ValueError(
                f"{given[0]}: a network of yours is named by {', '.join(network)} and availability_zone together; "
                f"give {missing} too"
            )
        if given and self.egress == "nat":
            raise ValueError("egress='nat': nami adds no NAT gateway to a VPC of yours; leave egress out")
        if self.data_volume_id and (missing := self._missing("availability_zone", "database_secret_arn")):
            raise ValueError(
                f"data_volume_id={self.data_volume_id!r}: an adopted volume needs its zone and the credentials that it "
                f"was set up with; give {missing} too"
            )
        if self.database_secret_arn and not self.data_volume_id and not self.has_database:
            raise ValueError(
                "database_secret_arn: goes with an adopted volume, since a new one is set up with a new password; "
                "give data_volume_id too"
            )
        return self

    def _missing(self, *keys: str) -> str:
        return " and ".join(key for key in keys if not getattr(self, key))


_NETWORK = ("vpc_id", "function_subnet_id")
# What else each destination reads; the host's own are those of HostSettings.
_DESTINATION_KEYS: dict[str, tuple[str, ...]] = {
    "mongo-host": tuple(HostSettings.model_fields),
    "shared-mongo": (),
    "mongo-database": ("database_secret_arn", "database_name", *_NETWORK),
    "dynamodb": ("table_name", "table_ttl_days"),
    "http": (
        "backend_url",
        "backend_allow_private",
        "backend_connect_timeout",
        "backend_read_timeout",
        "backend_concurrency",
        *_NETWORK,
    ),
}


class AlarmSettings(_Settings):
    """Who is told of what goes wrong, and what is written down."""

    alarms: bool = True
    """Alarms on what must not go unnoticed: docs/watching.md. About twelve, at 0.10 dollars a month each beyond the ten
    that an account has free."""
    alarm_email: Annotated[str, _matches(r"[^@\s]+@[^@\s]+\.[^@\s]+", "ops@example.com")] | None = None
    """Who gets the alarms by mail, after a click in AWS's first one; others can join the topic of AlarmTopicArn."""
    access_logs: bool | None = None
    """A line for each request at the gateway. An HTTP API writes them unless this is false; a REST API only where it is
    true, since the account needs a role for that first: docs/watching.md."""

    @model_validator(mode="after")
    def _alarm_rules(self) -> Self:
        for key in ("alarm_email", "alarm_silence"):
            if not self.alarms and getattr(self, key, None) is not None:
                raise ValueError(f"{key}: there are no alarms with alarms=false; leave one of them out")
        return self


class WatchingSettings(AlarmSettings):
    """What tells that something is wrong: docs/watching.md."""

    alarm_unauthorized: Annotated[int, Field(ge=1)] = 10
    """Webhooks within five minutes whose sender is not proven; so many raise the alarm."""
    alarm_silence: Annotated[int, Field(ge=5, le=7 * 24 * 60)] | None = None
    """Minutes without a webhook that raise the alarm; none do where not given."""
    dashboard: bool = True
    """A dashboard of the subscription. AWS charges 3 dollars a month for each beyond the three that an account has
    free."""


class DestinationSettings(_Settings):
    """Where webhooks end."""

    destination: tuple[DestinationName, ...] = ("mongo-host",)
    """Where webhooks end; several, as in `dynamodb,http`, get a queue and dead letters each. shared-mongo: the host of
    `name=shared`."""
    database_name: Annotated[str, _matches(r'[^/\\. "$\0]{1,63}', 'shop, without / \\ . " $ or spaces')] = "nami"
    """mongo-database: the database in which each subscription has a collection of its name."""
    table_name: Annotated[str, _matches(r"[A-Za-z0-9_.-]{3,255}", "shopify-webhooks")] | None = None
    """dynamodb: an existing table to adopt, with the string `id` as its whole key; made where not given."""
    table_ttl_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """dynamodb: days after which an item expires; it stays for good where not given."""
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

    @field_validator("destination", mode="before")
    @classmethod
    def _destinations(cls, value: object) -> object:
        if isinstance(value, str):
            value = [name.strip().lower() for name in value.split(",")]
        if isinstance(value, list | tuple) and not value:
            raise ValueError("must name at least one destination")
        if isinstance(value, list | tuple) and len(set(value)) < len(value):
            raise ValueError("names a destination twice")
        return value


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


def backend_batch(*, connect: int, read: int, concurrency: int, function: int, ordered: bool) -> int:
    """So many webhooks that a function of so many seconds tries each, even where each waits as long as it may.

    In order they may all be of one group, and go one after the other.
    """
    rounds = (function - BACKEND_MARGIN) // (connect + read)
    return rounds if ordered else concurrency * rounds


def check_direct(
    *, rest: bool, signature: Signature | None, destinations: int, order_by: str | None, shared_mongo: bool
) -> None:
    """Raise SettingsError where `ingest=direct` can't do what a function between the gateway and the queue does."""
    direct = "ingest='direct':"
    if not rest:
        raise SettingsError(f"{direct} an HTTP API can't write the envelope; give gateway=rest")
    if destinations > 1:
        raise SettingsError(f"{direct} the gateway writes to one queue, and each destination has its own; leave it out")
    if order_by:
        raise SettingsError(
            f"{direct} the gateway can't tell the groups of order_by={order_by!r}; leave one of them out"
        )
    if signature and signature.has_handshake:
        raise SettingsError(
            f"{direct} signature={signature.scheme} has a handshake, which a function must answer; leave ingest out"
        )
    if signature and signature.scheme == "paypal":
        raise SettingsError(
            f"{direct} signature=paypal needs PayPal's certificate from the internet, which the post-queue function "
            "may not reach; leave ingest out"
        )
    if signature and signature.has_secret and shared_mongo:
        raise SettingsError(
            f"{direct} what is not genuine goes to a quarantine queue, and the shared network has no way to it; leave "
            "ingest out, or give another destination"
        )


class Environment(_Settings):
    """One of the `environments` of cdk.json, picked by `-c env=prod`."""

    name: Annotated[str, AfterValidator(check_environment)]
    """Part of the stacks' names (nami-<environment>-<subscription>), and their tag `nami:environment`."""
    account: str | None = None
    """The AWS account, 12 digits in quotes; that of the credentials where not given."""
    region: Annotated[str, _matches(r"[a-z]{2}(-[a-z]+)+-\d{1,2}", "eu-west-1")] | None = None
    """The region, such as `eu-west-1`; the credentials' usual one where not given."""

    @field_validator("account", mode="before")
    @classmethod
    def _account(cls, value: object) -> object:
        if value is not None and not (isinstance(value, str) and re.fullmatch(r"[0-9]{12}", value)):
            raise ValueError('must be 12 digits in quotes, as in "123456789012"')
        return value

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self | None:
        """The environment that the CDK context picks; None where it picks none.

        Raises:
            SettingsError: one line that names the key, the rule and the remedy.
        """
        if (name := context.get("env")) in (None, ""):
            return None
        entry = _environment_entry(context, check_environment(str(name)))
        where = {key: entry[key] for key in ("account", "region") if entry.get(key) is not None}
        try:
            found = cls.model_validate({"name": name, **where})
        except ValidationError as error:
            raise SettingsError(f"environments.{name}: {_first_line(error, ())}") from None
        return found.model_copy(update={"account": None, "region": None}) if context.get(LOCAL_CONTEXT) else found


def given_settings(context: Mapping[str, Any], name: str, known: Collection[str] | None = None) -> dict[str, Any]:
    """What the context says of one subscription, under whatever key.

    Later ones win: `subscriptions.<name>`, the environment's settings, the environment's `subscriptions.<name>`,
    `-c key=value`. What is said of one environment is meant more closely than what is said of a subscription wherever
    it runs.

    Args:
        known: which of the environment's settings are for this name, where not all of them are.

    Raises:
        SettingsError: the context's own form is wrong, or names an environment that is not there.
    """
    subscriptions = _subscriptions(context, "subscriptions")
    layers: list[Mapping[str, Any]] = [subscriptions.get(name, {})]
    if env := context.get("env"):
        entry = _environment_entry(context, str(env))
        own = {key: value for key, value in entry.items() if key not in _ENVIRONMENT_KEYS}
        layers.append({key: value for key, value in own.items() if known is None or key in known})
        layers.append(_subscriptions(entry, f"environments.{env}.subscriptions").get(name, {}))
    layers.append({key: value for key, value in context.items() if _is_setting(key)})
    given = {key: value for layer in layers for key, value in layer.items()}
    if "environment" in given:
        raise SettingsError("environment: is not a setting; did you mean env?")
    return given


_ENVIRONMENT_KEYS = ("account", "region", "subscriptions")


def _subscriptions(holder: Mapping[str, Any], place: str) -> Mapping[str, Mapping[str, Any]]:
    found = holder.get("subscriptions", {})
    if not isinstance(found, Mapping) or not all(isinstance(settings, Mapping) for settings in found.values()):
        raise SettingsError(f'{place}: must be {{"<name>": {{"<setting>": …}}}} in the context of cdk.json')
    return found


def _environments(context: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    found = context.get("environments", {})
    if not isinstance(found, Mapping) or not all(isinstance(entry, Mapping) for entry in found.values()):
        raise SettingsError(
            'environments: must be {"<name>": {"account": …, "region": …, "<setting>": …}} in the context of cdk.json'
        )
    return found


def _environment_entry(context: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    environments = _environments(context)
    if name not in environments:
        if not environments:
            remedy = f'put {{"environments": {{"{name}": {{}}}}}} into the context of cdk.json'
        elif near := difflib.get_close_matches(name, environments, n=1):
            remedy = f"did you mean {near[0]}?"
        else:
            remedy = f"there are {', '.join(sorted(environments))}"
        raise SettingsError(f"env={name!r}: is not among the environments of cdk.json; {remedy}")
    entry = environments[name]
    known = (*_ENVIRONMENT_KEYS, *(key for key in Subscription.model_fields if key not in ("name", "environment")))
    for key in entry:
        if key not in known:
            raise SettingsError(f"environments.{name}: {_unknown(key, known)}")
    return entry


class Subscription(
    PipelineSettings,
    GatewaySettings,
    DomainSettings,
    SignatureSettings,
    DestinationSettings,
    HostSettings,
    WatchingSettings,
):
    """One subscription: what `cdk deploy -c name=shopify` deploys."""

    name: Annotated[str, AfterValidator(check_name)]
    """Of the stack (nami-<name>), the route (/nami/<name>) and the collection (<name>)."""
    environment: Environment | None = None
    """Where it is deployed to; without one, to wherever the credentials lead."""

    @property
    def stack_name(self) -> str:
        """Of its CloudFormation stack."""
        return stack_name(self.name, self.environment_name)

    @property
    def environment_name(self) -> str:
        """Of the environment that this is deployed to; empty without one."""
        return self.environment.name if self.environment else ""

    @property
    def has_host(self) -> bool:
        """Whether the MongoDB host is among the destinations."""
        return "mongo-host" in self.destination

    @property
    def has_database(self) -> bool:
        """Whether an existing database is among the destinations."""
        return "mongo-database" in self.destination

    @property
    def longest_pause(self) -> int:
        """Seconds from one try of a webhook to the next, at the most: a backend may say when it wants it again."""
        put_off = self.post_queue_timeout + BACKEND_LATER if "http" in self.destination else 0
        return max(self.visibility_timeout, put_off)

    @property
    def host(self) -> HostSettings:
        """The host's settings, without the secret that is another database's."""
        return self.model_copy(update={"database_secret_arn": None}) if self.has_database else self

    @model_validator(mode="after")
    def _destination_rules(self) -> Self:
        read = {key for name in self.destination for key in _DESTINATION_KEYS[name]}
        for name, keys in _DESTINATION_KEYS.items():
            for key in keys:
                if key not in read and getattr(self, key) != type(self).model_fields[key].default:
                    if "shared-mongo" in self.destination and name == "mongo-host":
                        raise ValueError(f"{key}: is for the shared host; give it to name={SHARED}, or leave {key} out")
                    raise ValueError(
                        f"{key}: belongs to destination={name}; give that too, or leave {key} out "
                        f"(destination={','.join(self.destination)})"
                    )
        if self.has_database and not self.database_secret_arn:
            raise ValueError(
                'destination=mongo-database: which one? Put {"uri": "mongodb://…"} into a secret of Secrets Manager '
                "and give its ARN as database_secret_arn"
            )
        if self.has_database and self.data_volume_id:
            raise ValueError(
                "data_volume_id: database_secret_arn can't be both the adopted volume's and the existing database's; "
                "make two subscriptions of it"
            )
        if not self.has_host and (given := [key for key in _NETWORK if getattr(self, key)]) and len(given) < 2:
            missing = next(key for key in _NETWORK if key not in given)
            raise ValueError(f"{given[0]}: names a network of yours together with {missing}; give that too")
        if self.reports_to and self.has_host and self.egress == "none" and not self.vpc_id:
            raise ValueError(no_way_out(self.reports_to))
        if "http" in self.destination:
            if not self.backend_url:
                raise ValueError("destination=http: to which URL? Give it as backend_url=https://…")
            check_backend_url(self.backend_url, allow_private=self.backend_allow_private)
            check_backend_timeouts(self.backend_connect_timeout, self.backend_read_timeout, self.post_queue_timeout)
        return self

    @model_validator(mode="after")
    def _shared_rules(self) -> Self:
        if self.gateway == "shared" and self.domain_name:
            raise ValueError(
                f"domain_name={self.domain_name!r}: the shared gateway has one domain for all; "
                f"give it to name={SHARED}, or leave it out"
            )
        if self.gateway == "shared" and self.access_logs is not None:
            raise ValueError(f"access_logs: are the shared gateway's; give it to name={SHARED}, or leave it out")
        return self

    @model_validator(mode="after")
    def _direct_rules(self) -> Self:
        if self.ingest == "direct":
            check_direct(
                rest=self.gateway == "rest",
                signature=self.build_signature(),
                destinations=len(self.destination),
                order_by=self.order_by,
                shared_mongo="shared-mongo" in self.destination,
            )
        elif self.direct_content_types:
            raise ValueError("direct_content_types: every type is taken without ingest=direct; leave it out")
        return self

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self:
        """Read one subscription's settings from the CDK context: see `given_settings` for which wins.

        Raises:
            SettingsError: one line that names the key, the rule and the remedy.
        """
        subscriptions, environments = _subscriptions(context, "subscriptions"), _environments(context)
        name = context.get("name")
        if name in (None, ""):
            known = f" (cdk.json has {', '.join(sorted(subscriptions))})" if subscriptions else ""
            raise SettingsError(f"name: which subscription? Give it as -c name=shopify{known}")
        name = check_name(str(name))
        environment = Environment.from_context(context)
        given = {**given_settings(context, name), "name": name}
        known_keys = ("env", *(key for key in cls.model_fields if key != "environment"))
        _check_unambiguous(name, environment, subscriptions, environments)
        try:
            return cls.model_validate({**given, "environment": environment})
        except ValidationError as error:
            raise SettingsError(_first_line(error, known_keys)) from None


class SharedSettings(DomainSettings, HostSettings, AlarmSettings):
    """What subscriptions share: what `cdk deploy -c name=shared` deploys."""

    name: Literal["shared"] = "shared"
    """Of the stack: nami-shared."""
    environment: Environment | None = None
    """Where it is deployed to; without one, to wherever the credentials lead."""

    @property
    def stack_name(self) -> str:
        """Of its CloudFormation stack."""
        return stack_name(self.name, self.environment.name if self.environment else None)

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self:
        """Read the settings from the CDK context, as a subscription's are read: see `given_settings`.

        Raises:
            SettingsError: one line that names the key, the rule and the remedy.
        """
        known = ("env", *(key for key in cls.model_fields if key != "environment"))
        environment = Environment.from_context(context)
        given = {**given_settings(context, SHARED, known), "name": SHARED}
        for key in given:
            if key in Subscription.model_fields and key not in cls.model_fields:
                raise SettingsError(f"{key}: is a setting of subscriptions, not of what they share; leave it out")
            if key not in known:
                raise SettingsError(_unknown(key, known))
        _check_unambiguous(SHARED, environment, _subscriptions(context, "subscriptions"), _environments(context))
        try:
            return cls.model_validate({**given, "environment": environment})
        except ValidationError as error:
            raise SettingsError(_first_line(error, known)) from None


def read_settings(context: Mapping[str, Any]) -> Subscription | SharedSettings:
    """The settings of the stack that the CDK context names: of a subscription, or of what they share.

    Raises:
        SettingsError: one line that names the key, the rule and the remedy.
    """
    return (SharedSettings if context.get("name") == SHARED else Subscription).from_context(context)


def _check_unambiguous(
    name: str, environment: Environment | None, subscriptions: Collection[str], environments: Collection[str]
) -> None:
    """Raise SettingsError where another subscription of cdk.json would have the same stack."""
    stack = stack_name(name, environment.name if environment else None)
    if environment and (other := f"{environment.name}-{name}") in subscriptions:
        raise SettingsError(
            f"env={environment.name!r}: {stack} is the stack of the subscription {other} too; rename one of them"
        )
    first, _, rest = name.partition("-")
    if not environment and rest and first in environments:
        raise SettingsError(
            f"name={name!r}: {stack} would be the stack of {rest} in the environment {first} too; choose another name"
        )


def _is_setting(key: str) -> bool:
    # The CDK's own keys carry a namespace ("aws:…", "@aws-cdk/…", "availability-zones:account=…").
    own = ("subscriptions", "environments", "env")
    return key not in own and key not in _CDK_CONTEXT and not re.search(r"[@:/]", key)


def _unknown(key: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(key.replace("-", "_"), known, n=1)
    remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
    return f"{key}: is not a setting; {remedy}"


def _first_line(error: ValidationError, known: Sequence[str]) -> str:
    first = error.errors()[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        return _unknown(key, known)
    rule = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if not key:
        return rule
    field = cast("dict[str, Any]", Subscription.model_fields).get(key)
    default = field.default if field else None
    remedy = f"; the default is {as_typed(default)}" if default not in (None, "", ()) else ""
    return f"{key}={first['input']!r}: {rule}{remedy}".replace("\n", " ")
