"""What functions of local AWS reserve: ministack's CloudFormation leaves it out, and lets an account reserve anything.

It is told and bounded here as on AWS. Nothing is held back by it: the event source caps how much runs at once.
"""

import json
from collections.abc import Callable
from typing import Any

# Of an account that has run for some time; ministack tells how much this machine can run at once.
_LIMIT = 1000
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html#configuring-concurrency-reserved
_UNRESERVED = 100
_RESERVED = "nami_reserved"


def register(handlers: dict[str, Any]) -> None:
    """Put this in ministack's place.

    Args:
        handlers: of its CloudFormation, by resource type.

    Raises:
        AttributeError, KeyError: ministack's internals have moved.
    """
    from ministack.services import lambda_svc  # noqa: PLC0415 (the CLI runs without ministack)

    handler = handlers["AWS::Lambda::Function"]
    create, update = handler["create"], handler["update"]

    def reserved() -> int:
        return sum(function.get(_RESERVED, 0) for function in lambda_svc._functions.values())

    def reserve(made: Any, properties: dict[str, Any]) -> Any:
        lambda_svc._functions[made[0]][_RESERVED] = int(properties.get("ReservedConcurrentExecutions", 0))
        return made

    def check(properties: dict[str, Any], before: int) -> None:
        wanted = int(properties.get("ReservedConcurrentExecutions", 0))
        if wanted > before and _LIMIT - reserved() + before - wanted < _UNRESERVED:
            raise ValueError(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                f"below its minimum value of [{_UNRESERVED}]."
            )

    def create_bounded(logical_id: str, properties: dict[str, Any], *more: Any) -> Any:
        check(properties, 0)
        return reserve(create(logical_id, properties, *more), properties)

    def update_bounded(name: str, old: dict[str, Any], new: dict[str, Any], *more: Any, **named: Any) -> Any:
        check(new, int(old.get("ReservedConcurrentExecutions", 0)))
        return reserve(update(name, old, new, *more, **named), new)

    handler.update(create=create_bounded, update=update_bounded)
    _tell(lambda_svc, reserved)


def _tell(lambda_svc: Any, reserved: Callable[[], int]) -> None:
    settings, concurrency = lambda_svc._get_account_settings, lambda_svc._get_function_concurrency

    def account() -> Any:
        status, headers, body = settings()
        told = json.loads(body)
        told["AccountLimit"] |= {
            "ConcurrentExecutions": _LIMIT,
            "UnreservedConcurrentExecutions": _LIMIT - reserved(),
        }
        return status, headers, json.dumps(told).encode()

    def of_function(name: str) -> Any:
        status, headers, body = concurrency(name)
        if status == 200 and (own := lambda_svc._functions[name].get(_RESERVED)):
            body = json.dumps({"ReservedConcurrentExecutions": own}).encode()
        return status, headers, body

    lambda_svc._get_account_settings, lambda_svc._get_function_concurrency = account, of_function
