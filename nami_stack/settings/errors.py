"""The one line that a wrong setting gets."""

import difflib
from collections.abc import Mapping, Sequence

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from nami_stack.section import as_typed, rule


def unknown(key: str, known: Sequence[str]) -> str:
    """What is wrong with a key that is none of these."""
    near = difflib.get_close_matches(key.replace("-", "_"), known, n=1)
    remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
    return f"{key}: is not a setting; {remedy}"


def first_line(error: ValidationError, known: Sequence[str], fields: Mapping[str, FieldInfo]) -> str:
    """What is wrong first: the key and its value, the rule, the default.

    Args:
        known: keys that an unknown one may have been meant for.
        fields: of the model.
    """
    first = error.errors()[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        return unknown(key, known)
    if not key:
        return rule(error)
    default = fields[key].default if key in fields else None
    remedy = f"; the default is {as_typed(default)}" if default not in (None, "", ()) else ""
    return f"{key}={first['input']!r}: {rule(error)}{remedy}".replace("\n", " ")
