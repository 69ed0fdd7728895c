"""The gateway that subscriptions share."""

from collections.abc import Sequence
from typing import Self

from aws_cdk import aws_apigatewayv2 as apigw
from aws_cdk import aws_lambda as lambda_
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from nami_stack.acknowledge import acknowledge
from nami_stack.gateways.gateway import PRODUCERS, Gateway
from nami_stack.settings import SHARED, Subscription, stack_name
from nami_stack.sharing import SHARED_STACK, published, tied_to


class SharedGateway(Gateway):
    """The HTTP API of the stack `nami-shared`, which must be deployed before; a route is the subscription's own.

    Args:
        stack: its name, such as nami-prod-shared for that of an environment.
    """

    def __init__(self, scope: Construct, construct_id: str, *, stack: str = SHARED_STACK) -> None:
        super().__init__(scope, construct_id)
        self._stack = stack
        self._url = published(self, stack, "gateway-url")
        self.api = apigw.HttpApi.from_http_api_attributes(self, "Api", http_api_id=published(self, stack, "gateway-id"))

    @classmethod
    def of(cls, scope: Construct, subscription: Subscription) -> Self:
        """The gateway of the subscription's environment."""
        return cls(scope, cls.__name__, stack=stack_name(SHARED, subscription.environment_name))

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
                made.description = f"Of {tied_to(self._stack, 'gateway')}"
        return f"{self._url}{path}"
