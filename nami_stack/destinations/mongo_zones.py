"""Keeps watch over the zones of a MongoDB host: its private DNS zone, and the availability zone of its volume."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from constructs import Construct

from nami_stack.assets import EC2_USERDATA
from nami_stack.functions import custom_resource_function


def zone_keeper(host: Construct, zone: route53.IHostedZone, volume_zone: str, volume_key: str) -> cdk.CustomResource:
    """Route 53 refuses to delete a zone with a record in it, and CloudFormation does not know the host's.

    In another availability zone, or with another key, there would be a new, empty volume beside the old one.

    Args:
        volume_zone: of a volume that is made here, else empty.
        volume_key: the ARN of the key that encrypts it, where it is not the account's default.
    """
    function, _ = custom_resource_function(
        host,
        "EmptyZone",
        code=EC2_USERDATA / "mongo_zones.py",
        description="Deletes the MongoDB host's DNS record before its zone, and keeps its volume's zone",
    )
    function.add_to_role_policy(
        iam.PolicyStatement(
            actions=["route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets"],
            resources=[zone.hosted_zone_arn],
        )
    )
    return cdk.CustomResource(
        host,
        "EmptiedZone",
        resource_type="Custom::EmptiedZone",
        service_token=function.function_arn,
        properties={
            "HostedZoneId": zone.hosted_zone_id,
            **({"AvailabilityZone": volume_zone} if volume_zone else {}),
            **({"VolumeKey": volume_key} if volume_key else {}),
        },
    )
