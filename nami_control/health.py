"""What is well with an account and a subscription, what is not, and what mends it."""

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from nami_control import checks, destination_checks, events, shared, stacks
from nami_control.aws import Aws
from nami_control.checks import Check, fail, look, ok, warn
from nami_control.deployment import find
from nami_control.errors import Command, MissingToolError
from nami_control.queues import dead_letter_queues, depth
from nami_control.stacks import Target
from nami_control.tunnel import Tell, silent

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

_FULL = 0.8  # of the data volume; MongoDB stops where it can't write
_ORDINARY_THROTTLE = 10_000  # requests a second: what a region's gateways get together unless AWS says otherwise


def of_account(aws: Aws) -> list[Check]:
    """The credentials, and what an account must have and allow."""
    account: list[checks.Account] = []
    credentials = look("credentials", lambda: checks.credentials(aws, account))
    if not account:
        return [credentials]
    return [
        credentials,
        *([checks.environment(aws, account[0])] if aws.environment else []),
        look("bootstrap", lambda: checks.bootstrap(aws, account[0])),
        look("concurrency", lambda: checks.concurrency_limit(aws)),
        look("gateway limit", lambda: _throttle(aws)),
    ]


def of_subscription(target: Target, *, tell: Tell = silent) -> list[Check]:
    """The stack of a subscription or of what they share, its functions, queues, alarms and destinations."""
    stack, name = target.describe(), target.name
    if stack is None:
        known = ", ".join(map(str, sorted(stacks.deployed(target.aws)))) or "nothing is"
        return [fail("stack", f"{target.owner} is not deployed here ({known})", Command(f"deploy {name}"))]
    outputs = stacks.outputs_of(stack)
    status = look("stack", lambda: _status(name, stack))
    if target.is_shared and shared.is_complete(stack):
        return [status, *(look(label, check) for label, check in _of_shared(target, tell).items())]
    if "EndpointUrl" not in outputs:
        return [status]
    looks: dict[str, Callable[[], Check]] = {
        "signature": lambda: _signature(target, outputs),
        "host": lambda: _host(target),
        "disk": lambda: _disk(target, tell),
        "alarms": lambda: _alarms(target),
        "dead letters": lambda: _dead_letters(target, outputs),
        **({"quarantine": lambda: _quarantine(target, outputs)} if "QuarantineUrl" in outputs else {}),
    }
    functions = [function for key, function in sorted(outputs.items()) if key.endswith("PostQueueFunctionName")]
    return [
        status,
        *(look("event source", functools.partial(_event_source, target.aws, function)) for function in functions),
        *(look(label, check) for label, check in destination_checks.looks(find(target))),
        *(look(label, check) for label, check in looks.items()),
    ]


def _of_shared(target: Target, tell: Tell) -> dict[str, Callable[[], Check]]:
    return {
        "host": lambda: _host(target),
        "disk": lambda: _disk(target, tell),
        "alarms": lambda: _alarms(target),
        "used by": lambda: ok("used by", ", ".join(shared.users(target.aws, target.stack_name)) or "nobody yet"),
    }


def _throttle(aws: Aws) -> Check:
    if aws.is_local:
        return ok("gateway limit", "none on local AWS")
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        quota = aws.client("service-quotas").get_service_quota(ServiceCode="apigateway", QuotaCode="L-8A5B8E43")[
            "Quota"
        ]
    except ClientError as error:
        return warn("gateway limit", f"not known: {error}", "allow servicequotas:GetServiceQuota to see it")
    value = int(quota["Value"])
    if value < _ORDINARY_THROTTLE:
        return warn(
            "gateway limit",
            f"{value} requests a second for all gateways of the region",
            "ask for more: `aws service-quotas request-service-quota-increase --service-code apigateway "
            f"--quota-code L-8A5B8E43 --desired-value {_ORDINARY_THROTTLE}`",
        )
    return ok("gateway limit", f"{value} requests a second for all gateways of the region")


def _status(name: str, stack: "StackTypeDef") -> Check:
    settled = checks.stack_is_settled(name, stack)
    if settled.status != "ok":
        return settled
    status = stack["StackStatus"]
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
        return ok("stack", status)
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return warn(
            "stack", f"{status}: the last update failed and was taken back", Command(f"deploy {name}"), " tells why"
        )
    return fail("stack", f"{status}: {stack.get('StackStatusReason') or 'not usable'}", Command(f"deploy {name}"))


def _event_source(aws: Aws, function: str) -> Check:
    said = aws.client("lambda").list_event_source_mappings(FunctionName=function)
    mappings = said["EventSourceMappings"]
    if not mappings:
        return fail("event source", "nothing takes webhooks from the queue", "deploy the subscription again")
    off = [mapping for mapping in mappings if mapping["State"] not in ("Enabled", "Enabling", "Updating", "Creating")]
    if off:
        return fail(
            "event source",
            f"{off[0]['State']}: webhooks stay in the queue",
            f"`aws lambda update-event-source-mapping --enabled --uuid {off[0]['UUID']}`",
        )
    return ok("event source", mappings[0]["State"])


