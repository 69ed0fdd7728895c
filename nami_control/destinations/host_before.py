"""What must hold before a MongoDB host is made: AWS is asked first, since a deployment finds out after minutes.

What may not be asked is said, and stops nobody.
"""

from collections.abc import Callable

from nami_control import stacks
from nami_control.aws import Aws, Ignoring
from nami_control.aws_errors import of_aws
from nami_control.checks import Check, fail, ok, warn
from nami_control.destinations.base import Looks, output
from nami_control.errors import AccessError
from nami_control.stacks import Stack
from nami_stack.settings import HostSettings

# https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html: VPCs per Region, unless it was raised.
_VPC_QUOTA, _USUAL_VPCS = "L-F678F1CE", 5
# What encrypts volumes where an account has not chosen another key:
# https://docs.aws.amazon.com/ebs/latest/userguide/encryption-by-default.html
_AWS_KEY = "alias/aws/ebs"


def looks(aws: Aws, asked: HostSettings, stack: Stack | None) -> Looks:
    """At what a host with these settings needs, in the stack that is there or, where there is none, in a new one."""
    if aws.is_local:
        return {}  # this machine plays the host
    looks = [_asking("instance type", "ec2:DescribeInstanceTypeOfferings", _instance_type, aws, asked, stack)]
    if asked.data_volume_id:
        looks.append(_asking("data volume", "ec2:DescribeVolumes", _data_volume, aws, asked, stack))
    if asked.vpc_id:
        looks.append(_asking("subnets", "ec2:DescribeSubnets", _subnets, aws, asked))
    else:
        looks.append(_asking("network", "ec2:DescribeVpcs", _network, aws, stack))
    if not asked.volume_key_arn:
        looks.append(_asking("volume key", "ec2:GetEbsDefaultKmsKeyId", _default_key, aws, stack))
    return dict(looks)


def looks_at_account(aws: Aws) -> Looks:
    """At what a first host in the account would need."""
    return {} if aws.is_local else dict([_asking("networks", "ec2:DescribeVpcs", _networks, aws)])


def _asking(name: str, right: str, check: Callable[..., Check], *arguments: object) -> tuple[str, Callable[[], Check]]:
    """The check of that name, which stops nobody where AWS gives no answer: a deployment does not depend on it."""

    def asked() -> Check:
        try:
            return check(name, *arguments)
        except Exception as error:
            if (told := of_aws(error)) is None:
                raise
            allow = (f"allow {right} to see it",) if isinstance(told, AccessError) else ()
            return warn(name, f"not looked at: {told.cause}", *allow)

    return name, asked


def _instance_type(name: str, aws: Aws, asked: HostSettings, stack: Stack | None) -> Check:
    """Whether the zone offers it; where EC2 is to choose the zone, whether each does."""
    wanted = asked.instance_type
    offers = _zones_that_offer(aws, wanted)
    if not offers:
        return fail(name, f"{wanted} is offered nowhere in this region", "give another --instance-type")
    if zone := asked.availability_zone or _zone_of_volume(aws, stack):
        if zone in offers:
            return ok(name, f"{wanted} is offered in {zone}")
        other = "" if stack or asked.vpc_id or asked.data_volume_id else f", or --availability-zone {offers[0]}"
        return fail(name, f"{wanted} is not offered in {zone}", f"give another --instance-type{other}")
    without = [zone for zone in _zones(aws) if zone not in offers]
    if not without:
        return ok(name, f"{wanted} is offered in every zone")
    return fail(
        name,
        f"{wanted} is not offered in {', '.join(without)}, and EC2 would choose the zone",
        f"add --availability-zone {offers[0]}, which offers it (--save keeps it in cdk.json)",
    )


def _zones_that_offer(aws: Aws, instance_type: str) -> list[str]:
    pages = aws.client("ec2").get_paginator("describe_instance_type_offerings")
    found = pages.paginate(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [instance_type]}]
    )
    return sorted(each["Location"] for page in found for each in page["InstanceTypeOfferings"])


def _zones(aws: Aws) -> list[str]:
    """Those in which EC2 may put a subnet by itself: no local or wavelength zone, which one asks for by name."""
    kinds = [{"Name": "zone-type", "Values": ["availability-zone"]}, {"Name": "state", "Values": ["available"]}]
    found = aws.client("ec2").describe_availability_zones(Filters=kinds)["AvailabilityZones"]
    return sorted(each["ZoneName"] for each in found)


