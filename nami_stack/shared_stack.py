"""The stack of what subscriptions share: one gateway, one network, one MongoDB host."""

import aws_cdk as cdk
from constructs import Construct

from nami_stack.domain import CustomDomain
from nami_stack.environment import EnvironmentStack
from nami_stack.gateway import HttpGateway
from nami_stack.mongo_host import MongoHost
from nami_stack.network import Network
from nami_stack.settings import SHARED, SharedSettings
from nami_stack.shared import publish
from nami_stack.watching import Watching


class SharedStack(EnvironmentStack):
    """`nami-shared`: what subscriptions with `gateway=shared` or `destination=shared-mongo` join."""

    def __init__(self, scope: Construct, *, settings: SharedSettings | None = None) -> None:
        settings = settings or SharedSettings()
        super().__init__(
            scope,
            name=SHARED,
            environment=settings.environment,
            description="nami: the gateway and the MongoDB host that subscriptions share",
            tags={"nami:subscription": SHARED},
        )
        domain = CustomDomain.of(self, settings, base_path=SHARED)
        gateway = HttpGateway(self, "Gateway", domain=domain, access_logs=settings.access_logs is not False)
        network = Network(self, "Network", settings=settings)
        host = MongoHost(self, "MongoHost", network=network, settings=settings)
        network.let_functions_read_secrets()
        publish(gateway, host)
        watching = Watching(self, "Watching", settings=settings)
        watching.watch_gateway(gateway)
        watching.watch_host(host)
        cdk.CfnOutput(self, "GatewayUrl", value=gateway.url)
        for key, value in {**host.outputs, **watching.outputs}.items():
            cdk.CfnOutput(self, key, value=value)
