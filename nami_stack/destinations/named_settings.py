"""Destinations by names of the user's own: what each may be given, and what is wrong with it."""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from nami_stack.destinations.table import DESTINATIONS, NO_FUNCTION, OF_THE_FUNCTION
from nami_stack.names import check_destination_name
from nami_stack.section import SettingsError

MAX_DESTINATIONS = 10
"""Each queue is one request more in the pre-queue function's 2 seconds, and its URL 140 of the 4,096 bytes that a
function's environment has: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
OF_THE_WAY = (
    *("filter", "transform", "maximum_concurrency", "reserved_concurrency", "batch_size", "batch_window"),
    *("max_receives", "post_queue_memory", "post_queue_timeout", "queue_retention_days"),
    *("dead_letter_retention_days", "keep_days"),
)
"""Settings of a subscription that each destination may have in its own way; the subscription's are the default."""
_FORM = '{"orders": {"kind": "http", "url": "https://…"}}'

Named = dict[str, dict[str, Any]]


def read(value: object) -> object:
    """An object in cdk.json, or its text on a command line. Raises ValueError."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"must be JSON, as in {_FORM} ({error})") from None
    if value is None:
        return None
    if not isinstance(value, Mapping) or not all(isinstance(each, Mapping) for each in value.values()):
        raise ValueError(f"must be as in {_FORM}")
    return {name: dict(each) for name, each in value.items()}


def kind_of(name: str, given: Mapping[str, Any]) -> str:
    """The kind of a destination. Raises SettingsError where there is none of that name."""
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in DESTINATIONS:
        asked = "which one" if kind is None else f"{kind!r} is none"
        near = difflib.get_close_matches(str(kind).lower(), DESTINATIONS, n=1)
        remedy = f"did you mean {near[0]}" if near else f"there are {', '.join(DESTINATIONS)}"
        raise SettingsError(f"destinations.{name}.kind: {asked}; {remedy}{'?' if near else ''}")
    return kind


def check_named(destinations: Named, given: Mapping[str, Any]) -> None:
    """See that the names can be, and the kinds beside one another.

    Args:
        given: the settings that are given for all destinations.

    Raises:
        SettingsError: they can't.
    """
    if not 0 < len(destinations) <= MAX_DESTINATIONS:
        raise SettingsError(f"destinations: has {len(destinations)}, and must name 1 to {MAX_DESTINATIONS}")
    if "destination" in given:
        raise SettingsError("destination: destinations names them all, each with its kind; leave destination out")
    alone: dict[str, str] = {}
    for name, each in destinations.items():
        check_destination_name(name)
        kind = kind_of(name, each)
        if DESTINATIONS[kind].alone and (other := alone.setdefault(kind, name)) != name:
            raise SettingsError(
                f"destinations.{name}.kind: a subscription has one {kind} at the most, and {other} is it; leave one out"
            )
    for kind, entry in DESTINATIONS.items():
        for own, key in _own(kind).items():
            if key in entry.keys and key in given:
                raise SettingsError(
                    f"{key}: with destinations each has its own; give it as destinations.NAME.{own}, or leave it out"
                )


def settings_of(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a destination is given, each as a subscription calls it that has no other destination.

    Raises:
        SettingsError: it is no setting of the kind.
    """
    kind = kind_of(name, given)
    known = _own(kind)
    settings = {key: value for key, value in given.items() if key != "kind"}
    for key in settings:
        check_function(f"destinations.{name}.{key}", key, has_function=DESTINATIONS[kind].has_function)
        if key not in known:
            raise SettingsError(f"destinations.{name}.{key}: is not a setting of kind={kind}; {_remedy(key, known)}")
    return {"destination": (kind,), **{known[key]: value for key, value in settings.items()}}


def defaults_of(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Of what is given for all destinations, what one of this kind can have."""
    # A transform stays, and is refused: it must suit all destinations that have none of their own.
    left_out = set() if DESTINATIONS[kind].has_function else {*OF_THE_FUNCTION} - {"transform"}
    return {key: value for key, value in given.items() if key not in left_out}


def check_function(called: str, key: str, *, has_function: bool) -> None:
    """Raise SettingsError where a setting that only a function heeds is given to a destination without one."""
    if key in OF_THE_FUNCTION and not has_function:
        raise SettingsError(f"{called}: means nothing there, because {NO_FUNCTION}; leave {key} out")


def own_key(kind: str, key: str) -> str:
    """What a destination of the kind calls a setting of the subscription's."""
    return next((own for own, flat in _own(kind).items() if flat == key), key)


def reworded(name: str, kind: str, text: str) -> str:
    """What is wrong with a destination's settings, in the words that they have there."""
    words = {key: own for own, key in _own(kind).items()}
    text = text.removeprefix(f"destination={kind}: ").replace(f"destination={kind}", f"kind={kind}")
    text = re.sub(r"\b[a-z_]+\b", lambda found: words.get(found[0], found[0]), text)
    first = re.match(r"([a-z_]+)[:=]", text)
    return f"destinations.{name}{'.' if first and first[1] in words.values() else ': '}{text}"


def _own(kind: str) -> dict[str, str]:
    """By what a destination calls them, its settings as the subscription does."""
    entry = DESTINATIONS[kind]
    return {key.removeprefix(entry.prefix): key for key in entry.keys} | {key: key for key in OF_THE_WAY}


def _remedy(key: str, known: Mapping[str, str]) -> str:
    meant: Sequence[str] = [own for own, flat in known.items() if flat == key]
    near = meant or difflib.get_close_matches(key.replace("-", "_"), known, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
