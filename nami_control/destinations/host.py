"""The EC2 host that a MongoDB runs on."""

from collections.abc import Mapping

from nami_control.aws import Aws
from nami_control.checks import Check, fail, ok, warn
from nami_control.destinations import host_release
from nami_control.destinations.base import output
from nami_control.planning.bill import HOURS, PRICES, Line, line
from nami_control.stacks import Target
from nami_stack.settings import Subscription

_ROOT_VOLUME_GB = 8
# A host tells every five minutes how full its disks are.
_REPORTS = HOURS * 12


def is_shared(target: Target) -> bool:
    """Whether a subscription was deployed on the shared host."""
    return not target.is_shared and "shared-mongo" in target.deployed_settings().get("destination", ())


def look(target: Target) -> Check:
    """Whether it is in service: the subscription's own, or the shared one that it is on."""
    resources = target.resources()
    group = next((r for r in resources if r["ResourceType"] == "AWS::AutoScaling::AutoScalingGroup"), None)
    if group is None and is_shared(target):
        return look(target.shared)
    if group is None:
        return ok("host", "none of this subscription's own")
    if target.aws.is_local:
        return ok("host", "played by this machine")
    autoscaling = target.aws.client("autoscaling")
    groups = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group["PhysicalResourceId"]])
    instances = [instance for found in groups["AutoScalingGroups"] for instance in found["Instances"]]
    well = [each for each in instances if each["LifecycleState"] == "InService" and each["HealthStatus"] == "Healthy"]
    if well:
        detail = f"{well[0]['InstanceId']} ({well[0]['InstanceType']}) is in service"
        old, remedy = host_release.behind(target, group["PhysicalResourceId"], well[0]["InstanceId"])
        return warn("host", f"{detail}, and {' and '.join(old)}", *remedy) if old else ok("host", detail)
    states = ", ".join(f"{each['InstanceId']} is {each['LifecycleState']}" for each in instances) or "no instance"
    return fail(
        "host",
        f"{states}; the queue holds the webhooks meanwhile",
        "a new one comes within minutes; if not: `aws autoscaling describe-scaling-activities "
        f"--auto-scaling-group-name {group['PhysicalResourceId']}`",
    )


def adoption(aws: Aws, outputs: Mapping[str, str]) -> dict[str, str]:
    """The settings by which another deployment takes over what holds data; empty where nothing of it is kept."""
    found: dict[str, str] = {}
    if key := output(outputs, "DataVolumeId"):
        volume, prefix = outputs[key], key.removesuffix("DataVolumeId")
        volumes = aws.client("ec2").describe_volumes(VolumeIds=[volume])["Volumes"]
        found["data_volume_id"] = volume
        found["availability_zone"] = volumes[0]["AvailabilityZone"]
        found["database_secret_arn"] = outputs[f"{prefix}DatabaseSecretArn"]  # and not another destination's
        if key_arn := outputs.get(f"{prefix}VolumeKeyArn"):
            found["volume_key_arn"] = key_arn
    return found


def month(subscription: Subscription) -> list[Line]:
    """What a month of it costs, with the network around it."""
    lines = []
    if subscription.instance_type in PRICES:
        lines.append(line(subscription.instance_type, subscription.instance_type, HOURS))
    data = 0 if subscription.data_volume_id else subscription.volume_size
    volumes = f"{data} GiB data volume and " if data else ""
    lines.append(line(f"{volumes}{_ROOT_VOLUME_GB} GiB root volume, gp3", "gp3-gb", data + _ROOT_VOLUME_GB))
    if subscription.egress == "nat":
        lines.append(line("NAT gateway", "nat-gateway", HOURS))
        lines.append(line("public IPv4 address of the NAT gateway", "public-ipv4", HOURS))
    elif not subscription.vpc_id:
        lines.append(line("public IPv4 address of the host", "public-ipv4", HOURS))
    if subscription.egress == "none" and not subscription.vpc_id:
        lines.append(line("interface endpoint for Secrets Manager", "interface-endpoint", HOURS))
        lines.append(line("interface endpoint for SQS", "interface-endpoint", HOURS))
    lines.append(line("private hosted zone", "hosted-zone", 1))
    lines.append(line("the host's metric", "metric", 1))
    lines.append(line("telling it every five minutes", "metric-request", _REPORTS))
    return lines
