"""What every gateway has, with what most of them have by default."""

from collections.abc import Sequence
from pkgutil import resolve_name
from typing import Self

from aws_cdk import aws_apigateway as rest
from aws_cdk import aws_apigatewayv2 as http
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from nami_stack.gateways.table import GATEWAYS
from nami_stack.settings import PipelineSettings, Subscription

# Why no gateway here has an authorizer.
PRODUCERS = "a producer proves itself by its signature over the body, which the function checks"


class Gateway(Construct):
    """What producers send their webhooks to; one serves any number of subscriptions."""

    writes_to_queues = False
    """Whether it can do without a function: `route_to_queue`."""
    allowed_sources: tuple[str, ...] = ()
    """The only source addresses that reach it, in CIDR form; everybody where empty."""

    @property
    def measured(self) -> http.IHttpApi | rest.RestApi | None:
        """The API whose metrics count what this gateway answers and nothing else; None: there is no such."""
        return None

    @classmethod
    def of(cls, scope: Construct, subscription: Subscription) -> Self:
        """The gateway that the subscription's settings ask for."""
        return cls(scope, cls.__name__)

    def route(self, name: str, function: lambda_.IFunction, methods: Sequence[str]) -> str:
        """Send `/nami/<name>` to the function and return the URL that producers post to."""
        raise NotImplementedError

    def route_to_queue(self, name: str, queue: sqs.IQueue, methods: Sequence[str], settings: PipelineSettings) -> str:
        """Write what is sent to `/nami/<name>` to the queue, with no function between; returns the URL."""
        raise NotImplementedError

    def trace(self) -> None:
        """Let X-Ray follow a share of the requests, where the gateway can."""


def gateway_of(scope: Construct, subscription: Subscription) -> Gateway:
    """The gateway that the subscription's settings ask for."""
    gateway: Gateway = resolve_name(GATEWAYS[subscription.gateway].construct).of(scope, subscription)
    return gateway
