"""The HTTP API that producers send their webhooks to."""

from collections.abc import Sequence
from typing import Self, cast

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigw
from aws_cdk import aws_lambda as lambda_
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from nami_stack.acknowledge import acknowledge
from nami_stack.gateways.access_log import HTTP_FORMAT, AccessLog
from nami_stack.gateways.domain import CustomDomain
from nami_stack.gateways.gateway import PRODUCERS, Gateway
from nami_stack.settings import Subscription


class HttpGateway(Gateway):
    """An HTTP API; one serves any number of subscriptions (AWS allows 300 routes in each).

    It costs under a third of a REST API per request, and its `$default` stage deploys each route by itself.

    Args:
        throttle_rate: requests a second for each route; the account's own limit where not given.
        throttle_burst: requests at once.
        domain: a name of yours for it.
        access_logs: write a line for each request.
        log_retention_days: how long those are kept.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        throttle_rate: int | None = None,
        throttle_burst: int | None = None,
        domain: CustomDomain | None = None,
        access_logs: bool = True,
        log_retention_days: int = 30,
    ) -> None:
        super().__init__(scope, construct_id)
        self.api = apigw.HttpApi(self, "Api", api_name=cdk.Stack.of(self).stack_name)
        # An HTTP API made here has its default stage.
        default_stage = cast("apigw.IHttpStage", self.api.default_stage)
        stage = cast("apigw.CfnStage", default_stage.node.default_child)
        if throttle_rate:
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
            stage.default_route_settings = apigw.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=throttle_rate, throttling_burst_limit=throttle_burst
            )
        if access_logs:
            log = AccessLog(self, "AccessLog", days=log_retention_days)
            stage.access_log_settings = apigw.CfnStage.AccessLogSettingsProperty(
                destination_arn=log.destination_arn, format=HTTP_FORMAT
            )
        if not access_logs:
            acknowledge(self.api, "left out by decision; the function has a line for each request", "APIG1")
        self.url = self.api.api_endpoint
        if domain:
            self.url = domain.serve(self, api_id=self.api.api_id, stage="$default", after=default_stage)

    @property
    def measured(self) -> apigw.HttpApi:
        """The API."""
        return self.api

    @classmethod
    def of(cls, scope: Construct, subscription: Subscription) -> Self:
        """The API that the subscription's settings ask for."""
        return cls(
            scope,
            "Gateway",
            throttle_rate=subscription.throttle_rate,
            throttle_burst=subscription.throttle_burst,
            domain=CustomDomain.of(scope, subscription, base_path=subscription.name),
            access_logs=subscription.access_logs is not False,
            log_retention_days=subscription.log_retention_days,
        )

    def route(self, name: str, function: lambda_.IFunction, methods: Sequence[str]) -> str:
        """Send `/nami/<name>` to the function and return the URL that producers post to."""
        path = f"/nami/{name}"
        routes = self.api.add_routes(
            path=path,
            methods=[apigw.HttpMethod[method] for method in methods],
            integration=HttpLambdaIntegration(f"{name}PreQueue", function),
        )
        for route in routes:
            acknowledge(route, PRODUCERS, "APIG4")
        return f"{self.url}{path}"
