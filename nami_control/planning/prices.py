"""What AWS charges, in one dated table, and what a subscription costs by it.

List prices of one region, in US dollars, without the free tier and without volume discounts, which begin far above what
this is for. `docs/aws.md` shows the same figures; a test keeps the two equal.
"""

from dataclasses import dataclass
from datetime import date
from math import ceil

from nami_stack.settings import Subscription

REGION = "us-east-1"
AS_OF = date(2026, 11, 1)
HOURS = 730
"""Hours of an average month, as AWS's own calculator counts them."""


@dataclass(frozen=True)
class Price:
    """Dollars for one unit, and where AWS says so."""

    dollars: float
    unit: str
    source: str


_GATEWAY = "https://aws.amazon.com/api-gateway/pricing/"
_LAMBDA = "https://aws.amazon.com/lambda/pricing/"
_SQS = "https://aws.amazon.com/sqs/pricing/"
_EC2 = "https://aws.amazon.com/ec2/pricing/on-demand/"
_VPC = "https://aws.amazon.com/vpc/pricing/"
_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"
_DYNAMODB = "https://aws.amazon.com/dynamodb/pricing/on-demand/"

PRICES = {
    "http-api-request": Price(1.00e-6, "request, of up to 512 KB", _GATEWAY),
    "rest-api-request": Price(3.50e-6, "request", _GATEWAY),
    "lambda-request": Price(0.20e-6, "invocation", _LAMBDA),
    "lambda-gb-second": Price(1.33334e-5, "GB-second, arm64", _LAMBDA),
    "sqs-request": Price(0.40e-6, "request, of up to 64 KB", _SQS),
    "sqs-fifo-request": Price(0.50e-6, "request, of up to 64 KB", _SQS),
    "log-gb": Price(0.50, "GB written", _CLOUDWATCH),
    "alarm": Price(0.10, "month", _CLOUDWATCH),
    "metric": Price(0.30, "month, by the hour in which it is sent", _CLOUDWATCH),
    "dashboard": Price(3.00, "month", _CLOUDWATCH),
    "metric-request": Price(1.0e-5, "call that sends a metric", _CLOUDWATCH),
    "dynamodb-write": Price(0.625e-6, "write of up to 1 KB, on demand", _DYNAMODB),
    "gp3-gb": Price(0.08, "GB-month", "https://aws.amazon.com/ebs/pricing/"),
    "snapshot-gb": Price(0.05, "GB-month", "https://aws.amazon.com/ebs/pricing/"),
    "public-ipv4": Price(0.005, "hour", _VPC),
    "nat-gateway": Price(0.045, "hour", _VPC),
    "nat-gb": Price(0.045, "GB", _VPC),
    "interface-endpoint": Price(0.01, "hour", "https://aws.amazon.com/privatelink/pricing/"),
    "hosted-zone": Price(0.50, "month", "https://aws.amazon.com/route53/pricing/"),
    "secret": Price(0.40, "month", "https://aws.amazon.com/secrets-manager/pricing/"),
    "internet-gb": Price(0.09, "GB out to the internet", _EC2),
    **{
        instance: Price(dollars, "hour", _EC2)
        for instance, dollars in {
            "t4g.nano": 0.0042,
            "t4g.micro": 0.0084,
            "t4g.small": 0.0168,
            "t4g.medium": 0.0336,
            "t4g.large": 0.0672,
            "t4g.xlarge": 0.1344,
            "t4g.2xlarge": 0.2688,
            "m7g.medium": 0.0408,
            "m7g.large": 0.0816,
            "m7g.xlarge": 0.1632,
            "m7g.2xlarge": 0.3264,
            "c7g.medium": 0.0363,
            "c7g.large": 0.0725,
            "c7g.xlarge": 0.145,
            "c7g.2xlarge": 0.29,
            "c7g.4xlarge": 0.58,
        }.items()
    },
}

ROOT_VOLUME_GB = 8
# An event source with a maximum concurrency has no less than five polls under way, and an empty answer is billed. That
# each waits for 20 seconds, the longest that SQS lets a poll wait, is assumed:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
IDLE_POLLS = 5 * 3600 / 20 * HOURS
# A host tells every five minutes how full its disks are.
HOST_REPORTS = HOURS * 12
# SQS bills each 64 KB of a call as a request, and hands out ten messages a call at the most.
SQS_UNIT_KB = 64
SQS_MESSAGES = 10
HTTP_API_UNIT_KB = 512


@dataclass(frozen=True)
class Line:
    """One line of a bill."""

    what: str
    dollars: float
    price: str
    quantity: float


@dataclass(frozen=True)
class Usage:
    """What a burst uses. Counts; seconds of a function; kilobytes.

    Args:
        requests: that the gateway let in.
        invocations: of the pre-queue function.
        batches: invocations of the post-queue functions.
        messages: put into all queues together.
        message_kb: of one message in the queue.
        writes: DynamoDB's write units.
        log_kb: of all functions, and of the gateway.
        metric_hours: of the functions' metrics, each for each hour in which it is sent.
        forwarded_kb: to a backend on the internet.
    """

    requests: float
    body_kb: float
    invocations: float
    handler_seconds: float
    batches: float
    batch_seconds: float
    messages: float
    message_kb: float
    writes: float
    log_kb: float
    metric_hours: float
    forwarded_kb: float


