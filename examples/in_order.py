"""Webhooks of one order are written one after the other, those of different orders side by side."""

import aws_cdk as cdk
from constructs import Construct

from nami_stack import PipelineSettings, ScalableWebhook, Signature


class Webhooks(cdk.Stack):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        ScalableWebhook(
            self,
            "Shopify",
            name="shopify",
            signature=Signature.preset("shopify"),
            settings=PipelineSettings(order_by="$.order_id", max_receives=20),
        )


app = cdk.App()
Webhooks(app, "Webhooks")
app.synth()
