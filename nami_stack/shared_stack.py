"""The stack of what subscriptions share: one gateway, one network, one MongoDB host."""

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from nami_stack import names
from nami_stack.destinations.mongo_host import MongoHost
from nami_stack.environment import EnvironmentStack
from nami_stack.gateways.domain import CustomDomain
from nami_stack.gateways.http import HttpGateway
from nami_stack.network import Network
from nami_stack.settings import SHARED, SharedSettings
from nami_stack.watching.watching import Watching


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
        _publish(gateway, host)
        watching = Watching(self, "Watching", settings=settings)
        watching.watch_gateway(gateway)
        watching.watch_host(host)
        cdk.CfnOutput(self, names.GATEWAY_URL, value=gateway.url)
        for key, value in {**host.outputs, **watching.outputs}.items():
            cdk.CfnOutput(self, key, value=value)


def _publish(gateway: HttpGateway, host: MongoHost) -> None:
    """Tell other stacks, under this one's name, what they need to join.

    The values are SSM parameters, so that another stack reads them when it is deployed. What its resources are tied to
    is exported as well: CloudFormation neither removes nor replaces what a stack imports
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html).
    """
    stack = cdk.Stack.of(gateway)
    network = host.network
    for key, value in {
        "gateway-id": gateway.api.api_id,
        "gateway-url": gateway.url,
        "vpc-id": network.vpc.vpc_id,
        "function-subnet-id": network.function_subnet.subnet_id,
        "functions-use-ipv6": str(network.functions_use_ipv6).lower(),
        "mongo-security-group-id": host.security_group.security_group_id,
        "mongo-host": host.dns_name,
        "database-secret-arn": host.secret.secret_arn,
    }.items():
        ssm.StringParameter(stack, f"Published-{key}", parameter_name=f"/{stack.stack_name}/{key}", string_value=value)
    tied = [network.vpc.vpc_id, network.function_subnet.subnet_id, host.security_group.security_group_id]
    for part, value in (("gateway", gateway.api.api_id), ("mongo", cdk.Fn.join(" ", tied))):
        cdk.CfnOutput(
            stack,
            f"Shared{part.title()}",
            value=value,
            export_name=f"{stack.stack_name}-{part}",
            description="What subscriptions are tied to; it can't change while one is",
        )
