"""The stack of one subscription: the construct and what a user reads of it afterwards."""

from pathlib import Path

import aws_cdk as cdk
from constructs import Construct

from nami_stack.mongo_host import MongoHost
from nami_stack.settings import Subscription
from nami_stack.webhook_construct import ScalableWebhook


class WebhookStack(cdk.Stack):
    """`nami-<name>`: self-contained, in any bootstrapped account and region."""

    def __init__(self, scope: Construct, *, subscription: Subscription, handlers: Path | None = None) -> None:
        super().__init__(
            scope,
            f"nami-{subscription.name}",
            description=f"nami: webhook intake for {subscription.name}",
            tags={"nami:subscription": subscription.name},
        )
        cdk.Tags.of(self).add("nami:subscription", subscription.name)
        host = MongoHost(self, "MongoHost", settings=subscription)
        webhook = ScalableWebhook(
            self,
            "Webhook",
            name=subscription.name,
            signature=subscription.build_signature(),
            destination=host,
            settings=subscription,
            handlers=handlers,
        )
        for key, value in {
            "EndpointUrl": webhook.endpoint_url,
            "QueueUrl": webhook.queue.queue_url,
            "DeadLetterQueueUrl": webhook.dead_letter_queue.queue_url,
            "DatabaseSecretArn": host.secret.secret_arn,
            "DataVolumeId": host.data_volume_id,
            "PreQueueFunctionName": webhook.pre_queue_function.function_name,
            "PostQueueFunctionName": webhook.post_queue_function.function_name,
        }.items():
            cdk.CfnOutput(self, key, value=value)
        if webhook.signature_secret:
            cdk.CfnOutput(self, "SignatureSecretArn", value=webhook.signature_secret.ref)
