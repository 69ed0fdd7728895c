"""What AWS charges, in one dated table.

List prices of one region, in US dollars, without the free tier and without volume discounts, which begin far above what
this is for. `docs/aws.md` shows the same figures; a test keeps the two equal.
"""

from dataclasses import dataclass
from datetime import date

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
_S3 = "https://aws.amazon.com/s3/pricing/"
_DYNAMODB = "https://aws.amazon.com/dynamodb/pricing/on-demand/"

_INSTANCES = {
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
}
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
    "s3-put": Price(5.00e-6, "object written", _S3),
    "event": Price(1.00e-6, "event put, of up to 64 KB", "https://aws.amazon.com/eventbridge/pricing/"),
    "sns-request": Price(0.50e-6, "message published, of up to 64 KB", "https://aws.amazon.com/sns/pricing/"),
    "gp3-gb": Price(0.08, "GB-month", "https://aws.amazon.com/ebs/pricing/"),
    "snapshot-gb": Price(0.05, "GB-month", "https://aws.amazon.com/ebs/pricing/"),
    "public-ipv4": Price(0.005, "hour", _VPC),
    "nat-gateway": Price(0.045, "hour", _VPC),
    "nat-gb": Price(0.045, "GB", _VPC),
    "interface-endpoint": Price(0.01, "hour", "https://aws.amazon.com/privatelink/pricing/"),
    "hosted-zone": Price(0.50, "month", "https://aws.amazon.com/route53/pricing/"),
    "secret": Price(0.40, "month", "https://aws.amazon.com/secrets-manager/pricing/"),
    "internet-gb": Price(0.09, "GB out to the internet", _EC2),
    **{instance: Price(dollars, "hour", _EC2) for instance, dollars in _INSTANCES.items()},
}


@dataclass(frozen=True)
class Line:
    """One line of a bill."""

    what: str
    dollars: float
    price: str
    quantity: float


def line(what: str, price: str, quantity: float) -> Line:
    """So much of something, by the table."""
    return Line(what, PRICES[price].dollars * quantity, price, quantity)
