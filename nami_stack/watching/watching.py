"""What tells when something is wrong: a topic, and the alarms that go to it."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from nami_stack import names
from nami_stack.destinations.destination import Destination
from nami_stack.gateways.gateway import Gateway
from nami_stack.settings import AlarmSettings, WatchingSettings
from nami_stack.watching.alarm import Alarm
from nami_stack.watching.dashboard import Dashboard
from nami_stack.watching.naming import place
from nami_stack.watching.pipeline import alarms_of, of_gateway
from nami_stack.webhook_construct import ScalableWebhook


class Watching(Construct):
    """Alarms on what must not go unnoticed, each with its reason and what to do, and a topic that they go to.

    One for a stack: give it each subscription, and it watches the gateway, the queues, the functions and the
    destinations that are in that stack; what several share is watched once. What another stack has is watched there.

    No alarm tells that it is over: each would tell it for the first time right after its deployment.

    Args:
        settings: who is told, and of what; the defaults where not given.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: AlarmSettings | None = None) -> None:
        super().__init__(scope, construct_id)
        settings = settings or AlarmSettings()
        # What subscriptions share has no settings of a single one's.
        one = settings if isinstance(settings, WatchingSettings) else None
        self._settings = one or WatchingSettings(alarms=settings.alarms)
        self._stack = cdk.Stack.of(self)
        self.topic = self._topic(settings.alarm_email) if settings.alarms else None
        self.dashboards: list[Dashboard] = []

    @property
    def outputs(self) -> dict[str, str]:
        """What a user needs of it after a deployment."""
        topic = {names.ALARM_TOPIC_ARN: self.topic.topic_arn} if self.topic else {}
        return topic | ({names.DASHBOARD_URL: self.dashboards[0].url} if self.dashboards else {})

    def watch(self, webhook: ScalableWebhook) -> None:
        """Watch a subscription and, where they are in this stack, its gateway and its destinations."""
        alarms = self._made(alarms_of(webhook, self._settings)) if self.topic else []
        if self._settings.dashboard:
            self.dashboards.append(Dashboard(self, f"{webhook.name}-dashboard", webhook=webhook, alarms=alarms))

    def watch_gateway(self, gateway: Gateway) -> list[cloudwatch.Alarm]:
        """Watch what the gateway answers."""
        return self._made(of_gateway(gateway))

    def watch_host(self, host: Destination) -> list[cloudwatch.Alarm]:
        """Watch a destination that several subscriptions have."""
        return self._made(host.alarms(place(host)))

    def _made(self, alarms: Sequence[Alarm]) -> list[cloudwatch.Alarm]:
        topic = self.topic
        return [alarm.make(self, topic) for alarm in alarms] if topic else []

    def _topic(self, email: str | None) -> sns.Topic:
        # Not encrypted by KMS. AWS's own key (alias/aws/sns) does not let alarms publish, and one of the stack's own
        # costs as much as ten alarms; a message says what stands below, and then goes out as plain mail.
        # https://repost.aws/knowledge-center/cloudwatch-receive-sns-for-alarm-trigger
        topic = sns.Topic(self, "Topic", display_name=self._stack.stack_name, enforce_ssl=True)
        # The policy that enforces TLS takes the place of AWS's own, which would let alarms in.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self._stack.account}},
            )
        )
        if email:
            sns.Subscription(self, "Email", topic=topic, protocol=sns.SubscriptionProtocol.EMAIL, endpoint=email)
        return topic
