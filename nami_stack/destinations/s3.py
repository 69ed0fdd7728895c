"""Webhooks as an archive in S3 that Athena reads."""

from collections.abc import Sequence
from typing import Any, Self

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from nami_runtime import lines
from nami_stack import names
from nami_stack.acknowledge import acknowledge
from nami_stack.bucket import Bucket
from nami_stack.destinations.destination import Destination
from nami_stack.functions import PythonFunction
from nami_stack.settings import Subscription
from nami_stack.watching.graph import Graph, written

# Before the first webhook of any archive. Athena asks S3 for each day from here on where a query names none.
_FIRST_DAY = "2026-01-01"


class S3Archive(Destination):
    """A destination: gzipped JSON lines in a bucket, by day, an object for each batch.

    The statement that makes Athena's table of them is one of the outputs. A small table says in which object each
    webhook stands, so that none stands in two. The bucket stays when the stack is destroyed. An archive serves one
    subscription, since the ids of two can be equal, when one sender sends to both.

    Args:
        keep_days: days after which an object is deleted, as in an app's settings; None: never.
    """

    kind = "s3"

    def __init__(self, scope: Construct, construct_id: str, *, keep_days: int | None = None) -> None:
        super().__init__(scope, construct_id)
        # A replay renews an object where it is as it was read, which the ETag tells where S3 itself encrypts.
        self.bucket = Bucket(
            self,
            "Archive",
            days={lines.FOLDER: keep_days} if keep_days else {},
            why="one function puts objects there, and only users of the account read them",
        )
        self.ids = dynamodb.Table(
            self,
            "Ids",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires_at",
            # Without its archive, which another stack does not take over, it says nothing.
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        acknowledge(self.ids, "no webhook is in it, and the objects say what it does", "DDB3")

    @classmethod
    def of(cls, scope: Construct, subscription: Subscription, placement: dict[str, Any]) -> Self:
        """An archive of the subscription's own."""
        return cls(scope, cls.__name__, keep_days=subscription.keep_days)

    @property
    def outputs(self) -> dict[str, str]:
        """What a user needs of it after a deployment."""
        return {
            names.ARCHIVE_BUCKET: self.bucket.bucket_name,
            names.ARCHIVE_IDS_TABLE: self.ids.table_name,
            names.ARCHIVE_TABLE: table_statement(self.kept_for, self.bucket.bucket_name),
        }

    def environment(self, name: str) -> dict[str, str]:
        """As a destination's; the archive is that subscription's alone."""
        self.keep_for(name)
        return {"ARCHIVE_BUCKET": self.bucket.bucket_name, "ARCHIVE_IDS_TABLE": self.ids.table_name}

    def grant_write(self, function: PythonFunction) -> None:
        """Let the function take ids, write objects, and look into one whose webhooks come again."""
        self.ids.grant(function, "dynamodb:PutItem", "dynamodb:GetItem")
        for action in ("s3:PutObject", "s3:GetObject"):
            function.allow_objects(action, self.bucket, under=lines.FOLDER)

    def graphs(self) -> Sequence[Graph]:
        """How many webhooks it takes."""
        return [written("Archive, ids written", self.ids)]


def table_statement(subscription: str, bucket: str) -> str:
    """Makes Athena's table of an archive, `nami_SUBSCRIPTION`, in which each day is there without being added.

    Hive's reader of JSON, since of the other one AWS says that its results can vary:
    https://docs.aws.amazon.com/athena/latest/ug/hive-json-serde.html,
    https://docs.aws.amazon.com/athena/latest/ug/openx-json-serde.html. The days:
    https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html. Names are quoted, since
    some are words of SQL's: https://docs.aws.amazon.com/athena/latest/ug/reserved-words.html
    """
    columns = ", ".join(f"`{name}` {kind}" for name, kind in lines.COLUMNS.items())
    place = f"s3://{bucket}/{lines.FOLDER}"
    properties = {
        "projection.enabled": "true",
        "projection.date.type": "date",
        "projection.date.format": "yyyy-MM-dd",
        "projection.date.range": f"{_FIRST_DAY},NOW",
        "storage.location.template": f"{place}date=${{date}}/",
    }
    told = ", ".join(f"'{name}'='{value}'" for name, value in properties.items())
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS `nami_{subscription.replace('-', '_')}` ({columns}) "
        "PARTITIONED BY (`date` string) ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe' "
        f"LOCATION '{place}' TBLPROPERTIES ({told})"
    )
