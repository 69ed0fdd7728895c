"""Webhooks as messages of a topic, for several consumers of the user's own."""

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Template

from nami_stack import ScalableWebhook, SnsTopic
from tests.unit.test_destinations import function, rights

Synth = Callable[..., Template]
Apps = Callable[..., cdk.App]


@pytest.fixture(scope="session")
def published(synth: Synth) -> Template:
    return synth(destination="sns", signature="shopify", alarms=False)


def topic(template: Template) -> dict[str, Any]:
    (found,) = template.find_resources("AWS::SNS::Topic").values()
    return dict(found["Properties"])


def test_topic_is_encrypted_and_reached_over_tls_alone(published: Template) -> None:
    assert "alias/aws/sns" in json.dumps(topic(published)["KmsMasterKeyId"])
    (policy,) = published.find_resources("AWS::SNS::TopicPolicy").values()
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_function_may_publish_on_that_topic_and_leave_bodies_that_no_message_holds(published: Template) -> None:
    granted = rights(published, "Sns")
    assert {action for action in granted if action.startswith(("sns:", "kms:"))} == {"sns:Publish"}
    assert "/shopify/*" in json.dumps(granted["s3:PutObject"])


def test_output_names_the_topic(published: Template) -> None:
    variables = function(published, "Sns")["Environment"]["Variables"]
    assert published.to_json()["Outputs"]["FanoutTopicArn"]["Value"] == variables["TOPIC_ARN"]
    assert (variables["DESTINATION"], "ORDER_BY" in variables) == ("sns", False)


def test_dashboard_shows_what_could_not_be_delivered(published: Template) -> None:
    (dashboard,) = published.find_resources("AWS::CloudWatch::Dashboard").values()
    assert "NumberOfNotificationsFailed" in json.dumps(dashboard)


def test_order_is_kept_by_a_fifo_topic(synth: Synth) -> None:
    template = synth(destination="sns", order_by="x-order-id", alarms=False)
    made = topic(template)
    assert (made["FifoTopic"], made["FifoThroughputScope"], made["TopicName"][-5:]) == (True, "MessageGroup", ".fifo")
    assert function(template, "Sns")["Environment"]["Variables"]["ORDER_BY"] == "x-order-id"


def test_queue_of_yours_gets_what_its_filter_wants(app_factory: Apps) -> None:
    """As the page on destinations has it."""
    stack = cdk.Stack(app_factory(), "Shop")
    fanout = SnsTopic(stack, "Fanout")
    webhook = ScalableWebhook(stack, "Orders", name="orders", destination=fanout)
    dead_letters = sqs.Queue(stack, "BillingDeadLetters")
    fanout.topic.add_subscription(
        subscriptions.SqsSubscription(
            sqs.Queue(stack, "Billing"),
            raw_message_delivery=True,
            dead_letter_queue=dead_letters,
            filter_policy={"type": sns.SubscriptionFilter.string_filter(match_prefixes=["orders/"])},
        )
    )
    assert webhook.destination is fanout
    Template.from_stack(stack).has_resource_properties(
        "AWS::SNS::Subscription", {"RawMessageDelivery": True, "FilterPolicy": {"type": [{"prefix": "orders/"}]}}
    )
