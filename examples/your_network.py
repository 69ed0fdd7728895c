"""The MongoDB host and the function in a VPC of yours; nothing is looked up when this is synthesised."""

import aws_cdk as cdk
from constructs import Construct

from nami_stack import HostSettings, MongoHost, ScalableWebhook


class Webhooks(cdk.Stack):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        yours = HostSettings(
            vpc_id="vpc-0123456789abcdef0",
            availability_zone="eu-west-1a",
            host_subnet_id="subnet-0123456789abcdef0",
            function_subnet_id="subnet-0123456789abcdef1",
        )
        ScalableWebhook(self, "Jira", name="jira", destination=MongoHost(self, "Mongo", settings=yours))


app = cdk.App()
Webhooks(app, "Webhooks")
app.synth()
