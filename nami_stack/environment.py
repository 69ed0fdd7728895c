"""A stack in an environment: its name, its account and region, its tags."""

from collections.abc import Mapping

import aws_cdk as cdk
import jsii
from constructs import Construct

from nami_stack.settings import ENVIRONMENT_TAG, Environment, stack_name


class EnvironmentStack(cdk.Stack):
    """`nami-<name>`, or `nami-<environment>-<name>` in the environment's account and region.

    Args:
        tags: of the stack and of all that is in it; the environment's is added.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        name: str,
        environment: Environment | None = None,
        description: str,
        tags: Mapping[str, str],
    ) -> None:
        tags = {**tags, **({ENVIRONMENT_TAG: environment.name} if environment else {})}
        super().__init__(
            scope,
            stack_name(name, environment.name if environment else None),
            description=description,
            env=cdk.Environment(account=environment.account, region=environment.region) if environment else None,
            tags=tags,
        )
        for key, value in tags.items():
            cdk.Tags.of(self).add(key, value)

    @property
    @jsii.member(jsii_name="availabilityZones")
    def availability_zones(self) -> list[str]:
        """The region's first two, found by CloudFormation: for an explicit region they would be looked up before."""
        return [cdk.Fn.select(number, cdk.Fn.get_azs()) for number in (0, 1)]
