"""The HTTP API that producers send their webhooks to."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigw
from aws_cdk import aws_lambda as lambda_
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct


class HttpGateway(Construct):
    """An HTTP API; one serves any number of subscriptions (AWS allows 300 routes in each).

    It costs under a third of a REST API per request, and its `$default` stage deploys each route by itself.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.api = apigw.HttpApi(self, "Api", api_name=cdk.Stack.of(self).stack_name)

    def route(self, name: str, function: lambda_.IFunction, methods: Sequence[str] = ("POST",)) -> str:
        """Send `/nami/<name>` to the function and return the URL that producers post to."""
        path = f"/nami/{name}"
        self.api.add_routes(
            path=path,
            methods=[apigw.HttpMethod[method] for method in methods],
            integration=HttpLambdaIntegration(f"{name}PreQueue", function),
        )
        return f"{self.api.api_endpoint}{path}"
