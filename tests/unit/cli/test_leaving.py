"""Queues that leave a stack: nothing that was acknowledged may be left in one that nobody reads."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_cdk.assertions import Template
from botocore.stub import Stubber

from nami_cli import deploy
from nami_control import queues
from nami_control.aws import Aws
from nami_control.errors import CheckError
from tests.unit.cli.conftest import target

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
STACK_ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/nami-shopify/0"
Stub = Callable[[str], Stubber]
Synth = Callable[..., Template]


def deployed(aws: Stub, template: Template) -> dict[str, str]:
    """A stack of this template; returns the URL of each queue by the logical id."""
    found = {
        id_: URL + id_ + (".fifo" if each["Properties"].get("FifoQueue") else "")
        for id_, each in template.find_resources("AWS::SQS::Queue").items()
    }
    told = {"ResourceStatus": "UPDATE_COMPLETE", "LastUpdatedTimestamp": datetime(2026, 11, 1, tzinfo=UTC)}
    summaries: list[dict[str, Any]] = [
        {**told, "LogicalResourceId": "Topic", "PhysicalResourceId": "topic", "ResourceType": "AWS::SNS::Topic"},
        *(
            {**told, "LogicalResourceId": id_, "PhysicalResourceId": url, "ResourceType": "AWS::SQS::Queue"}
            for id_, url in found.items()
        ),
    ]
    aws("cloudformation").add_response("list_stack_resources", {"StackResourceSummaries": summaries})
    return found


def leave(template: Template) -> list[str]:
    return queues.leaving(Aws(), STACK_ID, [template.to_json()])


def holding(aws: Stub, *counts: int) -> list[str]:
    for count in counts:
        aws("sqs").add_response("get_queue_attributes", {"Attributes": {"ApproximateNumberOfMessages": str(count)}})
    return [f"{URL}q{number}" for number, _ in enumerate(counts)]


def test_queues_stay_where_settings_change(aws: Stub, synth: Synth) -> None:
    deployed(aws, synth())
    assert leave(synth(batch_size="50", signature="shopify", destination="mongo-host,dynamodb")) == []


def test_queues_of_a_destination_leave_with_it(aws: Stub, synth: Synth) -> None:
    found = deployed(aws, synth(destination="mongo-host,dynamodb"))
    assert set(leave(synth())) == {url for id_, url in found.items() if "Dynamodb" in id_}


def test_queues_leave_where_others_keep_the_order(aws: Stub, synth: Synth) -> None:
    found = deployed(aws, synth())
    assert set(leave(synth(order_by="x-id"))) == set(found.values())


def test_quarantine_leaves_with_direct_mode(aws: Stub, synth: Synth) -> None:
    direct = {"gateway": "rest", "ingest": "direct", "signature": "shopify"}
    found = deployed(aws, synth(**direct))
    assert set(leave(synth(gateway="rest", signature="shopify"))) == {
        url for id_, url in found.items() if "Quarantine" in id_
    }


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
    deploy._tell_what_left(target(), holding(aws, 3, 0))
    assert capsys.readouterr().err.splitlines() == [
        f"is kept: the former queue {URL}q0, in which 3 webhooks arrived meanwhile",
        f"is kept: the former queue {URL}q1, which is empty; `aws sqs delete-queue --queue-url {URL}q1`",
    ]
