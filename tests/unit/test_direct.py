"""Direct mode: the gateway writes the envelope by itself, and what only a function can do is refused."""

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template
from hypothesis import given
from hypothesis import strategies as st

from nami_local.gateway import _Run
from nami_runtime import envelope
from nami_stack import (
    DynamoTable,
    PipelineSettings,
    RestGateway,
    ScalableWebhook,
    SettingsError,
    Subscription,
    WebhookStack,
)
from nami_stack.gateways import mapping

Synth = Callable[..., Template]


@pytest.fixture(scope="module")
def direct(synth: Synth) -> Template:
    return synth(gateway="rest", ingest="direct", signature="shopify")


def method(template: Template) -> dict[str, Any]:
    (found,) = template.find_resources("AWS::ApiGateway::Method").values()
    properties: dict[str, Any] = found["Properties"]
    return properties


def error_of(**context: object) -> str:
    with pytest.raises(SettingsError) as caught:
        Subscription.from_context({"name": "shopify", "gateway": "rest", "ingest": "direct", **context})
    return str(caught.value)


def queued(
    body: bytes = b"", headers: dict[str, str] | None = None, query: dict[str, str] | None = None
) -> envelope.Delivery:
    """The delivery that the template makes of a request."""
    run = _Run("/live/nami/shopify", "POST", headers or {}, query or {})
    form = dict(parse_qsl(run.render(mapping.send_message("shopify"), b64encode(body).decode()), strict_parsing=True))
    assert form.keys() == {"Action", "MessageBody"}
    return envelope.read(form["MessageBody"])


@given(st.binary(max_size=2000))
def test_any_body_travels_byte_by_byte(body: bytes) -> None:
    assert queued(body).body == body


HEADER_VALUE = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True), HEADER_VALUE, max_size=8))
def test_all_headers_travel_whatever_is_in_them(headers: dict[str, str]) -> None:
    assert queued(headers=headers).headers == headers


def test_header_names_are_lower_cased() -> None:
    assert queued(headers={"X-Shopify-Topic": "Orders"}).headers == {"x-shopify-topic": "Orders"}


@pytest.mark.parametrize("value", ["'", '"', "\\", "\\'", "</script>", "$input.body", "#end", "%22", "a&b=c"])
def test_no_header_can_change_the_envelope(value: str) -> None:
    delivery = queued(b"body", headers={"x-bad": value})
    assert (delivery.headers, delivery.body, delivery.verified) == ({"x-bad": value}, b"body", None)


def test_query_travels_encoded() -> None:
    assert queued(query={"shop": "a b&c", "x": ""}).query == "shop=a+b%26c&x="


def test_rest_of_the_envelope_is_the_gateways() -> None:
    delivery = queued()
    assert (delivery.method, delivery.path, delivery.subscription) == ("POST", "/live/nami/shopify", "shopify")
    assert delivery.delivery_id
    assert delivery.received_at > 1_700_000_000_000


@pytest.mark.parametrize(
    ("forwarded", "source"), [("203.0.113.7, 10.0.0.1", "203.0.113.7"), ('"', "127.0.0.1"), ('::1%"', "127.0.0.1")]
)
def test_local_gateway_has_an_address_for_its_source_as_awss_has(forwarded: str, source: str) -> None:
    assert queued(headers={"x-forwarded-for": forwarded}).source_ip == source


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200).filter(lambda text: not text.isalnum()))
def test_text_that_the_gateway_hands_through_as_it_is_travels_too(text: str) -> None:
    run = _Run("/live/nami/shopify", "POST", {}, {})
    body = json.dumps({"text": text}, ensure_ascii=False)
    form = dict(parse_qsl(run.render(mapping.send_message("shopify"), body), strict_parsing=True))
    assert envelope.read(form["MessageBody"]).body == body.encode()


@pytest.mark.parametrize("body", ["a=1&b=2", "<order/>", "[1]", "plain words", "abc", "ab=c"])
def test_text_of_any_kind_is_not_taken_for_base64(body: str) -> None:
    run = _Run("/live/nami/shopify", "POST", {}, {})
    form = dict(parse_qsl(run.render(mapping.send_message("shopify"), body), strict_parsing=True))
    assert envelope.read(form["MessageBody"]).body == body.encode()


def test_no_body_is_none() -> None:
    run = _Run("/live/nami/shopify", "GET", {}, {})
    form = dict(parse_qsl(run.render(mapping.send_message("shopify"), "{}")))
    assert envelope.read(form["MessageBody"]).body == b""


def test_body_that_is_no_base64_can_not_reach_into_the_envelope() -> None:
    run = _Run("/live/nami/shopify", "POST", {}, {})
    form = dict(parse_qsl(run.render(mapping.send_message("shopify"), '","verified":"shopify","x":"')))
    assert json.loads(form["MessageBody"])["verified"] is None


def test_request_must_say_what_it_is(direct: Template) -> None:
    assert method(direct)["RequestParameters"] == {"method.request.header.Content-Type": True}
    direct.has_resource_properties("AWS::ApiGateway::RequestValidator", {"ValidateRequestParameters": True})


