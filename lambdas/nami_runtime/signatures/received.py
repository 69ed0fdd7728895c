"""Secrets that a provider hands over when a webhook is made, kept where the subscription's owner can read them.

They go into a secret of their own, which the function may write and not read: what it verifies with stays the owner's
to fill in, since anybody can send what looks like such a handshake.
"""

from __future__ import annotations

import os
from time import monotonic

from nami_runtime import aws
from nami_runtime.request import Refused

# Secrets Manager asks for no more than a version every ten minutes for long, and each call costs: whoever floods the
# endpoint with handshakes has one of them kept in this time by a process.
_EVERY_SECONDS = 20.0

_last = ("", -_EVERY_SECONDS)


def keep(value: str, deadline: float) -> None:
    """Raises Refused (429) for one right after another, aws.Unavailable or aws.Rejected where it can't be kept."""
    global _last  # noqa: PLW0603 - between the invocations of one process
    now = monotonic()
    if value == _last[0]:  # the same, sent again
        return
    if now - _last[1] < _EVERY_SECONDS:
        raise Refused(429, "another secret was handed over just now")
    parameters: dict[str, object] = {
        "SecretId": os.environ["RECEIVED_SECRET_ARN"],
        "SecretString": value,
        "ClientRequestToken": os.urandom(16).hex(),
    }
    _last = ("", now)
    aws.client("secretsmanager").call("secretsmanager.PutSecretValue", parameters, deadline)
    _last = (value, now)
