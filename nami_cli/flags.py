"""Every setting as a flag: generated from the settings themselves, so that none can be missing."""

import functools
import inspect
import json
import os
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.core import TyperCommand

from nami_control import cdk, environments
from nami_control.errors import UsageError, flag
from nami_stack.settings import (
    HostSettings,
    NamedIn,
    SettingsError,
    SharedSettings,
    Subscription,
    as_typed,
    check_name,
    given_settings,
    read_settings,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The subscription, such as shopify.")]

_Environment = Annotated[
    str | None, typer.Option("--env", metavar="ENV", help="An environment of cdk.json, such as prod; else NAMI_ENV.")
]

TYPED_LOCAL = "NAMI_LOCAL"  # in the environment of a command that was given --local

# In the order of the code; a group that the settings gain is one here.
GROUPS: dict[str, type[BaseModel]] = {
    "MongoDB host and network" if model is HostSettings else model.__name__.removesuffix("Settings"): model
    for model in Subscription.__bases__
    if issubclass(model, BaseModel)
}
_PANEL_OF = {key: title for title, model in GROUPS.items() for key in model.model_fields}


class SettingsCommand(TyperCommand):
    """A command whose help shows the settings in groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, the command's own options, and each group of settings."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if record := param.get_help_record(ctx):
                own = "Arguments" if param.param_type_name == "argument" else "Options"
                sections.setdefault(_PANEL_OF.get(param.name or "", own), []).append(record)
        for title in ("Arguments", "Options", *GROUPS):
            with formatter.section(title):
                formatter.write_dl(sections.get(title, []))


def with_env(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command --env, and let it work in that environment."""
    signature = inspect.signature(command)

    @functools.wraps(command)
    def run(*arguments: Any, env: str | None = None, **options: Any) -> None:
        environments.enter(environments.asked() if env is None else env)
        command(*arguments, **options)

    parameter = inspect.Parameter("env", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_Environment)
    parameters = [*signature.parameters.values(), parameter]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command a flag for every setting; it takes what was given as keyword arguments, as text, else None."""
    signature = inspect.signature(command)
    own = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    flags = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(key))
        for key in _PANEL_OF
    ]

    def run(**given: Any) -> None:
        command(**given)

    run.__doc__ = command.__doc__
    run.__name__ = command.__name__
    run.__signature__ = signature.replace(parameters=[*own, *flags])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *flags)}
    return run


def given(settings: Mapping[str, str | None]) -> dict[str, str]:
    """Those settings that were given as flags."""
    return {key: value for key, value in settings.items() if value is not None}


def given_anywhere(name: str, settings: Mapping[str, str]) -> frozenset[str]:
    """The names of the settings that were given as flags, or are kept in the cdk.json here."""
    return frozenset({*settings, *given_settings(_context_here(), name)})


def read(name: str, settings: Mapping[str, str]) -> Subscription:
    """The settings as the CDK app will see them: flags over cdk.json over the defaults.

    Raises:
        UsageError: one line that names the setting, the rule and the remedy.
    """
    try:
        return Subscription.from_context({**_context_here(), "name": name, **settings})
    except SettingsError as error:
        raise UsageError(str(error)) from None


def read_stack(name: str, settings: Mapping[str, str]) -> Subscription | SharedSettings:
    """As `read`; of what subscriptions share, where that is the name.

    Raises:
        UsageError: one line that names the setting, the rule and the remedy.
    """
    try:
        return read_settings({**_context_here(), "name": name, **settings})
    except SettingsError as error:
        raise UsageError(str(error)) from None


def checked_name(name: str) -> str:
    """The name, where it can be a subscription's.

    Raises:
        UsageError: it can't.
    """
    try:
        return check_name(name)
    except SettingsError as error:
        raise UsageError(str(error)) from None


def nami() -> str:
    """The command as it must be typed to stay on the AWS, and in the environment, that it works on now."""
    local = " --local" if os.environ.get(TYPED_LOCAL) else ""
    return f"nami{local} --env {environments.name()}" if environments.name() else f"nami{local}"


def save(name: str, settings: Mapping[str, str]) -> Path:
    """Keep settings in the cdk.json of the current directory, where each later deployment finds them.

    In an environment they are kept for that alone.
    """
    content = cdk.json_here()
    context = content.setdefault("context", {})
    holder = (
        context.setdefault("environments", {}).setdefault(chosen, {}) if (chosen := environments.name()) else context
    )
    subscriptions = holder.setdefault("subscriptions", {})
    kept = read_settings({"name": name, **subscriptions.get(name, {}), **settings})
    dumped = kept.model_dump(mode="json")
    subscriptions[name] = {**subscriptions.get(name, {}), **{key: dumped[key] for key in settings}}
    file = Path("cdk.json")
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return file


def placed(content: dict[str, Any]) -> dict[str, Any]:
    """What is kept in cdk.json's context for the environment that this command works in."""
    chosen = environments.name()
    return {"environments": {chosen: content}} if chosen else content


def _context_here() -> dict[str, Any]:
    """As the CDK app will see it, before any flag."""
    return {**cdk.context_here(), **environments.context_of(os.environ)}


def _annotation(key: str) -> Any:
    field = Subscription.model_fields[key]
    default = "" if field.default in (None, "", ()) else f"  [default: {as_typed(field.default)}]"
    help_text = " ".join((field.description or "").replace("`", "").split()) + default
    return Annotated[str | None, typer.Option(flag(key), metavar=_metavar(field), help=help_text)]


def _names(rules: Iterable[Any]) -> list[str]:
    """Of the table that a value must be in, if it must."""
    return [name for rule in rules if isinstance(rule, NamedIn) for name in rule.table]


def _metavar(field: FieldInfo) -> str:
    annotation = field.annotation
    kinds = set(_names(field.metadata) or _kinds(annotation))
    if bool in kinds:
        return "true|false"
    if choices := [kind for kind in kinds if isinstance(kind, str)]:
        return "LIST" if get_origin(annotation) is tuple else "|".join(sorted(choices))
    return "NUMBER" if int in kinds else "TEXT"


def _kinds(annotation: Any) -> Iterable[Any]:
    """The types and literals that an annotation is made of."""
    origin = get_origin(annotation)
    if origin is Literal:
        return get_args(annotation)
    if origin is Annotated:
        plain, *rules = get_args(annotation)
        return _names(rules) or _kinds(plain)
    if origin in (Union, types.UnionType, tuple):
        return [kind for part in get_args(annotation) for kind in _kinds(part)]
    return [annotation]
