"""nami: webhook intake for bursts, as AWS CDK constructs."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nami_stack.destinations.destination import Destination
    from nami_stack.destinations.dynamodb import DynamoTable
    from nami_stack.destinations.http import HttpBackend
    from nami_stack.destinations.mongo_database import MongoDatabase
    from nami_stack.destinations.mongo_host import MongoHost
    from nami_stack.destinations.shared_mongo import SharedMongo
    from nami_stack.gateways.domain import CustomDomain
    from nami_stack.gateways.gateway import Gateway
    from nami_stack.gateways.http import HttpGateway
    from nami_stack.gateways.rest import RestGateway
    from nami_stack.gateways.shared import SharedGateway
    from nami_stack.network import Network
    from nami_stack.placement import in_your_network
    from nami_stack.settings import (
        Environment,
        HostSettings,
        PipelineSettings,
        SettingsError,
        SharedSettings,
        Subscription,
        WatchingSettings,
    )
    from nami_stack.shared_stack import SharedStack
    from nami_stack.signature import Signature
    from nami_stack.stack import WebhookStack
    from nami_stack.watching.watching import Watching
    from nami_stack.webhook_construct import ScalableWebhook

__all__ = [
    "CustomDomain",
    "Destination",
    "DynamoTable",
    "Environment",
    "Gateway",
    "HostSettings",
    "HttpBackend",
    "HttpGateway",
    "MongoDatabase",
    "MongoHost",
    "Network",
    "PipelineSettings",
    "RestGateway",
    "ScalableWebhook",
    "SettingsError",
    "SharedGateway",
    "SharedMongo",
    "SharedSettings",
    "SharedStack",
    "Signature",
    "Subscription",
    "Watching",
    "WatchingSettings",
    "WebhookStack",
    "in_your_network",
]

_MODULES = {
    "CustomDomain": "gateways.domain",
    "Destination": "destinations.destination",
    "DynamoTable": "destinations.dynamodb",
    "Environment": "settings",
    "Gateway": "gateways.gateway",
    "HostSettings": "settings",
    "HttpBackend": "destinations.http",
    "HttpGateway": "gateways.http",
    "MongoDatabase": "destinations.mongo_database",
    "MongoHost": "destinations.mongo_host",
    "Network": "network",
    "PipelineSettings": "settings",
    "RestGateway": "gateways.rest",
    "ScalableWebhook": "webhook_construct",
    "SettingsError": "settings",
    "SharedGateway": "gateways.shared",
    "SharedMongo": "destinations.shared_mongo",
    "SharedSettings": "settings",
    "SharedStack": "shared_stack",
    "Signature": "signature",
    "Subscription": "settings",
    "Watching": "watching.watching",
    "WatchingSettings": "settings",
    "WebhookStack": "stack",
    "in_your_network": "placement",
}


def __getattr__(name: str) -> object:
    # Each on its first use, so that the command reads the settings without the two seconds that aws_cdk takes.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
