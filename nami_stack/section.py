"""What every section of the settings is made of: its base, its rules, its errors."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
)

from nami_runtime.pattern import one_line


class SettingsError(ValueError):
    """A bad setting, told in one line that names the key, the rule and the remedy."""

    def __init__(self, text: str) -> None:
        super().__init__(one_line(text))


class Section(BaseModel):
    """A frozen set of settings; the docstring of each is its help."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


@dataclass(frozen=True)
class NamedIn:
    """The rule that a value is a name in a table; what a table gains later counts as well."""

    table: Mapping[str, object]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return handler.generate_schema(Annotated[source, BeforeValidator(self._check)])

    def _check(self, value: object) -> object:
        if not isinstance(value, str) or value not in self.table:
            *names, last = (repr(name) for name in self.table)
            raise ValueError(f"must be {', '.join(names)} or {last}")
        return value


def one_of(*allowed: int) -> AfterValidator:
    """The rule that a number is one of these."""

    def check(value: int) -> int:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(map(str, allowed))}")
        return value

    return AfterValidator(check)


# What the CDK writes for a text that is known at deployment alone, such as the id of what the app itself makes:
# https://docs.aws.amazon.com/cdk/v2/guide/tokens.html. Known by its form, since the command reads settings without CDK.
TOKEN = re.compile(r"\$\{Token\[[A-Za-z0-9._-]+\]\}")


def is_token(value: str) -> bool:
    """Whether a text is known at deployment alone, so that its form can't be checked before."""
    return bool(TOKEN.search(value))


def matches(pattern: str, example: str) -> AfterValidator:
    """The rule that a text is like the example, which is in the error."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value) and not is_token(value):
            raise ValueError(f"must look like {example}")
        return value

    return AfterValidator(check)


def network() -> AfterValidator:
    """The rule that a text is a network such as 198.51.100.0/24."""

    def check(value: str) -> str:
        if is_token(value):
            return value
        try:
            return str(ip_network(value))
        except ValueError as error:
            raise ValueError(f"must be networks in CIDR form, as in 198.51.100.0/24 ({error})") from None

    return AfterValidator(check)


def separated(case: Callable[[str], str] | None = None) -> BeforeValidator:
    """Take one text with commas in it for several values; where they are names of some case, none may be empty."""

    def split(value: object) -> object:
        if not isinstance(value, str):
            return value
        parts = [part.strip() for part in value.split(",")]
        return [case(part) for part in parts] if case else [part for part in parts if part]

    return BeforeValidator(split)


def as_typed(value: object) -> str:
    """The value of a setting as one types it: `true`, `http,dynamodb`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def rule(error: ValidationError) -> str:
    """The first rule that is broken, without pydantic's words around it."""
    first = error.errors()[0]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    return first["msg"].replace("Input should be", "must be")


Memory = Annotated[int, Field(ge=128, le=10_240)]
SecretArn = Annotated[
    str,
    # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html says what a name has.
    matches(
        r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+",
        "arn:aws:secretsmanager:…:secret:…",
    ),
]
