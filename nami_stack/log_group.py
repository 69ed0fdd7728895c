"""A log group that is kept for any number of days that CloudWatch takes."""

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct


class LogGroup(logs.LogGroup):
    """A log group of its stack's own, gone with it.

    Args:
        days: that a line is kept, one of `nami_stack.pipeline_settings.LOG_RETENTION_DAYS`.
    """

    def __init__(self, scope: Construct, construct_id: str, *, days: int, name: str | None = None) -> None:
        super().__init__(scope, construct_id, log_group_name=name, removal_policy=cdk.RemovalPolicy.DESTROY)
        # The enumeration takes no number of days.
        cast("logs.CfnLogGroup", self.node.default_child).retention_in_days = days
