"""The settings of a target: what was given now, over those that the cdk.json here keeps, over the defaults."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nami_control import cdk
from nami_control.errors import UsageError
from nami_control.stacks import Target
from nami_stack.settings import SettingsError, SharedSettings, Subscription, check_name, given_settings, read_settings


def checked_name(name: str) -> str:
    """The name, where it can be a subscription's.

    Raises:
        UsageError: it can't.
    """
    try:
        return check_name(name)
    except SettingsError as error:
        raise UsageError(str(error)) from None


def read(target: Target, given: Mapping[str, str]) -> Subscription | SharedSettings:
    """The settings as the CDK app will see them.

    Raises:
        UsageError: one line that names the setting, the rule and the remedy.
    """
    try:
        return read_settings(_context(target, given))
    except SettingsError as error:
        raise UsageError(str(error)) from None


def read_subscription(target: Target, given: Mapping[str, str]) -> Subscription:
    """As `read`, of a name that must be a subscription's."""
    try:
        return Subscription.from_context(_context(target, given))
    except SettingsError as error:
        raise UsageError(str(error)) from None


def given_anywhere(target: Target, given: Mapping[str, str]) -> frozenset[str]:
    """The names of the settings that were given now, or are kept in the cdk.json here."""
    return frozenset({*given, *given_settings({**cdk.context_here(), **target.aws.context}, target.name)})


def save(target: Target, given: Mapping[str, str]) -> Path:
    """Keep settings in the cdk.json of the current directory, where each later deployment finds them.

    In an environment they are kept for that alone.
    """
    content = cdk.json_here()
    holder = content.setdefault("context", {})
    if name := target.aws.environment_name:
        holder = holder.setdefault("environments", {}).setdefault(name, {})
    subscriptions = holder.setdefault("subscriptions", {})
    before = subscriptions.get(target.name, {})
    dumped = read_settings({"name": target.name, **before, **given}).model_dump(mode="json")
    subscriptions[target.name] = {**before, **{key: dumped[key] for key in given}}
    file = Path("cdk.json")
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return file


def placed(target: Target, given: Mapping[str, str]) -> dict[str, Any]:
    """What `save` would put into the context of a cdk.json."""
    content = {"subscriptions": {target.name: dict(given)}}
    name = target.aws.environment_name
    return {"environments": {name: content}} if name else content


def _context(target: Target, given: Mapping[str, str]) -> dict[str, Any]:
    """As the CDK app will see it."""
    return {**cdk.context_here(), **target.aws.context, "name": target.name, **given}
