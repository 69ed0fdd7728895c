"""Where a database is, and who we are there: what its secret says, read when a connection is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nami_runtime import aws
from nami_runtime.results import Away

if TYPE_CHECKING:
    from collections.abc import Callable


class NotNow(Exception):
    """Nothing was written or found, for this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def unusable(name: str, why: str) -> NotNow:
    """That a database's secret leads nowhere: it is away until somebody mends that."""
    return NotNow(Away(f"{name} away: its secret can't be used: {why}"))


def read(name: str, arn: str, deadline: float, parse: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """What `parse` makes of the secret's text; it raises ValueError with what is wrong, without a word of the secret.

    Raises NotNow where the secret is refused or is none, and aws.Unavailable.
    """
    try:
        answer = aws.client("secretsmanager").call("secretsmanager.GetSecretValue", {"SecretId": arn}, deadline)
        return parse(str(answer.get("SecretString", "")))
    except (aws.Rejected, ValueError) as error:
        raise unusable(name, str(error)) from None
