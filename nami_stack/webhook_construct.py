"""The pipeline of one subscription, on one screen."""

from collections.abc import Sequence
from pathlib import Path

import aws_cdk as cdk
import jsii
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from nami_stack import webhook_secrets
from nami_stack.assets import LAMBDAS
from nami_stack.bucket import Bucket
from nami_stack.destinations.destination import Destination
from nami_stack.destinations.mongo_host import MongoHost
from nami_stack.drain import Drain, name_of
from nami_stack.functions import PythonFunction
from nami_stack.gateways.gateway import Gateway
from nami_stack.gateways.http import HttpGateway
from nami_stack.quarantine import Quarantine
from nami_stack.reservations import Reservations
from nami_stack.settings import PipelineSettings, check_name
from nami_stack.signature import Signature
from nami_stack.webhook_checks import check
from nami_stack.webhook_relations import Relations
from nami_stack.webhook_ways import drain_ids, filters, way_to


@jsii.implements(ec2.IConnectable)
class ScalableWebhook(Relations, Construct):
    """Takes in the webhooks of one subscription at any burst and loses none.

    Args:
        name: of the subscription: 1 to 63 lower-case letters, digits and inner hyphens; the route is /nami/<name>.
        gateway: shared with other subscriptions where given.
        signature: how the sender is known; where not given, everybody's webhooks are taken, with a warning.
        signature_secret: a secret of yours that the sender signs with, or its whole ARN; made where not given, for the
            user to fill in. Its value is text, one secret or a list of them.
        destination: shared with other subscriptions where given; a MongoDB host of its own where not. Several each get
            a queue, dead letters and a function, so that one that fails does not hold back another; `called` gives one
            a name, a filter and other settings of its own.
        settings: the defaults where not given.
        handlers: a folder of yours with `pre_queue/` or `post_queue/` or both, each with a handler.py and, where it
            needs any, a requirements.txt; they take the place of nami's own.

    Attributes:
        endpoint_url: what producers post to.
        pre_queue_function: between gateway and queues; None with `ingest=direct`.
        drains: for each destination its queue, dead letters and function.
        destination, queue, dead_letter_queue, post_queue_function: of the first of them; no function where webhooks
            wait in its queue for a consumer of the user's own.
        quarantine: of webhooks that the gateway took and that are not genuine; with `ingest=direct` alone.
        large_bodies: the bucket of what a queue can't hold.
        signature_secret: what the sender signs with; None where the signature needs none.
        received_secret: what a provider hands over when a webhook is made, for the user to read; None for all others.
        metrics_name: what metrics call the subscription.
        reservations: what is asked of the account before anything is made; None where nothing is reserved.

    Raises:
        SettingsError: the name is not one, a secret is given that nothing is signed with, or `ingest=direct` can't do
            what is asked, in one line.
    """

    pre_queue_function: PythonFunction | None = None
    quarantine: Quarantine | None = None
    reservations: Reservations | None = None

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        gateway: Gateway | None = None,
        signature: Signature | None = None,
        signature_secret: secretsmanager.ISecret | str | None = None,
        destination: Destination | Sequence[Destination] | None = None,
        settings: PipelineSettings | None = None,
        handlers: Path | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        check_name(name)
        settings = settings or PipelineSettings()
        gateway = gateway or HttpGateway(self, "Gateway")
        destination = destination or MongoHost(self, "MongoHost")
        destinations = destination if isinstance(destination, Sequence) else [destination]
        self.name, self.gateway, self.signature, self.settings = name, gateway, signature, settings
        self.metrics_name = settings.metrics_name(name)
        if settings.tracing and isinstance(gateway, Gateway):  # one of a user's own may have but what a route needs
            gateway.trace()
        check(gateway, signature, destinations, settings, handlers)
        ways = [way_to(each, settings) for each in destinations]
        self.large_bodies = Bucket(
            self,
            "LargeBodies",
            days={"": max(way.large_body_days for way in ways)},
            why="two functions use it, and each object is checked against the hash in its name",
            # Queues are kept, and what waits in them points here: `nami destroy` deletes both.
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        self.signature_secret = webhook_secrets.signature_secret(self, name, signature, signature_secret)
        self.received_secret = webhook_secrets.received_secret(self, name, signature)

        self.drains = [
            self._drain(drain_id, each, way, handlers)
            for drain_id, each, way in zip(drain_ids(destinations), destinations, ways, strict=True)
        ]
        # What most have one of.
        self.destination = self.drains[0].destination
        self.queue = self.drains[0].queue
        self.dead_letter_queue = self.drains[0].dead_letter_queue
        self.post_queue_function = self.drains[0].post_queue_function

        methods = {*settings.methods, *(signature.handshake_methods if signature else ())}
        if settings.ingest == "direct":
            self.endpoint_url = gateway.route_to_queue(name, self.queue, sorted(methods), settings)
            self.quarantine = self._quarantine()
        else:
            self.pre_queue_function = self._pre_queue_function(handlers)
            self.endpoint_url = gateway.route(name, self.pre_queue_function, sorted(methods))
        self._ask_first()
        cdk.Tags.of(self).add("nami:subscription", name)

    def _drain(self, drain_id: str, destination: Destination, way: PipelineSettings, handlers: Path | None) -> Drain:
        # In direct mode it is the post-queue function that verifies.
        verifies = self.settings.ingest == "direct" and self.signature
        return Drain(
            self,
            drain_id,
            name=self.name,
            called=name_of(destination) or drain_id.lower(),
            source=_source("post_queue", handlers),
            destination=destination,
            extra_requirements=verifies.requirements if verifies else (),
            large_bodies=self.large_bodies,
            settings=way,
        )

    def _ask_first(self) -> None:
        """Have nothing made where the account can't spare what the post-queue functions reserve."""
        reserved = [
            (function, executions)
            for drain in self.drains
            if (function := drain.post_queue_function) and (executions := drain.settings.post_queue_reservation)
        ]
        if reserved:
            self.reservations = reservations = Reservations.of(self)
            for function, executions in reserved:
                reservations.add(function, executions)
            for drain in self.drains:
                reservations.precede(drain.destination)
            reservations.precede(self, self.gateway)

    def _pre_queue_function(self, handlers: Path | None) -> PythonFunction:
        name, signature, settings = self.name, self.signature, self.settings
        # No reserved concurrency: it must be able to reach the account's limit in a burst.
        function = PythonFunction(
            self,
            "PreQueue",
            source=_source("pre_queue", handlers),
            extra_requirements=signature.requirements if signature else (),
            memory=settings.pre_queue_memory,
            timeout=settings.pre_queue_timeout,
            settings=settings,
            environment={
                "NAMI_SUBSCRIPTION": name,
                "QUEUE_URL": " ".join(drain.queue.queue_url for drain in self.drains),
                "CLAIM_CHECK_BUCKET": self.large_bodies.bucket_name,
                "SUCCESS_STATUS": str(settings.success_status),
                "SUCCESS_BODY": settings.success_body,
                "UNAUTHORIZED_STATUS": str(settings.unauthorized_status),
                "UNAVAILABLE_STATUS": str(settings.unavailable_status),
                **({"ALLOWED_SOURCES": ",".join(settings.allowed_sources)} if settings.allowed_sources else {}),
                **({"ORDER_BY": settings.order_by} if settings.order_by else {}),
                **({"DEDUPLICATE_BY": ",".join(settings.deduplicate_by)} if settings.deduplicate_by else {}),
                **filters(self.drains),
                **({"SIGNATURE": signature.to_json()} if signature else {}),
                **({"SIGNATURE_SECRET_ARN": self.signature_secret.secret_arn} if self.signature_secret else {}),
                **({"RECEIVED_SECRET_ARN": self.received_secret.ref} if self.received_secret else {}),
            },
        )
        for drain in self.drains:
            drain.queue.grant(function, "sqs:SendMessage")
        function.allow_objects("s3:PutObject", self.large_bodies)
        if self.signature_secret:
            function.allow_secret(self.signature_secret)
        if self.received_secret:  # of which it may read nothing, so what it verifies with stays the user's to fill in
            function.allow("secretsmanager:PutSecretValue", on=self.received_secret.ref)
        return function

    def _quarantine(self) -> Quarantine | None:
        function = self.drains[0].post_queue_function
        if self.signature is None or self.signature_secret is None or function is None:
            return None
        return Quarantine(
            self,
            "Quarantine",
            function=function,
            signature=self.signature,
            secret=self.signature_secret,
            deduplicate_by=self.settings.deduplicate_by,
            days=self.settings.dead_letter_retention_days,
        )


def _source(function: str, handlers: Path | None) -> Path:
    yours = handlers / function if handlers else None
    return yours if yours and yours.is_dir() else LAMBDAS / function
