"""What cdk-nag's AwsSolutions rules find here and is meant to be so, recorded beside the resource with its reason.

A CDK app that runs these checks (https://github.com/cdklabs/cdk-nag) has the reasons in its validation report and is
not held up. nami itself does not need cdk-nag: an acknowledgment is metadata of the construct.
"""

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import IConstruct


def acknowledge(construct: IConstruct, reason: str, *rules: str) -> None:
    """Record that each rule, such as `S1` or `IAM5[Resource::*]`, does not hold for a construct and what is in it."""
    cdk.Validations.of(construct).acknowledge(
        *(cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason) for rule in rules)
    )


def objects_of(bucket: s3.IBucket) -> str:
    """The rule against a right to every object of this bucket, and to nothing else that has a wildcard."""
    stack = cdk.Stack.of(bucket)
    (resource,) = (child for child in bucket.node.children if isinstance(child, s3.CfnBucket))
    return f"IAM5[Resource::<{stack.get_logical_id(resource)}.Arn>/*]"
