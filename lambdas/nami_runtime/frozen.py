"""dataclasses.dataclass(frozen=True) and replace, as far as the table of schemes needs them.

The library's own import inspect and compile each constructor, which would be a sixth of the function's cold start.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def dataclass(*, frozen: bool) -> Callable[[type], type]:
    """Gives a class of annotated fields with defaults a constructor by keyword, and instances that can't be changed."""

    def decorate(cls: type) -> type:
        cls.__init__ = _init  # type: ignore[misc]
        cls.__setattr__ = cls.__delattr__ = _refuse  # type: ignore[method-assign]
        return cls

    return decorate


def replace(instance: Any, **changes: Any) -> Any:
    """A copy with some fields changed. Raises TypeError for a field that the class does not have."""
    return type(instance)(**{**vars(instance), **changes})


def _init(self: Any, **values: Any) -> None:
    for name in values:
        if not hasattr(type(self), name):
            raise TypeError(f"{type(self).__name__} has no field {name!r}")
    vars(self).update(values)


def _refuse(self: Any, *_: Any) -> None:
    raise AttributeError(f"{type(self).__name__} is frozen")