def test_answers_are_text_to_their_templates(direct: Template) -> None:
    answers = method(direct)["Integration"]["IntegrationResponses"]
    assert {answer["ContentHandling"] for answer in answers} == {"CONVERT_TO_TEXT"}


def test_nothing_stands_between_the_gateway_and_the_queue(direct: Template) -> None:
    names = direct.find_resources("AWS::Lambda::Function")
    assert not [name for name in names if "PreQueue" in name]
    assert "PreQueueFunctionName" not in direct.to_json()["Outputs"]
    integration = method(direct)["Integration"]
    assert (integration["Type"], integration["ContentHandling"]) == ("AWS", "CONVERT_TO_TEXT")


def test_unknown_content_type_is_refused_and_not_passed_through(direct: Template) -> None:
    integration = method(direct)["Integration"]
    assert integration["PassthroughBehavior"] == "NEVER"
    assert set(integration["RequestTemplates"]) == set(mapping.CONTENT_TYPES)


def test_content_types_can_be_added(synth: Synth) -> None:
    template = synth(gateway="rest", ingest="direct", direct_content_types="application/vnd.shop+json")
    assert "application/vnd.shop+json" in method(template)["Integration"]["RequestTemplates"]


def test_gateway_may_only_send_to_that_queue(direct: Template) -> None:
    roles = direct.find_resources(
        "AWS::IAM::Role",
        {"Properties": {"AssumeRolePolicyDocument": Match.object_like({"Statement": [Match.object_like({
            "Principal": {"Service": "apigateway.amazonaws.com"}})]})}},
    )  # fmt: skip
    (policy,) = [
        p["Properties"]["PolicyDocument"]["Statement"]
        for p in direct.find_resources("AWS::IAM::Policy").values()
        if p["Properties"]["Roles"][0]["Ref"] in roles
    ]
    assert [statement["Action"] for statement in policy] == ["sqs:SendMessage"]


def test_success_needs_the_queues_200_and_all_else_is_503(direct: Template) -> None:
    answers = {
        a.get("SelectionPattern"): a["StatusCode"] for a in method(direct)["Integration"]["IntegrationResponses"]
    }
    assert answers == {"200": "200", None: "503"}


def test_what_the_queue_does_not_take_has_the_status_that_was_set(synth: Callable[..., Template]) -> None:
    template = synth(gateway="rest", ingest="direct", unavailable_status="500")
    (_, failure) = method(template)["Integration"]["IntegrationResponses"]
    assert failure["StatusCode"] == "500"
    assert {answer["StatusCode"] for answer in method(template)["MethodResponses"]} == {"200", "500"}


def test_success_body_is_text_and_no_template(synth: Synth) -> None:
    template = synth(gateway="rest", ingest="direct", success_body="cost $context #end")
    (success, _) = method(template)["Integration"]["IntegrationResponses"]
    run = _Run("/", "POST", {}, {})
    assert run.render(success["ResponseTemplates"]["application/json"], "") == "cost $context #end"


def test_too_large_is_413_and_other_refusals_are_503(direct: Template) -> None:
    failure = method(direct)["Integration"]["IntegrationResponses"][1]["ResponseTemplates"]["application/json"]
    run = _Run("/", "POST", {}, {})
    assert json.loads(run.render(failure, "<Code>InvalidParameterValue</Code>")) == {"error": "body too large"}
    assert run.context["responseOverride"]["status"] == 413
    encoded = b64encode(b"<Code>InvalidParameterValue</Code>").decode()
    assert json.loads(run.render(failure, encoded)) == {"error": "body too large"}
    run = _Run("/", "POST", {}, {})
    assert json.loads(run.render(failure, "<Code>Throttling</Code>")) == {"error": "not queued, send it again"}
    assert run.context["responseOverride"] == {}


def headers_of(template: Template, status: str) -> dict[str, str]:
    (answer,) = [
        each for each in method(template)["Integration"]["IntegrationResponses"] if each["StatusCode"] == status
    ]
    return {key.removeprefix("method.response.header."): value for key, value in answer["ResponseParameters"].items()}


def test_answer_names_the_delivery(direct: Template) -> None:
    assert headers_of(direct, "200")["nami-delivery-id"] == "context.extendedRequestId"


def test_producer_is_told_when_to_send_again_what_is_not_queued(direct: Template) -> None:
    assert headers_of(direct, "503")["Retry-After"] == "'30'"


def post_queue_of(template: Template) -> dict[str, Any]:
    functions = template.find_resources("AWS::Lambda::Function")
    (found,) = [each["Properties"] for key, each in functions.items() if "PostQueue" in key]
    return dict(found)


def test_post_queue_function_verifies(direct: Template) -> None:
    assert post_queue_of(direct)["Environment"]["Variables"]["SIGNATURE"] == '{"scheme":"shopify"}'


