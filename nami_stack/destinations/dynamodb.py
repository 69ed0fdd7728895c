"""Webhooks as items of a DynamoDB table."""

from collections.abc import Sequence
from typing import Any, Self

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from nami_runtime.destinations.dynamodb import EXPIRIES
from nami_stack import names
from nami_stack.bucket import Bucket
from nami_stack.destinations.destination import Destination
from nami_stack.functions import PythonFunction
from nami_stack.settings import Subscription
from nami_stack.watching.alarm import LASTING, Alarm
from nami_stack.watching.graph import Graph, written
from nami_stack.watching.metrics import of_table

TTL_ATTRIBUTE = "expires_at"


class DynamoTable(Destination):
    """A destination: a table with an item for each delivery, its id as the key.

    On-demand, so that a burst needs no planning, with point-in-time recovery. What an item can't hold (400 KB) lies in
    a bucket beside it. Both stay when the stack is destroyed. A table serves one subscription, since the ids of two can
    be equal, when one sender sends to both.

    Who adopts a table (`table`) owes: the string `id` as its whole key; capacity; where it is given by its name and
    encrypted with a key of the account's own, the right to that key for the function; and, for `ttl_days`, expiry by
    `expires_at` switched on.

    Args:
        table: to adopt, or its name, in this account and region; else one is made.
        ttl_days: days after which an item expires, for which `keep_days` stands in an app's settings; None: never.
    """

    kind = "dynamodb"

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        table: dynamodb.ITable | str | None = None,
        ttl_days: int | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._ttl_days = ttl_days
        self.table = self._table(table)
        # Not the pipeline's bucket of large bodies, whose objects are gone after some weeks: the items refer to these.
        self.large_items = Bucket(
            self,
            "LargeItems",
            # All of them, whatever is set now: items keep the time that was set when they came, and so do these.
            days={f"{days}d/": days for days in EXPIRIES},
            why="one function puts objects there, and only users of the account read them",
        )

    def _table(self, yours: dynamodb.ITable | str | None) -> dynamodb.ITable:
        if isinstance(yours, str):
            return dynamodb.Table.from_table_name(self, "Table", yours)
        return yours or dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute=TTL_ATTRIBUTE if self._ttl_days else None,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )

    @classmethod
    def of(cls, scope: Construct, subscription: Subscription, placement: dict[str, Any]) -> Self:
        """The table that is named, or one that is made."""
        return cls(scope, cls.__name__, table=subscription.table_name, ttl_days=subscription.keep_days)

    @property
    def outputs(self) -> dict[str, str]:
        """What a user needs of it after a deployment."""
        return {names.TABLE_NAME: self.table.table_name, names.LARGE_ITEMS_BUCKET: self.large_items.bucket_name}

    def environment(self, name: str) -> dict[str, str]:
        """As a destination's; the table is that subscription's alone."""
        self.keep_for(name)
        return {
            "DYNAMO_TABLE": self.table.table_name,
            "DYNAMO_LARGE_ITEMS": self.large_items.bucket_name,
            **({"DYNAMO_TTL_DAYS": str(self._ttl_days)} if self._ttl_days else {}),
        }

    def grant_write(self, function: PythonFunction) -> None:
        """Let the function put items, see whose a taken id is, renew those that are replayed, and use the bucket.

        In that it leaves what an item can't hold.
        """
        self.table.grant(function, "dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:UpdateItem")
        if self.table.encryption_key:
            self.table.encryption_key.grant_encrypt_decrypt(function)
        function.allow_objects("s3:PutObject", self.large_items)

    def alarms(self, which: str) -> Sequence[Alarm]:
        """On a table that takes no more."""
        return [
            Alarm(
                f"{which}-table-throttles",
                of_table(self.table, "WriteThrottleEvents"),
                periods=LASTING,
                what="DynamoDB throttles the writing to the table.",
                why="For five minutes of fifteen: an on-demand table grows by itself within minutes.",
                todo="Raise the table's write capacity, or lower maximum_concurrency; what is not written is tried "
                "again.",
            )
        ]

    def graphs(self) -> Sequence[Graph]:
        """How much is written to the table."""
        return [written("DynamoDB", self.table)]
