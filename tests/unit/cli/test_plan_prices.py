"""The prices are one dated table, and what is counted by it is what the templates make and the docs say."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aws_cdk.assertions import Template

from nami_control.planning import bill, prices
from nami_control.planning.arrivals import Arrivals
from nami_control.planning.assumptions import Times
from nami_control.planning.bill import HOURS, PRICES, Line
from nami_control.planning.models import ASSUMED
from nami_control.planning.plan import METRICS, plan
from nami_control.planning.prices import idle_month
from nami_stack.settings import Subscription
from tests.unit.pages import block_is_behind

DOCS = Path(__file__).parents[3] / "docs"
BACKEND = {"destination": "http", "backend_url": "https://shop.example.com/webhooks"}
ALTERNATIVES = (DOCS / "alternatives.md").read_text()
TABLE = {"destination": "dynamodb", "signature": "shopify"}
UNKNOWN = {"AWS::KMS::Key", "AWS::CloudWatch::CompositeAlarm", "AWS::EC2::Instance", "AWS::Backup::BackupVault"}
VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "signed": {"signature": "shopify"},
    "ipv6": {"egress": "ipv6"},
    "nat": {"egress": "nat"},
    "bigger": {"instance_type": "t4g.small", "volume_size": 100},
    "backups": {"backup_days": 7},
    "dynamodb": {"destination": "dynamodb"},
    "backend": BACKEND,
    "events": {"destination": "eventbridge"},
    "archive": {"destination": "s3"},
    "several consumers": {"destination": "sns"},
    "your consumer": {"destination": "queue"},
    "your consumer and a table": {"destination": "dynamodb,queue"},
    "several, in order": {"destination": "mongo-host,dynamodb", "order_by": "x-order-id"},
    "direct": {"gateway": "rest", "ingest": "direct"},
    "direct, signed": {"gateway": "rest", "ingest": "direct", "signature": "shopify"},
    "shared": {"gateway": "shared", "destination": "shared-mongo"},
    "silence": {"alarm_silence": 60},
    "unwatched": {"alarms": False, "dashboard": False},
    "adopted": {
        "data_volume_id": "vol-0123456789abcdef0",
        "availability_zone": "us-east-1a",
        "database_secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:mongo-AbCdEf",
    },
    "own network": {
        "vpc_id": "vpc-0123456789abcdef0",
        "host_subnet_id": "subnet-0123456789abcdef0",
        "function_subnet_id": "subnet-0123456789abcdef1",
        "availability_zone": "us-east-1a",
    },
}


def subscription(**settings: Any) -> Subscription:
    return Subscription.from_context({"name": "shopify", **settings})


def dollars(lines: list[Line]) -> float:
    return sum(line.dollars for line in lines)


def charged(template: Template) -> Counter[str]:
    """What a template makes of what costs money by the month, by the table's names."""
    found: Counter[str] = Counter()
    by_month = {
        "AWS::EC2::EIP": ("public-ipv4", HOURS),
        "AWS::EC2::NatGateway": ("nat-gateway", HOURS),
        "AWS::Route53::HostedZone": ("hosted-zone", 1),
        "AWS::SecretsManager::Secret": ("secret", 1),
        "AWS::CloudWatch::Alarm": ("alarm", 1),
        "AWS::CloudWatch::Dashboard": ("dashboard", 1),
        "AWS::Lambda::EventSourceMapping": ("polls", 1),
    }
    for resource in template.to_json()["Resources"].values():
        kind, properties = resource["Type"], resource.get("Properties", {})
        assert kind not in UNKNOWN, f"{kind} costs money by the month, and planning/prices.py does not know of it"
        if kind in by_month:
            name, quantity = by_month[kind]
            found[name] += quantity
        elif kind == "AWS::EC2::Volume":
            found["gp3-gb"] += properties["Size"]
        elif kind == "AWS::EC2::LaunchTemplate":
            data = properties["LaunchTemplateData"]
            found[data["InstanceType"]] += HOURS
            found["gp3-gb"] += sum(device["Ebs"]["VolumeSize"] for device in data["BlockDeviceMappings"])
        elif kind == "AWS::EC2::Subnet" and properties.get("MapPublicIpOnLaunch") and not has_nat(template):
            found["public-ipv4"] += HOURS  # the host's
        elif kind == "AWS::EC2::VPCEndpoint" and properties.get("VpcEndpointType") == "Interface":
            found["interface-endpoint"] += HOURS
    return found


