"""Two subscriptions behind one gateway, in one database, watched."""

import aws_cdk as cdk
from constructs import Construct

from nami_stack import HttpGateway, MongoHost, ScalableWebhook, Watching, WatchingSettings


class Webhooks(cdk.Stack):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        gateway = HttpGateway(self, "Gateway")
        mongo = MongoHost(self, "Mongo")
        watching = Watching(self, "Watching", settings=WatchingSettings(alarm_email="ops@example.com"))
        for name in ("shopify", "jira"):
            webhook = ScalableWebhook(self, name.title(), name=name, gateway=gateway, destination=mongo)
            watching.watch(webhook)
            cdk.CfnOutput(self, f"{name.title()}Endpoint", value=webhook.endpoint_url)


app = cdk.App()
Webhooks(app, "Webhooks")
app.synth()