def _signature(target: Target, outputs: dict[str, str]) -> Check:
    secret = outputs.get("SignatureSecretArn")
    if secret is None:
        return warn("signature", "none: anybody can send", Command(f"deploy {target.name} --signature <provider>"))
    return checks.filled(target, secret)


def _on_shared_host(target: Target) -> bool:
    return not target.is_shared and "shared-mongo" in checks.deployed_settings(target).get("destination", ())


def _host(target: Target) -> Check:
    resources = target.resources()
    group = next((r for r in resources if r["ResourceType"] == "AWS::AutoScaling::AutoScalingGroup"), None)
    if group is None and _on_shared_host(target):
        return _host(target.shared)
    if group is None:
        return ok("host", "none of this subscription's own")
    if target.aws.is_local:
        return ok("host", "played by this machine")
    autoscaling = target.aws.client("autoscaling")
    groups = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group["PhysicalResourceId"]])
    instances = [instance for found in groups["AutoScalingGroups"] for instance in found["Instances"]]
    well = [each for each in instances if each["LifecycleState"] == "InService" and each["HealthStatus"] == "Healthy"]
    if well:
        return ok("host", f"{well[0]['InstanceId']} ({well[0]['InstanceType']}) is in service")
    states = ", ".join(f"{each['InstanceId']} is {each['LifecycleState']}" for each in instances) or "no instance"
    return fail(
        "host",
        f"{states}; the queue holds the webhooks meanwhile",
        "a new one comes within minutes; if not: `aws autoscaling describe-scaling-activities "
        f"--auto-scaling-group-name {group['PhysicalResourceId']}`",
    )


def _disk(target: Target, tell: Tell) -> Check:
    """How full the data volume is, as the database that lies on it tells."""
    through = target
    if target.is_shared:
        # Whoever uses the host is let in.
        users = [Target(name, target.aws) for name in shared.users(target.aws, target.stack_name, [shared.MONGO])]
        there = [user for user in users if stacks.find_stack(target.aws, user.stack_name)]
        if not there:
            return ok("disk", "not looked at: nobody uses it yet")
        through = there[0]
    elif not any(r["LogicalResourceId"].startswith("MongoHost") for r in target.resources()):
        if _on_shared_host(target):
            return _disk(target.shared, tell)
        return ok("disk", "none of this subscription's own")
    try:
        with events.collection(find(through), tell=tell) as documents:
            stats = documents.database.command("dbStats")
    except MissingToolError as error:
        detail, _, remedy = error.cause.partition("; ")
        return warn("disk", f"not looked at: {detail}", *filter(None, [remedy]))
    if not stats.get("fsTotalSize"):
        return ok("disk", "the stand-in for MongoDB does not tell")
    return disk(target.name, stats["fsUsedSize"], stats["fsTotalSize"])


def disk(name: str, used: float, total: float) -> Check:
    """Whether `used` of `total` bytes leave room."""
    detail = f"{used / total:.0%} of {total / 2**30:.0f} GiB are used"
    if used / total < _FULL:
        return ok("disk", detail)
    return fail("disk", detail, Command(f"deploy {name} --volume-size {math.ceil(2 * total / 2**30)}"))


def _alarms(target: Target) -> Check:
    kinds = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    own = [r["PhysicalResourceId"] for r in target.resources() if r["ResourceType"] in kinds]
    if not own:
        return ok("alarms", "there are none")
    firing: list[str] = []
    for start in range(0, len(own), 100):  # the most that one call takes
        said = target.aws.client("cloudwatch").describe_alarms(
            AlarmNames=own[start : start + 100], StateValue="ALARM", AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        firing += [alarm["AlarmName"] for kind in ("MetricAlarms", "CompositeAlarms") for alarm in said.get(kind, [])]
    if firing:
        return fail("alarms", f"firing: {', '.join(firing)}", Command(f"logs {target.name}"))
    return ok("alarms", f"none of {len(own)} fires")


def _dead_letters(target: Target, outputs: dict[str, str]) -> Check:
    if count := sum(depth(target.aws, url) for url in dead_letter_queues(outputs)):
        return warn("dead letters", str(count), Command(f"dlq list {target.name}"), " shows why")
    return ok("dead letters", "none")


def _quarantine(target: Target, outputs: dict[str, str]) -> Check:
    if count := depth(target.aws, outputs["QuarantineUrl"]):
        return warn(
            "quarantine",
            f"{count} that were not genuine",
            Command(f"dlq list {target.name} --quarantine"),
            " shows them",
        )
    return ok("quarantine", "empty")
