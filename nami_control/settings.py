"""The settings of a target that stay: kept in the cdk.json here, over the defaults."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nami_control import cdk_json
from nami_control.stacks import Target
from nami_stack.settings import read_settings


def save(target: Target) -> Path:
    """Keep the given settings in the cdk.json of the current directory, where each later deployment finds them.

    In an environment they are kept for that alone.
    """
    content = cdk_json.content()
    holder = content.setdefault("context", {})
    if name := target.aws.environment_name:
        holder = holder.setdefault("environments", {}).setdefault(name, {})
    subscriptions = holder.setdefault("subscriptions", {})
    before = subscriptions.get(target.name, {})
    subscriptions[target.name] = {**before, **_as_kept(target, before)}
    file = Path("cdk.json")
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return file


def placed(target: Target) -> dict[str, Any]:
    """What `save` would put into the context of a cdk.json."""
    content = {"subscriptions": {target.name: _as_kept(target, {})}}
    name = target.aws.environment_name
    return {"environments": {name: content}} if name else content


def _as_kept(target: Target, before: Mapping[str, Any]) -> dict[str, Any]:
    """The given settings as they stand in a file, with numbers and objects in place of their text."""
    dumped = read_settings({"name": target.name, **before, **target.given}).model_dump(mode="json")
    return {key: dumped[key] for key in target.given}
