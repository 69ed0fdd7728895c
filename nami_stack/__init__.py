"""nami: webhook intake for bursts, as AWS CDK constructs."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nami_stack.domain import CustomDomain
    from nami_stack.drain import Destination
    from nami_stack.dynamo_table import DynamoTable
    from nami_stack.gateway import Gateway, HttpGateway
    from nami_stack.http_backend import HttpBackend
    from nami_stack.mongo_database import MongoDatabase
    from nami_stack.mongo_host import MongoHost
    from nami_stack.network import Network
    from nami_stack.placement import in_your_network
    from nami_stack.rest_gateway import RestGateway
    from nami_stack.settings import (
        Environment,
        HostSettings,
        PipelineSettings,
        SettingsError,
        SharedSettings,
        Subscription,
        WatchingSettings,
    )
    from nami_stack.shared import SharedGateway, SharedMongo
    from nami_stack.shared_stack import SharedStack
    from nami_stack.signature import Signature
    from nami_stack.stack import WebhookStack
    from nami_stack.watching import Watching
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
    "CustomDomain": "domain",
    "Destination": "drain",
    "DynamoTable": "dynamo_table",
    "Environment": "settings",
    "Gateway": "gateway",
    "HostSettings": "settings",
    "HttpBackend": "http_backend",
    "HttpGateway": "gateway",
    "MongoDatabase": "mongo_database",
    "MongoHost": "mongo_host",
    "Network": "network",
    "PipelineSettings": "settings",
    "RestGateway": "rest_gateway",
    "ScalableWebhook": "webhook_construct",
    "SettingsError": "settings",
    "SharedGateway": "shared",
    "SharedMongo": "shared",
    "SharedSettings": "settings",
    "SharedStack": "shared_stack",
    "Signature": "signature",
    "Subscription": "settings",
    "Watching": "watching",
    "WatchingSettings": "settings",
    "WebhookStack": "stack",
    "in_your_network": "placement",
}


def __getattr__(name: str) -> object:
    # Each on its first use, so that the command reads the settings without the two seconds that aws_cdk takes.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
