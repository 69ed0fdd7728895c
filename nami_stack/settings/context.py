"""The layers of the CDK context that settings are read from."""

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any

from nami_stack.names import stack_name
from nami_stack.section import SettingsError

# What an environment of cdk.json has beside settings.
ENVIRONMENT_KEYS = ("account", "region", "subscriptions")
OLD_NAMES = {"table_ttl_days": "keep_days"}
"""What settings were called before, which is understood still."""
# Context keys without a namespace that belong to the CDK itself.
_CDK_CONTEXT = frozenset({"cli-telemetry", "acknowledged-issue-numbers"})


def given_settings(context: Mapping[str, Any], name: str, known: Collection[str] | None = None) -> dict[str, Any]:
    """What the context says of one subscription, under whatever key.

    Later ones win: `subscriptions.<name>`, the environment's settings, the environment's `subscriptions.<name>`,
    `-c key=value`. What is said of one environment is meant more closely than what is said of a subscription wherever
    it runs.

    Args:
        known: which of the environment's settings are for this name, where not all of them are.

    Raises:
        SettingsError: the context's own form is wrong, or names an environment that is not there.
    """
    layers: list[Mapping[str, Any]] = [subscriptions(context, "subscriptions").get(name, {})]
    if env := context.get("env"):
        entry = environment_entry(context, str(env))
        own = {key: value for key, value in entry.items() if key not in ENVIRONMENT_KEYS}
        layers.append({key: value for key, value in own.items() if known is None or key in known})
        layers.append(subscriptions(entry, f"environments.{env}.subscriptions").get(name, {}))
    layers.append({key: value for key, value in context.items() if _is_setting(key)})
    settings = {key: value for layer in layers for key, value in by_todays_names(layer).items()}
    if "environment" in settings:
        raise SettingsError("environment: is not a setting; did you mean env?")
    return settings


def by_todays_names(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings, those by an earlier name under the one of today, unless that is there too."""
    earlier = {OLD_NAMES[key]: value for key, value in settings.items() if key in OLD_NAMES}
    return earlier | {key: value for key, value in settings.items() if key not in OLD_NAMES}


def subscriptions(holder: Mapping[str, Any], place: str) -> Mapping[str, Mapping[str, Any]]:
    """What is kept of each subscription, in the context or in an environment of it."""
    kept = holder.get("subscriptions", {})
    if not isinstance(kept, Mapping) or not all(isinstance(settings, Mapping) for settings in kept.values()):
        raise SettingsError(f'{place}: must be {{"<name>": {{"<setting>": …}}}} in the context of cdk.json')
    return kept


def environments(context: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """What is kept of each environment."""
    kept = context.get("environments", {})
    if not isinstance(kept, Mapping) or not all(isinstance(entry, Mapping) for entry in kept.values()):
        raise SettingsError(
            'environments: must be {"<name>": {"account": …, "region": …, "<setting>": …}} in the context of cdk.json'
        )
    return kept


def environment_entry(context: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The environment of cdk.json that has this name.

    Raises:
        SettingsError: there is none.
    """
    entries = environments(context)
    if name not in entries:
        if not entries:
            remedy = f'put {{"environments": {{"{name}": {{}}}}}} into the context of cdk.json'
        elif near := difflib.get_close_matches(name, entries, n=1):
            remedy = f"did you mean {near[0]}?"
        else:
            remedy = f"there are {', '.join(sorted(entries))}"
        raise SettingsError(f"env={name!r}: is not among the environments of cdk.json; {remedy}")
    return entries[name]


def check_unambiguous(context: Mapping[str, Any], name: str, environment: str | None) -> None:
    """Raise SettingsError where another subscription of cdk.json would have the same stack."""
    stack, all_environments = stack_name(name, environment), environments(context)
    if environment and (other := f"{environment}-{name}") in subscriptions(context, "subscriptions"):
        raise SettingsError(
            f"env={environment!r}: {stack} is the stack of the subscription {other} too; rename one of them"
        )
    first, _, rest = name.partition("-")
    if not environment and rest and first in all_environments:
        raise SettingsError(
            f"name={name!r}: {stack} would be the stack of {rest} in the environment {first} too; choose another name"
        )


def _is_setting(key: str) -> bool:
    # The CDK's own keys carry a namespace ("aws:…", "@aws-cdk/…", "availability-zones:account=…").
    own = ("subscriptions", "environments", "env")
    return key not in own and key not in _CDK_CONTEXT and not re.search(r"[@:/]", key)
