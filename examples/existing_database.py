"""Webhooks in a MongoDB that you have: Atlas over the internet, or, as here, DocumentDB in a VPC of yours."""

import aws_cdk as cdk
from constructs import Construct

from nami_stack import MongoDatabase, ScalableWebhook, in_your_network


class Webhooks(cdk.Stack):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        database = MongoDatabase(
            self,
            "Database",
            secret="arn:aws:secretsmanager:eu-west-1:123456789012:secret:documentdb-AbCdEf",  # noqa: S106 - its name
            database="shop",
            placement=in_your_network(self, "vpc-0123456789abcdef0", "subnet-0123456789abcdef1"),
        )
        ScalableWebhook(self, "Jira", name="jira", destination=database)


app = cdk.App()
Webhooks(app, "Webhooks")
app.synth()
