"""What tells when something is wrong: a topic, and the alarms that go to it."""

import math
import re

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct, IConstruct

from nami_stack.destinations.dynamodb import DynamoTable
from nami_stack.destinations.mongo_host import MongoHost
from nami_stack.drain import Drain
from nami_stack.functions import PythonFunction
from nami_stack.gateways.http import HttpGateway
from nami_stack.gateways.rest import RestGateway
from nami_stack.settings import AlarmSettings, WatchingSettings
from nami_stack.watching.dashboard import Dashboard, in_same_stack, named, own_gateway, target
from nami_stack.watching.metrics import FIVE_MINUTES, MINUTE, of_group, of_table, own
from nami_stack.webhook_construct import ScalableWebhook

# So many periods of the last so many. A lone error is made good by the next try, the producer's or the queue's; a
# second minute with errors within the hour is no chance, however few webhooks come.
AGAIN = (2, 60)
# Five minutes of fifteen: a host that replaces itself takes two to four.
LASTING = (5, 15)
ONCE = (1, 1)
NEAR_TIMEOUT = 0.8
DISK_FULL_PERCENT = 80
OLDEST_SECONDS = 300
_MISSING = cloudwatch.TreatMissingData


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
        given = settings or AlarmSettings()
        # What subscriptions share has no settings of a single one's.
        self._settings = given if isinstance(given, WatchingSettings) else WatchingSettings(alarms=given.alarms)
        self._stack = cdk.Stack.of(self)
        self.topic = self._topic(given.alarm_email) if given.alarms else None
        self.dashboards: list[Dashboard] = []

    @property
    def outputs(self) -> dict[str, str]:
        """What a user needs of it after a deployment."""
        topic = {"AlarmTopicArn": self.topic.topic_arn} if self.topic else {}
        return topic | ({"DashboardUrl": self.dashboards[0].url} if self.dashboards else {})

    def watch(self, webhook: ScalableWebhook) -> None:
        """Watch a subscription and, where they are in this stack, its gateway and its destinations."""
        alarms: list[cloudwatch.Alarm] = []
        if self.topic:
            alarms = [
                *self._gateway_of(webhook),
                *self._pre_queue(webhook),
                *(alarm for drain in webhook.drains for alarm in self._drain(webhook, drain)),
                *self._arrivals(webhook),
            ]
        if self._settings.dashboard:
            self.dashboards.append(Dashboard(self, f"{webhook.name}-dashboard", webhook=webhook, alarms=alarms))

    def watch_gateway(self, gateway: HttpGateway | RestGateway) -> list[cloudwatch.Alarm]:
        """Watch what the gateway answers."""
        if self.topic is None:
            return []
        return [
            self._alarm(
                f"{self._place(gateway)}-5xx",
                gateway.api.metric_server_error(statistic="Sum", period=MINUTE),
                periods=AGAIN,
                what="The gateway answered 5xx, so producers have to send those webhooks again.",
                why="In two minutes of an hour: a lone one is made good by the next try, and some producers switch an "
                "endpoint off after a few.",
                todo="nami doctor and nami logs, of the subscription; the gateway's access log has each request.",
            )
        ]

    def watch_host(self, host: MongoHost) -> list[cloudwatch.Alarm]:
        """Watch the host's instance, its disks and its backups."""
        if self.topic is None:
            return []
        place = self._place(host)
        alarms = [
            self._alarm(
                f"{place}-status",
                of_group(host.auto_scaling_group, "StatusCheckFailed", "Maximum"),
                periods=(2, 2),
                # Between a lost instance and its successor there is none to check.
                missing=_MISSING.IGNORE,
                what="The MongoDB host fails EC2's status checks.",
                why="For two minutes: one check can fail by chance.",
                todo="Wait ten minutes. The Auto Scaling group replaces the host by itself, the data volume moves "
                "along, and the queue keeps the webhooks. If it stays away, the group's activity history says why.",
            ),
            self._alarm(
                f"{place}-disk",
                own("DiskUsed", "Maximum", period=FIVE_MINUTES, host=host.dns_name),
                above=DISK_FULL_PERCENT,
                periods=(3, 3),
                # Who can't be asked may be full.
                missing=_MISSING.BREACHING,
                after=host.auto_scaling_group,
                what=f"A disk of the MongoDB host is over {DISK_FULL_PERCENT} % full, or the host has said nothing for "
                "15 minutes.",
                why="The rest is time to act in: a full volume ends MongoDB.",
                todo="Deploy with a bigger volume_size, and the file system grows with it. On the host, df -h tells "
                "which disk it is, and journalctl -u nami-host -u nami-disk why it is silent.",
            ),
        ]
        if host.backups:
            alarms.append(
                self._alarm(
                    f"{place}-backup",
                    # https://docs.aws.amazon.com/ebs/latest/userguide/monitor-dlm-cw-metrics.html
                    cloudwatch.Metric(
                        namespace="AWS/EBS",
                        metric_name="SnapshotsCreateFailed",
                        dimensions_map={"DLMPolicyId": host.backups.ref},
                        statistic="Sum",
                        period=FIVE_MINUTES,
                    ),
                    periods=ONCE,
                    what="The daily snapshot of the MongoDB host's data volume failed.",
                    why="Over 0: AWS has tried again for an hour by then.",
                    todo="The policy in Amazon Data Lifecycle Manager says why. The next try is tomorrow.",
                )
            )
        return alarms

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

    def _gateway_of(self, webhook: ScalableWebhook) -> list[cloudwatch.Alarm]:
        if gateway := own_gateway(webhook):
            return self.watch_gateway(gateway)
        # Other subscriptions' answers are in the metrics of a shared gateway.
        return [
            self._alarm(
                f"{webhook.name}-not-queued",
                own("Refused", "Sum", subscription=webhook.metrics_name, refused="unavailable"),
                periods=AGAIN,
                what="Webhooks were answered with 503, so the producer has to send them again.",
                why="In two minutes of an hour: a lone one is made good by the next try.",
                todo=f"nami logs {target(webhook)} has the reason of each.",
            )
        ]

    def _pre_queue(self, webhook: ScalableWebhook) -> list[cloudwatch.Alarm]:
        name, function = webhook.name, webhook.pre_queue_function
        if function is None:
            return []
        alarms = self._function(
            name,
            "pre-queue",
            function,
            timeout=webhook.settings.pre_queue_timeout,
            failed="each was a 5xx to the producer, who has to send it again",
            throttled="Each was a 5xx to the producer. Raise Lambda's quota for concurrent executions",
            slow="it waits for the queue or for the secret, or pre_queue_memory is too small for the bodies",
            logs=target(webhook),
        )
        if webhook.signature and webhook.signature.has_secret:
            limit = self._settings.alarm_unauthorized
            alarms.append(
                self._alarm(
                    f"{name}-unauthorized",
                    own("Refused", "Sum", period=FIVE_MINUTES, subscription=webhook.metrics_name, refused="signature"),
                    above=limit - 1,
                    periods=ONCE,
                    what=f"{limit} or more webhooks within five minutes did not prove their sender and were refused.",
                    why="There are next to none at other times: the route is known to the producer alone. Either the "
                    "secret here is no longer the producer's, or somebody guesses.",
                    todo=f"If nothing else comes in, put the producer's secret into SignatureSecretArn (nami outputs "
                    f"{target(webhook)}); it takes a list of the old and the new. Else nami logs {target(webhook)} and "
                    "the gateway's access log tell the source: allowed_sources keeps it out.",
                )
            )
        return alarms

    def _drain(self, webhook: ScalableWebhook, drain: Drain) -> list[cloudwatch.Alarm]:
        name, settings, kind = webhook.name, webhook.settings, drain.node.id.lower()
        first = drain is webhook.drains[0]
        which = name if first else f"{name}-{kind}"
        who = target(webhook)
        dlq = who if len(webhook.drains) == 1 else f"{who} --destination {kind}"
        # A failed try is hidden that long; where that is long, one failed try is nothing to tell.
        oldest = max(OLDEST_SECONDS, math.ceil(1.5 * settings.visibility_timeout))
        # A FIFO queue counts anew:
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
        since = "died" if settings.order_by else "came in"
        alarms = [
            self._alarm(
                f"{which}-dead-letters",
                drain.dead_letter_queue.metric_approximate_number_of_messages_visible(
                    statistic="Maximum", period=MINUTE
                ),
                periods=ONCE,
                what=f"There are dead letters: webhooks that were not stored in {settings.max_receives} tries. They "
                f"are deleted {settings.dead_letter_retention_days} days after they {since}.",
                why="Over 0: each is one that did not get through.",
                todo=f"nami dlq list {dlq} says why each failed. Mend that, then nami dlq redrive {dlq}.",
            ),
            self._alarm(
                f"{which}-oldest",
                drain.queue.metric_approximate_age_of_oldest_message(statistic="Maximum", period=MINUTE),
                above=oldest,
                periods=ONCE,
                what=f"The oldest webhook in the queue has waited for over {oldest} seconds. Nothing is lost yet: the "
                f"queue keeps it for {settings.queue_retention_days} days.",
                why=f"At work it waits for seconds, and after a failed try for {settings.visibility_timeout}: this is "
                "more than one.",
                todo=f"nami doctor {who}; nami logs {who} says what the writing meets. Where it works and is only "
                "slow, raise maximum_concurrency, or take a bigger instance_type.",
            ),
            *self._function(
                which,
                "post-queue",
                drain.post_queue_function,
                timeout=settings.post_queue_timeout,
                failed="each made its whole batch wait, and took one of its tries",
                throttled="Each took one of a batch's tries. Leave reserved_concurrency out, so that it is "
                "maximum_concurrency, or raise Lambda's quota for concurrent executions",
                slow="the destination is slow; what is not written in time is tried again, and counts as a failed try",
                logs=target(webhook),
            ),
        ]
        if first and webhook.quarantine:
            alarms.append(
                self._alarm(
                    f"{name}-quarantine",
                    webhook.quarantine.queue.metric_approximate_number_of_messages_visible(
                        statistic="Maximum", period=MINUTE
                    ),
                    periods=ONCE,
                    what="Webhooks that did not prove their sender are in quarantine.",
                    why="Over 0: the route is known to the producer alone, so either the secret here is not the "
                    "producer's, or somebody guesses.",
                    todo=f"nami dlq list {who} --quarantine. If they are genuine, put the secret right and nami dlq "
                    f"redrive {who} --quarantine; else nami dlq purge {who} --quarantine.",
                )
            )
        destination = drain.destination
        if isinstance(destination, MongoHost) and in_same_stack(destination, webhook):
            alarms += self.watch_host(destination)
        if isinstance(destination, DynamoTable):
            alarms.append(
                self._alarm(
                    f"{which}-table-throttles",
                    of_table(destination.table, "WriteThrottleEvents", "Sum"),
                    periods=LASTING,
                    what="DynamoDB throttles the writing to the table.",
                    why="For five minutes of fifteen: an on-demand table grows by itself within minutes.",
                    todo="Raise the table's write capacity, or lower maximum_concurrency; what is not written is tried "
                    "again.",
                )
            )
        return alarms

    def _function(
        self,
        which: str,
        role: str,
        function: PythonFunction,
        *,
        timeout: int,
        failed: str,
        throttled: str,
        slow: str,
        logs: str,
    ) -> list[cloudwatch.Alarm]:
        seconds = timeout * NEAR_TIMEOUT
        return [
            self._alarm(
                f"{which}-{role}-errors",
                function.metric_errors(statistic="Sum", period=MINUTE),
                periods=AGAIN,
                what=f"The {role} function ended without a result: it ran out of time or memory, or its code "
                "can't be loaded.",
                why=f"In two minutes of an hour: one can be chance; {failed}.",
                todo=f"nami logs {logs} has the platform's word on it.",
            ),
            self._alarm(
                f"{which}-{role}-throttles",
                function.metric_throttles(statistic="Sum", period=MINUTE),
                periods=AGAIN,
                what=f"Lambda ran no more of the {role} function at once.",
                why="In two minutes of an hour: a burst can touch the limit while Lambda scales.",
                todo=f"{throttled}.",
            ),
            self._alarm(
                f"{which}-{role}-duration",
                # Not the maximum: of a million, five slow ones are nothing to tell.
                function.metric_duration(statistic="p99", period=MINUTE),
                above=seconds * 1000,
                periods=LASTING,
                what=f"The {role} function takes over {seconds:g} of its {timeout} seconds.",
                why="For five minutes of fifteen, longer than a host takes to replace itself; what reaches the timeout "
                "is ended.",
                todo=f"nami logs {logs}: {slow}.",
            ),
        ]

    def _arrivals(self, webhook: ScalableWebhook) -> list[cloudwatch.Alarm]:
        minutes = self._settings.alarm_silence
        if minutes is None:
            return []
        # All periods together are at most a day, or seven where a period is an hour or more:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
        period = FIVE_MINUTES if minutes <= 24 * 60 else cdk.Duration.hours(1)
        count = math.ceil(minutes / period.to_minutes())
        return [
            self._alarm(
                f"{webhook.name}-silence",
                # The queue's, which costs nothing, and is there without a pre-queue function as well.
                webhook.queue.metric_number_of_messages_sent(statistic="Sum", period=period),
                below=1,
                periods=(count, count),
                missing=_MISSING.BREACHING,  # an idle queue sends no metrics
                what=f"No webhook has come in for {minutes} minutes.",
                why="That is alarm_silence, by your own setting.",
                todo=f"Look at the producer's list of deliveries: it may have switched the endpoint off. nami smoke "
                f"{target(webhook)} sends one by the same way.",
            )
        ]

    def _alarm(
        self,
        key: str,
        metric: cloudwatch.Metric,
        *,
        above: float = 0,
        below: float | None = None,
        periods: tuple[int, int],
        missing: cloudwatch.TreatMissingData = _MISSING.NOT_BREACHING,
        after: IConstruct | None = None,
        what: str,
        why: str,
        todo: str,
    ) -> cloudwatch.Alarm:
        found = self.node.try_find_child(key)
        if isinstance(found, cloudwatch.Alarm):
            return found
        operators = cloudwatch.ComparisonOperator
        alarm = cloudwatch.Alarm(
            self,
            key,
            alarm_name=named(self, key),
            alarm_description=f"{what}\nWhy: {why}\nWhat to do: {todo}",
            metric=metric,
            threshold=above if below is None else below,
            comparison_operator=operators.GREATER_THAN_THRESHOLD if below is None else operators.LESS_THAN_THRESHOLD,
            datapoints_to_alarm=periods[0],
            evaluation_periods=periods[1],
            treat_missing_data=missing,
        )
        if self.topic:
            alarm.add_alarm_action(actions.SnsAction(self.topic))
        if after:
            alarm.node.add_dependency(after)
        return alarm

    def _place(self, construct: IConstruct) -> str:
        """`MongoHost` becomes mongo-host, and one inside of `Shop` shop-mongo-host."""
        inside = construct.node.path.removeprefix(f"{self._stack.node.path}/")
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "-", inside).lower()
