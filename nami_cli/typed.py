"""What is typed beside a command's own words: on which AWS, in which environment, on what, with which settings."""

import functools
import inspect
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Annotated, Any, get_args

import typer

from nami_cli import flags
from nami_control.aws import Aws
from nami_control.stacks import Target

NAME = typer.Argument(metavar="NAME", help="The subscription, such as shopify.")
Name = Annotated[Target, NAME]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
Configured = Annotated[Target, NAME, "settings"]
"""A NAME whose settings can be given, each as a flag."""
Settings = Mapping[str, str]
"""Those that were given as flags, as text."""

_Environment = Annotated[
    str | None, typer.Option("--env", metavar="ENV", help="An environment of cdk.json, such as prod; else NAMI_ENV.")
]


class Typed:
    """What stood before the command's name, or after it; kept by the context of its first word."""

    def __init__(self, *, local: bool, environment: str) -> None:
        self.local, self.environment = local, environment

    @cached_property
    def aws(self) -> Aws:
        """The one that was meant; nothing is asked of it before it is needed."""
        if not self.local:
            return Aws(self.environment)
        from nami_local.local_aws import LocalAws  # noqa: PLC0415 (what is not needed for --help is not loaded for it)
        from nami_local.state import Home  # noqa: PLC0415

        return LocalAws(Home(), self.environment)


def command(function: Callable[..., None], *, local: bool = False, **defaults: object) -> Callable[..., None]:
    """Give a command --env, and hand it what was typed.

    Of its parameters `target` becomes the NAME in that environment, `aws` is where it works, `given` is a flag for
    each setting; where `target` is Configured, it bears those.

    Args:
        local: it works on the local AWS of this folder, also without --local before it.
        defaults: of its parameters, where they are others than the function's own.
    """
    own = dict(inspect.signature(function).parameters)
    own |= {key: own[key].replace(default=value) for key, value in defaults.items()}
    takes_aws, takes_given = own.pop("aws", None), own.pop("given", None)
    takes_settings = takes_given or ("target" in own and own["target"].annotation == Configured)
    if target := own.get("target"):
        kind = str if target.default is inspect.Parameter.empty else str | None
        own["target"] = target.replace(annotation=Annotated[kind, get_args(target.annotation)[1]])

    @functools.wraps(function)
    def run(called: typer.Context, env: str | None = None, **options: Any) -> None:
        typed: Typed = called.find_root().obj
        typed.local = typed.local or local
        typed.environment = typed.environment if env is None else env
        if takes_aws:
            options["aws"] = typed.aws
        values = {key: options.pop(key) for key in flags.KEYS} if takes_settings else {}
        given = {key: value for key, value in values.items() if value is not None}
        if takes_given:
            options["given"] = given
        if name := options.get("target"):
            options["target"] = Target(name, typed.aws, given)
        function(**options)

    parameters = [
        inspect.Parameter("called", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
        *(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own.values()),
        *(flags.parameters() if takes_settings else ()),
        inspect.Parameter("env", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_Environment),
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run
