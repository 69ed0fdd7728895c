"""The stack of one subscription: the construct and what a user reads of it afterwards."""

from pathlib import Path

import aws_cdk as cdk
from constructs import Construct

from nami_stack import names
from nami_stack.destinations.destination import destinations_of
from nami_stack.drain import Drain
from nami_stack.environment import EnvironmentStack
from nami_stack.gateways.gateway import gateway_of
from nami_stack.settings import Subscription
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
        webhook = ScalableWebhook(
            self,
            "Webhook",
            name=subscription.name,
            gateway=gateway_of(self, subscription),
            signature=subscription.build_signature(),
            destination=destinations_of(self, subscription),
            settings=subscription,
            handlers=handlers,
        )
        cdk.CfnOutput(self, names.ENDPOINT_URL, value=webhook.endpoint_url)
        if webhook.pre_queue_function:
            cdk.CfnOutput(self, names.PRE_QUEUE_FUNCTION, value=webhook.pre_queue_function.function_name)
        cdk.CfnOutput(self, names.LARGE_BODIES_BUCKET, value=webhook.large_bodies.bucket_name)
        if webhook.quarantine:
            cdk.CfnOutput(self, names.QUARANTINE_URL, value=webhook.quarantine.queue.queue_url)
        for number, drain in enumerate(webhook.drains):
            unnamed = drain.node.id if number else ""  # such as HttpQueueUrl, for all but the first
            prefix = names.in_outputs(drain.called) if drain.has_name else unnamed
            for key, value in {
                names.QUEUE_URL: drain.queue.queue_url,
                names.DEAD_LETTER_QUEUE_URL: drain.dead_letter_queue.queue_url,
                **_taker_of(drain),
                **drain.destination.outputs,
            }.items():
                cdk.CfnOutput(self, prefix + key, value=value)
        if webhook.signature_secret:
            cdk.CfnOutput(self, names.SIGNATURE_SECRET_ARN, value=webhook.signature_secret.secret_arn)
        if webhook.received_secret:
            cdk.CfnOutput(self, names.RECEIVED_SECRET_ARN, value=webhook.received_secret.ref)
        watching = Watching(self, "Watching", settings=subscription)
        watching.watch(webhook)
        for key, value in watching.outputs.items():
            cdk.CfnOutput(self, key, value=value)
        if webhook.reservations:  # what is beside the pipeline waits as well
            webhook.reservations.precede(*self.node.children)


def _taker_of(drain: Drain) -> dict[str, str]:
    """What takes webhooks from the queue, or what a consumer of the user's own needs to."""
    if function := drain.post_queue_function:
        return {names.POST_QUEUE_FUNCTION: function.function_name}
    return {names.CONSUMER_QUEUE_ARN: drain.queue.queue_arn}
