"""Every setting as a flag: generated from the settings themselves, so that none can be missing."""

import inspect
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.core import TyperCommand

from nami_control.errors import flag
from nami_stack.settings import OLD_NAMES, HostSettings, NamedIn, Subscription, as_typed

# In the order of the code; a group that the settings gain is one here.
GROUPS: dict[str, type[BaseModel]] = {
    "MongoDB host and network" if model is HostSettings else model.__name__.removesuffix("Settings"): model
    for model in Subscription.__bases__
    if issubclass(model, BaseModel)
}
_GROUP_OF = {key: title for title, model in GROUPS.items() for key in model.model_fields}

KEYS = tuple(_GROUP_OF)


class SettingsCommand(TyperCommand):
    """A command whose help shows the settings in groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, the command's own options, and each group of settings."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if record := param.get_help_record(ctx):
                own = "Arguments" if param.param_type_name == "argument" else "Options"
                sections.setdefault(_GROUP_OF.get(param.name or "", own), []).append(record)
        for title in ("Arguments", "Options", *GROUPS):
            with formatter.section(title):
                formatter.write_dl(sections.get(title, []))


def parameters() -> list[inspect.Parameter]:
    """A flag for every setting, taken as text."""
    return [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(key))
        for key in KEYS
    ]


def _annotation(key: str) -> Any:
    field = Subscription.model_fields[key]
    default = "" if field.default in (None, "", ()) else f"  [default: {as_typed(field.default)}]"
    help_text = " ".join((field.description or "").replace("`", "").split()) + default
    names = [flag(each) for each in (key, *(old for old, new in OLD_NAMES.items() if new == key))]
    return Annotated[str | None, typer.Option(*names, metavar=_metavar(field), help=help_text)]


def _metavar(field: FieldInfo) -> str:
    kinds = set(_kinds(field.annotation, field.metadata))
    if bool in kinds:
        return "true|false"
    if choices := [kind for kind in kinds if isinstance(kind, str)]:
        return "LIST" if get_origin(field.annotation) is tuple else "|".join(sorted(choices))
    return "NUMBER" if int in kinds else "TEXT"


def _kinds(annotation: Any, rules: Iterable[Any] = ()) -> Iterable[Any]:
    """The types and literals that an annotation is made of; or the names of the table that a value must be in."""
    if names := [name for rule in rules if isinstance(rule, NamedIn) for name in rule.table]:
        return names
    origin = get_origin(annotation)
    if origin is Literal:
        return get_args(annotation)
    if origin is Annotated:
        return _kinds(get_args(annotation)[0], get_args(annotation)[1:])
    if origin in (Union, types.UnionType, tuple):
        return [kind for part in get_args(annotation) for kind in _kinds(part)]
    return [annotation]
