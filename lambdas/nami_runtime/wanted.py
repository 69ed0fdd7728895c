"""Which webhooks the destinations want: their filters, asked before the queue. Loaded only where one is set."""

from __future__ import annotations

from json import dumps, loads

from nami_runtime import pattern
from nami_runtime.deduplication import MAX_FORM_BYTES, MAX_FORM_FIELDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
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
        self._has_body, self._has_parameters = "body" in self._asked, isinstance(self._asked.get("query"), dict)
        self._as_they_are = [name for name in FIELDS[:-1] if name in self._asked]
        self._headers = self._headers_alone()

    def _headers_alone(self) -> list[tuple[str, pattern.Leaf]] | None:
        """The condition of each header where nothing else is asked for, as by most; None where more is."""
        below = self.alternatives[0].get("headers")
        if len(self.alternatives) > 1 or list(self._asked) != ["headers"] or not isinstance(below, dict):
            return None
        conditions = [(name, leaf) for name, leaf in below.items() if isinstance(leaf, pattern.Leaf)]
        return conditions if len(conditions) == len(below) else None

    def wants(self, request: Request, parsed: dict[str, Any] | None = None) -> bool:
        """Whether the webhook fits; one with a body that can't be read does, since nobody knows what it says."""
        if self._headers is not None:  # as below, in a third of the time
            headers = request.headers
            for name, leaf in self._headers:  # noqa: SIM110 - a generator takes as long as a test
                if not leaf.fits_one(headers.get(name, pattern.MISSING)):
                    return False
            return True
        try:
            return pattern.fits(self.alternatives, self.event(request, parsed))
        except Unreadable:
            return True

    def event(self, request: Request, parsed: dict[str, Any] | None = None) -> dict[str, Any]:
        """What of the webhook is asked for; `parsed` keeps what was read, for other filters. Raises Unreadable."""
        event = {name: getattr(request, name) for name in self._as_they_are}
        if self._has_parameters or self._has_body:
            parsed = {} if parsed is None else parsed
            if self._has_parameters:
                event["query"] = _once(parsed, "query", lambda: _pairs(request.query))
            if self._has_body:
                event["body"] = _once(parsed, "body", lambda: _body(request))
        return event


class Routes:
    """To which queues a webhook goes; a filter that several destinations have is asked once."""

    def __init__(self, ways: list[tuple[str, str, Filter | None]]) -> None:
        """`ways` are a queue's URL, its destination's name, empty without one, and its filter; None: it wants all."""
        self.ways = ways
        self._all = [url for url, _, _ in ways]
        self._filters = list(dict.fromkeys(each for _, _, each in ways if each))

    def split(self, request: Request) -> tuple[list[str], Sequence[str]]:
        """The queues that want the webhook, and the names of those destinations that do not."""
        parsed: dict[str, Any] = {}
        against: list[Filter | None] = []
        for each in self._filters:
            if not each.wants(request, parsed):
                against.append(each)
        if not against:
            return self._all, ()
        queue_urls = [url for url, _, asked in self.ways if asked not in against]
        return queue_urls, [name for _, name, asked in self.ways if name and asked in against]


def routes(environ: Mapping[str, str]) -> Routes:
    """FILTER is that of all queues, FILTERS a list of filters; DESTINATIONS says who has which, as in `orders=0 all`.

    Raises pattern.Wrong, and ValueError or IndexError where they are not for these queues.
    """
    queue_urls = environ["QUEUE_URL"].split()
    if one := environ.get("FILTER"):
        asked = Filter(one)
        return Routes([(url, "", asked) for url in queue_urls])
    filters = [Filter(dumps(each)) for each in loads(environ["FILTERS"])]
    named = [each.partition("=") for each in environ["DESTINATIONS"].split()]
    return Routes(
        [
            (url, name, filters[int(number)] if number else None)
            for url, (name, _, number) in zip(queue_urls, named, strict=True)
        ]
    )


def _once(parsed: dict[str, Any], name: str, read: Callable[[], object]) -> object:
    if name not in parsed:
        parsed[name] = read()
    return parsed[name]


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
