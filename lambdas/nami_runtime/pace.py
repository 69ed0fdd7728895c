"""A rate that holds for all that run at once: each request has a turn, which it takes from an item of a table.

The item holds when the next turn is (epoch µs). Taking one moves it on by a request's share of a second, in one update
on condition, so no two have the same. The clocks of those that run at once have to agree: a request comes early by what
they differ.
"""

from __future__ import annotations

from time import monotonic, sleep, time
from typing import TYPE_CHECKING

from nami_runtime import aws
from nami_runtime.results import Away, NotYet

if TYPE_CHECKING:
    from collections.abc import Callable

# No subscription can have this name, so the item is none of a delivery's.
_KEY = {"id": {"S": "backend_rate"}, "subscription": {"S": "*"}}
# A turn that is missed by more than its length, and by more than threads are late anyhow, is given up for another:
# made up for, it would come together with others. The last one is taken in any case, after so many were left free.
LATE_SECONDS = 0.02
_TURNS = 4
# Most find a turn in two calls. Whatever else happens to them, after so many the webhook waits in the queue.
_CALLS = 6
_CALL_SECONDS = 1.0
# A connection is opened this long before the turn; it can be idle for twice as long.
_AHEAD_SECONDS = 2.0
_UNIT = 1_000_000


class Pace:
    """So many requests a second at the most; for several threads."""

    def __init__(self, table: str, per_second: float) -> None:
        self._table = table
        self._length = 1 / per_second
        self._late = max(self._length, LATE_SECONDS)
        self._alone = True  # the last turn came after no other's

    def wait(self, client: aws.Client, connect: Callable[[], object], until: float) -> Away | None:
        """Returns when it is this request's turn, or why that is not before `until` (time.monotonic()).

        `connect` is called shortly before; what it raises is raised.
        """
        for _ in range(_TURNS):
            try:
                turn = self._taken(client, until)
            except (aws.Unavailable, aws.Rejected) as error:
                return Away(f"backend: the table of its tries: {error}")
            if turn is None:
                return NotYet("backend: others go first, by backend_rate")
            _sleep_until(turn - _AHEAD_SECONDS)
            connect()
            _sleep_until(turn)
            if time() - turn <= self._late:
                break
        return None

    def _taken(self, client: aws.Client, until: float) -> float | None:
        """The turn (epoch seconds); None where it would be too late."""
        alone = self._alone
        for _ in range(_CALLS):
            now = time()
            latest = now + until - monotonic()
            try:
                said = client.call(
                    "DynamoDB_20120810.UpdateItem",
                    self._now(now) if alone else self._after_others(now, latest),
                    min(monotonic() + _CALL_SECONDS, until),  # a turn that is known later is missed
                )
            except aws.Rejected as error:
                if error.code != "ConditionalCheckFailedException":
                    raise
                alone = not alone
            else:
                self._alone = alone
                return now if alone else int(said["Attributes"]["next_turn"]["N"]) / _UNIT
        return None

    def _now(self, now: float) -> dict[str, object]:
        condition = "attribute_not_exists(next_turn) OR next_turn < :late"
        return self._update(":next", condition, late=now - self._late, next=now + self._length)

    def _after_others(self, now: float, latest: float) -> dict[str, object]:
        condition = "next_turn BETWEEN :late AND :latest"
        return self._update("next_turn + :length", condition, late=now - self._late, latest=latest, length=self._length)

    def _update(self, value: str, condition: str, **numbers: float) -> dict[str, object]:
        return {
            "TableName": self._table,
            "Key": _KEY,
            "UpdateExpression": f"SET next_turn = {value}",
            "ConditionExpression": condition,
            "ExpressionAttributeValues": {f":{name}": {"N": str(round(n * _UNIT))} for name, n in numbers.items()},
            "ReturnValues": "UPDATED_OLD",
        }


def _sleep_until(moment: float) -> None:
    if (seconds := moment - time()) > 0:
        sleep(seconds)
