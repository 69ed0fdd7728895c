"""What producers send to: the HTTP API, the REST API, and a domain name for either."""

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template

from nami_stack import CustomDomain, HttpGateway, MongoHost, RestGateway, ScalableWebhook, SettingsError, Subscription

Synth = Callable[..., Template]
WEB_ACL = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/nami/0123"
CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/0123"


@pytest.fixture(scope="module")
def rest(synth: Synth) -> Template:
    return synth(gateway="rest")


def error_of(**context: object) -> str:
    with pytest.raises(SettingsError) as caught:
        Subscription.from_context({"name": "shopify", **context})
    return str(caught.value)


def url(template: Template) -> str:
    """The endpoint's URL, with the tokens left out."""
    value = template.to_json()["Outputs"]["EndpointUrl"]["Value"]
    return value if isinstance(value, str) else "".join(p for p in value["Fn::Join"][1] if isinstance(p, str))


def test_rest_api_is_regional_and_takes_any_bytes(rest: Template) -> None:
    rest.has_resource_properties(
        "AWS::ApiGateway::RestApi",
        {"EndpointConfiguration": {"Types": ["REGIONAL"]}, "BinaryMediaTypes": ["*/*"], "Policy": Match.absent()},
    )


def test_rest_route_is_nami_name_behind_the_stage(rest: Template) -> None:
    rest.has_resource_properties("AWS::ApiGateway::Resource", {"PathPart": "nami"})
    rest.has_resource_properties("AWS::ApiGateway::Resource", {"PathPart": "shopify"})
    rest.has_resource_properties(
        "AWS::ApiGateway::Method", {"HttpMethod": "POST", "Integration": {"Type": "AWS_PROXY"}}
    )
    assert url(rest).endswith("/nami/shopify")


def test_rest_gateway_replaces_the_http_api(rest: Template) -> None:
    rest.resource_count_is("AWS::ApiGatewayV2::Api", 0)


def test_rest_gateway_adds_no_output_of_its_own(rest: Template, template: Template) -> None:
    assert rest.to_json()["Outputs"].keys() == template.to_json()["Outputs"].keys()


def test_handshake_adds_its_method(synth: Synth) -> None:
    template = synth(gateway="rest", signature="meta")
    methods = template.find_resources("AWS::ApiGateway::Method").values()
    assert {m["Properties"]["HttpMethod"] for m in methods} == {"GET", "POST"}


def responses(template: Template) -> dict[str, dict[str, Any]]:
    found = template.find_resources("AWS::ApiGateway::GatewayResponse").values()
    return {r["Properties"]["ResponseType"]: r["Properties"] for r in found}


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("MISSING_AUTHENTICATION_TOKEN", "404"),
        ("ACCESS_DENIED", "403"),
        ("WAF_FILTERED", "403"),
        ("REQUEST_TOO_LARGE", "413"),
        ("THROTTLED", "429"),
        ("DEFAULT_5XX", "503"),
    ],
)
def test_gateways_own_answers_are_json_with_an_error(rest: Template, kind: str, status: str) -> None:
    response = responses(rest)[kind]
    assert response["StatusCode"] == status
    assert response["ResponseTemplates"]["application/json"].startswith('{"error": "')


def test_what_may_pass_asks_the_producer_to_send_again(rest: Template) -> None:
    for kind in ("DEFAULT_5XX", "THROTTLED"):
        assert "gatewayresponse.header.Retry-After" in responses(rest)[kind]["ResponseParameters"]


def test_throttling_is_the_stages(synth: Synth) -> None:
    synth(gateway="rest", throttle_rate="50", throttle_burst="100").has_resource_properties(
        "AWS::ApiGateway::Stage",
        {"MethodSettings": [Match.object_like({"ThrottlingRateLimit": 50, "ThrottlingBurstLimit": 100})]},
    )


def test_web_acl_is_associated_with_the_stage(synth: Synth) -> None:
    synth(gateway="rest", web_acl_arn=WEB_ACL).has_resource_properties(
        "AWS::WAFv2::WebACLAssociation", {"WebACLArn": WEB_ACL}
    )


def test_allowed_sources_are_the_rest_apis_policy(synth: Synth) -> None:
    template = synth(gateway="rest", allowed_sources="198.51.100.0/24, 2001:db8::/32")
    (api,) = template.find_resources("AWS::ApiGateway::RestApi").values()
    allow, deny = api["Properties"]["Policy"]["Statement"]
    assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
    assert deny["Condition"] == {"NotIpAddress": {"aws:SourceIp": ["198.51.100.0/24", "2001:db8::/32"]}}


def test_allowed_sources_reach_the_pre_queue_function_of_an_http_api(synth: Synth) -> None:
    variables = {"ALLOWED_SOURCES": "198.51.100.0/24,203.0.113.7/32"}
    synth(allowed_sources="198.51.100.0/24,203.0.113.7").has_resource_properties(
        "AWS::Lambda::Function", {"Environment": {"Variables": Match.object_like(variables)}}
    )


