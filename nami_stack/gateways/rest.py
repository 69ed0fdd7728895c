"""The REST API that producers send their webhooks to, where an HTTP API does not do."""

import json
from collections.abc import Sequence
from typing import Self, cast
from urllib.parse import quote

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigw
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from nami_stack.acknowledge import acknowledge
from nami_stack.gateways import mapping
from nami_stack.gateways.access_log import REST_FORMAT, AccessLog
from nami_stack.gateways.domain import CustomDomain
from nami_stack.gateways.gateway import PRODUCERS, Gateway
from nami_stack.settings import PipelineSettings, Subscription

_STAGE = "live"
_BODILESS = frozenset({"GET", "DELETE"})
_RETRY = {"Retry-After": "'30'"}
_REFUSED = '{"error":$context.error.messageString}'


def _error(text: str) -> str:
    return json.dumps({"error": text})


# What the gateway answers by itself, in the form in which the pre-queue function answers. Nothing of AWS's inside gets
# out, and what a second try may mend is 503, which every producer sends again.
_RESPONSES: dict[apigw.ResponseType, tuple[str | None, str, dict[str, str]]] = {
    apigw.ResponseType.ACCESS_DENIED: ("403", _error("forbidden"), {}),
    apigw.ResponseType.DEFAULT_4_XX: (None, _REFUSED, {}),
    apigw.ResponseType.DEFAULT_5_XX: ("503", _error("not queued, send it again"), _RETRY),
    # AWS's name for a path or a method that is not there, which it answers with 403.
    apigw.ResponseType.MISSING_AUTHENTICATION_TOKEN: ("404", _error("not found"), {}),
    apigw.ResponseType.REQUEST_TOO_LARGE: ("413", _error("body too large"), {}),
    apigw.ResponseType.UNSUPPORTED_MEDIA_TYPE: ("415", _error("content type not taken"), {}),
    apigw.ResponseType.THROTTLED: ("429", _error("too many requests, send it again"), {"Retry-After": "'1'"}),
    apigw.ResponseType.WAF_FILTERED: ("403", _error("forbidden"), {}),
}


