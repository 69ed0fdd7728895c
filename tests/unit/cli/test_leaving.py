"""Queues that leave a stack: nothing that was acknowledged may be left in one that nobody reads."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from aws_cdk.assertions import Template
from botocore.stub import Stubber

from nami_cli import deploy
from nami_control import deploying, queues
from nami_control.aws import Aws
from nami_control.errors import CheckError
from nami_control.stacks import Stack
from nami_stack.settings import Subscription
from tests.unit.cli.conftest import target

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
Stub = Callable[[str], Stubber]
Synth = Callable[..., Template]


def queues_of(template: Template) -> dict[str, dict[str, Any]]:
    return {id_: each["Properties"] for id_, each in template.find_resources("AWS::SQS::Queue").items()}


def url_of(id_: str, properties: dict[str, Any]) -> str:
    return URL + id_ + (".fifo" if properties.get("FifoQueue") else "")


AT = datetime(2026, 11, 1, tzinfo=UTC)


def changes(aws: Stub, before: Template, after: Template) -> list[queues.Change]:
    """What a deployment does to the queues of a stack of the first template."""
    told = {"ResourceStatus": "UPDATE_COMPLETE", "LastUpdatedTimestamp": AT}
    there = queues_of(before)
    summaries: list[dict[str, Any]] = [
        {**told, "LogicalResourceId": "Topic", "PhysicalResourceId": "topic", "ResourceType": "AWS::SNS::Topic"},
        *(
            {
                **told,
                "LogicalResourceId": id_,
                "PhysicalResourceId": url_of(id_, each),
                "ResourceType": "AWS::SQS::Queue",
            }
            for id_, each in there.items()
        ),
    ]
    for id_, each in there.items():
        if (planned := queues_of(after).get(id_)) and url_of(id_, planned) == url_of(id_, each):
            kept = {"MessageRetentionPeriod": str(each["MessageRetentionPeriod"])}
            aws("sqs").add_response("get_queue_attributes", {"Attributes": kept})
    found: Any = summaries
    return queues.changes(Aws(), found, [after.to_json()])


def leaving(aws: Stub, before: Template, after: Template) -> set[str]:
    """Names of the queues that leave; the others are as they were."""
    changed = changes(aws, before, after)
    assert [change for change in changed if not change.leaves] == []
    return {change.url.removeprefix(URL).removesuffix(".fifo") for change in changed}


def holding(aws: Stub, *counts: int, leaves: bool = True) -> list[queues.Change]:
    for count in counts:
        aws("sqs").add_response("get_queue_attributes", {"Attributes": {"ApproximateNumberOfMessages": str(count)}})
    return [queues.Change(f"{URL}q{number}", leaves) for number, _ in enumerate(counts)]


def test_queues_stay_where_settings_change(aws: Stub, synth: Synth) -> None:
    after = synth(batch_size="50", signature="shopify", destination="mongo-host,dynamodb")
    assert leaving(aws, synth(), after) == set()


def test_queues_of_a_destination_leave_with_it(aws: Stub, synth: Synth) -> None:
    before = synth(destination="mongo-host,dynamodb")
    assert leaving(aws, before, synth()) == {id_ for id_ in queues_of(before) if "Dynamodb" in id_}


def test_queues_leave_where_others_keep_the_order(aws: Stub, synth: Synth) -> None:
    before = synth()
    assert leaving(aws, before, synth(order_by="x-id")) == set(queues_of(before))


def test_quarantine_leaves_with_direct_mode(aws: Stub, synth: Synth) -> None:
    before = synth(gateway="rest", ingest="direct", signature="shopify")
    after = synth(gateway="rest", signature="shopify")
    assert leaving(aws, before, after) == {id_ for id_ in queues_of(before) if "Quarantine" in id_}


def test_queue_that_keeps_webhooks_for_less_time_is_a_change(aws: Stub, synth: Synth) -> None:
    (change,) = changes(aws, synth(queue_retention_days="7"), synth(queue_retention_days="4"))
    assert "DeadLetters" not in change.url
    assert not change.leaves


def test_queue_that_keeps_webhooks_longer_is_no_change(aws: Stub, synth: Synth) -> None:
    assert changes(aws, synth(), synth(queue_retention_days="7")) == []


def test_nothing_may_wait_in_a_queue_that_keeps_it_for_less_time(aws: Stub) -> None:
    with pytest.raises(CheckError) as raised:
        queues.require_empty(Aws(), "shopify", holding(aws, 0, 12, leaves=False))
    assert str(raised.value).startswith(
        "shopify keeps webhooks for less time by this deployment, and SQS deletes those that are older: 12 in q1; let "
        "them be stored (nami list)"
    )


def test_queue_that_leaves_must_be_empty(aws: Stub) -> None:
    with pytest.raises(CheckError) as raised:
        queues.require_empty(Aws(), "shopify", holding(aws, 0, 12))
    assert str(raised.value) == (
        "shopify gets other queues by this deployment, and webhooks are in those that go: 12 in q1; let them be stored "
        "(nami list), send dead letters back or purge them (nami dlq), then deploy again; nothing was changed"
    )


def test_empty_queues_may_leave(aws: Stub) -> None:
    queues.require_empty(Aws(), "shopify", holding(aws, 0, 0))


def test_what_arrived_meanwhile_is_told(aws: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    told = {"ResourceType": "AWS::SQS::Queue", "ResourceStatus": "CREATE_COMPLETE", "LastUpdatedTimestamp": AT}
    there = [{**told, "LogicalResourceId": name, "PhysicalResourceId": URL + name} for name in ("q0", "q1")]
    aws("cloudformation").add_response("list_stack_resources", {"StackResourceSummaries": there})
    holding(aws, 3, 0)
    before = Stack({"StackName": "nami-shopify", "StackStatus": "CREATE_COMPLETE", "CreationTime": AT}, Aws())
    done = deploying.Deployed(target(), before, [{"Resources": {}}])
    deploy._tell_what_left(done)
    assert capsys.readouterr().err.splitlines() == [
        f"is kept: the former queue {URL}q0, in which 3 webhooks arrived meanwhile",
        f"is kept: the former queue {URL}q1, which is empty; `aws sqs delete-queue --queue-url {URL}q1`",
    ]


def test_deployment_for_your_own_consumer_ends_with_where_webhooks_wait() -> None:
    outputs = {
        "EndpointUrl": "https://a.example/nami/shopify",
        "QueueUrl": "https://sqs/mine",
        "DeadLetterQueueUrl": "d",
    }
    done: Any = SimpleNamespace(target=target(), url=outputs["EndpointUrl"], outputs=outputs)
    ends = deploy._next_steps(done, Subscription.from_context({"name": "shopify", "destination": "queue"}))
    assert ends["webhooks"] == "wait for your consumer in https://sqs/mine"
    assert "documents" not in ends
