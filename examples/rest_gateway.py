"""A REST API for known senders on a domain of yours, with two subscriptions behind it."""

import aws_cdk as cdk
from constructs import Construct

from nami_stack import CustomDomain, MongoHost, RestGateway, ScalableWebhook, Signature


class Webhooks(cdk.Stack):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        gateway = RestGateway(
            self,
            "Gateway",
            allowed_sources=["198.51.100.0/24", "2001:db8::/32"],
            throttle_rate=500,
            throttle_burst=1000,
            domain=CustomDomain(
                self,
                "Domain",
                domain_name="hooks.example.com",
                certificate="arn:aws:acm:eu-central-1:123456789012:certificate/11111111-2222-3333-4444-555555555555",
                hosted_zone="Z0123456789ABCDEFGHIJ",
            ),
        )
        mongo = MongoHost(self, "Mongo")
        for name in ("github", "jira"):
            ScalableWebhook(
                self,
                name.title(),
                name=name,
                gateway=gateway,
                signature=Signature.preset(name),
                destination=mongo,
            )


app = cdk.App()
Webhooks(app, "Webhooks")
app.synth()
