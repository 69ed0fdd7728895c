"""The stack of one subscription: the construct and what a user reads of it afterwards."""

from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
from constructs import Construct

from nami_stack.destinations.dynamodb import DynamoTable
from nami_stack.destinations.http import HttpBackend
from nami_stack.destinations.mongo_database import MongoDatabase
from nami_stack.destinations.mongo_host import MongoHost
from nami_stack.destinations.shared_mongo import SharedMongo
from nami_stack.drain import Destination
from nami_stack.environment import EnvironmentStack
from nami_stack.gateways.domain import CustomDomain
from nami_stack.gateways.http import Gateway, HttpGateway
from nami_stack.gateways.rest import RestGateway
from nami_stack.gateways.shared import SharedGateway
from nami_stack.placement import in_your_network
from nami_stack.settings import SHARED, Subscription, stack_name
from nami_stack.watching.watching import Watching
from nami_stack.webhook_construct import ScalableWebhook


class WebhookStack(EnvironmentStack):
    """`nami-<name>`: self-contained, in any bootstrapped account and region, or in those of its environment."""

    def __init__(self, scope: Construct, *, subscription: Subscription, handlers: Path | None = None) -> None:
        super().__init__(
            scope,
            name=subscription.name,
            environment=subscription.environment,
            description=f"nami: webhook intake for {subscription.name}",
            tags={"nami:subscription": subscription.name},
        )
        if subscription.reports_to and "shared-mongo" in subscription.destination:
            cdk.Annotations.of(self).add_warning_v2(
                "nami:shared-egress",
                f"{subscription.reports_to}: the post-queue function stands in the shared network, and can report only "
                f"where name={SHARED} was deployed with egress=nat",
            )
        webhook = ScalableWebhook(
            self,
            "Webhook",
            name=subscription.name,
            gateway=_gateway(self, subscription),
            signature=subscription.build_signature(),
            destination=_destinations(self, subscription),
            settings=subscription,
            handlers=handlers,
        )
        cdk.CfnOutput(self, "EndpointUrl", value=webhook.endpoint_url)
        if webhook.pre_queue_function:
            cdk.CfnOutput(self, "PreQueueFunctionName", value=webhook.pre_queue_function.function_name)
        if webhook.quarantine:
            cdk.CfnOutput(self, "QuarantineUrl", value=webhook.quarantine.queue.queue_url)
        for number, drain in enumerate(webhook.drains):
            prefix = drain.node.id if number else ""  # such as HttpQueueUrl, for all but the first
            for key, value in {
                "QueueUrl": drain.queue.queue_url,
                "DeadLetterQueueUrl": drain.dead_letter_queue.queue_url,
                "PostQueueFunctionName": drain.post_queue_function.function_name,
                **drain.destination.outputs,
            }.items():
                cdk.CfnOutput(self, prefix + key, value=value)
        if webhook.signature_secret:
            cdk.CfnOutput(self, "SignatureSecretArn", value=webhook.signature_secret.ref)
        watching = Watching(self, "Watching", settings=subscription)
        watching.watch(webhook)
        for key, value in watching.outputs.items():
            cdk.CfnOutput(self, key, value=value)


def _shared(subscription: Subscription) -> str:
    """The stack of what subscriptions share, in the subscription's own environment."""
    return stack_name(SHARED, subscription.environment_name)


def _gateway(stack: cdk.Stack, subscription: Subscription) -> Gateway:
    if subscription.gateway == "shared":
        return SharedGateway(stack, "SharedGateway", stack=_shared(subscription))
    domain = CustomDomain.of(stack, subscription, base_path=subscription.name)
    days = subscription.log_retention_days
    if subscription.gateway == "http":
        return HttpGateway(
            stack,
            "Gateway",
            throttle_rate=subscription.throttle_rate,
            throttle_burst=subscription.throttle_burst,
            domain=domain,
            access_logs=subscription.access_logs is not False,
            log_retention_days=days,
        )
    return RestGateway(
        stack,
        "RestGateway",
        allowed_sources=subscription.allowed_sources,
        web_acl_arn=subscription.web_acl_arn,
        throttle_rate=subscription.throttle_rate,
        throttle_burst=subscription.throttle_burst,
        direct_content_types=subscription.direct_content_types,
        domain=domain,
        access_logs=subscription.access_logs is True,
        log_retention_days=days,
    )


def _destinations(stack: cdk.Stack, subscription: Subscription) -> list[Destination]:
    placement = in_your_network(stack, subscription.vpc_id, subscription.function_subnet_id)
    make: dict[str, Callable[[], Destination]] = {
        "mongo-host": lambda: MongoHost(
            stack,
            "MongoHost",
            settings=subscription.model_copy(update={"database_secret_arn": None})
            if subscription.has_database
            else subscription,
        ),
        "shared-mongo": lambda: SharedMongo(stack, "SharedMongo", stack=_shared(subscription)),
        "mongo-database": lambda: MongoDatabase(
            stack,
            "MongoDatabase",
            secret_arn=subscription.database_secret_arn or "",
            database=subscription.database_name,
            placement=placement,
        ),
        "dynamodb": lambda: DynamoTable(
            stack, "DynamoTable", table_name=subscription.table_name, ttl_days=subscription.table_ttl_days
        ),
        "http": lambda: HttpBackend(
            stack,
            "HttpBackend",
            url=subscription.backend_url or "",
            allow_private=subscription.backend_allow_private,
            connect_timeout=subscription.backend_connect_timeout,
            read_timeout=subscription.backend_read_timeout,
            concurrency=subscription.backend_concurrency,
            placement=placement,
        ),
    }
    return [make[name]() for name in subscription.destination]
