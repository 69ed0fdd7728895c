"""What one does with what is deployed, in plain Python: nothing here prints, asks or exits."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nami_control.client import Subscription


def subscription(name: str, *, environment: str = "") -> "Subscription":
    """A deployed subscription, where the usual variables of AWS lead.

    Args:
        name: such as shopify.
        environment: of the cdk.json here; where not given, that of its `env`, or none.
    """
    from nami_control.aws import Aws  # noqa: PLC0415 (whoever wants one module of these loads no other)
    from nami_control.client import Subscription  # noqa: PLC0415

    return Subscription(name, Aws(environment))
