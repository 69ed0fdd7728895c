"""Which right a call asks for, where IAM is enforced: ministack asks for others than AWS, or for none."""

from typing import Any

_CHANGES = {"PUT": "lambda:UpdateEventSourceMapping", "DELETE": "lambda:DeleteEventSourceMapping"}


_READS = {"/concurrency": "lambda:GetFunctionConcurrency", "/account-settings": "lambda:GetAccountSettings"}


def register() -> None:
    """Let these calls ask for what AWS asks for.

    The right to an action of SQS's is the right to its batches, and there is none to these alone:
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html.
    Whoever changes an event source, or reads what is reserved, needs the right to that:
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
    """
    from ministack.core import iam_actions  # noqa: PLC0415 (as in aws.py)

    extract = iam_actions.extract_iam_action

    def action_of(service: str, method: str, path: str, *request: Any, **named: Any) -> str | None:
        if service == "lambda" and "/event-source-mappings/" in path and method in _CHANGES:
            return _CHANGES[method]
        if service == "lambda" and method == "GET" and path.endswith(tuple(_READS)):
            return next(action for ending, action in _READS.items() if path.endswith(ending))
        action: str | None = extract(service, method, path, *request, **named)
        return action.removesuffix("Batch") if action and service == "sqs" else action

    iam_actions.extract_iam_action = action_of
