"""Subscriptions of your own app on the gateway and the MongoDB host that `nami deploy shared` has made."""

import aws_cdk as cdk
from constructs import Construct

from nami_stack import ScalableWebhook, SharedGateway, SharedMongo, Signature


class Webhooks(cdk.Stack):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        gateway = SharedGateway(self, "Gateway")
        mongo = SharedMongo(self, "Mongo")
        for name in ("shopify", "jira"):
            signature = Signature.preset(name)
            webhook = ScalableWebhook(
                self, name.title(), name=name, gateway=gateway, destination=mongo, signature=signature
            )
            cdk.CfnOutput(self, f"{name.title()}Endpoint", value=webhook.endpoint_url)


app = cdk.App()
Webhooks(app, "Webhooks")
app.synth()
