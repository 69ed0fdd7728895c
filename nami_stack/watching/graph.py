"""A graph of a dashboard."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb

from nami_stack.watching.metrics import of_table

# What `GraphWidget` takes, but for the size.
Graph = dict[str, Any]


def graph(title: str, left: Sequence[cloudwatch.IMetric], **more: Any) -> Graph:
    """Metrics over time, from zero; `more` is what else `GraphWidget` takes."""
    return {"title": title, "left": list(left), "left_y_axis": cloudwatch.YAxisProps(min=0), **more}


def written(title: str, table: dynamodb.ITable) -> Graph:
    """How much is written to a table, and how often that is throttled."""
    return graph(title, [of_table(table, "ConsumedWriteCapacityUnits")], right=[of_table(table, "WriteThrottleEvents")])
