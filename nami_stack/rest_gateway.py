"""The REST API that producers send their webhooks to, where an HTTP API does not do."""

import json
from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigw
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from nami_stack.domain import CustomDomain

_STAGE = "live"
_RETRY = {"Retry-After": "'30'"}
_REFUSED = '{"error":$context.error.messageString}'


def _told(error: str) -> str:
    return json.dumps({"error": error})


# What the gateway answers by itself, in the form in which the pre-queue function answers. Nothing of AWS's inside gets
# out, and what a second try may mend is 503, which every producer sends again.
_RESPONSES: dict[apigw.ResponseType, tuple[str | None, str, dict[str, str]]] = {
    apigw.ResponseType.ACCESS_DENIED: ("403", _told("forbidden"), {}),
    apigw.ResponseType.DEFAULT_4_XX: (None, _REFUSED, {}),
    apigw.ResponseType.DEFAULT_5_XX: ("503", _told("not queued, send it again"), _RETRY),
    # AWS's name for a path or a method that is not there, which it answers with 403.
    apigw.ResponseType.MISSING_AUTHENTICATION_TOKEN: ("404", _told("not found"), {}),
    apigw.ResponseType.REQUEST_TOO_LARGE: ("413", _told("body too large"), {}),
    apigw.ResponseType.THROTTLED: ("429", _told("too many requests, send it again"), {"Retry-After": "'1'"}),
    apigw.ResponseType.WAF_FILTERED: ("403", _told("forbidden"), {}),
}


class RestGateway(Construct):
    """A regional REST API; one serves any number of subscriptions (AWS allows 300 resources in each).

    All of them must be routes of the same app, because its deployment is one resource.

    Args:
        allowed_sources: the only source addresses that reach it, in CIDR form; everybody where not given.
        web_acl_arn: of a regional AWS WAF web ACL in the same region.
        throttle_rate: requests a second for each subscription and method; the account's own limit where not given.
        throttle_burst: requests at once.
        domain: a name of yours for it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        allowed_sources: Sequence[str] = (),
        web_acl_arn: str | None = None,
        throttle_rate: int | None = None,
        throttle_burst: int | None = None,
        domain: CustomDomain | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.api = apigw.RestApi(
            self,
            "Api",
            rest_api_name=cdk.Stack.of(self).stack_name,
            endpoint_types=[apigw.EndpointType.REGIONAL],
            # Everything arrives as base64 then, so no body is decoded on the way.
            binary_media_types=["*/*"],
            policy=_only_from(allowed_sources) if allowed_sources else None,
            deploy_options=apigw.StageOptions(
                stage_name=_STAGE, throttling_rate_limit=throttle_rate, throttling_burst_limit=throttle_burst
            ),
            cloud_watch_role=False,
        )
        self.api.node.try_remove_child("Endpoint")  # an output of its own beside the stack's
        for kind, (status, body, headers) in _RESPONSES.items():
            self.api.add_gateway_response(
                kind.response_type.title().replace("_", ""),
                type=kind,
                status_code=status,
                response_headers=headers,
                templates={"application/json": body},
            )
        if web_acl_arn:
            waf.CfnWebACLAssociation(
                self, "WebAcl", resource_arn=self.api.deployment_stage.stage_arn, web_acl_arn=web_acl_arn
            )
        self._routes = self.api.root.add_resource("nami")
        self._url = self.api.url.rstrip("/")
        if domain:
            self._url = domain.serve(self, api_id=self.api.rest_api_id, stage=self.api.deployment_stage.stage_name)

    def route(self, name: str, function: lambda_.IFunction, methods: Sequence[str] = ("POST",)) -> str:
        """Send `/nami/<name>` to the function and return the URL that producers post to."""
        integration = apigw.LambdaIntegration(function, allow_test_invoke=False)
        resource = self._routes.add_resource(name)
        for method in methods:
            resource.add_method(method, integration)
        return self._url_of(name)

    def _url_of(self, name: str) -> str:
        return f"{self._url}/nami/{name}"


def _only_from(sources: Sequence[str]) -> iam.PolicyDocument:
    def everybody(effect: iam.Effect, conditions: dict[str, dict[str, list[str]]] | None = None) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            effect=effect,
            actions=["execute-api:Invoke"],
            resources=["execute-api:/*"],
            principals=[iam.AnyPrincipal()],
            conditions=conditions,
        )

    others = {"NotIpAddress": {"aws:SourceIp": list(sources)}}
    return iam.PolicyDocument(statements=[everybody(iam.Effect.ALLOW), everybody(iam.Effect.DENY, others)])
