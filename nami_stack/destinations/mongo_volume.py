"""The data volume of a MongoDB host, and the key of the account's own that encrypts it."""

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from nami_stack.acknowledge import acknowledge_zone
from nami_stack.settings import HostSettings, SettingsError

_BY_AWS_ALONE = {"Bool": {"kms:GrantIsForAWSResource": "true"}}


def data_volume(host: Construct, settings: HostSettings, *, zone: str, key: kms.IKey | None) -> ec2.CfnVolume:
    """A new volume, which is kept when the stack is destroyed."""
    volume = ec2.CfnVolume(
        host,
        "DataVolume",
        availability_zone=zone,
        size=settings.volume_size,
        volume_type="gp3",
        encrypted=True,
        kms_key_id=key.key_arn if key else None,
    )
    volume.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    if settings.availability_zone:
        acknowledge_zone(volume)
    cdk.Tags.of(volume).add("Name", host.node.path)
    cdk.Tags.of(volume).add("nami:backup", "mongo")  # what a backup plan of the account selects by
    return volume


def volume_key(host: Construct, yours: kms.IKey | None, arn: str | None) -> kms.IKey | None:
    """The key that was given, by itself or by its ARN; None: EBS's own, or what the account has for its default.

    Raises:
        SettingsError: both are given.
    """
    if yours is not None and arn:
        raise SettingsError("volume_key_arn: the key is given as volume_key; leave volume_key_arn out")
    if yours is None:
        return kms.Key.from_key_arn(host, "VolumeKey", arn) if arn else None
    _let_auto_scaling_use(yours)
    return yours


def right_to_attach(host: Construct, key: kms.IKey) -> iam.PolicyStatement:
    """Who attaches a volume lets EC2 decrypt it, by a grant, and nobody else.

    https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html
    """
    return iam.PolicyStatement(
        actions=["kms:CreateGrant"], resources=[key.key_arn], conditions={**_BY_AWS_ALONE, **_through_ec2(host)}
    )


def rights_to_back_up(host: Construct, key: kms.IKey) -> list[iam.PolicyStatement]:
    """Who makes snapshots of a volume may let EC2 use its key, and use it by no other way.

    That it must: https://docs.aws.amazon.com/ebs/latest/userguide/dlm-prerequisites.html
    What that is: https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html
    """
    use = ["Decrypt", "DescribeKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo"]
    return [
        right_to_attach(host, key),
        iam.PolicyStatement(
            actions=[f"kms:{each}" for each in use], resources=[key.key_arn], conditions=_through_ec2(host)
        ),
    ]


def _through_ec2(host: Construct) -> dict[str, dict[str, str]]:
    stack = cdk.Stack.of(host)
    return {"StringEquals": {"kms:ViaService": f"ec2.{stack.region}.{stack.url_suffix}"}}


def _let_auto_scaling_use(key: kms.IKey) -> None:
    """Auto Scaling makes the root volume, by a role whose rights are AWS's: only the key's policy can let it.

    The policy of a key that is known by its ARN alone is its owner's: docs/aws.md has these two statements.
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
    """
    role = cdk.Stack.of(cast("Construct", key)).format_arn(
        service="iam",
        region="",
        resource="role",
        resource_name="aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
    )
    use = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    for actions, conditions in ((use, None), (["kms:CreateGrant"], _BY_AWS_ALONE)):
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ArnPrincipal(role)], actions=actions, resources=["*"], conditions=conditions
            )
        )
