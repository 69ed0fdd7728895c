"""X-Ray, Sentry and Datadog in the template: all of each where it is set, nothing of it elsewhere."""

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match, Template

from nami_stack import (
    HostSettings,
    MongoHost,
    PipelineSettings,
    RestGateway,
    ScalableWebhook,
    SettingsError,
    Signature,
    Subscription,
    WebhookStack,
)
from nami_stack.bundling import _LocalBundling
from nami_stack.reporting import DATADOG_LAYERS, requirements

Synth = Callable[..., Template]
Apps = Callable[..., cdk.App]
DSN = "https://0123456789abcdef@o1.ingest.sentry.io/2"
KEY = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:datadog-AbCdEf"
DATADOG = {"datadog_site": "datadoghq.eu", "datadog_api_key_secret_arn": KEY}
TABLE = {"destination": "dynamodb"}


def pipeline_functions(template: Template) -> list[dict[str, Any]]:
    """Properties of the pre-queue and the post-queue function."""
    found = template.find_resources("AWS::Lambda::Function").items()
    functions = [resource["Properties"] for key, resource in found if "PreQueue" in key or "PostQueue" in key]
    assert len(functions) == 2
    return functions


def variables(function: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = function["Environment"]["Variables"]
    return found


def rights(template: Template) -> list[list[dict[str, Any]]]:
    """The statements of each of the two functions' roles."""
    policies = template.find_resources("AWS::IAM::Policy").items()
    return [
        policy["Properties"]["PolicyDocument"]["Statement"]
        for key, policy in policies
        if "PreQueueRole" in key or "PostQueueRole" in key
    ]


def error_of(**context: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        Subscription.from_context({"name": "shopify", **context})
    return str(caught.value)


def test_nothing_of_any_is_there_unless_asked_for(synth: Synth) -> None:
    template = synth(gateway="rest", **TABLE)
    for function in pipeline_functions(template):
        assert function["Handler"] == "handler.handler"
        assert {"Layers", "TracingConfig"}.isdisjoint(function)
        assert not [key for key in variables(function) if key.startswith(("DD_", "SENTRY_"))]
    assert "xray:" not in json.dumps(template.to_json())
    (stage,) = template.find_resources("AWS::ApiGateway::Stage").values()
    assert "TracingEnabled" not in stage["Properties"]
    assert requirements(PipelineSettings()) == []


def test_tracing_is_on_in_both_functions_and_the_rest_apis_stage(synth: Synth) -> None:
    template = synth(gateway="rest", tracing=True, **TABLE)
    assert [function["TracingConfig"] for function in pipeline_functions(template)] == [{"Mode": "Active"}] * 2
    (stage,) = template.find_resources("AWS::ApiGateway::Stage").values()
    assert stage["Properties"]["TracingEnabled"] is True


def test_tracing_adds_the_two_rights_that_a_trace_takes_and_no_package(synth: Synth) -> None:
    for statements in rights(synth(tracing=True, **TABLE)):
        (found,) = [each for each in statements if "xray:PutTraceSegments" in each["Action"]]
        assert found["Action"] == ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    assert requirements(PipelineSettings(tracing=True)) == []


def test_http_api_is_not_traced_and_the_functions_are(synth: Synth) -> None:
    template = synth(tracing=True, **TABLE)
    assert [function["TracingConfig"] for function in pipeline_functions(template)] == [{"Mode": "Active"}] * 2


def test_both_functions_know_the_dsn_and_have_the_sdk(synth: Synth) -> None:
    for function in pipeline_functions(synth(sentry_dsn=DSN, **TABLE)):
        assert variables(function)["SENTRY_DSN"] == DSN
    (packages,) = requirements(PipelineSettings(sentry_dsn=DSN))
    assert "sentry-sdk==" in packages.read_text()


def test_sdk_is_bundled_where_it_is_asked_for_and_nowhere_else(
    app_factory: Apps, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[list[str]] = []
    monkeypatch.setattr(
        _LocalBundling,
        "_install",
        lambda self, _target: installed.append([path.name for path in self._requirements]),
    )
    for name, settings in (("off", {}), ("on", {"sentry_dsn": DSN})):
        app = app_factory(**{"aws:cdk:bundling-stacks": ["**"]})
        WebhookStack(app, subscription=Subscription.from_context({"name": name, **TABLE, **settings}))
    with_sdk = [names for names in installed if "requirements-sentry.txt" in names]
    assert len(with_sdk) == 2
    assert all("sentry" not in name for names in installed if names not in with_sdk for name in names)


@pytest.mark.parametrize(
    ("dsn", "message"),
    [
        (DSN.replace("@", ":old-secret@"), "sentry_dsn: holds a secret key after its public one"),
        (DSN.replace("https", "http"), "sentry_dsn: must look like https://"),
        ("https://o1.ingest.sentry.io/2", "sentry_dsn: must look like https://"),
        ("https://key@o1.ingest.sentry.io/", "sentry_dsn: must look like https://"),
        ("https://[", "sentry_dsn: must look like https://"),
    ],
)
def test_dsn_that_is_none_or_holds_a_secret_is_refused_without_showing_it(dsn: str, message: str) -> None:
    told = error_of(sentry_dsn=dsn, **TABLE)
    assert told.startswith(message)
    assert dsn not in told


def test_datadog_has_its_layers_handler_and_variables(synth: Synth) -> None:
    for function in pipeline_functions(synth(**DATADOG, **TABLE)):
        assert function["Handler"] == "datadog_lambda.handler.handler"
        layers = ["".join(map(str, layer["Fn::Join"][1])) for layer in function["Layers"]]
        assert sorted(layer.rpartition(":layer:")[2] for layer in layers) == sorted(
            f"{name}:{version}" for name, version in DATADOG_LAYERS.items()
        )
        assert all(":464622532012:layer:" in layer for layer in layers)
        assert {key: value for key, value in variables(function).items() if key.startswith("DD_")} == {
            "DD_SITE": "datadoghq.eu",
            "DD_API_KEY_SECRET_ARN": KEY,
            "DD_LAMBDA_HANDLER": "handler.handler",
            "DD_SERVICE": "nami-shopify",
            "DD_CAPTURE_LAMBDA_PAYLOAD": "false",
            "DD_MERGE_XRAY_TRACES": "false",
        }


def test_datadogs_layers_are_for_the_functions_python_and_processor(template: Template) -> None:
    function = pipeline_functions(template)[0]
    python = function["Runtime"].removeprefix("python").replace(".", "")
    assert function["Architectures"] == ["arm64"]
    assert DATADOG_LAYERS.keys() == {f"Datadog-Python{python}-ARM", "Datadog-Extension-ARM"}


def test_functions_may_read_datadogs_key_and_no_secret_beside_it(synth: Synth) -> None:
    for statements in rights(synth(**DATADOG, **TABLE)):
        (found,) = [each for each in statements if "secretsmanager:GetSecretValue" in each["Action"]]
        assert (found["Action"], found["Resource"]) == ("secretsmanager:GetSecretValue", KEY)


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"datadog_site": "datadoghq.eu"}, "datadog_site: goes with datadog_api_key_secret_arn; give both, or neither"),
        ({"datadog_api_key_secret_arn": KEY}, "datadog_api_key_secret_arn: goes with datadog_site; give both"),
        ({**DATADOG, "datadog_site": "example.com"}, "datadog_site='example.com': must be 'datadoghq.com', "),
        ({**DATADOG, "datadog_api_key_secret_arn": KEY[:-7]}, f"datadog_api_key_secret_arn='{KEY[:-7]}': must look "),
    ],
)
def test_half_of_datadog_is_told(context: dict[str, str], message: str) -> None:
    assert error_of(**context, **TABLE).startswith(message)


