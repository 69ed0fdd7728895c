"""The gateway writes to the queue by itself: no function takes webhooks in, so none can start late or be missing."""

import aws_cdk as cdk
from constructs import Construct

from nami_stack import PipelineSettings, RestGateway, ScalableWebhook, Signature


class Webhooks(cdk.Stack):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        webhook = ScalableWebhook(
            self,
            "Shopify",
            name="shopify",
            gateway=RestGateway(self, "Gateway"),
            signature=Signature.preset("shopify"),
            settings=PipelineSettings(ingest="direct"),
        )
        if webhook.quarantine:
            cdk.CfnOutput(self, "Quarantine", value=webhook.quarantine.queue.queue_url)


app = cdk.App()
Webhooks(app, "Webhooks")
app.synth()
