"""A network of the user's own, for functions that need to stand in it."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from nami_stack.settings import SettingsError


def in_your_network(scope: Construct, vpc: ec2.IVpc | str | None, subnet: ec2.ISubnet | str | None) -> dict[str, Any]:
    """Keyword arguments of `lambda_.Function`, without a look-up at synthesis; empty where no network is named.

    Args:
        vpc: of your app, or its id.
        subnet: in it, for the function; or its id.

    Raises:
        SettingsError: only one of the two is named.
    """
    if not vpc and not subnet:
        return {}
    if not vpc or not subnet:
        raise SettingsError("vpc_id and function_subnet_id: name a network of yours together; give both")
    if isinstance(subnet, str):
        subnet = ec2.Subnet.from_subnet_attributes(scope, "FunctionSubnet", subnet_id=subnet)
        cdk.Annotations.of(subnet).acknowledge_warning(
            "@aws-cdk/aws-ec2:noSubnetRouteTableId", "no route is added to a network of the caller's"
        )
    if isinstance(vpc, str):
        # The zone is asked for and not used: the subnet is named by its id.
        vpc = ec2.Vpc.from_vpc_attributes(scope, "Vpc", vpc_id=vpc, availability_zones=[""])
    return {"vpc": vpc, "vpc_subnets": ec2.SubnetSelection(subnets=[subnet])}
