"""Snapshots of a MongoDB host's data volume."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dlm as dlm
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from nami_stack.acknowledge import acknowledge, right_to
from nami_stack.destinations.mongo_volume import rights_to_back_up
from nami_stack.network import service_of_this_account
from nami_stack.watching.alarm import ONCE, Alarm
from nami_stack.watching.metrics import FIVE_MINUTES

# Of a data volume, with the name of the host that serves it: what is backed up, and what its snapshots are known by.
HOST_TAG = "nami:host"


def backups(host: Construct, *, name: str, volume_id: str, key: kms.IKey | None, days: int) -> dlm.CfnLifecyclePolicy:
    """A snapshot each night; it is what the disk would hold after a power cut, which MongoDB's journal mends.

    https://www.mongodb.com/docs/manual/tutorial/backup-with-filesystem-snapshots/ says that it suffices.

    Args:
        name: of the host.
        key: that encrypts the volume, where it is one of the account's own.
        days: as many snapshots are kept.
    """
    role = _role(host, name, volume_id)
    for right in rights_to_back_up(host, key) if key else ():
        role.add_to_policy(right)
    policy = dlm.CfnLifecyclePolicy(
        host,
        "Backups",
        description="nami - daily snapshots of a data volume",
        state="ENABLED",
        execution_role_arn=role.role_arn,
        policy_details=dlm.CfnLifecyclePolicy.PolicyDetailsProperty(
            resource_types=["VOLUME"],
            target_tags=[cdk.CfnTag(key=HOST_TAG, value=name)],
            schedules=[
                dlm.CfnLifecyclePolicy.ScheduleProperty(
                    name="Daily",
                    copy_tags=True,  # this host's too, by which old ones are deleted
                    create_rule=dlm.CfnLifecyclePolicy.CreateRuleProperty(
                        interval=24, interval_unit="HOURS", times=["03:00"]
                    ),
                    retain_rule=dlm.CfnLifecyclePolicy.RetainRuleProperty(count=days),
                )
            ],
        ),
    )
    policy.node.add_dependency(role)  # and its rights, which the policy is tried with
    return policy


def backup_alarm(here: str, *, policy_id: str) -> Alarm:
    """On snapshots that can't be made, of the host that is `here`."""
    return Alarm(
        f"{here}-backup",
        # https://docs.aws.amazon.com/ebs/latest/userguide/monitor-dlm-cw-metrics.html
        cloudwatch.Metric(
            namespace="AWS/EBS",
            metric_name="SnapshotsCreateFailed",
            dimensions_map={"DLMPolicyId": policy_id},
            statistic="Sum",
            period=FIVE_MINUTES,
        ),
        periods=ONCE,
        what="The daily snapshot of the MongoDB host's data volume failed.",
        why="Over 0: AWS has tried again for an hour by then.",
        todo="The policy in Amazon Data Lifecycle Manager says why. The next try is tomorrow.",
    )


def _role(host: Construct, name: str, volume_id: str) -> iam.Role:
    stack = cdk.Stack.of(host)
    snapshots = stack.format_arn(service="ec2", account="", resource="snapshot", resource_name="*")
    volume = stack.format_arn(service="ec2", resource="volume", resource_name=volume_id)
    policies = stack.format_arn(service="dlm", resource="policy", resource_name="*")
    made_here = {"StringEquals": {f"aws:ResourceTag/{HOST_TAG}": name}}
    role = iam.Role(
        host,
        "BackupRole",
        assumed_by=service_of_this_account(host, "dlm.amazonaws.com", source_arn=policies),
    )
    for statement in (
        iam.PolicyStatement(actions=["ec2:CreateSnapshot"], resources=[volume, snapshots]),
        iam.PolicyStatement(actions=["ec2:CreateTags"], resources=[snapshots]),
        iam.PolicyStatement(actions=["ec2:DeleteSnapshot"], resources=[snapshots], conditions=made_here),
        iam.PolicyStatement(
            actions=["ec2:DescribeVolumes", "ec2:DescribeSnapshots", "ec2:DescribeInstances"], resources=["*"]
        ),
    ):
        role.add_to_policy(statement)
    acknowledge(
        role,
        "a snapshot has no ARN before it is made, and only those with this host's tag are deleted",
        right_to(host, snapshots),
        right_to(host, "*"),
    )
    return role
