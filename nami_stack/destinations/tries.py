"""The table in which it is noted how the last try of each webhook went, where nothing else keeps it."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from nami_stack.acknowledge import acknowledge


def tries_table(scope: Construct) -> dynamodb.Table:
    """Of one destination, by a delivery's `id` and its `subscription`; notes expire after some days."""
    table = dynamodb.Table(
        scope,
        "Attempts",
        partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="subscription", type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        time_to_live_attribute="expires_at",
        removal_policy=RemovalPolicy.DESTROY,
    )
    acknowledge(table, "what it tells is gone after 14 days anyway, and no webhook is in it", "DDB3")
    return table
