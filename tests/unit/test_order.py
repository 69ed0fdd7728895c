"""What order_by makes of the template, and what it refuses."""

from collections.abc import Callable

import pytest
from aws_cdk.assertions import Match, Template

from nami_stack import SettingsError, Subscription

Synth = Callable[..., Template]


@pytest.fixture(scope="module")
def ordered(synth: Synth) -> Template:
    return synth(order_by="$.order_id")


def error_of(**context: object) -> str:
    with pytest.raises(SettingsError) as caught:
        Subscription.from_context({"name": "shopify", **context})
    return str(caught.value)


def test_both_queues_are_fifo_in_high_throughput_mode(ordered: Template) -> None:
    ordered.all_resources_properties(
        "AWS::SQS::Queue",
        {"FifoQueue": True, "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"},
    )


def test_queues_are_standard_without_order(template: Template) -> None:
    template.all_resources_properties("AWS::SQS::Queue", {"FifoQueue": Match.absent()})


def test_event_source_takes_10_without_a_window_and_no_more_batches_at_once(ordered: Template) -> None:
    ordered.has_resource_properties(
        "AWS::Lambda::EventSourceMapping",
        {
            "BatchSize": 10,
            "MaximumBatchingWindowInSeconds": Match.absent(),
            "ScalingConfig": {"MaximumConcurrency": 5},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        },
    )


def test_pre_queue_function_knows_the_field(ordered: Template) -> None:
    ordered.has_resource_properties(
        "AWS::Lambda::Function", {"Environment": {"Variables": Match.object_like({"ORDER_BY": "$.order_id"})}}
    )


def test_post_queue_function_knows_a_last_try(ordered: Template) -> None:
    ordered.has_resource_properties(
        "AWS::Lambda::Function", {"Environment": {"Variables": Match.object_like({"MAX_RECEIVES": "5"})}}
    )


def test_smaller_batch_is_kept(synth: Synth) -> None:
    synth(order_by="x-id", batch_size="3").has_resource_properties("AWS::Lambda::EventSourceMapping", {"BatchSize": 3})


@pytest.mark.parametrize(
    ("settings", "batch"),
    [
        ({}, 2),  # one after the other, 13 of 30 seconds each
        ({"backend_concurrency": "20"}, 2),
        ({"post_queue_timeout": "120"}, 9),
        ({"post_queue_timeout": "300"}, 10),
        ({"post_queue_timeout": "16"}, 1),
    ],
)
def test_backend_gets_no_more_of_one_group_than_there_is_time_for(
    synth: Synth, settings: dict[str, str], batch: int
) -> None:
    template = synth(order_by="x-id", destination="http", backend_url="https://shop.example.com/webhooks", **settings)
    template.has_resource_properties("AWS::Lambda::EventSourceMapping", {"BatchSize": batch})


def test_batch_over_10_is_refused() -> None:
    assert error_of(order_by="$.id", batch_size="11") == "batch_size=11: with order_by at most 10; leave batch_size out"


def test_window_is_refused() -> None:
    assert error_of(order_by="$.id", batch_window="1") == (
        "batch_window=1: with order_by there is none; leave batch_window out"
    )


@pytest.mark.parametrize("field", ["x-order-id", "X_Id", "$.id", "$.a.b", "$.items[0].sku", "$[1]", "$.order-id"])
def test_header_or_path_is_taken(field: str) -> None:
    assert Subscription.from_context({"name": "shopify", "order_by": field}).order_by == field


@pytest.mark.parametrize("field", ["$", "$.", "$.a..b", "$.a[x]", "$.a b", "x order", "$.a[*]", "$['a']"])
def test_other_fields_are_refused_in_one_line(field: str) -> None:
    assert error_of(order_by=field) == f"order_by={field!r}: must look like x-order-id or $.order.id"
