"""Where functions report beside CloudWatch: X-Ray, Sentry, Datadog. Nothing of it is there where it is not set."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from nami_stack.assets import RUNTIME
from nami_stack.settings import PipelineSettings, SettingsError, no_way_out

# Datadog's layers for Python 3.13 on arm64: https://github.com/DataDog/datadog-lambda-python/releases (v8.130.0) and
# https://github.com/DataDog/datadog-lambda-extension/releases (v104). Their accounts:
# https://docs.datadoghq.com/serverless/aws_lambda/installation/python/
DATADOG_LAYERS = {"Datadog-Python313-ARM": 130, "Datadog-Extension-ARM": 104}
_DATADOG_ACCOUNT, _DATADOG_ACCOUNT_IN_GOVCLOUD = "464622532012", "002406178527"
HANDLER = "handler.handler"


def requirements(settings: PipelineSettings) -> list[Path]:
    """What a function must have installed to report."""
    return [RUNTIME / "requirements-sentry.txt"] if settings.sentry_dsn else []


def environment(name: str, settings: PipelineSettings) -> dict[str, str]:
    """What a function of the subscription `name` must know to report."""
    variables: dict[str, str] = {}
    if settings.environment_name:
        variables["NAMI_METRICS_NAME"] = settings.metrics_name(name)
    if settings.sentry_dsn:
        variables |= {"SENTRY_DSN": settings.sentry_dsn}
        variables |= {"SENTRY_ENVIRONMENT": settings.environment_name} if settings.environment_name else {}
    if settings.datadog_site:
        # https://docs.datadoghq.com/serverless/aws_lambda/configuration/
        variables |= {
            "DD_SITE": settings.datadog_site,
            "DD_API_KEY_SECRET_ARN": settings.datadog_api_key_secret_arn or "",
            "DD_LAMBDA_HANDLER": HANDLER,
            "DD_SERVICE": f"nami-{name}",
            "DD_CAPTURE_LAMBDA_PAYLOAD": "false",  # that would be the webhooks
            "DD_MERGE_XRAY_TRACES": str(settings.tracing).lower(),
        }
        variables |= {"DD_ENV": settings.environment_name} if settings.environment_name else {}
    return variables


def handler(settings: PipelineSettings) -> str:
    """What Lambda calls: Datadog's library wraps the function's own."""
    return "datadog_lambda.handler.handler" if settings.datadog_site else HANDLER


def add_datadog(function: lambda_.Function, settings: PipelineSettings) -> None:
    """Give a function Datadog's layers and the right to its API key, where it is to report there."""
    if not settings.datadog_site:
        return
    stack = cdk.Stack.of(function)
    gov = not cdk.Token.is_unresolved(stack.region) and stack.region.startswith("us-gov-")
    account = _DATADOG_ACCOUNT_IN_GOVCLOUD if gov else _DATADOG_ACCOUNT
    for layer, version in DATADOG_LAYERS.items():
        arn = f"arn:{stack.partition}:lambda:{stack.region}:{account}:layer:{layer}:{version}"
        function.add_layers(lambda_.LayerVersion.from_layer_version_arn(function, layer, arn))
    function.add_to_role_policy(
        iam.PolicyStatement(
            actions=["secretsmanager:GetSecretValue"], resources=[settings.datadog_api_key_secret_arn or ""]
        )
    )


def check_way_out(settings: PipelineSettings, vpc: ec2.IVpc | None, subnets: ec2.SubnetSelection | None) -> None:
    """Raise SettingsError where a function is to report, and stands in a subnet that is known to have no way out."""
    if not settings.reports_to or vpc is None or subnets is None:
        return
    isolated = {subnet.node.path for subnet in vpc.isolated_subnets}
    if any(subnet.node.path in isolated for subnet in subnets.subnets or ()):
        raise SettingsError(no_way_out(settings.reports_to))
