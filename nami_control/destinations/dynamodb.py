"""A DynamoDB table of webhooks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from math import ceil
from typing import Any, ClassVar

from nami_control.aws import Aws
from nami_control.checks import Check, fail, ok, warn
from nami_control.destinations.base import Looks, Speed, output
from nami_control.destinations.items import InTable, Items
from nami_control.errors import UsageError
from nami_control.planning.assumptions import Assumption, Times
from nami_control.planning.bill import Line, line
from nami_control.stacks import Stack
from nami_runtime.destinations.dynamodb import THREADS
from nami_stack.settings import Subscription

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
RATE, HIGHEST_RATE = 4_000, 40_000
_STORED = 2.0  # an item holds the body twice, raw and parsed


class DynamoDb(InTable):
    """One that nami made, or an adopted one."""

    kind = "dynamodb"
    shown_by = "LargeItemsBucketName"
    holds: ClassVar = {"table_name": "the table with the webhooks,"}
    work = Assumption(1.5, "ms of a whole vCPU for a webhook of a batch", "measured, 1.0 ms; half more on Graviton")
    write = Assumption(5, "ms for a write", "single-digit milliseconds: https://aws.amazon.com/dynamodb/features/")

    @contextmanager
    def oldest_first(self, since: float, until: float, query: dict[str, Any]) -> Iterator[Iterator[dict[str, Any]]]:
        """By `received_at`, for which all of the table is read."""
        if query:
            raise UsageError(f"--query: {self.drain.destination} takes none; give --filter instead")
        yield Items(self.deployment, self.drain).between(since, until)

    @contextmanager
    def arriving(self) -> Iterator[Iterator[dict[str, Any]]]:
        """As the function's log names them."""
        yield Items(self.deployment, self.drain).following()

    def looks(self) -> Looks:
        """At the table."""
        environment = self.drain.post_queue.environment
        expires = "DYNAMO_TTL_DAYS" in environment
        return {"table": partial(_table, self.deployment.aws, environment["DYNAMO_TABLE"], expires=expires)}

    @classmethod
    def looks_before(cls, aws: Aws, asked: Subscription, stack: Stack | None) -> Looks:
        """At a table that is adopted."""
        if not (table := asked.table_name):
            return {}
        return {"table": partial(_table, aws, table, expires=asked.keep_days is not None)}

    @classmethod
    def adoption(cls, aws: Aws, outputs: Mapping[str, str]) -> dict[str, str]:
        """The table."""
        key = output(outputs, "TableName")
        return {"table_name": outputs[key]} if key else {}

    @classmethod
    def speed(cls, subscription: Subscription, times: Times, batch_size: float) -> Speed:
        """What an on-demand table takes."""
        units = write_units(times)
        return Speed(at_once=THREADS, rate=RATE / units, doubles=True, highest_rate=HIGHEST_RATE / units)

    @classmethod
    def burst_lines(cls, subscription: Subscription, stored: float, times: Times) -> list[Line]:
        """The writes."""
        return [line("DynamoDB", "dynamodb-write", stored * write_units(times))]

    @classmethod
    def alarms(cls, subscription: Subscription) -> int:
        """That the table throttles."""
        return 1


def write_units(times: Times) -> int:
    """DynamoDB's units of 1 KB for one item."""
    return max(ceil(times.body_kb * _STORED), 1)


def _table(aws: Aws, name: str, *, expires: bool) -> Check:
    """Whether webhooks can be put into a table, an adopted one too."""
    dynamodb = aws.client("dynamodb")
    try:
        found = dynamodb.describe_table(TableName=name)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return fail(
            "table", f"there is no {name} here", "deploy with another --table-name, or restore it from a backup"
        )
    key = [(part["AttributeName"], part["KeyType"]) for part in found["KeySchema"]]
    types = {each["AttributeName"]: each["AttributeType"] for each in found["AttributeDefinitions"]}
    if key != [("id", "HASH")] or types["id"] != "S":
        there = " and ".join(f"{part} ({types[part]})" for part, _ in key)
        return fail(
            "table", f"the key of {name} is {there}, not the string id alone", "deploy with another --table-name"
        )
    if found["TableStatus"] not in ("ACTIVE", "UPDATING"):
        return fail("table", f"{name} is {found['TableStatus']}; the queue holds the webhooks meanwhile")
    if expires and not aws.is_local:  # whose CloudFormation does not switch it on
        said = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if said.get("AttributeName") != "expires_at" or not said["TimeToLiveStatus"].startswith("ENABL"):
            return warn(
                "table",
                f"{name} lets no item expire",
                f"`aws dynamodb update-time-to-live --table-name {name} "
                "--time-to-live-specification Enabled=true,AttributeName=expires_at`",
            )
    return ok("table", f"{name}, about {found['ItemCount']} items some hours ago")
