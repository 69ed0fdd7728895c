"""Where documents end. A destination is one module here with a function `connect`; DESTINATION names it."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nami_runtime.results import Destination


def from_environment() -> Destination:
    """The destination that the stack has set. Connects at the first write, not here."""
    name = os.environ.get("DESTINATION", "mongo")
    module = f"{__name__}.{name}"
    if not name.isidentifier() or find_spec(module) is None:
        raise ValueError(f"unknown DESTINATION {name!r}")
    destination: Destination = import_module(module).connect()
    if text := os.environ.get("TRANSFORM"):
        from nami_runtime import transform  # noqa: PLC0415 - most destinations get documents

        return transform.Transformed(destination, text)
    return destination
