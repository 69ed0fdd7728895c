"""Webhooks among what your app makes itself: its secret, its VPC and its database, and an alarm and a right."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from nami_stack import MongoDatabase, ScalableWebhook, Signature, in_your_network


class Shop(cdk.Stack):
    """What you have."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.vpc = ec2.Vpc(self, "Vpc", max_azs=1)
        self.vpc.add_flow_log("FlowLog")
        self.database_group = ec2.SecurityGroup(self, "DatabaseGroup", vpc=self.vpc)
        self.database_uri = secretsmanager.Secret.from_secret_name_v2(self, "DatabaseUri", "shop/database")
        self.webhook_secret = secretsmanager.Secret.from_secret_name_v2(self, "WebhookSecret", "shop/shopify")
        self.support = iam.Role(self, "Support", assumed_by=iam.AccountRootPrincipal())


class Webhooks(cdk.Stack):
    """What nami adds."""

    def __init__(self, scope: Construct, construct_id: str, *, shop: Shop) -> None:
        super().__init__(scope, construct_id)
        database = MongoDatabase(
            self,
            "Database",
            secret=shop.database_uri,
            placement=in_your_network(self, shop.vpc, shop.vpc.private_subnets[0]),
        )
        webhook = ScalableWebhook(
            self,
            "Orders",
            name="orders",
            signature=Signature.preset("shopify"),
            signature_secret=shop.webhook_secret,
            destination=database,
        )
        # The rule stands in this stack: shop's does not depend on it.
        group = ec2.SecurityGroup.from_security_group_id(self, "DatabaseGroup", shop.database_group.security_group_id)
        webhook.connections.allow_to(group, ec2.Port.tcp(27017))
        webhook.metric_refused("signature").create_alarm(self, "Forged", threshold=100, evaluation_periods=1)
        webhook.grant_redrive(iam.Role.from_role_arn(self, "Support", shop.support.role_arn))


app = cdk.App()
Webhooks(app, "Webhooks", shop=Shop(app, "Shop"))
app.synth()