def line(what: str, price: str, quantity: float) -> Line:
    """So much of something, by the table."""
    return Line(what, PRICES[price].dollars * quantity, price, quantity)


def idle_month(subscription: Subscription) -> list[Line]:
    """What is paid in a month in which no webhook comes, for what the subscription's own stack makes.

    An instance type that is not in the table has no line; `unpriced` names it.
    """
    lines = [*_host(subscription)] if subscription.has_host else []
    secrets = sum(
        (
            subscription.has_host and not subscription.data_volume_id,
            "http" in subscription.destination,
            _has_signature_secret(subscription),
        )
    )
    if secrets:
        lines.append(line("1 secret" if secrets == 1 else f"{secrets} secrets", "secret", secrets))
    queues = len(subscription.destination)
    polls = "sqs-fifo-request" if subscription.order_by else "sqs-request"
    lines.append(line("asking the empty queue" + (f"s ({queues})" if queues > 1 else ""), polls, IDLE_POLLS * queues))
    if count := alarms(subscription):
        lines.append(line(f"{count} alarms", "alarm", count))
    if subscription.dashboard:
        lines.append(line("dashboard", "dashboard", 1))
    return lines


def alarms(subscription: Subscription) -> int:
    """Alarms of the subscription's own stack, as nami_stack.watching makes them."""
    if not subscription.alarms:
        return 0
    signed = _has_signature_secret(subscription)
    function = 3
    gateway = 1
    pre_queue = function + signed if subscription.ingest == "function" else 0
    quarantine = signed and subscription.ingest == "direct"
    drains = len(subscription.destination) * (2 + function) + quarantine
    host = 2 + (subscription.backup_days > 0) if subscription.has_host else 0
    table = "dynamodb" in subscription.destination
    return gateway + pre_queue + drains + host + table + (subscription.alarm_silence is not None)


def unpriced(subscription: Subscription) -> str | None:
    """The host's instance type, where the table does not have it."""
    known = subscription.instance_type in PRICES
    return subscription.instance_type if subscription.has_host and not known else None


def _host(subscription: Subscription) -> list[Line]:
    lines = []
    if not unpriced(subscription):
        lines.append(line(subscription.instance_type, subscription.instance_type, HOURS))
    data = 0 if subscription.data_volume_id else subscription.volume_size
    volumes = f"{data} GiB data volume and " if data else ""
    lines.append(line(f"{volumes}{ROOT_VOLUME_GB} GiB root volume, gp3", "gp3-gb", data + ROOT_VOLUME_GB))
    if subscription.egress == "nat":
        lines.append(line("NAT gateway", "nat-gateway", HOURS))
        lines.append(line("public IPv4 address of the NAT gateway", "public-ipv4", HOURS))
    elif not subscription.vpc_id:
        lines.append(line("public IPv4 address of the host", "public-ipv4", HOURS))
        lines.append(line("interface endpoint for Secrets Manager", "interface-endpoint", HOURS))
        if subscription.ingest == "direct" and _has_signature_secret(subscription):
            lines.append(line("interface endpoint for SQS", "interface-endpoint", HOURS))
    lines.append(line("private hosted zone", "hosted-zone", 1))
    lines.append(line("the host's metric", "metric", 1))
    lines.append(line("telling it every five minutes", "metric-request", HOST_REPORTS))
    return lines


def _has_signature_secret(subscription: Subscription) -> bool:
    signature = subscription.build_signature()
    return signature is not None and signature.has_secret


def burst(subscription: Subscription, usage: Usage) -> list[Line]:
    """What a burst costs on top of that."""
    sqs = "sqs-fifo-request" if subscription.order_by else "sqs-request"
    sent = usage.messages * ceil(usage.message_kb / SQS_UNIT_KB)
    calls = usage.messages / SQS_MESSAGES
    received = calls * ceil(SQS_MESSAGES * usage.message_kb / SQS_UNIT_KB)
    lines = []
    if subscription.gateway == "rest":
        lines.append(line("REST API", "rest-api-request", usage.requests))
    else:
        units = usage.requests * ceil(usage.body_kb / HTTP_API_UNIT_KB)
        lines.append(line("HTTP API", "http-api-request", units))
    if subscription.ingest == "function":
        lines += _function(
            "pre-queue function", usage.invocations, usage.handler_seconds, subscription.pre_queue_memory
        )
    lines.append(line("SQS", sqs, sent + received + calls))
    lines += _function("post-queue function", usage.batches, usage.batch_seconds, subscription.post_queue_memory)
    lines.append(line("logs", "log-gb", usage.log_kb / 1e6))
    lines.append(line("metrics", "metric", usage.metric_hours / HOURS))
    if usage.writes:
        lines.append(line("DynamoDB", "dynamodb-write", usage.writes))
    if usage.forwarded_kb:
        lines.append(line("forwarded to the backend", "internet-gb", usage.forwarded_kb / 1e6))
    return lines


def _function(what: str, invocations: float, seconds: float, memory: int) -> list[Line]:
    return [
        line(f"{what}: invocations", "lambda-request", invocations),
        line(f"{what}: compute", "lambda-gb-second", seconds * memory / 1024),
    ]
