"""Where webhooks end: a module for each kind, and the table that names them by their setting."""

from collections.abc import Iterable

from nami_control.deployment import Deployment, Drain
from nami_control.destinations.base import Destination
from nami_control.destinations.dynamodb import DynamoDb
from nami_control.destinations.http import Http
from nami_control.destinations.mongo import MongoDatabase, MongoHost, SharedMongo
from nami_control.progress import Tell, silent

DESTINATIONS: dict[str, type[Destination]] = {
    "mongo-host": MongoHost,
    "shared-mongo": SharedMongo,
    "mongo-database": MongoDatabase,
    "dynamodb": DynamoDb,
    "http": Http,
}


def of(deployment: Deployment, drain: Drain, tell: Tell = silent) -> Destination:
    """What a post-queue function writes to."""
    kinds = (each for each in DESTINATIONS.values() if each.is_at(drain))
    return next(kinds, Destination)(deployment, drain, tell)


def named(name: str) -> type[Destination]:
    """What the setting means."""
    return DESTINATIONS.get(name, Destination)


def kinds(names: Iterable[str] = DESTINATIONS) -> dict[str, type[Destination]]:
    """One of each kind, by its name."""
    return {named(name).kind: named(name) for name in reversed(list(names))}
