"""Webhooks among what your app makes itself: its domain and its table, with an alarm and a right of yours."""

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from constructs import Construct

from nami_stack import CustomDomain, DynamoTable, HttpGateway, ScalableWebhook, Signature


class Shop(cdk.Stack):
    """What you have."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.zone = route53.PublicHostedZone(self, "Zone", zone_name="example.com")
        self.certificate = acm.Certificate(
            self,
            "Certificate",
            domain_name="hooks.example.com",
            validation=acm.CertificateValidation.from_dns(self.zone),
        )
        self.orders = dynamodb.Table(
            self,
            "Orders",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
        )


class Webhooks(cdk.Stack):
    """What nami adds."""

    def __init__(self, scope: Construct, construct_id: str, *, shop: Shop) -> None:
        super().__init__(scope, construct_id)
        domain = CustomDomain(
            self,
            "Domain",
            domain_name="hooks.example.com",
            certificate=shop.certificate,
            hosted_zone=shop.zone,
        )
        webhook = ScalableWebhook(
            self,
            "Orders",
            name="orders",
            gateway=HttpGateway(self, "Gateway", domain=domain),
            signature=Signature.preset("shopify"),
            destination=DynamoTable(self, "Table", table=shop.orders),
        )
        webhook.metric_refused("signature").create_alarm(self, "Forged", threshold=100, evaluation_periods=1)
        support = iam.Role(self, "Support", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        webhook.grant_redrive(support)


app = cdk.App()
Webhooks(app, "Webhooks", shop=Shop(app, "Shop"))
app.synth()
