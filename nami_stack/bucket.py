"""A bucket that outlives its stack, and that nobody reaches from outside the account."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from nami_stack.acknowledge import acknowledge


class Bucket(s3.Bucket):
    """A bucket for webhooks.

    Args:
        days: that an object is kept, by what its key begins with, "" for all; all others are kept for good.
        why: who uses it, for whom a log of that tells nothing new.
        removal_policy: of what is kept, also when its making fails.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        days: Mapping[str, int],
        why: str,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
    ) -> None:
        expiry = {under: cdk.Duration.days(number) for under, number in days.items()}
        a_day = cdk.Duration.days(1)
        super().__init__(
            scope,
            construct_id,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            lifecycle_rules=[
                s3.LifecycleRule(expiration=expiry.pop("", None), abort_incomplete_multipart_upload_after=a_day),
                *(s3.LifecycleRule(prefix=under, expiration=after) for under, after in expiry.items()),
            ],
            removal_policy=removal_policy,
        )
        acknowledge(self, why, "S1")
