"""Every subscription at a glance: what is deployed, who signs, what came of late, and what is not well."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from nami_control import checks, health, listing
from nami_control.aws import Aws
from nami_control.aws_errors import told
from nami_control.deployment import Deployment
from nami_control.figures import Figures, Source, Window

_Seen = TypeVar("_Seen")
HOUR = 3600.0
_AT_ONCE = 8  # subscriptions that are looked at at the same time


@dataclass(frozen=True)
class Row:
    """One subscription, or what subscriptions share, which nothing but `listed` is known of.

    Args:
        label: tells it from the one of the same name in another environment, such as prod-shopify.
        listed: what `listing.subscriptions` says of it.
        signer: the scheme of its signature; none where anybody can send.
        has_secret: whether the secret of the signature is filled in; None where there is none, or nobody may look.
        alarms: names of those that fire; None where nobody may look.
        figures: of the last hour; None where they can't be read.
    """

    label: str
    listed: Mapping[str, Any]
    signer: str = ""
    has_secret: bool | None = None
    alarms: tuple[str, ...] | None = None
    figures: Figures | None = None


def rows(aws: Aws, source: Source, find: Callable[[str], Deployment]) -> list[Row]:
    """All that are deployed in the account and region, or in its environment where there is one.

    Args:
        find: the deployment of a label, perhaps one that was found before.
    """
    listed = listing.subscriptions(aws)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda each: _row(each, source, find), listed))


def _row(listed: Mapping[str, Any], source: Source, find: Callable[[str], Deployment]) -> Row:
    label = "-".join(filter(None, [listed["environment"], listed["name"]]))
    if listed["used_by"] is not None or listed["endpoint"] is None:
        return Row(label, listed)
    found = _or_none(lambda: find(label))
    signer = _or_none(lambda: str(found.signature["scheme"])) if found else None
    if found is None or signer is None:  # half made, or half gone
        return Row(label, listed)
    return Row(
        label,
        listed,
        signer=signer,
        has_secret=_or_none(lambda: has_secret(found)),
        alarms=_or_none(lambda: tuple(health.alarms(found.target)[1])),
        figures=_or_none(lambda: source.read(found, Window.until_now(HOUR, shortest=source.shortest))),
    )


def has_secret(deployment: Deployment) -> bool | None:
    """Whether the secret of the signature is filled in; None where there is none."""
    arn = deployment.outputs.get("SignatureSecretArn")
    return checks.filled(deployment.target, arn).status == "ok" if arn else None


def _or_none(look: Callable[[], _Seen]) -> _Seen | None:
    """What it finds; None where these credentials may not look. The row is worth showing all the same."""
    try:
        return look()
    except Exception as error:
        if told(error):
            return None
        raise
