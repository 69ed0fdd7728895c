"""How the pages put things: moments, numbers, sizes, and what strangers sent, which is never more than text."""

import json
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nami_control import times
from nami_control.text import visible, visible_line

_UNKNOWN = "\N{EN DASH}"
_LONGEST = 2_000  # characters of one value that a page shows
MOST_NODES = 2_000  # values of a body that a page shows as a tree
_NOT_SENT = ("@", "host", "content-length", "connection", "x-forwarded-", "x-amzn-", "via", "forwarded", "cdn-loop")
# What the connection adds by itself; to curl a header that begins with @ is a file's name.
_MOST_IN_CURL = 32_768  # bytes of a body that fit well into a command


def line(value: object) -> str:
    """A value as one line; what would turn the reading order round or can't be seen is an escape."""
    text = visible_line(str(value))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


def number(value: float | None) -> str:
    """With its thousands; a dash where it is not known."""
    return _UNKNOWN if value is None else f"{value:,.0f}"


def spell(seconds: float | None) -> str:
    """A duration; a dash where it is not known."""
    return _UNKNOWN if seconds is None else times.spell(seconds)


def milliseconds(value: float | None) -> str:
    """A duration in milliseconds, or in seconds from one on."""
    if value is None:
        return _UNKNOWN
    return f"{value:.0f} ms" if value < 1000 else times.spell(value / 1000)


def epoch(at: datetime | float) -> float:
    """Epoch ms of a moment."""
    return at.timestamp() * 1000 if isinstance(at, datetime) else at


def clock(at: datetime | float) -> str:
    """A moment (epoch ms) by the clock of this machine, which is the browser's too."""
    return times.clock(epoch(at))


def iso(at: datetime | float) -> str:
    """A moment for programs."""
    return times.iso(epoch(at))


def ago(at: datetime | float) -> str:
    """How long ago a moment was."""
    return f"{times.spell(max(time.time() - epoch(at) / 1000, 0))} ago"


@dataclass
class Node:
    """One value of a body: `text` of a leaf, or what is in it; `kind` is what JSON calls it."""

    key: str
    kind: str
    text: str = ""
    inside: list["Node"] = field(default_factory=list)


def tree(value: Any) -> tuple[Node, bool]:
    """A body as a tree, and whether it is all of it."""
    budget = [MOST_NODES]
    return _node("", value, budget, 0), budget[0] > 0


def _node(key: str, value: Any, budget: list[int], depth: int) -> Node:
    budget[0] -= 1
    name = line(key)
    if isinstance(value, (Mapping, list)):
        kind = "list" if isinstance(value, list) else "object"
        node = Node(
            name, kind, f"{len(value):,} {'item' if kind == 'list' else 'field'}{'' if len(value) == 1 else 's'}"
        )
        for inner, each in _items(value):
            if budget[0] <= 0 or depth > 60:
                budget[0] = 0
                break
            node.inside.append(_node(inner, each, budget, depth + 1))
        return node
    if isinstance(value, str):
        return Node(name, "text", line(value))
    if isinstance(value, bytes):
        return Node(name, "bytes", f"{times.size(len(value))} of no text")
    if value is None or isinstance(value, bool):
        return Node(name, "word", json.dumps(value))
    return Node(name, "number", line(value))


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        yield from ((str(place), each) for place, each in enumerate(value))
    else:
        yield from ((str(name), each) for name, each in value.items())


def raw(content: bytes, most: int) -> tuple[str, bool]:
    """The first bytes of a body as text, or as hexadecimal where it is none; and whether they are all."""
    part = content[:most]
    try:
        return visible(part.decode()), len(content) <= most
    except UnicodeDecodeError as error:
        if len(content) > most and error.start > most - 4:  # cut within a character
            return visible(part[: error.start].decode()), False
    part = content[: most // 4]
    rows = (f"{at:08x}  {part[at : at + 16].hex(' '):<47}" for at in range(0, len(part), 16))
    return "\n".join(rows), len(content) <= most // 4


def curl(endpoint: str, document: Mapping[str, Any]) -> str:
    """The webhook as a command that sends it once more; the file that it names is the download."""
    content = document.get("raw") or b""
    url = f"{endpoint}?{document['query']}" if document.get("query") else endpoint
    parts = ["curl", "-X", str(document.get("method", "POST")), url]
    for name, value in (document.get("headers") or {}).items():
        if not name.startswith(_NOT_SENT):
            parts += ["-H", f"{name}: {value}"]
    text = content.decode(errors="replace") if len(content) <= _MOST_IN_CURL else "\0"
    readable = text.encode() == content and text == visible(text) and not text.startswith("@")
    parts += ["--data-binary", text if readable else "@body"]
    return visible(" ".join(shlex.quote(part) for part in parts))
