"""What other constructs have to do with a webhook: metrics, rights, connections."""

from typing import Any

import jsii
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager

from nami_runtime import log
from nami_stack.drain import Drain
from nami_stack.section import SettingsError
from nami_stack.watching.metrics import own


class Relations:
    """The half of `ScalableWebhook` that your own constructs talk to.

    Metrics are sums, of a minute each unless `period` says otherwise; their keywords are those of `own`. Where a
    subscription has several destinations, those of storing count all of them together, or with `destination="orders"`
    the one that has this name.
    """

    name: str
    metrics_name: str
    drains: list[Drain]
    large_bodies: s3.Bucket
    signature_secret: secretsmanager.ISecret | None

    def metric_received(self, **options: Any) -> cloudwatch.Metric:
        """Requests that reached the pre-queue function."""
        return self._sum("Received", options)

    def metric_enqueued(self, **options: Any) -> cloudwatch.Metric:
        """Webhooks that the queue took."""
        return self._sum("Enqueued", options)

    def metric_refused(self, reason: str = "signature", **options: Any) -> cloudwatch.Metric:
        """Requests that were refused for one reason.

        Args:
            reason: signature, source, malformed, too-large, unavailable or other.

        Raises:
            SettingsError: it is none of these.
        """
        reasons = (*log.REFUSED.values(), log.REFUSED_OTHERWISE)
        if reason not in reasons:
            raise SettingsError(f"metric_refused: reason={reason!r} must be one of {', '.join(reasons)}")
        return self._sum("Refused", {**options, "refused": reason})

    def metric_stored(self, **options: Any) -> cloudwatch.Metric:
        """Webhooks that a destination has taken for the first time, or again in a replay."""
        return self._sum("Stored", options)

    def metric_duplicates(self, **options: Any) -> cloudwatch.Metric:
        """Repeats of what a destination has already."""
        return self._sum("Duplicates", options)

    def metric_failed(self, **options: Any) -> cloudwatch.Metric:
        """Tries of a webhook that failed by itself."""
        return self._sum("Failed", options)

    def metric_away(self, **options: Any) -> cloudwatch.Metric:
        """Webhooks that were put back because the destination was away."""
        return self._sum("Away", options)

    def metric_age(self, statistic: str = "p99", **options: Any) -> cloudwatch.Metric:
        """Milliseconds from a webhook's arrival, or from its replay, until it is stored."""
        return own("Age", statistic, subscription=self.metrics_name, **options)

    def grant_put_secret(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let somebody fill in or rotate what the sender signs with.

        Raises:
            SettingsError: the signature has no secret.
        """
        if self.signature_secret is None:
            raise SettingsError(f"{self.name}: its signature has no secret that could be written; give signature=…")
        return self.signature_secret.grant_write(grantee)

    def grant_read_dead_letters(self, grantee: iam.IGrantable) -> None:
        """Let somebody receive and delete the dead letters, and read the bodies that the queue could not hold."""
        for drain in self.drains:
            drain.dead_letter_queue.grant_consume_messages(grantee)
        self.large_bodies.grant_read(grantee)

    def grant_redrive(self, grantee: iam.IGrantable) -> None:
        """Let somebody have SQS send the dead letters back to their queues.

        What that needs: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
        """
        for drain in self.drains:
            drain.dead_letter_queue.grant_consume_messages(grantee)
            drain.dead_letter_queue.grant(
                grantee, "sqs:StartMessageMoveTask", "sqs:ListMessageMoveTasks", "sqs:CancelMessageMoveTask"
            )
            drain.queue.grant_send_messages(grantee)

    @property
    @jsii.member(jsii_name="connections")
    def connections(self) -> ec2.Connections:
        """Of the post-queue functions that stand in a VPC.

        Raises:
            SettingsError: none does.
        """
        functions = [
            function for drain in self.drains if (function := drain.post_queue_function) and drain.destination.placement
        ]
        if not functions:
            raise SettingsError(f"{self.name}: no function of it stands in a VPC, so it has no security group")
        groups = [group for function in functions for group in function.connections.security_groups]
        return ec2.Connections(security_groups=groups)

    def _sum(self, name: str, options: dict[str, Any]) -> cloudwatch.Metric:
        return own(name, "Sum", **{"subscription": self.metrics_name, **options})
