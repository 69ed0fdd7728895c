"""A queue of webhooks."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from nami_stack.section import SettingsError


class Queue(sqs.Queue):
    """Encrypted, reached over TLS alone, and kept by CloudFormation when it leaves the template or is replaced.

    It leaves with its destination, and another takes its place where `order_by` is set or taken away; what waits in it
    then was acknowledged. So a deployment never deletes a queue: `nami deploy` stops before one that is not empty
    leaves, and `nami destroy` deletes them.

    Args:
        days: that a webhook is kept.
        visibility_timeout: seconds; SQS's own 30 where not given.
        bodies: where those lie that it can't hold, where a consumer of the user's own takes webhooks from it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        days: int,
        ordered: bool = False,
        visibility_timeout: int | None = None,
        dead_letter_queue: sqs.DeadLetterQueue | None = None,
        bodies: s3.IBucket | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            fifo=ordered or None,
            # Together these two are AWS's high-throughput mode.
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP if ordered else None,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID if ordered else None,
            retention_period=cdk.Duration.days(days),
            visibility_timeout=cdk.Duration.seconds(visibility_timeout) if visibility_timeout else None,
            dead_letter_queue=dead_letter_queue,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        self._bodies = bodies

    def grant_consume(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a consumer receive and delete webhooks, and read the bodies that lie in S3.

        Raises:
            SettingsError: a function of nami's takes webhooks from this queue, and a consumer beside it would take them
                away from it.
        """
        if self._bodies is None:
            raise SettingsError(
                f"{self.node.path}: nami's own function takes webhooks from this queue; give "
                "destination=[QueueOnly(…), …], and grant_consume of the queue of that drain"
            )
        read = iam.Grant.add_to_principal(
            grantee=grantee, actions=["s3:GetObject"], resource_arns=[self._bodies.arn_for_objects("*")]
        )
        return self.grant_consume_messages(grantee).combine(read)