def test_post_queue_function_may_fill_the_quarantine(direct: Template) -> None:
    quarantine = direct.to_json()["Outputs"]["QuarantineUrl"]["Value"]
    assert post_queue_of(direct)["Environment"]["Variables"]["QUARANTINE_URL"] == quarantine
    policies = direct.find_resources("AWS::IAM::Policy")
    (policy,) = [each["Properties"]["PolicyDocument"] for key, each in policies.items() if "PostQueueRole" in key]
    sends = [statement["Resource"] for statement in policy["Statement"] if statement["Action"] == "sqs:SendMessage"]
    assert sends == [{"Fn::GetAtt": [quarantine["Ref"], "Arn"]}]


def test_quarantine_is_kept_as_long_as_dead_letters(synth: Synth) -> None:
    template = synth(gateway="rest", ingest="direct", signature="shopify", dead_letter_retention_days=9)
    quarantine = template.to_json()["Outputs"]["QuarantineUrl"]["Value"]["Ref"]
    queue = template.find_resources("AWS::SQS::Queue")[quarantine]
    assert queue["Properties"]["MessageRetentionPeriod"] == 9 * 86_400


def test_isolated_functions_have_an_endpoint_for_sqs(direct: Template) -> None:
    endpoints = direct.find_resources("AWS::EC2::VPCEndpoint").values()
    assert [str(each["Properties"]["ServiceName"]) for each in endpoints if "sqs" in str(each)]


def test_without_a_signature_there_is_no_quarantine(synth: Synth) -> None:
    assert "QuarantineUrl" not in synth(gateway="rest", ingest="direct").to_json()["Outputs"]


def test_gateways_role_asks_for_nothing_that_the_gateway_does_not_tell(direct: Template) -> None:
    """With a condition on aws:SourceAccount AWS refuses each request."""
    roles = [
        role["Properties"]["AssumeRolePolicyDocument"] for role in direct.find_resources("AWS::IAM::Role").values()
    ]
    trusts = [statement for role in roles for statement in role["Statement"]]
    (trust,) = [each for each in trusts if each["Principal"] == {"Service": "apigateway.amazonaws.com"}]
    assert trust.keys() == {"Action", "Effect", "Principal"}


def test_sources_that_the_gateway_does_not_look_at_are_refused() -> None:
    stack = cdk.Stack()
    settings = PipelineSettings(ingest="direct", allowed_sources=("192.0.2.0/24",))

    def webhook(name: str, *sources: str) -> ScalableWebhook:
        gateway = RestGateway(stack, f"{name}-gateway", allowed_sources=sources)
        table = DynamoTable(stack, f"{name}-table")
        return ScalableWebhook(stack, name, name=name, gateway=gateway, destination=table, settings=settings)

    for sources in ((), ("198.51.100.0/24",)):
        with pytest.raises(SettingsError) as caught:
            webhook(f"open-{len(sources)}", *sources)
        assert str(caught.value) == (
            "ingest='direct': no function looks at allowed_sources; give the same to RestGateway(allowed_sources=…)"
        )
    assert webhook("closed", "192.0.2.0/24").pre_queue_function is None


def test_http_api_is_refused() -> None:
    assert error_of(gateway="http") == "ingest='direct': an HTTP API can't write the envelope; give gateway=rest"


@pytest.mark.parametrize("scheme", ["slack", "meta", "zoom", "discord"])
def test_handshake_is_refused(scheme: str) -> None:
    assert error_of(signature=scheme) == (
        f"ingest='direct': signature={scheme} has a handshake, which a function must answer; leave ingest out"
    )


def test_key_from_the_internet_is_refused() -> None:
    assert error_of(signature="paypal") == (
        "ingest='direct': signature=paypal needs the sender's key or certificate from the internet, which the "
        "post-queue function may not reach; leave ingest out"
    )


def test_order_is_refused() -> None:
    assert error_of(order_by="$.id").startswith("ingest='direct': the gateway can't tell the groups")


def test_several_destinations_are_refused() -> None:
    assert error_of(destination="mongo-host,dynamodb").startswith("ingest='direct': the gateway writes to one queue")


def test_content_types_without_direct_mode_are_refused() -> None:
    assert error_of(ingest="function", direct_content_types="a/b").startswith("direct_content_types: every type is")


def test_own_pre_queue_handler_is_refused(app_factory: Callable[..., cdk.App], tmp_path: Path) -> None:
    (tmp_path / "pre_queue").mkdir()
    subscription = {"name": "shopify", "gateway": "rest", "ingest": "direct"}
    with pytest.raises(SettingsError, match="pre_queue would never run"):
        WebhookStack(app_factory(), subscription=Subscription.from_context(subscription), handlers=tmp_path)


def test_construct_refuses_an_http_api_too(app_factory: Callable[..., cdk.App]) -> None:
    with pytest.raises(SettingsError, match="give gateway=rest"):
        ScalableWebhook(
            cdk.Stack(app_factory(), "Shop"), "Webhook", name="shopify", settings=PipelineSettings(ingest="direct")
        )
