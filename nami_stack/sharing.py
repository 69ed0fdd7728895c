"""What a subscription's stack reads of the stack `nami-shared`, which must be deployed before."""

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from nami_stack.names import SHARED, stack_name

SHARED_STACK = stack_name(SHARED)


def published(scope: Construct, stack: str, key: str) -> str:
    """What the shared stack has published under this key."""
    return ssm.StringParameter.value_for_string_parameter(scope, f"/{stack}/{key}")


def tied_to(stack: str, part: str) -> str:
    """What the shared stack exports: by this CloudFormation knows that it is in use."""
    return cdk.Fn.import_value(f"{stack}-{part}")
