"""nami: webhook intake for bursts, as AWS CDK constructs."""

from nami_stack.gateway import HttpGateway
from nami_stack.mongo_host import MongoHost
from nami_stack.network import Network
from nami_stack.settings import HostSettings, PipelineSettings, SettingsError, Subscription
from nami_stack.signature import Signature
from nami_stack.stack import WebhookStack
from nami_stack.webhook_construct import Destination, ScalableWebhook

__all__ = [
    "Destination",
    "HostSettings",
    "HttpGateway",
    "MongoHost",
    "Network",
    "PipelineSettings",
    "ScalableWebhook",
    "SettingsError",
    "Signature",
    "Subscription",
    "WebhookStack",
]