def _zone_of_volume(aws: Aws, stack: Stack | None) -> str:
    """That of the data volume that is deployed; empty where none is."""
    outputs = stack.outputs if stack else {}
    key = output(outputs, "DataVolumeId")
    return aws.client("ec2").describe_volumes(VolumeIds=[outputs[key]])["Volumes"][0]["AvailabilityZone"] if key else ""


def _data_volume(name: str, aws: Aws, asked: HostSettings, stack: Stack | None) -> Check:
    """Whether the adopted volume is there, in the host's zone, and held by nobody else."""
    volume_id, volumes = str(asked.data_volume_id), []
    with Ignoring("InvalidVolume.NotFound"):
        volumes = aws.client("ec2").describe_volumes(VolumeIds=[volume_id])["Volumes"]
    if not volumes:
        return fail(name, f"there is no {volume_id} in this region", "give another --data-volume-id, or AWS_REGION")
    zone = volumes[0]["AvailabilityZone"]
    if zone != asked.availability_zone:
        return fail(
            name,
            f"{volume_id} is in {zone}, and the host would be in {asked.availability_zone}",
            f"give --availability-zone {zone}",
        )
    if stack is None and (held := [each["InstanceId"] for each in volumes[0].get("Attachments", [])]):
        return fail(
            name,
            f"{volume_id} is attached to {held[0]}",
            f"`aws ec2 detach-volume --volume-id {volume_id}` once nothing uses it there",
        )
    return ok(name, f"{volume_id} in {zone}")


def _subnets(name: str, aws: Aws, asked: HostSettings) -> Check:
    """Whether the subnets are in the zone that the settings name."""
    ids, found = [str(asked.host_subnet_id), str(asked.function_subnet_id)], []
    with Ignoring("InvalidSubnetID.NotFound"):
        found = aws.client("ec2").describe_subnets(SubnetIds=sorted(set(ids)))["Subnets"]
    if not found:
        return fail(name, f"{' or '.join(ids)} is not in this region", "give others, or AWS_REGION")
    for subnet in found:
        if (zone := subnet["AvailabilityZone"]) != asked.availability_zone:
            return fail(
                name,
                f"{subnet['SubnetId']} is in {zone}, and availability_zone is {asked.availability_zone}",
                "give two subnets of that zone, or their --availability-zone",
            )
    return ok(name, f"in {asked.availability_zone}")


def _default_key(name: str, aws: Aws, stack: Stack | None) -> Check:
    """Whether AWS's own key encrypts volumes that name none: with another, Auto Scaling can't start the host."""
    key = aws.client("ec2").get_ebs_default_kms_key_id()["KmsKeyId"]
    if key.endswith(_AWS_KEY):
        return ok(name, "AWS's own")
    # What is deployed may have been made before the account chose that key, and can't be given another one.
    tell = warn if stack else fail
    return tell(
        name,
        f"volumes are encrypted with {key} here, which Auto Scaling may not use by itself",
        f"add --volume-key-arn {key}, and to the key's policy what docs/aws.md says under 'A key of your own'",
    )


def _network(name: str, aws: Aws, stack: Stack | None) -> Check:
    """Whether there is room for its VPC, unless that is there."""
    resources = stacks.resources(aws, stack.id) if stack else []
    vpcs = [each for each in resources if each["ResourceType"] == "AWS::EC2::VPC"]
    if any(not each["ResourceStatus"].startswith("DELETE_") for each in vpcs):
        return ok(name, "its own is there")
    return _networks(name, aws, refuse=True)


def _networks(name: str, aws: Aws, *, refuse: bool = False) -> Check:
    """Whether the region has room for one more VPC."""
    pages = aws.client("ec2").get_paginator("describe_vpcs").paginate()
    there, most = sum(len(page["Vpcs"]) for page in pages), _most_networks(aws)
    detail = f"{there} of the {most or _USUAL_VPCS} VPCs that an account {'has' if most else 'usually has'} in a region"
    if there < (most or _USUAL_VPCS):
        return ok(name, detail)
    # Who may not see the quota may have a higher one.
    tell = fail if refuse and most else warn
    return tell(
        name,
        f"{detail} are taken, and a MongoDB host makes one",
        "use one of yours (--vpc-id), or the shared host (--destination shared-mongo), or ask for more: `aws "
        f"service-quotas request-service-quota-increase --service-code vpc --quota-code {_VPC_QUOTA} --desired-value "
        f"{there + 5}`",
    )


def _most_networks(aws: Aws) -> int | None:
    """The quota; None where it is not told."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        said = aws.client("service-quotas").get_service_quota(ServiceCode="vpc", QuotaCode=_VPC_QUOTA)
    except ClientError:
        return None
    return int(said["Quota"]["Value"])
