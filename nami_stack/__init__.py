"""nami: webhook intake for bursts, as AWS CDK constructs."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nami_stack.destinations.destination import Destination as Destination
    from nami_stack.destinations.dynamodb import DynamoTable as DynamoTable
    from nami_stack.destinations.eventbridge import EventBridge as EventBridge
    from nami_stack.destinations.http import HttpBackend as HttpBackend
    from nami_stack.destinations.mongo_database import MongoDatabase as MongoDatabase
    from nami_stack.destinations.mongo_host import MongoHost as MongoHost
    from nami_stack.destinations.postgres import Postgres as Postgres
    from nami_stack.destinations.queue import QueueOnly as QueueOnly
    from nami_stack.destinations.s3 import S3Archive as S3Archive
    from nami_stack.destinations.shared_mongo import SharedMongo as SharedMongo
    from nami_stack.destinations.sns import SnsTopic as SnsTopic
    from nami_stack.gateways.domain import CustomDomain as CustomDomain
    from nami_stack.gateways.gateway import Gateway as Gateway
    from nami_stack.gateways.http import HttpGateway as HttpGateway
    from nami_stack.gateways.rest import RestGateway as RestGateway
    from nami_stack.gateways.shared import SharedGateway as SharedGateway
    from nami_stack.network import Network as Network
    from nami_stack.placement import in_your_network as in_your_network
    from nami_stack.settings import Environment as Environment
    from nami_stack.settings import HostSettings as HostSettings
    from nami_stack.settings import PipelineSettings as PipelineSettings
    from nami_stack.settings import SettingsError as SettingsError
    from nami_stack.settings import SharedSettings as SharedSettings
    from nami_stack.settings import Subscription as Subscription
    from nami_stack.settings import WatchingSettings as WatchingSettings
    from nami_stack.shared_stack import SharedStack as SharedStack
    from nami_stack.signature import Signature as Signature
    from nami_stack.stack import WebhookStack as WebhookStack
    from nami_stack.watching.watching import Watching as Watching
    from nami_stack.webhook_construct import ScalableWebhook as ScalableWebhook

# By module.
_NAMES = {
    "destinations.destination": "Destination",
    "destinations.dynamodb": "DynamoTable",
    "destinations.eventbridge": "EventBridge",
    "destinations.http": "HttpBackend",
    "destinations.mongo_database": "MongoDatabase",
    "destinations.mongo_host": "MongoHost",
    "destinations.postgres": "Postgres",
    "destinations.queue": "QueueOnly",
    "destinations.s3": "S3Archive",
    "destinations.shared_mongo": "SharedMongo",
    "destinations.sns": "SnsTopic",
    "gateways.domain": "CustomDomain",
    "gateways.gateway": "Gateway",
    "gateways.http": "HttpGateway",
    "gateways.rest": "RestGateway",
    "gateways.shared": "SharedGateway",
    "network": "Network",
    "placement": "in_your_network",
    "settings": "Environment HostSettings PipelineSettings SettingsError SharedSettings Subscription WatchingSettings",
    "shared_stack": "SharedStack",
    "signature": "Signature",
    "stack": "WebhookStack",
    "watching.watching": "Watching",
    "webhook_construct": "ScalableWebhook",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}
__all__ = list(_MODULES)


def __getattr__(name: str) -> object:
    # Each on its first use, so that the command reads the settings without the two seconds that aws_cdk takes.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
