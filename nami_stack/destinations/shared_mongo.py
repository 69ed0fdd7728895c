"""The MongoDB host that subscriptions share."""

from typing import Any, Self, cast

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from nami_stack import names
from nami_stack.destinations.destination import Destination
from nami_stack.destinations.mongo_host import MONGO_PORT
from nami_stack.functions import PythonFunction
from nami_stack.network import DUAL_STACK, allow_https_over_ipv6
from nami_stack.placement import in_your_network
from nami_stack.settings import SHARED, Subscription, stack_name
from nami_stack.sharing import SHARED_STACK, published, tied_to


class SharedMongo(Destination):
    """A destination: the MongoDB host of the stack `nami-shared`, which must be deployed before.

    Each subscription has a collection of its name. Its function stands in the shared network, where the host lets it in
    by a rule of the subscription's own. A security group takes 60 such rules unless AWS raises the quota
    (https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups).

    Args:
        stack: its name, such as nami-prod-shared for that of an environment.
    """

    kind = "mongo"
    reaches_queues = False

    def __init__(self, scope: Construct, construct_id: str, *, stack: str = SHARED_STACK) -> None:
        super().__init__(scope, construct_id)
        self._stack = stack
        self.secret_arn = published(self, stack, "database-secret-arn")
        self._placement = in_your_network(
            self, published(self, stack, "vpc-id"), published(self, stack, "function-subnet-id")
        )

    @classmethod
    def of(cls, scope: Construct, subscription: Subscription, placement: dict[str, Any]) -> Self:
        """The host of the subscription's environment."""
        if subscription.reports_to:
            cdk.Annotations.of(scope).add_warning_v2(
                "nami:shared-egress",
                f"{subscription.reports_to}: the post-queue function stands in the shared network, and can report only "
                f"where name={SHARED} was deployed with egress=nat",
            )
        return cls(scope, cls.__name__, stack=stack_name(SHARED, subscription.environment_name))

    @property
    def outputs(self) -> dict[str, str]:
        """What a user needs of it after a deployment."""
        return {names.DATABASE_SECRET_ARN: self.secret_arn}

    def environment(self, name: str) -> dict[str, str]:
        """What a function must know to write the webhooks of the subscription `name`, to a collection of that name."""
        return {
            "MONGO_HOST": published(self, self._stack, "mongo-host"),
            "MONGO_SECRET_ARN": self.secret_arn,
            "MONGO_DATABASE": "nami",
            "MONGO_COLLECTION": name,
            DUAL_STACK: published(self, self._stack, "functions-use-ipv6"),
        }

    def grant_write(self, function: PythonFunction) -> None:
        """Let the function connect, and read the credentials."""
        function.allow("secretsmanager:GetSecretValue", on=self.secret_arn)
        # Known when it is deployed, as text, so it is no argument of the function's.
        cast("lambda_.CfnFunction", function.node.default_child).add_property_override(
            "VpcConfig.Ipv6AllowedForDualStack", published(self, self._stack, "functions-use-ipv6")
        )
        allow_https_over_ipv6(function)
        for security_group in function.connections.security_groups:
            ec2.CfnSecurityGroupIngress(
                cast("Construct", security_group),
                "ToSharedMongo",
                group_id=published(self, self._stack, "mongo-security-group-id"),
                source_security_group_id=security_group.security_group_id,
                ip_protocol="tcp",
                from_port=MONGO_PORT,
                to_port=MONGO_PORT,
                description=f"MongoDB in {tied_to(self._stack, 'mongo')}",
            )
