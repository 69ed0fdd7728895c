"""How webhooks come: by a rate and a time, or as a named profile says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise


@dataclass(frozen=True)
class Arrivals:
    """How webhooks come: a peak rate, a duration, and a shape.

    The shape is a line through points (fraction of the duration, fraction of the peak), from 0 to 1; two points at the
    same time are a jump.
    """

    peak: float
    seconds: float
    shape: Sequence[tuple[float, float]] = ((0.0, 1.0), (1.0, 1.0))

    def until(self, moment: float) -> float:
        """Webhooks that have come by this moment."""
        at = min(max(moment / self.seconds, 0.0), 1.0)
        area = 0.0
        for (left, low), (right, high) in pairwise(self.shape):
            if at <= left:
                break
            end = min(at, right)
            there = high if right == left else low + (high - low) * (end - left) / (right - left)
            area += (end - left) * (low + there) / 2
        return area * self.peak * self.seconds

    @property
    def total(self) -> float:
        """All webhooks."""
        return self.until(self.seconds)


@dataclass(frozen=True)
class Profile:
    """A named way in which webhooks come."""

    total: float
    seconds: float
    shape: tuple[tuple[float, float], ...]
    why: str

    def arrivals(self, rate: float | None, seconds: float | None) -> Arrivals:
        """As it is, or with another peak, or over another time."""
        length = seconds or self.seconds
        unit = Arrivals(1.0, length, self.shape)
        return replace(unit, peak=rate or self.total / Arrivals(1.0, self.seconds, self.shape).total)


PROFILES = {
    "shopify-bulk": Profile(
        10_000,
        60,
        ((0, 0), (0.05, 1), (0.8, 1), (1, 0)),
        "ten thousand products edited or imported at once: one products/update each, as Shopify's job gets to them "
        "(https://shopify.dev/docs/api/webhooks)",
    ),
    "flash-sale": Profile(
        60_000,
        600,
        ((0, 0), (0.01, 1), (0.1, 0.6), (0.3, 0.2), (1, 0.05)),
        "a shop opens its doors: most orders in the first minute, and a long tail; the size is assumed",
    ),
    "github-push": Profile(
        1_280,
        300,
        ((0, 1), (5 / 300, 1), (5 / 300, 0.0254), (1, 0.0254)),
        "a push starts 256 jobs, the most of one matrix (https://docs.github.com/en/actions/reference/limits); of each "
        "come workflow_job three times and check_run twice, two of the five at once",
    ),
    "steady-day": Profile(
        1_000_000,
        86_400,
        ((0, 0.3), (0.2, 0.15), (0.4, 0.9), (0.75, 1), (1, 0.3)),
        "a million over a day with a night in it; the shape is assumed",
    ),
}
