"""What no AWS on one machine can prove, each with the stack that it is tried on: docs/aws.md lists the same.

A proof returns what was seen, and raises where it does not hold. One that can be rehearsed on local AWS is.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

from nami_control import redrive as redriving
from nami_control.client import Subscription
from nami_control.errors import NamiError, WebhookError
from nami_runtime.log import NAMESPACE

_Found = TypeVar("_Found")

# Seconds.
_STORED = 180  # a cold function in a VPC, and then its batch
_DEAD = 300
_REPLACED = 900  # a host is back within two to four minutes; AWS may lack the capacity for a while
_TOLD = 1200  # CloudWatch has a queue's metrics up to 15 minutes after it became active


@dataclass(frozen=True)
class Proof:
    """One thing to hold on AWS.

    Args:
        what: is true where it holds; a sentence for people.
        stack: that it is tried on, by name.
        not_local: why local AWS can't rehearse it; empty where it does.
    """

    what: str
    stack: str
    carry_out: Callable[[Subscription], str]
    not_local: str = ""


def smoke_passes(deployed: Subscription) -> str:
    failed, passed = [], 0
    for result in deployed.smoke():
        passed += result.outcome == "ok"
        if result.outcome == "failed":
            failed.append(f"{result.check}: {result.detail}")
    if failed or not passed:
        raise WebhookError("; ".join(failed) or "no check of the smoke test fits")
    return f"{passed} checks of the smoke test"


def documents_are_read(deployed: Subscription) -> str:
    """A new webhook's document is found; a host's database is reached through Session Manager alone."""
    return f"{_stored(deployed, _send(deployed))['_id']} was read"


def doctor_is_content(deployed: Subscription) -> str:
    checks = deployed.health()
    if failed := [check.line() for check in checks if check.status == "fail"]:
        raise WebhookError("; ".join(failed))
    return f"{len(checks)} checks"


def host_comes_back_with_its_data(deployed: Subscription) -> str:
    """The instance is ended; another takes over the volume, and what was stored is still there."""
    aws, volume = deployed.target.aws, deployed.deployed.outputs["DataVolumeId"]
    before, instance = _send(deployed), _holder(deployed, volume)
    _stored(deployed, before)
    aws.client("ec2").terminate_instances(InstanceIds=[instance])
    while_away = _send(deployed)
    started = time.monotonic()
    successor = _until(_REPLACED, "another host has the volume", lambda: _holder(deployed, volume, other=instance))
    _until(_REPLACED, "the new host's database answers", lambda: _is_read(deployed, [before, while_away]))
    return f"{successor} followed {instance} in {time.monotonic() - started:.0f} s, with {volume} and both documents"


def backups_are_on(deployed: Subscription) -> str:
    resources = deployed.target.resources()
    policy = next(r["PhysicalResourceId"] for r in resources if r["ResourceType"] == "AWS::DLM::LifecyclePolicy")
    said = deployed.target.aws.client("dlm").get_lifecycle_policy(PolicyId=policy)["Policy"]
    if said["State"] != "ENABLED":
        raise WebhookError(f"{policy} is {said['State']}: {said.get('StatusMessage', 'it does not say why')}")
    return f"{policy} is ENABLED"


def metrics_are_counted(deployed: Subscription) -> str:
    client = deployed.target.aws.client("cloudwatch")
    owner = [{"Name": "subscription", "Value": deployed.target.label}]

    def names() -> list[str]:
        said = client.list_metrics(Namespace=NAMESPACE, Dimensions=owner)["Metrics"]
        return sorted({each["MetricName"] for each in said})

    return ", ".join(_until(_TOLD, f"there are metrics of {deployed.target.label} in {NAMESPACE}", names))


def unstorable_webhook_dies(deployed: Subscription) -> str:
    deployed.target.aws.client("sqs").send_message(
        QueueUrl=deployed.deployed.drains[0].queue_url, MessageBody=json.dumps({"no": "envelope"})
    )
    return f"{_until(_DEAD, 'there is a dead letter', lambda: _dead(deployed))} dead letter"


def alarm_fires(deployed: Subscription) -> str:
    resources = deployed.target.resources()
    alarms = [r["PhysicalResourceId"] for r in resources if r["ResourceType"] == "AWS::CloudWatch::Alarm"]
    name = next(alarm for alarm in alarms if alarm.endswith("-dead-letters"))
    client = deployed.target.aws.client("cloudwatch")

    def state() -> str:
        said = client.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
        return said["StateReason"] if said["StateValue"] == "ALARM" else ""

    return f"{name}: {_until(_TOLD, f'{name} fires', state)}"


def sqs_redrives_by_itself(deployed: Subscription) -> str:
    letters = deployed.dead_letters()
    moved = redriving.Count()
    if not redriving.move(letters, None, moved):
        raise WebhookError("SQS refused the task for this queue")
    return f"{moved.value} moved"


def traces_are_there(deployed: Subscription) -> str:
    client, function = deployed.target.aws.client("xray"), deployed.deployed.outputs["PreQueueFunctionName"]
    started = time.time() - 60
    for _ in range(20):  # one request a second is always traced, and 5 % of the others
        _send(deployed)

    def traces() -> list[str]:
        said = client.get_trace_summaries(
            StartTime=started, EndTime=time.time(), FilterExpression=f'service("{function}")'
        )
        return [each["Id"] for each in said["TraceSummaries"]]

    return f"{len(_until(_DEAD, f'X-Ray has a trace of {function}', traces))} traces"


def bodies_arrive_as_they_were_sent(deployed: Subscription) -> str:
    bodies = {
        "text/plain": "plain, with ümlauts and a + and a %2B".encode(),
        "application/json": json.dumps({"quote": "'\" \\ $input.body #end", "n": 1.10}).encode(),
        "application/octet-stream": bytes(range(256)),
    }
    ids = {kind: _send(deployed, body, {"content-type": kind}) for kind, body in bodies.items()}
    changed = [kind for kind, each in ids.items() if bytes(_stored(deployed, each)["raw"]) != bodies[kind]]
    if changed:
        raise WebhookError(f"changed on the way: {', '.join(changed)}")
    return ", ".join(bodies)


def order_is_kept(deployed: Subscription) -> str:
    group = str(uuid4())
    ids = [_send(deployed, json.dumps({"order": {"id": group}, "number": number}).encode()) for number in range(12)]
    stored = [str(_stored(deployed, each)["stored_at"]) for each in ids]
    if stored != sorted(stored):
        raise WebhookError(f"stored at {', '.join(stored)}")
    return f"{len(ids)} of one group"


PROOFS: Sequence[Proof] = (
    Proof("the default stack comes up, and a signed webhook goes all the way", "host", smoke_passes),
    Proof("documents are read through Session Manager's tunnel", "host", documents_are_read),
    Proof("the doctor finds nothing that fails", "host", doctor_is_content),
    Proof("Data Lifecycle Manager accepts the backups", "host", backups_are_on, "it has no Data Lifecycle Manager"),
    Proof("the functions' counts become metrics", "host", metrics_are_counted, "it makes no metrics of log lines"),
    Proof(
        "an ended host is replaced, and its volume kept", "host", host_comes_back_with_its_data, "it starts no instance"
    ),
    Proof("a REST API and DynamoDB take a webhook all the way", "rest", smoke_passes),
    Proof("what can't be stored becomes a dead letter", "rest", unstorable_webhook_dies),
    Proof("the alarm on dead letters fires", "rest", alarm_fires, "its alarms do not fire"),
    Proof("SQS's own task redrives", "rest", sqs_redrives_by_itself, "its SQS has no StartMessageMoveTask"),
    Proof("X-Ray has traces of the webhooks", "rest", traces_are_there, "it has no X-Ray"),
    Proof("without a function, a webhook goes all the way", "direct", smoke_passes),
    Proof("without a function, text, JSON and binary arrive byte for byte", "direct", bodies_arrive_as_they_were_sent),
    Proof("FIFO queues keep a group's order", "ordered", order_is_kept),
    Proof("the shared gateway and the shared host take a webhook all the way", "joined", smoke_passes),
    Proof("documents on the shared host are read", "joined", documents_are_read),
    Proof("over IPv6, without endpoints, a webhook goes all the way", "ipv6", smoke_passes),
)


def _send(deployed: Subscription, body: bytes | None = None, headers: dict[str, str] | None = None) -> str:
    """The delivery id of a webhook that was taken."""
    answer = deployed.send(body, headers)
    if not answer.ok or not answer.delivery_id:
        raise WebhookError(f"answered {answer.status}: {answer.body[:200].decode(errors='replace')}")
    return answer.delivery_id


def _stored(deployed: Subscription, delivery_id: str) -> dict[str, Any]:
    if not (found := deployed.wait_for([delivery_id], _STORED)):
        raise WebhookError(f"{delivery_id} was accepted, and is not stored within {_STORED} s")
    return found[0]


def _is_read(deployed: Subscription, ids: list[str]) -> bool:
    """Whether these are stored, where the database may still be away."""
    try:
        return len(deployed.wait_for(ids, 30)) == len(ids)
    except NamiError:
        return False


def _dead(deployed: Subscription) -> int:
    return sum(dead for _, dead in deployed.depths().values())


def _holder(deployed: Subscription, volume: str, *, other: str = "") -> str:
    """The instance that the volume is attached to, where it is not `other`."""
    said = deployed.target.aws.client("ec2").describe_volumes(VolumeIds=[volume])["Volumes"][0]
    held = [each["InstanceId"] for each in said.get("Attachments", []) if each["State"] == "attached"]
    return next((instance for instance in held if instance != other), "")


def _until(seconds: float, what: str, look: Callable[[], _Found]) -> _Found:
    """What `look` gives, once it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise WebhookError(f"not within {seconds:.0f} s: {what}")
        time.sleep(2)
    return found
