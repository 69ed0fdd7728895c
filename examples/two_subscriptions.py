"""Two subscriptions behind one gateway, in one database."""

import aws_cdk as cdk
from constructs import Construct

from nami_stack import HttpGateway, MongoHost, ScalableWebhook


class Webhooks(cdk.Stack):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        gateway = HttpGateway(self, "Gateway")
        mongo = MongoHost(self, "Mongo")
        for name in ("shopify", "jira"):
            webhook = ScalableWebhook(self, name.title(), name=name, gateway=gateway, destination=mongo)
            cdk.CfnOutput(self, f"{name.title()}Endpoint", value=webhook.endpoint_url)


app = cdk.App()
Webhooks(app, "Webhooks")
app.synth()