class RestGateway(Gateway):
    """A regional REST API; one serves any number of subscriptions (AWS allows 300 resources in each).

    All of them must be routes of the same app, because its deployment is one resource.

    Args:
        allowed_sources: the only source addresses that reach it, in CIDR form; everybody where not given.
        web_acl_arn: of a regional AWS WAF web ACL in the same region.
        throttle_rate: requests a second for each subscription and method; the account's own limit where not given.
        throttle_burst: requests at once.
        direct_content_types: what `route_to_queue` takes beside `mapping.CONTENT_TYPES`.
        domain: a name of yours for it.
        access_logs: write a line for each request. The account must have a role for that before, one for all of its
            REST APIs in a region, which is why no stack makes it: docs/watching.md.
        log_retention_days: how long those lines are kept.
    """

    writes_to_queues = True

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        allowed_sources: Sequence[str] = (),
        web_acl_arn: str | None = None,
        throttle_rate: int | None = None,
        throttle_burst: int | None = None,
        direct_content_types: Sequence[str] = (),
        domain: CustomDomain | None = None,
        access_logs: bool = False,
        log_retention_days: int = 30,
    ) -> None:
        super().__init__(scope, construct_id)
        self.allowed_sources = tuple(allowed_sources)
        log = AccessLog(self, "AccessLog", days=log_retention_days) if access_logs else None
        self.api = apigw.RestApi(
            self,
            "Api",
            rest_api_name=cdk.Stack.of(self).stack_name,
            endpoint_types=[apigw.EndpointType.REGIONAL],
            # Everything arrives as base64 then, so no body is decoded on the way.
            binary_media_types=["*/*"],
            policy=_only_from(allowed_sources) if allowed_sources else None,
            deploy_options=apigw.StageOptions(
                stage_name=_STAGE,
                throttling_rate_limit=throttle_rate,
                throttling_burst_limit=throttle_burst,
                access_log_destination=apigw.LogGroupLogDestination(log) if log else None,
                access_log_format=apigw.AccessLogFormat.custom(REST_FORMAT) if log else None,
            ),
            cloud_watch_role=False,
        )
        acknowledge(self.api, PRODUCERS, "APIG4", "COG4")
        acknowledge(self.api, "a webhook is kept as it came, whatever is in it", "APIG2")
        acknowledge(self.api, "the gateway's own log would hold bodies and headers; its access log does not", "APIG6")
        if log is None:
            acknowledge(self.api, "access_logs is there for an account that has API Gateway's role for it", "APIG1")
        if not web_acl_arn:
            acknowledge(self.api, "web_acl_arn is there for whom a web ACL is worth its price", "APIG3")
        self.api.node.try_remove_child("Endpoint")  # an output of its own beside the stack's
        self._add_responses()
        stage = self.api.deployment_stage
        if web_acl_arn:
            waf.CfnWebACLAssociation(self, "WebAcl", resource_arn=stage.stage_arn, web_acl_arn=web_acl_arn)
        self._direct_content_types = dict.fromkeys((*mapping.CONTENT_TYPES, *direct_content_types))
        self._routes = self.api.root.add_resource("nami")
        url = self.api.url.rstrip("/")
        self._url = domain.serve(self, api_id=self.api.rest_api_id, stage=stage.stage_name) if domain else url

    @property
    def measured(self) -> apigw.RestApi:
        """The API."""
        return self.api

    @classmethod
    def of(cls, scope: Construct, subscription: Subscription) -> Self:
        """The API that the subscription's settings ask for."""
        return cls(
            scope,
            cls.__name__,
            allowed_sources=subscription.allowed_sources,
            web_acl_arn=subscription.web_acl_arn,
            throttle_rate=subscription.throttle_rate,
            throttle_burst=subscription.throttle_burst,
            direct_content_types=subscription.direct_content_types,
            domain=CustomDomain.of(scope, subscription, base_path=subscription.name),
            access_logs=subscription.access_logs is True,
            log_retention_days=subscription.log_retention_days,
        )

    def trace(self) -> None:
        """Let X-Ray follow a share of the requests; AWS makes the role for that in the account by itself.

        Its traces hold what an access log would, and the headers user-agent and x-forwarded-for:
        https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-enabling-xray.html
        """
        cast("apigw.CfnStage", self.api.deployment_stage.node.default_child).tracing_enabled = True

    def route(self, name: str, function: lambda_.IFunction, methods: Sequence[str]) -> str:
        """Send `/nami/<name>` to the function and return the URL that producers post to."""
        integration = apigw.LambdaIntegration(function, allow_test_invoke=False)
        resource = self._routes.add_resource(name)
        for method in methods:
            resource.add_method(method, integration)
        return self._url_of(name)

    def route_to_queue(self, name: str, queue: sqs.IQueue, methods: Sequence[str], settings: PipelineSettings) -> str:
        """Write what is sent to `/nami/<name>` to the queue, with no function between; returns the URL.

        The body is taken up to about 700 KB, whatever its bytes: what SQS holds once it is base64.
        """
        # No condition on the account: API Gateway tells none as it takes on an integration's role, and would be refused
        # (aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws, pull request 479). IAM lets
        # nobody give a role to an API of another account (https://repost.aws/knowledge-center/iam-passrole-error).
        role = iam.Role(self, f"{name}Sender", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"))
        queue.grant(role, "sqs:SendMessage")
        integration = apigw.AwsIntegration(
            service="sqs",
            path=f"{cdk.Aws.ACCOUNT_ID}/{queue.queue_name}",
            integration_http_method="POST",
            options=apigw.IntegrationOptions(
                credentials_role=role,
                content_handling=apigw.ContentHandling.CONVERT_TO_TEXT,
                passthrough_behavior=apigw.PassthroughBehavior.NEVER,
                request_parameters={"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
                request_templates=dict.fromkeys(self._direct_content_types, mapping.send_message(name)),
                integration_responses=_answers(settings),
            ),
        )
        resource = self._routes.add_resource(name)
        for method in methods:
            resource.add_method(
                method,
                integration,
                # By its type the gateway knows that a body is binary; without one it would come in as text.
                request_parameters={"method.request.header.Content-Type": method not in _BODILESS},
                request_validator=self._validator(),
                method_responses=[
                    apigw.MethodResponse(
                        status_code=answer.status_code,
                        response_parameters=dict.fromkeys(answer.response_parameters or {}, True),
                    )
                    for answer in _answers(settings)
                ],
            )
        return self._url_of(name)

    def _add_responses(self) -> None:
        for kind, (status, body, headers) in _RESPONSES.items():
            self.api.add_gateway_response(
                kind.response_type.title().replace("_", ""),
                type=kind,
                status_code=status,
                response_headers=headers,
                templates={"application/json": body},
            )

    def _validator(self) -> apigw.RequestValidator:
        if isinstance(there := self.node.try_find_child("HasType"), apigw.RequestValidator):
            return there
        return apigw.RequestValidator(self, "HasType", rest_api=self.api, validate_request_parameters=True)

    def _url_of(self, name: str) -> str:
        return f"{self._url}/nami/{name}"


def _answers(settings: PipelineSettings) -> list[apigw.IntegrationResponse]:
    """What the producer gets for SQS's answer: success only for its 200."""
    # Decoded by the template, which would take $ and # for its own.
    body = f"$util.urlDecode('{quote(settings.success_body, safe='')}')" if settings.success_body else ""
    success = body or '{"id":"$context.extendedRequestId"}'
    kind = "'text/plain'" if body else "'application/json'"
    # The one error that a second try does not mend: over 1 MiB. All that comes in counts as binary, SQS's answer too,
    # so it is base64 here, unless AWS should see that it is text.
    failure = (
        '#set($said = $input.body)#if(!$said.startsWith("{") && !$said.startsWith("<"))'
        "#set($said = $util.base64Decode($said))#end"
        '#if($said.contains("InvalidParameterValue"))'
        f"#set($context.responseOverride.status = 413){_error('body too large')}"
        f"#else{_error('not queued, send it again')}#end"
    )
    return [
        apigw.IntegrationResponse(
            status_code=str(settings.success_status),
            selection_pattern="200",
            content_handling=apigw.ContentHandling.CONVERT_TO_TEXT,  # a template takes no bytes
            response_parameters={
                "method.response.header.nami-delivery-id": "context.extendedRequestId",
                "method.response.header.Content-Type": kind,
            },
            response_templates={"application/json": "" if settings.success_status == 204 else success},
        ),
        apigw.IntegrationResponse(
            status_code=str(settings.unavailable_status),
            content_handling=apigw.ContentHandling.CONVERT_TO_TEXT,
            response_parameters={"method.response.header.Retry-After": "'30'"},
            response_templates={"application/json": failure},
        ),
    ]


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
