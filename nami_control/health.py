"""What is well with an account and a subscription, what is not, and what mends it."""

import functools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

from nami_control import checks, destinations, logs, pausing, shared, stacks
from nami_control.aws import Aws
from nami_control.checks import Check, fail, look, ok, warn
from nami_control.deployment import Deployment, Drain, find
from nami_control.destinations import host_before
from nami_control.destinations.base import Looks
from nami_control.errors import Command, UsageError
from nami_control.progress import Tell, silent
from nami_control.queues import dead_letter_queues, depth
from nami_control.stacks import Stack, Target
from nami_control.text import visible_line

_AWAY_SECONDS = 2100  # an ordered subscription's webhooks are tried again after half an hour at the latest
_ORDINARY_THROTTLE = 10_000  # requests a second: what a region's gateways get together unless AWS says otherwise

_OF_LATE = 3600  # seconds
_MOST_REFUSED = 1000  # lines of the log; who forges them by the thousand must not keep a command waiting


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
        *(look(label, check) for label, check in host_before.looks_at_account(aws).items()),
    ]


def of_subscription(target: Target, *, tell: Tell = silent) -> list[Check]:
    """The stack of a subscription or of what they share, its functions, queues, alarms and destinations."""
    stack, name = target.describe(), target.name
    if stack is None:
        known = ", ".join(map(str, sorted(stacks.deployed(target.aws)))) or "nothing is"
        missing = fail("stack", f"{target.owner} is not deployed here ({known})", Command(f"deploy {name}"))
        return [missing, *_of_settings(target)]
    outputs = stack.outputs
    status = look("stack", lambda: _status(name, stack))
    if not stack.is_whole:
        return [status]
    if target.is_shared:
        return [status, *(look(label, check) for label, check in _of_shared(target, tell).items())]
    looks: dict[str, Callable[[], Check]] = {
        "signature": lambda: _signature(target, outputs),
        **({"refused": lambda: _refused(target)} if "SignatureSecretArn" in outputs else {}),
        **_of_stack(target, tell),
        "alarms": lambda: _alarms(target),
        "delivery": lambda: _delivery(find(target)),
        "dead letters": lambda: _dead_letters(target, outputs),
        **({"quarantine": lambda: _quarantine(target, outputs)} if "QuarantineUrl" in outputs else {}),
    }
    deployment = find(target)
    return [
        status,
        *(
            look("event source", functools.partial(_event_source, deployment, each, tell))
            for each in deployment.drains
            if each.has_function
        ),
        *of_destinations(deployment),
        *(look(label, check) for label, check in looks.items()),
    ]


def _of_settings(target: Target) -> list[Check]:
    """Of what is not deployed yet: whether it could be, with the settings of the cdk.json here."""
    try:
        asked = target.settings
    except UsageError as error:
        return [fail("settings", str(error), error=UsageError)]
    return [look(label, check) for label, check in destinations.looks_before(target.aws, asked, None).items()]


def _of_shared(target: Target, tell: Tell) -> dict[str, Callable[[], Check]]:
    return {
        **_of_stack(target, tell),
        "alarms": lambda: _alarms(target),
        "used by": lambda: ok("used by", ", ".join(shared.users(target.aws, target.stack_name)) or "nobody yet"),
    }


def of_destinations(deployment: Deployment) -> list[Check]:
    """What the webhooks end in, one after the other."""
    found = [destinations.of(deployment, drain) for drain in deployment.drains]
    kinds = [each.kind for each in found]
    checks_of_all = []
    for each in found:
        looked_at = [look(label, check) for label, check in each.looks().items()]
        if kinds.count(each.kind) > 1:  # which of them is it?
            looked_at = [replace(check, name=f"{each.drain.destination} {check.name}") for check in looked_at]
        checks_of_all += looked_at
    return checks_of_all


def _of_stack(target: Target, tell: Tell) -> Looks:
    kinds = destinations.DESTINATIONS.values()
    return {label: check for each in kinds for label, check in each.looks_at_stack(target, tell).items()}


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


def _status(name: str, stack: Stack) -> Check:
    settled = checks.stack_is_settled(name, stack)
    if settled.status != "ok":
        return settled
    status = stack.status
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
        return ok("stack", status)
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return warn(
            "stack", f"{status}: the last update failed and was taken back", Command(f"deploy {name}"), " tells why"
        )
    return fail("stack", f"{status}: {stack.said.get('StackStatusReason') or 'not usable'}", Command(f"deploy {name}"))


def _event_source(deployment: Deployment, drain: Drain, tell: Tell = silent) -> Check:
    mappings = pausing.states(deployment.aws, drain)
    if not mappings:
        return fail("event source", "nothing takes webhooks from the queue", "deploy the subscription again")
    if paused := pausing.pause_of(deployment.aws, drain, tell=tell):
        return warn(
            "event source",
            f"{drain.destination} is paused: {paused}",
            *(Command(f"resume {deployment.name} --destination {drain.destination}"), " delivers again"),
        )
    return ok("event source", mappings[0])


def _signature(target: Target, outputs: dict[str, str]) -> Check:
    secret = outputs.get("SignatureSecretArn")
    if secret is None:
        return warn("signature", "none: anybody can send", Command(f"deploy {target.name} --signature <provider>"))
    return checks.filled(target, secret)


def _delivery(deployment: Deployment) -> Check:
    since = time.time() - _AWAY_SECONDS
    pattern = '{ $.level = "ERROR" }'
    found = logs.read(deployment.aws, logs.post_queue_groups(deployment), since=since, pattern=pattern)
    newest = max((line for line in found if line.fields.get("away")), key=lambda line: line.at, default=None)
    if newest is None:
        return ok("delivery", "no destination was away in the last half hour")
    minutes = round(max(0.0, time.time() - newest.at / 1000) / 60)
    reason = visible_line(str(newest.fields["away"]["reason"]))
    detail = f"{newest.function}: webhooks wait, and lose no try; {minutes} minutes ago: {reason}"
    return warn("delivery", detail, "mend that, and they are stored by themselves")


def _refused(target: Target) -> Check:
    """What was answered with 401 of late, by the reason; in direct mode it lies in quarantine instead."""
    deployment = find(target)
    if deployment.pre_queue is None:
        return ok("refused", "none before the queue, see quarantine")
    group = {"pre-queue": deployment.pre_queue.log_group}
    found = logs.read(target.aws, group, since=time.time() - _OF_LATE, pattern='{ $.refused = "signature" }')
    reasons = Counter(str(line.fields.get("reason", "")) for line in islice(found, _MOST_REFUSED))
    if not reasons:
        return ok("refused", "no signature in the last hour")
    told = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
    return warn(
        "refused",
        f"in the last hour for their signature: {told}",
        Command(f"signatures check {target.name} --request FILE"),
        " tells why",
    )


def alarms(target: Target) -> tuple[list[str], list[str]]:
    """The names of its stack's alarms, and of those that fire."""
    kinds = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    own = [r["PhysicalResourceId"] for r in target.resources() if r["ResourceType"] in kinds]
    firing: list[str] = []
    for start in range(0, len(own), 100):  # the most that one call takes
        said = target.aws.client("cloudwatch").describe_alarms(
            AlarmNames=own[start : start + 100], StateValue="ALARM", AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        firing += [alarm["AlarmName"] for kind in ("MetricAlarms", "CompositeAlarms") for alarm in said.get(kind, [])]
    return own, firing


def _alarms(target: Target) -> Check:
    own, firing = alarms(target)
    if not own:
        return ok("alarms", "there are none")
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
