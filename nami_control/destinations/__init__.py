"""Where webhooks end: a module for each kind, and the table that names them by their setting."""

from collections.abc import Callable, Mapping
from typing import Any

from nami_control.aws import Aws
from nami_control.checks import Check
from nami_control.deployment import Deployment, Drain
from nami_control.destinations.base import Destination, Looks
from nami_control.destinations.dynamodb import DynamoDb
from nami_control.destinations.eventbridge import EventBridge
from nami_control.destinations.http import Http
from nami_control.destinations.mongo import MongoDatabase, MongoHost, SharedMongo
from nami_control.destinations.postgres import Postgres
from nami_control.destinations.queue import Queue
from nami_control.destinations.s3 import S3
from nami_control.destinations.sns import Sns
from nami_control.progress import Tell, silent
from nami_control.stacks import Stack
from nami_stack.settings import SharedSettings, Subscription

DESTINATIONS: dict[str, type[Destination]] = {
    "mongo-host": MongoHost,
    "shared-mongo": SharedMongo,
    "mongo-database": MongoDatabase,
    "dynamodb": DynamoDb,
    "http": Http,
    "eventbridge": EventBridge,
    "postgres": Postgres,
    "s3": S3,
    "sns": Sns,
    "queue": Queue,
}


def of(deployment: Deployment, drain: Drain, tell: Tell = silent) -> Destination:
    """What a post-queue function writes to."""
    kinds = (each for each in DESTINATIONS.values() if each.is_at(drain))
    return next(kinds, Destination)(deployment, drain, tell)


def named(name: str) -> type[Destination]:
    """What the setting means."""
    return DESTINATIONS.get(name, Destination)


def any_is_read(subscription: Subscription) -> bool:
    """Whether webhooks of these settings can be read here, or how the tries to forward them went."""
    return any(named(kind).is_read() for each in subscription.each.values() for kind in each.destination)


def looks_before(aws: Aws, asked: Subscription | SharedSettings, stack: Stack | None) -> Looks:
    """At what must hold before a deployment of a subscription, or of what they share."""
    if isinstance(asked, SharedSettings):
        shared: Any = asked  # which has all that a host asks for
        return MongoHost.looks_before(aws, shared, stack)
    found: dict[str, Callable[[], Check]] = {}
    for name, settings in asked.each.items():
        for label, check in named(*settings.destination).looks_before(aws, settings, stack).items():
            found[f"{name} {label}" if label in found else label] = check
    return found


def adoption(aws: Aws, outputs: Mapping[str, str]) -> dict[str, str]:
    """The settings by which another deployment takes over what holds data; empty where nothing of it is kept."""
    return {key: value for each in DESTINATIONS.values() for key, value in each.adoption(aws, outputs).items()}


def kinds() -> dict[str, type[Destination]]:
    """One of each kind, by its name."""
    return {each.kind: each for each in DESTINATIONS.values()}
