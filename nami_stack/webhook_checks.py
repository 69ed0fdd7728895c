"""What can't be of a subscription's parts together."""

from collections.abc import Sequence
from pathlib import Path

from nami_stack.destinations.destination import Destination
from nami_stack.gateways.gateway import Gateway
from nami_stack.gateways.settings import check_direct
from nami_stack.section import SettingsError
from nami_stack.settings import PipelineSettings
from nami_stack.signature import Signature
from nami_stack.webhook_ways import way_to


def check(
    gateway: Gateway,
    signature: Signature | None,
    destinations: Sequence[Destination],
    settings: PipelineSettings,
    handlers: Path | None,
) -> None:
    """Raise SettingsError where `ingest=direct` can't do what is asked, or code of the user's would never run."""
    _check_handlers(destinations, handlers)
    if settings.ingest != "direct":
        return
    check_direct(
        writes_to_queues=isinstance(gateway, Gateway) and gateway.writes_to_queues,
        signature=signature,
        destinations=len(destinations),
        order_by=settings.order_by,
        deduplicate_by=settings.deduplicate_by,
        filters=any(way_to(each, settings).filter is not None for each in destinations),
        reaches_queues=all(getattr(destination, "reaches_queues", True) for destination in destinations),
    )
    sources = set(settings.allowed_sources)
    if sources and sources != set(gateway.allowed_sources):
        raise SettingsError(
            "ingest='direct': no function looks at allowed_sources; give the same to RestGateway(allowed_sources=…)"
        )
    if handlers and (handlers / "pre_queue").is_dir():
        raise SettingsError(
            f"ingest='direct': {handlers / 'pre_queue'} would never run; take it away, or leave ingest out"
        )


def _check_handlers(destinations: Sequence[Destination], handlers: Path | None) -> None:
    has_function = any(getattr(each, "has_function", True) for each in destinations)
    if handlers and not has_function and (handlers / "post_queue").is_dir():
        raise SettingsError(
            f"destination=queue: {handlers / 'post_queue'} would never run, since no function is behind the queue; "
            "take it away, or name another destination too"
        )
