"""A plan as a program reads it, and what must be said beside its numbers."""

from typing import Any

from nami_control.planning import bill, prices
from nami_control.planning.advice import Advice, Change
from nami_control.planning.assumptions import UNRESERVED
from nami_control.planning.course import course
from nami_control.planning.plan import Plan
from nami_control.times import spell

_POINTS = 200


def as_dict(found: Plan, advice: Advice) -> dict[str, Any]:
    """All figures, and the course of them in points of equal length."""
    over_time = course(found, _POINTS)
    return {
        "arrivals": {
            "webhooks": found.arrivals.total,
            "peak_per_second": found.arrivals.peak,
            "seconds": found.arrivals.seconds,
        },
        **_outcome(found),
        "cost": {
            "currency": "USD",
            "region": bill.REGION,
            "as_of": f"{bill.AS_OF:%Y-%m}",
            "burst": {line.what: line.dollars for line in found.burst_lines},
            "idle_month": {line.what: line.dollars for line in found.idle_lines},
        },
        "advice": {
            "about": advice.goal,
            "needed": advice.needed,
            "first": _told(advice.best) if advice.best else None,
            "tried": [_told(change) for change in advice.tried],
        },
        "course": {
            "seconds_per_point": over_time.seconds / _POINTS,
            "arriving": over_time.arriving,
            "taken": over_time.taken,
            "stored": over_time.stored,
            "waiting": over_time.waiting,
            "concurrent_executions": over_time.executions,
        },
        "notes": notes(found),
    }


def _told(change: Change) -> dict[str, Any]:
    return {"settings": change.told, "quotas": change.quotas, **_outcome(change.plan)}


def _outcome(found: Plan) -> dict[str, Any]:
    return {
        "taken": found.taken.total,
        "throttled": {"gateway_429": found.taken.throttled_by_gateway, "lambda_503": found.taken.throttled_by_lambda},
        "concurrency": {
            "peak": found.taken.peak_concurrency,
            "warm": found.taken.warm_concurrency,
            "limit": found.intake.concurrency,
        },
        "destinations": {
            name: {
                "stored": drained.total,
                "expired": drained.left,
                "peak_per_second": drained.peak_rate,
                "limited_by": drained.limited_by,
                "peak_batches": drained.peak_batches,
                "longest_batch_seconds": drained.longest_batch,
                "peak_backlog": drained.peak_backlog,
                "oldest_seconds": drained.oldest,
                "drain_seconds": drained.drain_seconds,
            }
            for name, (_, drained) in found.drains.items()
        },
        "burst_dollars": found.burst_dollars,
        "idle_month_dollars": found.idle_dollars,
    }


def notes(found: Plan) -> list[str]:
    """What AWS would refuse, what can't go well, and what is not known."""
    told = []
    if found.reserves_too_much:
        told.append(
            f"AWS keeps {UNRESERVED} executions unreserved and this account has "
            f"{found.times.account_concurrency}: it refuses the deployment; give --reserved-concurrency 0"
        )
    if found.too_long:
        limit = min(found.batch_limit(name) for name in found.drains)
        told.append(
            f"A batch takes up to {spell(found.longest_batch)} and may take {spell(limit)}: what is not written by "
            "then is tried again, and at last a dead letter"
        )
    if unknown := prices.unpriced(found.subscription):
        told.append(f"The price of {unknown} is not known here; the month's cost is without it")
    return told
