"""Each webhook goes into a DynamoDB table and to your own backend; one that fails does not hold back the other."""

import aws_cdk as cdk
from constructs import Construct

from nami_stack import DynamoTable, HttpBackend, ScalableWebhook


class Webhooks(cdk.Stack):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        backend = HttpBackend(self, "Backend", url="https://shop.example.com/webhooks", concurrency=10)
        table = DynamoTable(self, "Table", ttl_days=90)
        ScalableWebhook(self, "Shopify", name="shopify", destination=[table, backend])
        cdk.CfnOutput(self, "BackendSecret", value=backend.secret.secret_arn)


app = cdk.App()
Webhooks(app, "Webhooks")
app.synth()
