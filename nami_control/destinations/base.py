"""What is known of a destination after it was deployed, and of one that is only planned."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from nami_control.aws import Aws
from nami_control.checks import Check
from nami_control.deployment import Deployment, Drain
from nami_control.errors import UsageError
from nami_control.planning.assumptions import Assumption, Times
from nami_control.planning.bill import Line
from nami_control.progress import Tell, silent
from nami_control.searching import Store
from nami_control.stacks import Stack, Target
from nami_stack.settings import Subscription

Looks = Mapping[str, Callable[[], Check]]
"""What is looked at, by its name."""
Find = Callable[[list[str]], list[dict[str, Any]]]
"""The documents of these deliveries, as far as they are there."""


KEEPS = "; deploy one beside it that does, as in --destination http,dynamodb"
"""What to do where what came in can't be read."""


@dataclass(frozen=True)
class Speed:
    """How fast a destination takes webhooks: rates are webhooks a second.

    Args:
        at_once: webhooks of a batch that are written at the same time.
        batch_size: webhooks in a batch at the most; None: as many as the queue gives.
        rate: that it takes at the most; None: no limit is known.
        rate_is: what such a rate comes of.
        doubles: whether that rate doubles after half an hour at it, up to `highest_rate`.
        longest: seconds that a batch may take at the most; None: as long as the function runs.
    """

    at_once: float = 1
    batch_size: int | None = None
    rate: float | None = None
    rate_is: str = "database"
    doubles: bool = False
    highest_rate: float | None = None
    longest: float | None = None


class Destination:
    """On the way of a deployed subscription. One that says no more than this is listed, and planned with care."""

    kind: ClassVar[str] = ""
    """What its function calls it."""
    has_function: ClassVar[bool] = True
    """Whether a function takes webhooks to it; else a consumer of the user's own takes them from its queue."""
    keeps_webhooks: ClassVar[bool] = True
    """Whether what it stores are the webhooks."""
    in_local_mongo: ClassVar[bool] = False
    """Whether its documents are in the database of local AWS, for other clients of MongoDB to read."""
    shown_by: ClassVar[str | tuple[str, ...]] = ""
    """How an output of a stack ends that only this kind has; empty: the prefix of its outputs tells."""
    holds: ClassVar[Mapping[str, str]] = {}
    """By the setting that takes it up again: what is kept when its stack is destroyed."""
    work: ClassVar[Assumption] = Assumption(1.0, "ms of a whole vCPU for a webhook of a batch", "assumed")
    write: ClassVar[Assumption] = Assumption(10, "ms for a write", "assumed")

    def __init__(self, deployment: Deployment, drain: Drain, tell: Tell = silent) -> None:
        self.deployment, self.drain, self.tell = deployment, drain, tell

    @classmethod
    def is_at(cls, drain: Drain) -> bool:
        """Whether it is what this function writes to."""
        return drain.kind == cls.kind

    # What is stored.

    @classmethod
    def is_read(cls) -> bool:
        """Whether what it stores, or notes of its tries, can be read here."""
        return cls.stored is not Destination.stored

    def unread(self) -> UsageError:
        """Why nothing of it is."""
        return UsageError(f"--destination {self.drain.destination}: nami does not read what it stores")

    def stored(self, *, query: dict[str, Any], ids: list[str], limit: int, follow: bool) -> Generator[dict[str, Any]]:
        """The documents that are there, the newest last, and with `follow` those that come.

        Raises:
            UsageError: the destination takes no query, or can't be read at all.
        """
        raise self.unread()

    def opened(self) -> AbstractContextManager[Find]:
        """What finds documents by their deliveries, as long as it is open."""
        raise self.unread()

    def browsed(self) -> AbstractContextManager[Store]:
        """All that is stored, the newest first, as long as it is open.

        Raises:
            UsageError: the destination can't be read.
        """
        raise self.unread()

    def oldest_first(
        self, since: float, until: float, query: dict[str, Any]
    ) -> AbstractContextManager[Iterator[dict[str, Any]]]:
        """What came in from `since` until before `until` (epoch seconds), the oldest first, as long as it is open.

        Raises:
            UsageError: the destination keeps no webhooks, or takes no query.
        """
        raise UsageError(f"{self.drain.destination} keeps no webhooks{KEEPS}")

    def arriving(self) -> AbstractContextManager[Iterator[dict[str, Any]]]:
        """What is stored from now on, without end.

        Raises:
            UsageError: the destination keeps no webhooks.
        """
        raise UsageError(f"{self.drain.destination} keeps no webhooks{KEEPS}")

    # What is well.

    def looks(self) -> Looks:
        """At what is deployed."""
        return {}

    @classmethod
    def looks_at_stack(cls, target: Target, tell: Tell) -> Looks:
        """At what a stack has of it, or has not."""
        return {}

    @classmethod
    def looks_before(cls, aws: Aws, asked: Subscription, stack: Stack | None) -> Looks:
        """At what must hold before a deployment into the stack that is there, if one is."""
        return {}

    # What stays.

    @classmethod
    def adoption(cls, aws: Aws, outputs: Mapping[str, str]) -> dict[str, str]:
        """The settings by which another deployment takes over what holds data; empty where nothing of it is kept."""
        return {}

    @classmethod
    def kept_elsewhere(cls, target: Target) -> str:
        """What another stack keeps of a subscription that is destroyed."""
        return ""

    # What it takes, and costs.

    @classmethod
    def speed(cls, subscription: Subscription, times: Times, batch_size: float) -> Speed:
        """How fast it is with these settings."""
        return Speed()

    @classmethod
    def write_ms(cls, times: Times) -> float:
        """Milliseconds for one webhook, as measured or assumed."""
        return cls.write.value if times.write_ms is None else times.write_ms

    @classmethod
    def faster(cls, subscription: Subscription) -> Iterator[dict[str, Any]]:
        """Settings that may make it so."""
        yield from ()

    @classmethod
    def idle_lines(cls, subscription: Subscription) -> list[Line]:
        """What it costs in a month in which nothing comes, beside its secrets and alarms."""
        return []

    @classmethod
    def burst_lines(cls, subscription: Subscription, stored: float, times: Times) -> list[Line]:
        """What so many webhooks cost with these settings."""
        return []

    @classmethod
    def secrets(cls, subscription: Subscription) -> int:
        """How many its stack makes."""
        return 0

    @classmethod
    def alarms(cls, subscription: Subscription) -> int:
        """How many its stack has, beside those of the queue and the function."""
        return 0

    @classmethod
    def unpriced(cls, subscription: Subscription) -> str | None:
        """What is paid for by the month and has no known price."""
        return None


def output(outputs: Mapping[str, str], ending: str) -> str | None:
    """The key of any destination's output: those of all but the first have its name before theirs."""
    keys = [key for key in outputs if key.endswith(ending) and not key.endswith(f"Attempts{ending}")]
    return min(keys, key=len) if keys else None
