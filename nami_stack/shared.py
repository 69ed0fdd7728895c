"""What the stack `nami-shared` has for the subscriptions of other stacks: its gateway and its MongoDB host."""

from collections.abc import Sequence
from typing import Any, cast

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigw
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ssm as ssm
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from nami_stack.findings import acknowledge
from nami_stack.functions import PythonFunction
from nami_stack.gateway import PRODUCERS, HttpGateway
from nami_stack.mongo_host import MONGO_PORT, MongoHost
from nami_stack.placement import in_your_network
from nami_stack.settings import SHARED, stack_name

SHARED_STACK = stack_name(SHARED)


def publish(gateway: HttpGateway, host: MongoHost) -> None:
    """Tell other stacks, under this one's name, what they need to join.

    The values are SSM parameters, so that another stack reads them when it is deployed. What its resources are tied to
    is exported as well: CloudFormation neither removes nor replaces what a stack imports
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html).
    """
    stack = cdk.Stack.of(gateway)
    network = host.network
    for key, value in {
        "gateway-id": gateway.api.api_id,
        "gateway-url": gateway.url,
        "vpc-id": network.vpc.vpc_id,
        "function-subnet-id": network.function_subnet.subnet_id,
        "mongo-security-group-id": host.security_group.security_group_id,
        "mongo-host": host.dns_name,
        "database-secret-arn": host.secret.secret_arn,
    }.items():
        ssm.StringParameter(stack, f"Published-{key}", parameter_name=f"/{stack.stack_name}/{key}", string_value=value)
    tied = [network.vpc.vpc_id, network.function_subnet.subnet_id, host.security_group.security_group_id]
    for part, value in (("gateway", gateway.api.api_id), ("mongo", cdk.Fn.join(" ", tied))):
        cdk.CfnOutput(
            stack,
            f"Shared{part.title()}",
            value=value,
            export_name=f"{stack.stack_name}-{part}",
            description="What subscriptions are tied to; it can't change while one is",
        )


class SharedGateway(Construct):
    """The HTTP API of the stack `nami-shared`, which must be deployed before; a route is the subscription's own.

    Args:
        stack: its name, such as nami-prod-shared for that of an environment.
    """

    def __init__(self, scope: Construct, construct_id: str, *, stack: str = SHARED_STACK) -> None:
        super().__init__(scope, construct_id)
        self._stack = stack
        self._url = _published(self, stack, "gateway-url")
        self.api = apigw.HttpApi.from_http_api_attributes(
            self, "Api", http_api_id=_published(self, stack, "gateway-id")
        )

    def route(self, name: str, function: lambda_.IFunction, methods: Sequence[str]) -> str:
        """Send `/nami/<name>` to the function and return the URL that producers post to."""
        path = f"/nami/{name}"
        integration = HttpLambdaIntegration(f"{name}PreQueue", function)
        for method in methods:
            route = apigw.HttpRoute(
                self,
                f"{method}{path}",
                http_api=self.api,
                route_key=apigw.HttpRouteKey.with_(path, apigw.HttpMethod[method]),
                integration=integration,
            )
            acknowledge(route, PRODUCERS, "APIG4")
        for made in self.node.find_all():
            if isinstance(made, apigw.CfnIntegration):
                made.description = f"Of {_tied_to(self._stack, 'gateway')}"
        return f"{self._url}{path}"


class SharedMongo(Construct):
    """A destination: the MongoDB host of the stack `nami-shared`, which must be deployed before.

    Each subscription has a collection of its name. Its function stands in the shared network, where the host lets it in
    by a rule of the subscription's own. A security group takes 60 such rules unless AWS raises the quota
    (https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups).

    Args:
        stack: its name, such as nami-prod-shared for that of an environment.
    """

    kind = "mongo"

    def __init__(self, scope: Construct, construct_id: str, *, stack: str = SHARED_STACK) -> None:
        super().__init__(scope, construct_id)
        self._stack = stack
        self.secret_arn = _published(self, stack, "database-secret-arn")
        self._placement = in_your_network(
            self, _published(self, stack, "vpc-id"), _published(self, stack, "function-subnet-id")
        )

    @property
    def placement(self) -> dict[str, Any]:
        """Keyword arguments of `lambda_.Function`: in the shared network."""
        return self._placement

    @property
    def outputs(self) -> dict[str, str]:
        """What a user needs of it after a deployment."""
        return {"DatabaseSecretArn": self.secret_arn}

    def batch_limit(self, timeout: int, *, ordered: bool) -> int | None:
        """As many as the queue gives: they are one call."""
        return None

    def environment(self, name: str) -> dict[str, str]:
        """What a function must know to write the webhooks of the subscription `name`, to a collection of that name."""
        return {
            "MONGO_HOST": _published(self, self._stack, "mongo-host"),
            "MONGO_SECRET_ARN": self.secret_arn,
            "MONGO_DATABASE": "nami",
            "MONGO_COLLECTION": name,
        }

    def grant_write(self, function: PythonFunction) -> None:
        """Let the function connect, and read the credentials."""
        function.allow("secretsmanager:GetSecretValue", on=self.secret_arn)
        for security_group in function.connections.security_groups:
            ec2.CfnSecurityGroupIngress(
                cast("Construct", security_group),
                "ToSharedMongo",
                group_id=_published(self, self._stack, "mongo-security-group-id"),
                source_security_group_id=security_group.security_group_id,
                ip_protocol="tcp",
                from_port=MONGO_PORT,
                to_port=MONGO_PORT,
                description=f"MongoDB in {_tied_to(self._stack, 'mongo')}",
            )


def _published(scope: Construct, stack: str, key: str) -> str:
    return ssm.StringParameter.value_for_string_parameter(scope, f"/{stack}/{key}")


def _tied_to(stack: str, part: str) -> str:
    """What the shared stack exports: by this CloudFormation knows that it is in use."""
    return cdk.Fn.import_value(f"{stack}-{part}")
