"""CloudFormation that answers once a stack has settled.

Whoever works on a stack looks at it every so often, the CDK CLI each five seconds, and here it is done within two. So
what begins the work answers at its end, and the first look finds it.
"""

import asyncio
from typing import Any

_LONGEST = 20.0  # seconds; clients wait for an answer for a minute, and a custom resource may take longer


def register() -> None:
    """Put this before ministack's.

    Raises:
        AttributeError: ministack's internals have moved.
    """
    from ministack.services import cloudformation  # noqa: PLC0415 (as in aws.py)

    answer = cloudformation.handle_request

    async def answer_settled(*request: Any) -> Any:
        before = asyncio.all_tasks()
        answered = await answer(*request)
        # It awaits nothing itself, so that these are what it began.
        if begun := asyncio.all_tasks() - before:
            await asyncio.wait(begun, timeout=_LONGEST)
        return answered

    cloudformation.handle_request = answer_settled