def test_environment_is_told_to_sentry_and_datadog(app_factory: Apps) -> None:
    context = {"name": "shopify", "env": "prod", "environments": {"prod": {}}, "sentry_dsn": DSN, **DATADOG, **TABLE}
    stack = WebhookStack(app_factory(), subscription=Subscription.from_context(context))
    for function in pipeline_functions(Template.from_stack(stack)):
        assert (variables(function)["SENTRY_ENVIRONMENT"], variables(function)["DD_ENV"]) == ("prod", "prod")


@pytest.mark.parametrize(("settings", "key"), [({"sentry_dsn": DSN}, "sentry_dsn"), (DATADOG, "datadog_site")])
def test_function_without_a_way_out_can_not_report(settings: dict[str, str], key: str) -> None:
    assert error_of(**settings) == (
        f"{key}: the post-queue function stands in a subnet without a way out over IPv4, and could not report "
        f"anything; give egress=nat, or leave {key} out"
    )
    for way_out in ({"egress": "nat"}, TABLE, {"tracing": True, **TABLE}):
        assert Subscription.from_context({"name": "shopify", **settings, **way_out}).reports_to == key


def test_shared_network_that_may_have_no_way_out_is_warned_of(app_factory: Apps) -> None:
    context = {"name": "shopify", "destination": "shared-mongo", "sentry_dsn": DSN}
    stack = WebhookStack(app_factory(), subscription=Subscription.from_context(context))
    warnings = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("egress=nat"))
    assert [warning.entry.data for warning in warnings] == [
        "sentry_dsn: the post-queue function stands in the shared network, and can report only where name=shared was "
        "deployed with egress=nat [ack: nami:shared-egress]"
    ]


def test_tracing_needs_no_way_out() -> None:
    assert Subscription.from_context({"name": "shopify", "tracing": "true"}).tracing


def test_construct_sees_that_its_host_has_no_way_out(app_factory: Apps) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    settings = PipelineSettings(sentry_dsn=DSN)
    with pytest.raises(SettingsError, match=r"^sentry_dsn: .* give egress=nat"):
        ScalableWebhook(stack, "Shopify", name="shopify", destination=MongoHost(stack, "Closed"), settings=settings)
    # Neither Sentry nor Datadog is reached over IPv6.
    with pytest.raises(SettingsError, match=r"^sentry_dsn: .* give egress=nat"):
        Subscription.from_context({"name": "shopify", "sentry_dsn": DSN, "egress": "ipv6"})
    ipv6 = MongoHost(stack, "Ipv6", settings=HostSettings(egress="ipv6"))
    with pytest.raises(SettingsError, match=r"^sentry_dsn: .* give egress=nat"):
        ScalableWebhook(stack, "Jira", name="jira", destination=ipv6, settings=settings)
    open_host = MongoHost(stack, "Open", settings=HostSettings(egress="nat"))
    ScalableWebhook(stack, "Stripe", name="stripe", destination=open_host, settings=settings)


def test_gateway_of_the_callers_own_is_traced(app_factory: Apps) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    gateway, settings = RestGateway(stack, "G"), PipelineSettings(tracing=True)
    ScalableWebhook(stack, "W", name="shopify", gateway=gateway, signature=Signature.none(), settings=settings)
    (stage,) = Template.from_stack(stack).find_resources("AWS::ApiGateway::Stage").values()
    assert stage["Properties"]["TracingEnabled"] is True
