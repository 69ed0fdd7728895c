"""The Lambda functions: their settings, roles and logs."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from nami_stack import bundling, reporting
from nami_stack.acknowledge import acknowledge, right_to
from nami_stack.log_group import LogGroup
from nami_stack.section import TOKEN
from nami_stack.settings import PipelineSettings, SettingsError

# Of all environment variables together: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
ENVIRONMENT_BYTES = 4096
_FILLED_IN_BYTES = 140


class PythonFunction(lambda_.Function):
    """A function from a folder that holds handler.py and, where it needs any, requirements.txt.

    Its role may write its own log group, use network interfaces in a VPC, and report where the settings say; the caller
    grants the rest.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        source: Path,
        extra_requirements: Sequence[Path] = (),
        memory: int,
        timeout: int,
        settings: PipelineSettings,
        environment: Mapping[str, str],
        placement: Mapping[str, Any] | None = None,
        reserved_concurrency: int | None = None,
    ) -> None:
        placement = placement or {}
        log_group = LogGroup(scope, f"{construct_id}Logs", days=settings.log_retention_days)
        role = _role(scope, f"{construct_id}Role", in_vpc=bool(placement))
        log_group.grant_write(role)
        variables = {**environment, **reporting.environment(environment["NAMI_SUBSCRIPTION"], settings)}
        check_environment(environment["NAMI_SUBSCRIPTION"], variables)
        self._variables = variables
        super().__init__(
            scope,
            construct_id,
            runtime=bundling.RUNTIME,
            architecture=bundling.ARCHITECTURE,
            handler=reporting.handler(settings),
            code=bundling.code(source, [*extra_requirements, *reporting.requirements(settings)]),
            memory_size=memory,
            timeout=cdk.Duration.seconds(timeout),
            reserved_concurrent_executions=reserved_concurrency,
            environment=variables,
            tracing=lambda_.Tracing.ACTIVE if settings.tracing else None,
            role=role,
            log_group=log_group,
            # In text, Lambda adds three lines to each invocation, as many bytes as the function's own line. In JSON it
            # can be told to speak of failures alone; what the function prints stays as it is:
            # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
            logging_format=lambda_.LoggingFormat.JSON,
            system_log_level_v2=lambda_.SystemLogLevel.WARN,
            **placement,
        )
        self._role = role
        acknowledge(self, "Python 3.13 is supported until 2029, and what the functions install is pinned for it", "L1")
        if placement:
            why = "Lambda makes the network interfaces, so there is no ARN to name; code in the function is denied it"
            acknowledge(role, why, right_to(role, "*"))
        elif settings.tracing:
            acknowledge(role, "X-Ray's rights to take a trace name no resource", right_to(role, "*"))
        reporting.add_datadog(self, settings)

    def add_environment(self, key: str, value: str, *, remove_in_edge: bool | None = None) -> lambda_.Function:
        """Give the function one variable more, by which all together must not become too long.

        Raises:
            SettingsError: they do.
        """
        self._variables[key] = value
        check_environment(self._variables["NAMI_SUBSCRIPTION"], self._variables)
        return super().add_environment(key, value, remove_in_edge=remove_in_edge)

    def allow(self, *actions: str, on: str) -> None:
        """Let the function do this to one resource, by its ARN."""
        self.add_to_role_policy(iam.PolicyStatement(actions=list(actions), resources=[on]))

    def allow_secret(self, secret: secretsmanager.ISecret) -> None:
        """Let the function read a secret, and use the key that encrypts it where that is one of the account's own."""
        # One that is known by its name alone lacks the six characters that Secrets Manager ends an ARN with.
        self.allow("secretsmanager:GetSecretValue", on=secret.secret_full_arn or f"{secret.secret_arn}-??????")
        if secret.encryption_key:
            # Not the key's own grant: that writes this role into the key's policy, and another stack can't have that.
            stack = cdk.Stack.of(self)
            through = {"kms:ViaService": f"secretsmanager.{stack.region}.{stack.url_suffix}"}
            self.add_to_role_policy(
                iam.PolicyStatement(
                    actions=["kms:Decrypt"],
                    resources=[secret.encryption_key.key_arn],
                    conditions={"StringEquals": through},
                )
            )

    def allow_objects(self, action: str, bucket: s3.Bucket, under: str = "") -> None:
        """Let the function do this to each object of the bucket whose key begins like this."""
        objects = bucket.arn_for_objects(f"{under}*")
        self.allow(action, on=objects)
        acknowledge(self._role, "objects are named by what is in them, or by the message", right_to(self, objects))


