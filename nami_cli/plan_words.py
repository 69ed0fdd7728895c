"""How `nami plan` writes numbers, and what it calls a burst."""

from nami_control.planning.plan import Plan
from nami_control.times import spell


def counted(number: float) -> str:
    """With thousands apart, and with a digit behind the point only where it tells something."""
    return f"{number:,.0f}" if number >= 10 or number == round(number) else f"{number:,.1f}"


def dollars(amount: float) -> str:
    """An amount to the cent; less than half of one is not nothing."""
    if 0 < amount < 0.005:
        return "<$0.01"
    return f"${amount:,.2f}"


def title(found: Plan) -> str:
    """The burst in a few words."""
    shaped = "up to " if len(found.arrivals.shape) > 2 else ""
    return f"{shaped}{counted(found.arrivals.peak)} webhooks a second for {spell(found.arrivals.seconds)}"