def has_nat(template: Template) -> bool:
    return bool(template.find_resources("AWS::EC2::NatGateway"))


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
def test_idle_month_is_of_what_the_template_makes(synth: Callable[..., Template], settings: dict[str, Any]) -> None:
    counted: Counter[str] = Counter()
    for line in idle_month(subscription(**settings)):
        if line.price.startswith("sqs-"):
            counted["polls"] += round(line.quantity / prices.IDLE_POLLS)
        elif not line.price.startswith("metric"):  # the host's own, which no template names
            counted[line.price] += int(line.quantity)
    assert counted == charged(synth(**settings))


def test_an_order_costs_the_queue_that_keeps_it() -> None:
    assert {line.price for line in idle_month(subscription(order_by="x-id"))} >= {"sqs-fifo-request"}


def test_table_is_dated_and_of_one_region() -> None:
    assert bill.AS_OF.year >= 2026
    assert bill.REGION == "us-east-1"


@pytest.mark.parametrize("name", PRICES)
def test_every_price_is_of_something_and_aws_says_so(name: str) -> None:
    price = PRICES[name]
    assert 0 < price.dollars < 10
    assert price.unit
    assert urlsplit(price.source).hostname == "aws.amazon.com"
    assert "/pricing" in price.source


def test_every_price_is_used() -> None:
    """One that nothing is counted by would grow old unseen; instance types are there to choose from."""
    used: set[str] = {"snapshot-gb", "nat-gb"}  # the docs name these two
    for settings in VARIANTS.values():
        found = plan(subscription(**settings), Arrivals(10, 10), Times())
        used |= {line.price for line in [*found.idle_lines, *found.burst_lines]}
    assert {name for name in PRICES if not re.fullmatch(r"[a-z]\d+g\.\w+", name)} - used == set()


def test_instance_without_a_known_price_is_named_and_not_counted() -> None:
    rare = subscription(instance_type="r8g.large")
    assert prices.unpriced(rare) == "r8g.large"
    assert dollars(idle_month(rare)) == pytest.approx(
        # Nor has it credits to watch.
        dollars(idle_month(subscription())) - PRICES["t4g.micro"].dollars * HOURS - PRICES["alarm"].dollars
    )


def test_a_body_over_64_kb_is_several_requests_to_the_queue() -> None:
    def sqs(body_kb: float) -> float:
        found = plan(subscription(), Arrivals(100, 100), Times(body_kb=body_kb))
        return next(line.quantity for line in found.burst_lines if line.what == "SQS")

    # Sent: two units each. Received by ten: 1,010 KB are 16 units. Deleted by ten.
    assert sqs(100) == pytest.approx(10_000 * (2 + 16 / 10 + 1 / 10))
    assert sqs(3) == pytest.approx(10_000 * (1 + 1 / 10 + 1 / 10))


def million(**settings: Any) -> list[Line]:
    """What a million webhooks of 3 KB cost, at a rate that the destination keeps up with."""
    return plan(subscription(**settings), Arrivals(400, 2500), Times(body_kb=3)).burst_lines


def table(heading: str, lines: list[Line], total: str) -> str:
    rows = [f"| {line.what} | {line.dollars:.2f} |" for line in lines if line.dollars >= 0.005]
    return "\n".join([f"| {heading} | |", "|---|---|", *rows, f"| **in all** | **{total}** |"]) + "\n"


