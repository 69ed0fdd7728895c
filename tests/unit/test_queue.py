"""Webhooks that wait in their queue for a consumer of the user's own."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import boto3
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template
from aws_cdk.aws_lambda_event_sources import SqsEventSource

from nami_stack import (
    HttpBackend,
    PipelineSettings,
    QueueOnly,
    RestGateway,
    ScalableWebhook,
    SettingsError,
    Signature,
    Subscription,
)

Synth = Callable[..., Template]
Apps = Callable[..., cdk.App]
PAGE = Path(__file__).parents[2] / "docs" / "destinations.md"


@pytest.fixture(scope="session")
def waiting(synth: Synth) -> Template:
    return synth(destination="queue", signature="shopify")


def test_no_function_is_behind_the_queue(waiting: Template) -> None:
    waiting.resource_count_is("AWS::Lambda::EventSourceMapping", 0)
    waiting.resource_count_is("AWS::Lambda::Function", 1)  # the one before it
    outputs = waiting.to_json()["Outputs"]
    assert {"QueueUrl", "DeadLetterQueueUrl", "ConsumerQueueArn", "LargeBodiesBucketName"} <= outputs.keys()
    assert "PostQueueFunctionName" not in outputs


def test_queue_gives_a_webhook_up_after_as_many_tries_as_are_set(synth: Synth) -> None:
    template = synth(destination="queue", max_receives=7, order_by="x-order-id")
    queues = template.find_resources("AWS::SQS::Queue").values()
    policies = [each["Properties"]["RedrivePolicy"] for each in queues if "RedrivePolicy" in each["Properties"]]
    assert [policy["maxReceiveCount"] for policy in policies] == [7]


def test_alarms_are_of_the_queue_alone(waiting: Template) -> None:
    alarms = waiting.find_resources("AWS::CloudWatch::Alarm").values()
    names = {each["Properties"]["AlarmName"].removeprefix("nami-shopify-") for each in alarms}
    assert {name for name in names if "pre-queue" not in name} == {
        "gateway-5xx",
        "unauthorized",
        "dead-letters",
        "oldest",
    }


def test_dashboard_shows_what_the_consumer_takes(waiting: Template) -> None:
    (dashboard,) = waiting.find_resources("AWS::CloudWatch::Dashboard").values()
    shown = json.dumps(dashboard)
    assert "Your consumer" in shown
    assert "Post-queue" not in shown


def test_beside_a_function_it_has_outputs_of_its_own(synth: Synth) -> None:
    template = synth(destination="dynamodb,queue")
    template.resource_count_is("AWS::Lambda::EventSourceMapping", 1)
    assert {"QueueQueueUrl", "QueueConsumerQueueArn", "PostQueueFunctionName"} <= template.to_json()["Outputs"].keys()


def webhook(stack: cdk.Stack, **given: Any) -> ScalableWebhook:
    return ScalableWebhook(stack, "Webhook", name="shopify", **({"destination": QueueOnly(stack, "Queue")} | given))


def test_consumer_may_take_webhooks_and_read_their_bodies_and_nothing_else(app_factory: Apps) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    consumer = iam.Role(stack, "Consumer", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    webhook(stack).queue.grant_consume(consumer)
    policies = Template.from_stack(stack).find_resources("AWS::IAM::Policy").items()
    (policy,) = [each for key, each in policies if key.startswith("Consumer")]
    granted = {json.dumps(each["Action"]) for each in policy["Properties"]["PolicyDocument"]["Statement"]}
    taking = ["ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl", "ReceiveMessage"]
    assert granted == {'"s3:GetObject"', json.dumps([f"sqs:{each}" for each in taking])}


def test_function_of_yours_is_fed_by_the_queue(app_factory: Apps) -> None:
    """As the page on destinations has it."""
    stack = cdk.Stack(app_factory(), "Shop")
    function = lambda_.Function(
        stack,
        "Yours",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
    )
    orders = webhook(stack)
    orders.queue.grant_consume(function)
    function.add_event_source(SqsEventSource(orders.queue, report_batch_item_failures=True))
    (mapping,) = Template.from_stack(stack).find_resources("AWS::Lambda::EventSourceMapping").values()
    assert "Yours" in json.dumps(mapping["Properties"]["FunctionName"])


def test_consumer_beside_a_function_is_refused(app_factory: Apps) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    role = iam.Role(stack, "Consumer", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    backend = HttpBackend(stack, "Backend", url="https://shop.example.com/webhooks")
    with pytest.raises(SettingsError, match="nami's own function takes webhooks from this queue"):
        webhook(stack, destination=backend).queue.grant_consume(role)


def test_code_that_would_never_run_is_refused(app_factory: Apps, tmp_path: Path) -> None:
    (tmp_path / "post_queue").mkdir()
    with pytest.raises(SettingsError, match="would never run, since no function is behind the queue"):
        webhook(cdk.Stack(app_factory(), "Shop"), handlers=tmp_path)


def test_without_any_function_nothing_signed_is_taken(app_factory: Apps) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    gateway, direct = RestGateway(stack, "Rest"), PipelineSettings(ingest="direct")
    with pytest.raises(SettingsError, match="no function of this destination can send to it"):
        webhook(stack, gateway=gateway, settings=direct, signature=Signature.preset("shopify"))
    with pytest.raises(SettingsError, match="no function of this destination can send to it"):
        Subscription.from_context(
            {"name": "a", "destination": "queue", "gateway": "rest", "ingest": "direct", "signature": "shopify"}
        )


NO_FUNCTION = "no function of nami's is behind its queue"


@pytest.mark.parametrize(
    "given",
    [
        {"maximum_concurrency": 10},
        {"reserved_concurrency": 0},
        {"batch_size": 5},
        {"post_queue_memory": 512},
        {"keep_days": 3},
    ],
    ids=lambda given: next(iter(given)),
)
def test_setting_that_only_a_function_heeds_is_refused(given: dict[str, int]) -> None:
    (key,) = given
    flat = f"{key}: destination=queue takes none, because {NO_FUNCTION}; leave {key} out"
    named = f"destinations.mine.{key}: means nothing there, because {NO_FUNCTION}; leave {key} out"
    with pytest.raises(SettingsError, match=f"^{flat}$"):
        Subscription.from_context({"name": "a", "destination": "queue", **given})
    with pytest.raises(SettingsError, match=f"^{named}$"):
        Subscription.from_context({"name": "a", "destinations": {"mine": {"kind": "queue", **given}}})


def test_setting_that_only_a_function_heeds_holds_for_those_beside_it() -> None:
    given = {"name": "a", "maximum_concurrency": 10}
    assert Subscription.from_context({**given, "destination": "queue,dynamodb"}).maximum_concurrency == 10
    beside = {"mine": {"kind": "queue"}, "table": {"kind": "dynamodb"}}
    ways = Subscription.from_context({**given, "destinations": beside}).with_function
    assert {name: way.maximum_concurrency for name, way in ways.items()} == {"table": 10}


def test_setting_that_only_a_function_heeds_is_refused_in_the_library_too(app_factory: Apps) -> None:
    queue = QueueOnly(cdk.Stack(app_factory(), "Shop"), "Queue")
    with pytest.raises(SettingsError, match=r"^mine: batch_size: means nothing there, because no function"):
        queue.called("mine", batch_size=5)


def test_ordered_queue_is_asked_for_no_batch_size() -> None:
    assert Subscription.from_context({"name": "a", "destination": "queue", "order_by": "x-id"}).order_by == "x-id"


def test_transform_that_no_function_would_apply_is_told_so() -> None:
    told = f"transform: destination=queue takes none, because {NO_FUNCTION}; leave transform out, or give it in"
    with pytest.raises(SettingsError, match=f"^{told}"):
        Subscription.from_context({"name": "a", "destination": "queue", "transform": "body"})


class Consumed:
    """SQS and S3 as the consumer in the docs calls them: messages once, then it is interrupted."""

    def __init__(self, *messages: str) -> None:
        self.messages = [{"Body": text, "ReceiptHandle": f"r{number}"} for number, text in enumerate(messages)]
        self.deleted: list[str] = []

    def receive_message(self, *, QueueUrl: str, MaxNumberOfMessages: int, WaitTimeSeconds: int) -> dict[str, Any]:  # noqa: N803
        if not self.messages:
            raise KeyboardInterrupt
        assert (QueueUrl, MaxNumberOfMessages, WaitTimeSeconds) == ("https://sqs/queue", 10, 20)
        given, self.messages = self.messages, []
        return {"Messages": given}

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: N803
        self.deleted.append(ReceiptHandle)

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": (Path("/dev/null") if Key == "none" else PAGE).open("rb")}


def consumer() -> str:
    (code,) = [
        each for each in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "receive_message" in each
    ]
    return str(code)


def envelope(**fields: Any) -> str:
    return json.dumps({"v": 1, "id": f"evt_{len(fields)}", **fields})


def test_consumer_in_the_docs_is_ten_lines_and_reads_every_form(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    large = {"bucket": "b", "key": "shopify/k", "size": 1, "sha256": "0" * 64}
    seen = Consumed(
        envelope(body="ü"),
        envelope(body=base64.b64encode(b"\xff\x00").decode(), base64=True),
        envelope(body_ref=large, verified="shopify", query=""),
    )
    monkeypatch.setattr(boto3, "client", lambda _service: seen)
    monkeypatch.setenv("QUEUE_URL", "https://sqs/queue")
    code = consumer()
    assert len([line for line in code.splitlines() if line and not line.startswith("import")]) == 10
    with pytest.raises(KeyboardInterrupt):
        exec(code, {})
    assert seen.deleted == ["r0", "r1", "r2"]
    said = capsys.readouterr().out.splitlines()
    assert said == ["evt_1 2 bytes", "evt_2 2 bytes", f"evt_3 {len(PAGE.read_bytes())} bytes"]
