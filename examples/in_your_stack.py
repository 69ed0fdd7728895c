"""One webhook beside what your stack already has: here, an alarm of yours on nami's dead letters."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from nami_stack import HostSettings, MongoHost, PipelineSettings, ScalableWebhook


class Shop(cdk.Stack):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        webhook = ScalableWebhook(
            self,
            "Orders",
            name="orders",
            destination=MongoHost(self, "Mongo", settings=HostSettings(instance_type="t4g.small", volume_size=50)),
            settings=PipelineSettings(success_status=202, post_queue_timeout=60),
        )
        cloudwatch.Alarm(
            self,
            "DeadLetters",
            metric=webhook.dead_letter_queue.metric_approximate_number_of_messages_visible(),
            threshold=1,
            evaluation_periods=1,
        )


app = cdk.App()
Shop(app, "Shop")
app.synth()