@pytest.mark.parametrize("gateway", ["http", "rest"])
def test_domain_of_ones_own_is_the_endpoint(synth: Synth, gateway: str) -> None:
    template = synth(
        gateway=gateway, domain_name="hooks.example.com", certificate_arn=CERTIFICATE, hosted_zone_id="Z0123"
    )
    assert url(template) == "https://hooks.example.com/nami/shopify"
    template.has_resource_properties("AWS::ApiGatewayV2::DomainName", {"DomainName": "hooks.example.com"})
    template.has_resource_properties("AWS::ApiGatewayV2::ApiMapping", {"ApiMappingKey": Match.absent()})
    records = template.find_resources("AWS::Route53::RecordSet", {"Properties": {"HostedZoneId": "Z0123"}}).values()
    assert {r["Properties"]["Type"] for r in records} == {"A", "AAAA"}


@pytest.mark.parametrize("gateway", ["http", "rest"])
def test_domain_takes_no_tls_older_than_1_2(synth: Synth, gateway: str) -> None:
    template = synth(
        gateway=gateway, domain_name="hooks.example.com", certificate_arn=CERTIFICATE, hosted_zone_id="Z0123"
    )
    (domain,) = template.find_resources("AWS::ApiGatewayV2::DomainName").values()
    (configuration,) = domain["Properties"]["DomainNameConfigurations"]
    assert configuration["SecurityPolicy"] == "TLS_1_2"


def test_domain_without_a_zone_makes_no_records(synth: Synth) -> None:
    template = synth(domain_name="hooks.example.com", certificate_arn=CERTIFICATE)
    assert template.find_resources("AWS::Route53::RecordSet") == {}


def test_domain_without_a_zone_says_what_its_record_must_point_to(synth: Synth) -> None:
    template = synth(domain_name="hooks.example.com", certificate_arn=CERTIFICATE)
    (name,) = template.find_resources("AWS::ApiGatewayV2::DomainName")
    template.has_output("DomainTarget", {"Value": {"Fn::GetAtt": [name, "RegionalDomainName"]}})


@pytest.mark.parametrize("settings", [{"certificate_arn": CERTIFICATE, "hosted_zone_id": "Z0123"}, {}])
def test_domain_whose_record_is_somebody_elses_asks_for_none(synth: Synth, settings: dict[str, str]) -> None:
    assert not synth(domain_name="hooks.example.com", **settings).find_outputs("DomainTarget")


@pytest.mark.parametrize("gateway", ["http", "rest"])
def test_domain_that_is_there_is_shared_below_the_name(synth: Synth, gateway: str) -> None:
    template = synth(gateway=gateway, domain_name="hooks.example.com")
    assert url(template) == "https://hooks.example.com/shopify/nami/shopify"
    template.resource_count_is("AWS::ApiGatewayV2::DomainName", 0)
    template.has_resource_properties("AWS::ApiGatewayV2::ApiMapping", {"ApiMappingKey": "shopify"})


@pytest.mark.parametrize("kind", [HttpGateway, RestGateway])
def test_several_subscriptions_share_one_gateway_on_one_domain(
    app_factory: Callable[..., cdk.App], kind: type[HttpGateway] | type[RestGateway]
) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    domain = CustomDomain(stack, "Domain", domain_name="hooks.example.com", certificate=CERTIFICATE)
    gateway = kind(stack, "Gateway", domain=domain)
    host = MongoHost(stack, "Host")
    urls = [
        ScalableWebhook(stack, name.title(), name=name, gateway=gateway, destination=host).endpoint_url
        for name in ("shopify", "jira")
    ]
    assert urls == ["https://hooks.example.com/nami/shopify", "https://hooks.example.com/nami/jira"]
    Template.from_stack(stack).resource_count_is("AWS::ApiGatewayV2::ApiMapping", 1)


def test_throttling_is_the_default_stages_of_an_http_api(synth: Synth) -> None:
    synth(throttle_rate="50", throttle_burst="100").has_resource_properties(
        "AWS::ApiGatewayV2::Stage",
        {"DefaultRouteSettings": {"ThrottlingRateLimit": 50, "ThrottlingBurstLimit": 100}},
    )


@pytest.mark.parametrize("key", ["throttle_rate", "throttle_burst"])
def test_throttling_is_not_the_shared_gateways(key: str) -> None:
    said = error_of(gateway="shared", **{key: "5"})
    assert said == f"{key}: the shared gateway is not this subscription's to limit; give gateway=http"


def test_web_acl_asks_for_the_rest_gateway() -> None:
    assert error_of(web_acl_arn=WEB_ACL).endswith("an HTTP API has none; give gateway=rest")


def test_rate_goes_with_burst() -> None:
    assert error_of(gateway="rest", throttle_rate="5").startswith("throttle_rate: goes with throttle_burst")


def test_certificate_goes_with_a_domain() -> None:
    assert error_of(certificate_arn=CERTIFICATE).startswith("certificate_arn: of which domain?")


def test_zone_goes_with_a_domain_that_is_made() -> None:
    assert error_of(domain_name="hooks.example.com", hosted_zone_id="Z1").startswith("hosted_zone_id: goes with")


@pytest.mark.parametrize("value", ["everybody", "10.0.0.1/24", "198.51.100.0/33"])
def test_bad_network_is_refused_in_one_line(value: str) -> None:
    message = error_of(allowed_sources=value)
    assert "must be networks in CIDR form, as in 198.51.100.0/24" in message
    assert len(message.splitlines()) == 1
