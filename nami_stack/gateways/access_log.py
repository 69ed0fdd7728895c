"""A line for each request at a gateway, in JSON, with the id that joins it to the pre-queue function's line."""

import json

import aws_cdk as cdk
from constructs import Construct

from nami_stack.log_group import LogGroup

# `id` is the delivery's, unless the signature covers another or the provider sends one: then the function's line has
# this one as `request`. No gateway can write a header of the answer, where the delivery's always is:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
# Nothing that the sender words: the values are not escaped, and paths, queries and headers can hold secrets.
_COMMON = {
    "time": "$context.requestTimeEpoch",
    "method": "$context.httpMethod",
    "source_ip": "$context.identity.sourceIp",
    "status": "$context.status",
    "ms": "$context.responseLatency",
    "function_ms": "$context.integrationLatency",
    "function_request": "$context.awsEndpointRequestId",
    "bytes_sent": "$context.responseLength",
    "error": "$context.error.responseType",
}
HTTP_FORMAT = json.dumps({"id": "$context.requestId", "route": "$context.routeKey", **_COMMON})
# A client may choose a REST API's request id, but not the extended one.
REST_FORMAT = json.dumps(
    {
        "id": "$context.extendedRequestId",
        "request": "$context.requestId",
        "route": "$context.resourcePath",
        **_COMMON,
    }
)


class AccessLog(LogGroup):
    """Where a gateway writes to.

    By this beginning of its name AWS's log delivery has the right to write there. Each log group of another name takes
    up a part of the account's resource policy, which is of 5,120 characters:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html
    """

    def __init__(self, scope: Construct, construct_id: str, *, days: int) -> None:
        name = cdk.Names.unique_resource_name(scope, separator="-", allowed_special_characters="-", max_length=200)
        super().__init__(scope, construct_id, days=days, name=f"/aws/vendedlogs/nami/{name}")

    @property
    def destination_arn(self) -> str:
        """The group's ARN as gateways take it, without what logs put behind it."""
        return cdk.Stack.of(self).format_arn(
            service="logs",
            resource="log-group",
            resource_name=self.log_group_name,
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
