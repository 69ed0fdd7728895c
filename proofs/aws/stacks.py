"""What is deployed to prove something on AWS: a stack each, all of them in an environment of their own."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nami_control.planning.bill import HOURS
from nami_control.planning.prices import idle_month
from nami_stack.settings import Subscription

ENVIRONMENT = "awstest"
"""Its tag `nami:environment` is on all that is made, and by it leftovers are found."""
LONGEST = 3.0
"""Hours that all of it takes at the most: MongoDB hosts come and go three times, and Lambda lets go of a VPC late."""


@dataclass(frozen=True)
class Stack:
    """One deployment.

    Args:
        settings: beside the defaults.
        joins_shared: whether `nami-awstest-shared`, with a host of its own, is made before it.
    """

    name: str
    what: str
    settings: Mapping[str, str] = field(default_factory=dict)
    joins_shared: bool = False

    @property
    def dollars(self) -> float:
        """What it costs for as long as all takes; each stack goes once it is tried, so this is more than it will be."""
        paid = [idle_month(Subscription.from_context({"name": self.name, **self.settings}))]
        if self.joins_shared:
            paid.append(idle_month(Subscription.from_context({"name": self.name, "dashboard": "false"})))
        return sum(line.dollars for lines in paid for line in lines) * LONGEST / HOURS


# A short visibility timeout and a single try, so that what can't be stored is a dead letter within a minute.
_SOON_DEAD = {"post_queue_timeout": "5", "batch_window": "0", "batch_size": "10", "max_receives": "1"}

STACKS = (
    Stack("host", "the default stack, signed, with backups", {"signature": "shopify", "backup_days": "1"}),
    Stack(
        "rest",
        "a REST API with X-Ray, DynamoDB, and a queue whose webhooks die soon",
        {"gateway": "rest", "destination": "dynamodb", "tracing": "true", "dashboard": "false", **_SOON_DEAD},
    ),
    Stack(
        "direct",
        "a REST API that writes to the queue by itself",
        {"gateway": "rest", "ingest": "direct", "destination": "dynamodb", "alarms": "false", "dashboard": "false"},
    ),
    Stack(
        "ordered",
        "FIFO queues",
        {"order_by": "$.order.id", "destination": "dynamodb", "alarms": "false", "dashboard": "false"},
    ),
    Stack(
        "joined",
        "the gateway and the MongoDB host of nami-awstest-shared",
        {"gateway": "shared", "destination": "shared-mongo", "alarms": "false", "dashboard": "false"},
        joins_shared=True,
    ),
    Stack(
        "ipv6",
        "a MongoDB host whose function reaches AWS over IPv6",
        {"egress": "ipv6", "alarms": "false", "dashboard": "false"},
    ),
)
