"""Which webhooks a subscription wants: its filter, asked before the queue. Loaded only where one is set."""

from __future__ import annotations

from json import loads

from nami_runtime import pattern
from nami_runtime.deduplication import MAX_FORM_BYTES, MAX_FORM_FIELDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from nami_runtime.request import Request

FIELDS = ("method", "path", "query", "headers", "source_ip", "verified", "body")
_FORM = "application/x-www-form-urlencoded"


class Unreadable(Exception):
    """The filter asks for something in a body that can't be read here."""


class Filter:
    """An event pattern over FIELDS."""

    def __init__(self, text: str) -> None:
        """`text` is JSON. Raises pattern.Wrong."""
        try:
            written = loads(text)
        except (ValueError, RecursionError) as error:
            raise pattern.Wrong((), f"is no JSON ({error})") from None
        if isinstance(written, dict) and isinstance(headers := written.get("headers"), dict):
            written = {**written, "headers": {name.lower(): value for name, value in headers.items()}}
        self.alternatives = pattern.compiled(written)
        # Read only where a condition is about it.
        self._asked: dict[str, pattern.Leaf | pattern.Tree] = {}
        for name, below in [item for tree in self.alternatives for item in tree.items()]:
            if name not in FIELDS:
                raise pattern.Wrong((name,), f"is not of a webhook; there are {', '.join(FIELDS)}")
            if name == "query" and type(self._asked.get(name, below)) is not type(below):
                raise pattern.Wrong((name,), "is either a text or its parameters, in all of a pattern")
            self._asked[name] = below

    def wants(self, request: Request) -> bool:
        """Whether the webhook fits; one with a body that can't be read does, since nobody knows what it says."""
        try:
            return pattern.fits(self.alternatives, self.event(request))
        except Unreadable:
            return True

    def event(self, request: Request) -> dict[str, Any]:
        """What of the webhook is asked for. Raises Unreadable."""
        event: dict[str, Any] = {name: getattr(request, name) for name in FIELDS[:-1] if name in self._asked}
        if isinstance(self._asked.get("query"), dict):
            event["query"] = _pairs(request.query)
        if "body" in self._asked:
            event["body"] = _body(request)
        return event


def _body(request: Request) -> object:
    if not request.body:
        return {}
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Unreadable
    if request.headers.get("content-type", "").lower().startswith(_FORM):
        if len(request.body) > MAX_FORM_BYTES:
            raise Unreadable
        return _pairs(request.body.decode("utf-8", "backslashreplace"))
    if (found := request.json()) is None and request.body.strip() != b"null":
        raise Unreadable
    return found


def _pairs(text: str) -> dict[str, Any]:
    """Of a form or a query: every value of a name. Raises Unreadable."""
    from urllib.parse import parse_qsl  # noqa: PLC0415 - most webhooks are JSON

    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        raise Unreadable from None
    found: dict[str, Any] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found
