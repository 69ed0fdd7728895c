"""What cdk-nag's AwsSolutions rules find here and is meant to be so, recorded beside the resource with its reason.

A CDK app that runs these checks (https://github.com/cdklabs/cdk-nag) has the reasons in its validation report and is
not held up. nami itself does not need cdk-nag: an acknowledgment is metadata of the construct.
"""

from typing import Any

import aws_cdk as cdk
from constructs import IConstruct


def acknowledge(construct: IConstruct, reason: str, *rules: str) -> None:
    """Record that each rule, such as `S1` or `IAM5[Resource::*]`, does not hold for a construct and what is in it."""
    cdk.Validations.of(construct).acknowledge(
        *(cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason) for rule in rules)
    )


def acknowledge_zone(construct: IConstruct) -> None:
    """The same for the CDK's own check, which would have no availability zone named."""
    zone = cdk.Acknowledgment(id="CloudFormation-Validate::W3010", reason="the zone is the one that was asked for")
    cdk.Validations.of(construct).acknowledge(zone)


def right_to(construct: IConstruct, arn: str) -> str:
    """The rule against a right to this ARN with a wildcard, and to no other: cdk-nag names it as the template does."""
    resolved = cdk.Stack.of(construct).resolve(arn)
    parts = [resolved] if isinstance(resolved, str) else resolved["Fn::Join"][1]
    return f"IAM5[Resource::{''.join(part if isinstance(part, str) else _reference(part) for part in parts)}]"


def _reference(part: dict[str, Any]) -> str:
    return f"<{part['Ref']}>" if "Ref" in part else f"<{'.'.join(part['Fn::GetAtt'])}>"
