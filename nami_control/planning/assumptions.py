"""What a plan assumes: AWS's own limits, and times that no setting says.

Each number has its source or its reasoning.
"""

from dataclasses import dataclass

ACCOUNT_CONCURRENCY = 1000
"""Concurrent executions of an account by default; a new one may have 10:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
UNRESERVED = 100
"""What AWS keeps free of reservations: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"""
GATEWAY_RATE = 10_000
"""Requests a second to all APIs of the account in a region, 2,500 in newer regions; the burst, half of it, is AWS's own
to set: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""
VCPU_MB = 1769  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
_ENVELOPE_KB = 1.0  # headers and the rest of the message, of a Shopify webhook


@dataclass(frozen=True)
class Assumption:
    """A number that no setting says, and where it is from."""

    value: float
    unit: str
    source: str


OF_FUNCTIONS = {
    "sqs": Assumption(13, "ms for a send", "assumed: one call in the region, over a connection that is open"),
    "handler": Assumption(
        1.0,
        "ms of a whole vCPU for a webhook before the queue",
        "make bench, 0.25 ms with the runtime's client; the rest for Graviton, and caution",
    ),
    "cold start": Assumption(
        300,
        "ms until a new environment takes a request",
        "make bench, 50 ms of CPU; the platform's part assumed",
    ),
    "batch": Assumption(15, "ms for a batch, whatever is in it", "the platform, and one journalled commit; assumed"),
}
OF_LOGS = {
    "access log": Assumption(0.4, "KB of log for a request at the gateway", "its line"),
    "intake log": Assumption(0.45, "KB of log for a webhook before the queue", "its line"),
    "batch log": Assumption(0.4, "KB of log for a batch", "its line"),
    "id log": Assumption(0.05, "KB of log for a webhook of a batch", "its id and its age"),
}


@dataclass(frozen=True)
class Times:
    """What was measured, or is known of the account; None: as assumed.

    `handler_ms` is the pre-queue function's duration while warm; `write_ms` what the destination takes for one webhook;
    `groups` how many values of order_by come at once.
    """

    handler_ms: float | None = None
    cold_start_ms: float | None = None
    write_ms: float | None = None
    body_kb: float = 3.0
    groups: int | None = None
    account_concurrency: int = ACCOUNT_CONCURRENCY
    gateway_rate: int = GATEWAY_RATE

    @property
    def message_kb(self) -> float:
        """What the queue holds of a webhook."""
        return self.body_kb + _ENVELOPE_KB


def share(memory: int) -> float:
    """Of a vCPU, that a function of so many MB has; our handlers use no more than one."""
    return min(memory / VCPU_MB, 1.0)


def vcpus(instance_type: str) -> int:
    """Of an arm64 instance type, by its size: those of t4g have two and more, others' medium has one."""
    family, _, size = instance_type.partition(".")
    if size == "medium" and not family.startswith("t"):
        return 1
    if size == "metal":
        return 64
    return 4 * int(size.removesuffix("xlarge") or 1) if size.endswith("xlarge") else 2
