"""The ways of a subscription's webhooks to its destinations: what each is called, its own settings, its filter."""

from collections.abc import Sequence

from nami_stack.destinations.destination import Destination
from nami_stack.drain import Drain, name_of
from nami_stack.section import SettingsError
from nami_stack.settings import PipelineSettings


def drain_ids(destinations: Sequence[Destination]) -> list[str]:
    """Mongo, Dynamodb, Http; the second of a kind is Mongo2; one with a name has it, unless that is its kind's.

    Raises:
        SettingsError: two have the same name.
    """
    ids: list[str] = []
    unnamed: list[str] = []
    for each in destinations:
        name, kind = name_of(each), each.kind.title()
        if name is None:
            unnamed.append(kind)
            count = unnamed.count(kind)
            ids.append(kind if count == 1 else f"{kind}{count}")
        else:
            ids.append(kind if name == each.kind else name)
    words = [each.lower() for each in ids]
    if twice := next((word for word in words if words.count(word) > 1), None):
        raise SettingsError(f"destination: two are called {twice}; give one another name")
    return ids


def way_to(destination: Destination, settings: PipelineSettings) -> PipelineSettings:
    """The settings as this destination has them; one of a user's own may have but what a drain needs."""
    return settings.way_to(name_of(destination), getattr(destination, "own_settings", {}))


def filters(drains: Sequence[Drain]) -> dict[str, str]:
    """What the pre-queue function must know to ask each filter once, and tell by name who wants a webhook."""
    asked = list(dict.fromkeys(drain.settings.filter for drain in drains if drain.settings.filter))
    if not asked:
        return {}
    if not any(drain.has_name for drain in drains):
        return {"FILTER": asked[0]}
    names = (
        f"{drain.called}={asked.index(drain.settings.filter)}" if drain.settings.filter else drain.called
        for drain in drains
    )
    return {"DESTINATIONS": " ".join(names), "FILTERS": f"[{','.join(asked)}]"}