@pytest.mark.docs
def test_docs_say_what_the_table_says() -> None:
    idle, busy = idle_month(subscription(signature="shopify")), million()
    tables = {
        "idle month": table("a month in which nothing comes", idle, f"{dollars(idle):.2f}"),
        "million": table("a million webhooks of 3 KB", busy, f"{dollars(busy):.2f}"),
    }
    behind = [marker for marker, content in tables.items() if block_is_behind(DOCS / "aws.md", marker, content)]
    if behind:
        pytest.fail(f"docs/aws.md is behind planning/bill.py ({', '.join(behind)}): run `make docs`")


def test_docs_name_the_region_and_the_date_of_the_prices() -> None:
    said = " ".join((DOCS / "aws.md").read_text().split())
    assert f"List prices of {bill.REGION} in US dollars as of {bill.AS_OF:%B %Y}" in said


def test_what_egress_costs_is_what_the_docs_say() -> None:
    nat = [line for line in idle_month(subscription(egress="nat")) if "NAT" in line.what]
    said = " ".join((DOCS / "aws.md").read_text().split())
    assert f"`egress=nat` costs {dollars(nat):.2f}" in said
    saved = dollars(idle_month(subscription())) - dollars(idle_month(subscription(egress="ipv6")))
    assert f"`egress=ipv6` saves the {saved:.2f}" in said
    assert f"{PRICES['nat-gb'].dollars:.3f} per GB" in said


def test_what_watching_costs_is_what_its_page_says() -> None:
    said = (DOCS / "watching.md").read_text()
    count = prices.alarms(subscription(signature="shopify"))
    million_lines = ASSUMED["access log"].value * PRICES["log-gb"].dollars
    for row in (
        f"| {count} alarms, with a signature and a host | {count * PRICES['alarm'].dollars:.2f} |",
        f"| {len(METRICS)} metrics of a subscription in which all goes well",
        f"others count by the hour in which they occur | {len(METRICS) * PRICES['metric'].dollars:.2f} |",
        f"| a dashboard, from the fourth on | {PRICES['dashboard'].dollars:.2f} |",
        f"| the gateway's log, for each million requests | about {million_lines:.2f} |",
        f"`backup_days` costs {PRICES['snapshot-gb'].dollars:.2f} for each GB-month",
    ):
        assert row in said


def test_readme_rounds_what_the_table_says() -> None:
    said = " ".join((DOCS.parent / "README.md").read_text().split())
    found = re.search(r"about \[([\d.]+) dollars a million\]\(\S+\), and (\d+) a month for the smallest host", said)
    assert found
    assert float(found[1]) == pytest.approx(dollars(million()), abs=0.05)
    assert float(found[2]) == pytest.approx(dollars(idle_month(subscription())), abs=1)
    table = re.search(r"with a DynamoDB table in place of the host (\d+) and (\d+)", said)
    assert table
    assert float(table[1]) == pytest.approx(dollars(million(destination="dynamodb")), abs=0.5)
    assert float(table[2]) == pytest.approx(dollars(idle_month(subscription(**TABLE))), abs=0.5)


def test_alternatives_are_held_against_what_nami_costs() -> None:
    (row,) = re.findall(
        r"^\| nami \| (\d+) a month .*, (\d+) .* \| \[([\d.]+)\]\(\S+\), (\d+) ", ALTERNATIVES, re.MULTILINE
    )
    with_host, with_table, host_million, table_million = map(float, row)
    assert with_host == pytest.approx(dollars(idle_month(subscription(signature="shopify"))), abs=0.5)
    assert with_table == pytest.approx(dollars(idle_month(subscription(**TABLE))), abs=0.5)
    assert host_million == pytest.approx(dollars(million()), abs=0.05)
    assert table_million == pytest.approx(dollars(million(destination="dynamodb")), abs=0.5)
