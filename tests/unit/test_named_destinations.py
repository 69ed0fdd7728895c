"""Destinations by names of the user's own, several of a kind: their settings, and what the template makes of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template
from hypothesis import given
from hypothesis import strategies as st

from nami_stack import (
    DynamoTable,
    EventBridge,
    HttpBackend,
    PipelineSettings,
    ScalableWebhook,
    SettingsError,
    Subscription,
)
from nami_stack.destinations.named_settings import OF_THE_WAY
from nami_stack.names import check_destination_name, from_outputs, in_outputs

Synth = Callable[..., Template]
Apps = Callable[..., cdk.App]
PAGE = Path(__file__).parents[2] / "docs" / "destinations.md"
HTTP = {"kind": "http", "url": "https://shop.example.com/orders"}
PUTS = {"method": ["PUT"]}
THREE = {
    "orders": {**HTTP, "filter": PUTS, "maximum_concurrency": 10, "max_receives": 3},
    "orders-eu": {**HTTP, "url": "https://eu.example.com/", "filter": PUTS, "post_queue_timeout": 60},
    "lake": {"kind": "eventbridge", "bus": "lake"},
}


def settings_of(destinations: object, **context: Any) -> Subscription:
    return Subscription.from_context({"name": "shopify", "destinations": destinations, **context})


def error_of(destinations: object, **context: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        settings_of(destinations, **context)
    return str(caught.value)


@pytest.fixture(scope="session")
def three(synth: Synth) -> Template:
    return synth(destinations=json.dumps(THREE), maximum_concurrency=4)


def variables(template: Template, begins: str) -> dict[str, Any]:
    found = template.find_resources("AWS::Lambda::Function").items()
    (properties,) = [r["Properties"] for key, r in found if key.startswith(f"Webhook{begins}")]
    return dict(properties["Environment"]["Variables"])


# Settings.


def test_each_has_its_own_settings_and_else_those_of_the_subscription() -> None:
    each = settings_of(THREE, maximum_concurrency=4).each
    assert {name: of.maximum_concurrency for name, of in each.items()} == {"orders": 10, "orders-eu": 4, "lake": 4}
    assert each["orders"].backend_url == HTTP["url"]
    assert each["lake"].event_bus == "lake"
    assert each["lake"].filter is None


def test_filter_of_the_subscription_is_for_all_that_have_none_of_their_own() -> None:
    given = {"a": HTTP, "b": {**HTTP, "filter": PUTS}, "c": {**HTTP, "filter": None}}
    each = settings_of(given, filter={"method": ["POST"]}).each
    assert [of.filter for of in each.values()] == ['{"method":["POST"]}', '{"method":["PUT"]}', None]


def test_text_on_a_command_line_is_as_good_as_an_object_in_cdk_json() -> None:
    assert settings_of(json.dumps(THREE)) == settings_of(THREE)


def test_one_without_names_goes_by_its_kind() -> None:
    flat = Subscription.from_context({"name": "shopify", "destination": "mongo-host,dynamodb"})
    assert {kind: each.destination for kind, each in flat.each.items()} == {
        "mongo-host": ("mongo-host",),
        "dynamodb": ("dynamodb",),
    }


def test_settings_read_from_what_was_deployed_are_the_same() -> None:
    asked = settings_of(THREE)
    dumped = asked.model_dump(mode="json", exclude_defaults=True, exclude={"name", "environment"})
    assert Subscription.from_context({"name": "shopify", **dumped}) == asked


@pytest.mark.parametrize(
    ("destinations", "told"),
    [
        ("{", "destinations='{': must be JSON, as in {"),
        ([], "destinations=[]: must be as in {"),
        ({"orders": 1}, "destinations={'orders': 1}: must be as in {"),
        ({}, "destinations: has 0, and must name 1 to 10"),
        ({f"to{letter}": HTTP for letter in "abcdefghijk"}, "destinations: has 11, and must name 1 to 10"),
        ({"Orders": HTTP}, "destinations: 'Orders': must be 1 to 32 lower-case letters"),
        ({"orders-2": HTTP}, "try orders2"),
        ({"my-dead-letter": HTTP}, "destinations: 'my-dead-letter': ends as an output of nami's"),
        ({"orders": {}}, "destinations.orders.kind: which one; there are mongo-host, "),
        ({"orders": {"kind": []}}, "destinations.orders.kind: [] is none; there are mongo-host, "),
        ({"orders": {"kind": "HTTP"}}, "destinations.orders.kind: 'HTTP' is none; did you mean http?"),
        ({"orders": {"kind": "htp"}}, "destinations.orders.kind: 'htp' is none; did you mean http?"),
        ({"orders": {"kind": "http"}}, "destinations.orders: to which URL? Give it as url=https://…"),
        (
            {"orders": {**HTTP, "urll": ""}},
            "destinations.orders.urll: is not a setting of kind=http; did you mean url?",
        ),
        (
            {"orders": {**HTTP, "backend_url": ""}},
            "destinations.orders.backend_url: is not a setting of kind=http; did",
        ),
        ({"orders": {**HTTP, "order_by": "x"}}, "destinations.orders.order_by: is not a setting of kind=http; "),
        (
            {"orders": {**HTTP, "url": "http://a.example"}},
            "destinations.orders.url='http://a.example': plain http lets ",
        ),
        (
            {"orders": {**HTTP, "read_timeout": 40}},
            "destinations.orders.read_timeout=40: with connect_timeout=3 and 3 ",
        ),
        ({"orders": {**HTTP, "max_receives": 0}}, "destinations.orders.max_receives=0: must be greater than or equal"),
        ({"orders": {**HTTP, "filter": {"x": [1]}}}, "destinations.orders.filter={'x': [1]}: x: is not of a webhook;"),
        ({"orders": {**HTTP, "max_receives": 500}}, "destinations.orders.max_receives=500: tries up to 3630 seconds"),
        ({"sql": {"kind": "postgres"}}, "destinations.sql: which one? Put {"),
        (
            {"one": {"kind": "mongo-host"}, "two": {"kind": "mongo-host"}},
            "destinations.two.kind: a subscription has one mongo-host at the most, and one is it; leave one out",
        ),
    ],
)
def test_bad_one_is_told_in_a_line_with_its_key_and_the_remedy(destinations: object, told: str) -> None:
    message = error_of(destinations)
    assert told in message
    assert len(message.splitlines()) == 1


def test_they_stand_in_the_place_of_destination() -> None:
    assert "leave destination out" in error_of({"orders": HTTP}, destination="http")


def test_setting_of_one_kind_is_given_to_the_destination_that_has_it() -> None:
    assert error_of({"orders": HTTP}, backend_url="https://a.example") == (
        "backend_url: with destinations each has its own; give it as destinations.NAME.url, or leave it out"
    )


def test_direct_ingest_takes_one_and_no_filter() -> None:
    direct = {"ingest": "direct", "gateway": "rest", "signature": "github"}
    assert list(settings_of({"orders": HTTP}, **direct).each) == ["orders"]
    assert "each destination has its own" in error_of({"one": HTTP, "two": HTTP}, **direct)
    assert "no function looks at the filter" in error_of({"one": {**HTTP, "filter": PUTS}}, **direct)


def test_example_of_the_docs_is_what_it_says() -> None:
    page = PAGE.read_text()
    example = page.partition("<!-- destinations by names -->\n```json\n")[2].partition("```")[0]
    each = Subscription.from_context({"name": "shopify", **json.loads(example)["context"]}).each
    assert {name: of.destination[0] for name, of in each.items()} == {
        "orders": "http",
        "refunds": "http",
        "lake": "eventbridge",
    }
    assert {of.max_receives for of in each.values()} == {8}


def test_page_names_every_setting_that_each_can_have() -> None:
    page = PAGE.read_text()
    assert f"`{', '.join(OF_THE_WAY[1:])}`" in page


@given(st.from_regex(r"[a-z][a-z0-9]{0,7}(-[a-z][a-z0-9]{0,7}){0,2}", fullmatch=True))
def test_name_is_found_again_in_the_outputs(name: str) -> None:
    assert from_outputs(in_outputs(name)) == name


@given(st.text(min_size=1, max_size=40))
def test_any_bad_name_is_one_line_whose_remedy_is_a_good_name(name: str) -> None:
    try:
        check_destination_name(name)
    except SettingsError as error:
        message = str(error)
        assert len(message.splitlines()) == 1
        check_destination_name(message.rpartition("try ")[2])


# Templates.


def test_each_has_a_queue_and_a_function_of_its_own(three: Template) -> None:
    timeouts = {
        begins: variables(three, begins)["DESTINATION_NAME"]
        for begins in ("ordersPostQueue", "orderseuPostQueue", "lakePostQueue")
    }
    assert list(timeouts.values()) == list(THREE)
    limits = [
        mapping["Properties"]["ScalingConfig"]["MaximumConcurrency"]
        for mapping in three.find_resources("AWS::Lambda::EventSourceMapping").values()
    ]
    assert sorted(limits) == [4, 4, 10]


def test_own_tries_and_time_are_those_of_its_queue(three: Template) -> None:
    queues = {
        key.removeprefix("Webhook").partition("Queue")[0]: properties["Properties"]
        for key, properties in three.find_resources("AWS::SQS::Queue").items()
        if "DeadLetters" not in key
    }
    assert queues["orders"]["RedrivePolicy"]["maxReceiveCount"] == 3
    assert queues["orderseu"]["VisibilityTimeout"] == 361
    assert queues["lake"]["RedrivePolicy"]["maxReceiveCount"] == 5


def test_equal_filters_are_told_to_the_pre_queue_function_once(three: Template) -> None:
    told = variables(three, "PreQueue")
    assert told["DESTINATIONS"] == "orders=0 orders-eu=0 lake"
    assert json.loads(told["FILTERS"]) == [PUTS]
    assert "FILTER" not in told


def test_without_filters_the_pre_queue_function_is_told_nothing_more(synth: Synth) -> None:
    told = variables(synth(destinations=json.dumps({"one": HTTP, "two": HTTP})), "PreQueue")
    assert {"DESTINATIONS", "FILTERS", "FILTER"}.isdisjoint(told)


def test_outputs_begin_with_the_names(three: Template) -> None:
    outputs = set(three.find_outputs("*"))
    for prefix in ("Orders", "OrdersEu", "Lake"):
        assert {f"{prefix}{key}" for key in ("QueueUrl", "DeadLetterQueueUrl", "PostQueueFunctionName")} <= outputs
    assert {"OrdersBackendSecretArn", "OrdersEuBackendSecretArn", "LakeEventBusName"} <= outputs
    assert "QueueUrl" not in outputs


def test_alarms_are_called_by_the_names_and_say_how_to_look(three: Template) -> None:
    alarms = {each["Properties"]["AlarmName"]: each for each in three.find_resources("AWS::CloudWatch::Alarm").values()}
    dead = alarms["nami-shopify-to-orders-eu-dead-letters"]["Properties"]
    assert "nami dlq list shopify --destination orders-eu" in dead["AlarmDescription"]
    assert "in 3 tries" in alarms["nami-shopify-to-orders-dead-letters"]["Properties"]["AlarmDescription"]


def test_dashboard_has_a_row_for_each_with_its_own_counts(three: Template) -> None:
    (board,) = three.find_resources("AWS::CloudWatch::Dashboard").values()
    body = json.dumps(board["Properties"]["DashboardBody"])
    for name in THREE:
        assert f"## Destination ({name})" in body
        assert rf"\"destination\\\",\\\"{name}\\\"" in body or f'destination\\",\\"{name}' in body


def test_one_called_as_its_kind_is_what_it_was_without_a_name(synth: Synth) -> None:
    flat, named = synth(destination="dynamodb"), synth(destinations='{"dynamodb": {"kind": "dynamodb"}}')
    for kind in ("AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::S3::Bucket"):
        assert set(flat.find_resources(kind)) == set(named.find_resources(kind))


def test_bodies_are_kept_as_long_as_the_longest_queue_may_need_them(synth: Synth) -> None:
    longer = {"one": HTTP, "two": {**HTTP, "queue_retention_days": 13, "max_receives": 2}}
    (bucket,) = synth(destinations=json.dumps(longer)).find_resources("AWS::S3::Bucket").values()
    assert bucket["Properties"]["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 2 * (13 + 14) + 2


# In code.


def test_constructs_are_called_in_code(app_factory: Apps) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    backends = [
        HttpBackend(stack, "Orders", url=HTTP["url"]).called("orders", filter=PUTS, maximum_concurrency=9),
        HttpBackend(stack, "Refunds", url=HTTP["url"]).called("refunds"),
        EventBridge(stack, "Lake"),
    ]
    settings = PipelineSettings(max_receives=4)
    webhook = ScalableWebhook(stack, "Shopify", name="shopify", destination=backends, settings=settings)
    assert [drain.called for drain in webhook.drains] == ["orders", "refunds", "eventbridge"]
    assert [drain.settings.maximum_concurrency for drain in webhook.drains] == [9, 5, 5]
    assert {drain.settings.max_receives for drain in webhook.drains} == {4}


def test_metric_is_of_one_where_its_name_is_given(app_factory: Apps) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    backend = HttpBackend(stack, "Orders", url=HTTP["url"]).called("orders")
    webhook = ScalableWebhook(stack, "Shopify", name="shopify", destination=backend)
    assert webhook.metric_stored(destination="orders").dimensions == {
        "subscription": "shopify",
        "destination": "orders",
    }


def test_code_can_not_call_two_alike(app_factory: Apps) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    both = [DynamoTable(stack, "Table"), HttpBackend(stack, "Backend", url=HTTP["url"]).called("dynamodb")]
    with pytest.raises(SettingsError, match="two are called dynamodb"):
        ScalableWebhook(stack, "Shopify", name="shopify", destination=both)


@pytest.mark.parametrize(
    ("own", "told"),
    [
        ({"order_by": "x"}, "orders: order_by: is not for one destination; there are filter, "),
        ({"batch_size": 50, "batch_window": 0}, "orders: batch_size=50: more than 10 needs batch_window"),
    ],
)
def test_bad_setting_in_code_says_whose_it_is(app_factory: Apps, own: dict[str, Any], told: str) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    backend = HttpBackend(stack, "Orders", url=HTTP["url"])
    with pytest.raises(SettingsError, match=told):
        ScalableWebhook(stack, "Shopify", name="shopify", destination=backend.called("orders", **own))


def test_one_with_a_name_is_told_of_by_its_kind() -> None:
    told = error_of({"store": {"kind": "dynamodb", "transform": "body"}})
    assert told.startswith("destinations.store.transform: kind=dynamodb takes none, because what it holds")
