"""Has CloudFormation ask the account what it can spare, before it makes anything that stays."""

from typing import Self, cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from nami_stack.acknowledge import acknowledge, right_to
from nami_stack.assets import LAMBDAS
from nami_stack.functions import custom_resource_function


class Reservations(Construct):
    """Fails a deployment at its beginning where the account can't spare what the functions of the stack reserve.

    One for a stack, whatever subscriptions are in it. It costs nothing, since its function runs when what is reserved
    changes. On AWS it makes a first deployment longer by the time that CloudFormation takes for a role and a function,
    about a minute, because all else waits for it; and it needs no way out of a VPC, since it is in none.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        function, role = custom_resource_function(
            self,
            "Ask",
            code=LAMBDAS / "reservations.py",
            description="Says before a deployment whether the account can spare the concurrency that it reserves",
        )
        # They are made after this, and found by their stack: their names can't be known here.
        functions = stack.format_arn(
            service="lambda", resource="function", resource_name="*", arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME
        )
        for action, resource in (
            ("lambda:GetAccountSettings", "*"),
            ("lambda:GetFunctionConcurrency", functions),
            ("cloudformation:ListStackResources", stack.stack_id),
        ):
            function.add_to_role_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
        why = "it reads numbers alone, of the account and of functions that are not there yet"
        acknowledge(role, why, right_to(role, "*"), right_to(role, functions))
        self._asked = cdk.CustomResource(
            self, "Asked", resource_type="Custom::Reservations", service_token=function.function_arn
        )
        self._reserved: list[str] = []

    @classmethod
    def of(cls, scope: Construct) -> Self:
        """The one of the stack that `scope` is in."""
        stack = cdk.Stack.of(scope)
        return cast("Self | None", stack.node.try_find_child(cls.__name__)) or cls(stack, cls.__name__)

    def add(self, function: lambda_.Function, executions: int) -> None:
        """Count what this function reserves."""
        made = cast("cdk.CfnElement", function.node.default_child)
        self._reserved.append(f"{made.logical_id}={executions}")
        asked = cast("cdk.CfnResource", self._asked.node.default_child)
        asked.add_property_override("Reserved", self._reserved)

    def precede(self, *constructs: object) -> None:
        """Have these made after it was asked, as far as they are constructs of the same stack."""
        for each in constructs:
            if isinstance(each, Construct) and each is not self and cdk.Stack.of(each) is cdk.Stack.of(self):
                each.node.add_dependency(self._asked)
