"""The metrics that alarms and dashboards have in common."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb

from nami_runtime.log import NAMESPACE

MINUTE = cdk.Duration.minutes(1)
FIVE_MINUTES = cdk.Duration.minutes(5)


def own(
    name: str, statistic: str, *, period: cdk.Duration = MINUTE, label: str | None = None, **dimensions: str
) -> cloudwatch.Metric:
    """What the functions write into their log lines for a subscription, or a MongoDB host says of itself."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=period,
        label=label,
    )


def of_table(table: dynamodb.ITable, name: str) -> cloudwatch.Metric:
    """What DynamoDB says of a table, as a sum."""
    return cloudwatch.Metric(
        namespace="AWS/DynamoDB",
        metric_name=name,
        dimensions_map={"TableName": table.table_name},
        statistic="Sum",
        period=MINUTE,
    )