def custom_resource_function(
    scope: Construct, construct_id: str, *, code: Path, description: str
) -> tuple[lambda_.Function, iam.Role]:
    """A custom resource's function, in one file that stands in the template, and its role, for what it needs."""
    role = iam.Role(scope, f"{construct_id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    log_group = LogGroup(scope, f"{construct_id}Logs", days=30)
    log_group.grant_write(role)
    function = lambda_.Function(
        scope,
        construct_id,
        description=description,
        runtime=bundling.RUNTIME,
        architecture=bundling.ARCHITECTURE,
        handler="index.handler",
        code=lambda_.Code.from_inline(code.read_text()),
        timeout=cdk.Duration.minutes(1),
        role=role,
        log_group=log_group,
    )
    acknowledge(function, "the runtime of the other functions", "L1")
    return function, role


def secret_of(
    scope: Construct, construct_id: str, secret: secretsmanager.ISecret | str, *, key: str
) -> secretsmanager.ISecret:
    """A secret that exists, or that an app makes, by itself or by its ARN, whose random ending is part of it.

    Args:
        key: what it was given as, for the error.

    Raises:
        SettingsError: the ARN lacks that ending.
    """
    if not isinstance(secret, str):
        return secret
    if not cdk.Token.is_unresolved(secret) and not re.search(r"-[A-Za-z0-9]{6}$", secret):
        raise SettingsError(
            f"{key}={secret!r}: lacks the six characters that Secrets Manager ends an ARN with, and so would the "
            "function's right to read it; give it whole, as aws secretsmanager list-secrets does"
        )
    return secretsmanager.Secret.from_secret_complete_arn(scope, construct_id, secret)


def check_environment(name: str, variables: Mapping[str, str]) -> None:
    """See that a function of the subscription `name` can have these variables.

    Raises:
        SettingsError: they are too long; names the longest, which is called as its setting is.
    """
    # What CloudFormation fills in counts as the longest of it may be, a queue's URL.
    sizes = {key: len(TOKEN.sub("x" * _FILLED_IN_BYTES, value).encode()) for key, value in variables.items()}
    if (total := sum(sizes.values()) + sum(map(len, variables))) > ENVIRONMENT_BYTES:
        known = {key: size for key, size in sizes.items() if not TOKEN.search(variables[key])}
        longest = max(known, key=known.__getitem__)
        raise SettingsError(
            f"{name}: {longest.lower()} has {known[longest]} bytes, and a function's settings up to {total}, of which "
            f"Lambda takes {ENVIRONMENT_BYTES} in all; shorten it"
        )


def _role(scope: Construct, construct_id: str, *, in_vpc: bool) -> iam.Role:
    # Inline, so that the rights outlive the function's network interfaces when a stack is destroyed.
    inline = {"Network": _network_policy()} if in_vpc else None
    lambdas = iam.ServicePrincipal("lambda.amazonaws.com")
    return iam.Role(scope, construct_id, assumed_by=lambdas, inline_policies=inline)


def _network_policy() -> iam.PolicyDocument:
    # What https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions asks for;
    # these actions take no resource but *, since the interfaces do not exist yet.
    actions = [
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    ]
    # Lambda uses them, and the code inside never: only a call from there carries this key.
    # https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
    from_inside = {"Null": {"lambda:SourceFunctionArn": "false"}}
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(actions=actions, resources=["*"]),
            iam.PolicyStatement(effect=iam.Effect.DENY, actions=actions, resources=["*"], conditions=from_inside),
        ]
    )
