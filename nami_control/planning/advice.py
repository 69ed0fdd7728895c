"""Which setting, or which quota, to change first: what could help is tried in the simulation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from nami_control.destinations import named
from nami_control.planning.assumptions import VCPU_MB
from nami_control.planning.plan import Plan, plan
from nami_stack.destinations.named_settings import own_key
from nami_stack.settings import SettingsError, Subscription
from nami_stack.watching.settings import OLDEST_SECONDS

QUOTAS = {
    "account_concurrency": "a quota of {:,} concurrent executions",
    "gateway_rate": "a quota of {:,} requests a second",
}


@dataclass(frozen=True)
class Change:
    """Settings to change, or a quota to have raised, and the plan with it."""

    plan: Plan
    settings: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)
    """What of the settings is another value, by the words for it."""
    quotas: Mapping[str, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """As one would say it."""
        quotas = " and ".join(QUOTAS[key].format(value) for key, value in self.quotas.items())
        return quotas or " ".join(f"{key}={value}" for key, value in self.told.items())


@dataclass(frozen=True)
class Advice:
    """What to change first: by the goal that matters most, the best of what was tried.

    `goal` is refused, expired, too long or waiting; `needed` says whether it is a fault or only slower than need be.
    """

    goal: str
    needed: bool
    best: Change | None
    tried: list[Change] = field(default_factory=list)


def advise(base: Plan) -> Advice:
    """Try what could help with the most pressing trouble, and tell the best of it."""
    goal, needed = _goal(base)
    if not needed and base.oldest < 1:
        return Advice(goal, needed, None)
    enough = 0.9 * _measure(base, goal)
    tried = [change for change in _changes(base, intake=goal == "refused") if _measure(change.plan, goal) < enough]
    tried = [change for change in tried if not _harms(change.plan, base, goal)]
    tried.sort(key=lambda change: (_measure(change.plan, goal), change.plan.idle_dollars, change.plan.burst_dollars))
    return Advice(goal, needed, _best(tried, base, goal), tried)


def _best(tried: list[Change], base: Plan, goal: str) -> Change | None:
    """Of those that end it, or do nine tenths of what the best does: the least change, and of such the cheapest."""
    if not tried:
        return None
    before, least = _measure(base, goal), _measure(tried[0].plan, goal)
    enough = 1.0 if goal in ("refused", "expired") and least < 1 else before - 0.9 * (before - least)
    good = [change for change in tried if _measure(change.plan, goal) <= enough]
    return min(good, key=lambda change: (len(change.told), change.plan.idle_dollars + change.plan.burst_dollars))


def _goal(base: Plan) -> tuple[str, bool]:
    if base.refused >= 1:
        return "refused", True
    if base.left >= 1:
        return "expired", True
    if base.too_long:
        return "too long", True
    return "waiting", base.oldest > OLDEST_SECONDS


def _measure(of: Plan, goal: str) -> float:
    if goal == "refused":
        return of.refused
    if goal == "expired":
        return of.left
    if goal == "too long":
        return max(
            (drained.longest_batch / of.batch_limit(name) for name, (_, drained) in of.drains.items()), default=0
        )
    return of.oldest


def _harms(of: Plan, base: Plan, goal: str) -> bool:
    """Whether it brings a trouble that was not there."""
    worse_intake = goal != "refused" and of.refused > base.refused + 1
    too_long = of.too_long and not base.too_long
    unreservable = of.reserves_too_much and not base.reserves_too_much
    return worse_intake or of.left > base.left + 1 or too_long or unreservable


def _changes(base: Plan, *, intake: bool) -> Iterator[Change]:
    for settings, told in _intake_candidates(base) if intake else _drain_candidates(base):
        changed = _with(base.subscription, settings)
        if changed is not None:
            yield Change(plan(changed, base.arrivals, base.times), settings=settings, told=told)
    for quotas in _quota_candidates(base) if intake else ():
        yield Change(plan(base.subscription, base.arrivals, replace(base.times, **quotas)), quotas=quotas)


def _quota_candidates(base: Plan) -> Iterator[dict[str, int]]:
    now, taken = base.times, base.taken
    for factor in (2, 5, 10):
        executions = {"account_concurrency": now.account_concurrency * factor} if taken.throttled_by_lambda else {}
        requests = {"gateway_rate": now.gateway_rate * factor}
        if not taken.throttled_by_gateway or base.subscription.throttle_rate:
            requests = {}
        yield from (quotas for quotas in (executions, requests) if quotas)
        if executions and requests:
            yield {**executions, **requests}


_Candidate = tuple[dict[str, Any], dict[str, Any]]
"""Settings, and what of them is new as one would say it."""


def _intake_candidates(base: Plan) -> Iterator[_Candidate]:
    yield from ((settings, settings) for settings in _before_the_queue(base))


def _drain_candidates(base: Plan) -> Iterator[_Candidate]:
    """Of all destinations together; where they have names, of the one that is worst off."""
    named_ones = base.subscription.destinations
    if named_ones is None:
        yield from ((settings, settings) for settings in _behind_the_queue(base, base.subscription))
        return
    worst = max(base.drains, key=lambda name: (base.drains[name][1].left, base.drains[name][1].oldest))
    kind = base.ways[worst].destination[0]
    for settings in _behind_the_queue(base, base.ways[worst]):
        own = {own_key(kind, key): value for key, value in settings.items()}
        changed = {**named_ones, worst: {**named_ones[worst], **own}}
        yield {"destinations": changed}, {f"destinations.{worst}.{key}": value for key, value in own.items()}


def _before_the_queue(base: Plan) -> Iterator[dict[str, Any]]:
    now = base.subscription
    if now.throttle_rate and now.throttle_burst:
        for factor in (2, 5):
            yield {"throttle_rate": now.throttle_rate * factor, "throttle_burst": now.throttle_burst * factor}
    if now.ingest == "function":
        for memory in (512, 1024, VCPU_MB):
            if memory > now.pre_queue_memory:
                yield {"pre_queue_memory": memory}
        yield {"ingest": "direct"} if now.gateway == "rest" else {"gateway": "rest", "ingest": "direct"}


def _behind_the_queue(base: Plan, now: Subscription) -> Iterator[dict[str, Any]]:
    for batches in dict.fromkeys(
        (now.maximum_concurrency * 2, now.maximum_concurrency * 4, now.maximum_concurrency * 10)
    ):
        reserved = {"reserved_concurrency": batches} if now.reserved_concurrency else {}
        yield {"maximum_concurrency": batches, **reserved}
    for batches in (now.maximum_concurrency // 2, 2):
        if base.too_long and 2 <= batches < now.maximum_concurrency:
            yield {"maximum_concurrency": batches}
    for memory in (512, 1024, VCPU_MB):
        if memory > now.post_queue_memory:
            yield {"post_queue_memory": memory}
    for size in (10, 50, 500, 1000):
        if (size < now.batch_size) == base.too_long and size != now.batch_size:
            yield {"batch_size": size}
    for name in now.destination:
        yield from named(name).faster(now)


def _with(subscription: Subscription, settings: Mapping[str, Any]) -> Subscription | None:
    """The subscription with other settings, where they go together."""
    try:
        return Subscription.model_validate({**subscription.model_dump(exclude_unset=True), **settings})
    except (ValidationError, SettingsError):
        return None
