"""The environment that is worked in: the one that was asked for, else the `env` of the cdk.json here."""

import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from nami_control import cdk
from nami_control.errors import UsageError
from nami_stack.settings import LOCAL_CONTEXT, Environment, SettingsError

VARIABLE = "NAMI_ENV"


class _Chosen:
    environment: Environment | None = None
    asked = ""
    """What was given before the command's own name; looked at only where a command needs it."""


def remember(name: str | None) -> None:
    """Keep what stood before the command's name, or in NAMI_ENV, until a command enters it."""
    _Chosen.environment, _Chosen.asked = None, name or ""


def asked() -> str:
    """What `remember` was given."""
    return _Chosen.asked


def enter(name: str) -> None:
    """Work in this environment, in its region, from now on; empty: in the one of the cdk.json here, or in none.

    Raises:
        UsageError: the cdk.json here has environments, and none of that name; or it says something wrong of it.
    """
    _Chosen.asked = name
    context = cdk.context_here()
    name = name or str(context.get("env") or "")
    _Chosen.environment = None
    if not name:
        return
    try:
        # From another folder, or without settings of its own, the name is enough to find what is deployed.
        known = {**context, "env": name} if context.get("environments") else {"env": name, "environments": {name: {}}}
        _Chosen.environment = Environment.from_context(known | local_context(os.environ))
    except SettingsError as error:
        raise UsageError(str(error)) from None
    if _Chosen.environment and (region := _Chosen.environment.region):
        os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = region


def follow(name: str) -> None:
    """Work in the environment that a stack's tag names; the process points at its account and region already."""
    _Chosen.environment = Environment(name=name) if name else None


def current() -> Environment | None:
    """The environment that this command works in."""
    return _Chosen.environment


def name() -> str | None:
    """Its name."""
    return _Chosen.environment.name if _Chosen.environment else None


def context_of(env: Mapping[str, str]) -> dict[str, str]:
    """What the CDK app must be told of it, where AWS is what `env` says."""
    chosen = name()
    return {"env": chosen, **local_context(env)} if chosen else {}


def local_context(env: Mapping[str, str]) -> dict[str, str]:
    """What keeps an environment's account and region out where AWS is on this machine, which has but one of each."""
    return {LOCAL_CONTEXT: "true"} if is_local(env) else {}


def is_local(env: Mapping[str, str] = os.environ) -> bool:
    """Whether AWS is an AWS on this machine."""
    host = urlsplit(env.get("AWS_ENDPOINT_URL", "")).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
