"""What CloudWatch calls what belongs to a construct."""

import re

import aws_cdk as cdk
from constructs import Construct, IConstruct


def named(scope: Construct, key: str) -> str | None:
    """What CloudWatch calls something of a stack. A stack's name that ends as `key` begins is not repeated.

    None, where nobody knows the stack's name yet: CloudFormation makes one up then.
    """
    stack = cdk.Stack.of(scope).stack_name
    if cdk.Token.is_unresolved(stack):
        return None
    words = key.split("-")
    for count in range(len(words), 0, -1):
        if stack.endswith("-" + "-".join(words[:count])):
            return "-".join([stack, *words[count:]])
    return f"{stack}-{key}"


def in_same_stack(one: IConstruct, other: IConstruct) -> bool:
    """Whether one stack deploys both."""
    return cdk.Stack.of(one).node.path == cdk.Stack.of(other).node.path


def place(construct: IConstruct) -> str:
    """`MongoHost` becomes mongo-host, and one inside of `Shop` shop-mongo-host."""
    inside = construct.node.path.removeprefix(f"{cdk.Stack.of(construct).node.path}/")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "-", inside).lower()
