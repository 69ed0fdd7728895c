"""Where else than in a header of its own a value may stand: query, form, path, lists.

Half of the providers need nothing of it, so it is loaded where one does.
"""

from __future__ import annotations

import json
import re
from copy import copy
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from nami_runtime.request import Refused, field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nami_runtime.request import Request

# Anybody may send a form, and it is read before that shows. Providers' forms have some dozens of fields.
MAX_FORM_BYTES = 256 * 1024
MAX_FIELDS = 1000
# A multipart form may carry files; its fields are looked for without decoding those.
_MAX_VALUE_BYTES = 64 * 1024
_MAX_HEAD_BYTES = 1024
# So many of what one provider or another sends two, while a secret rolls.
MOST_SIGNATURES = 8
_BOUNDARY = re.compile(r'multipart/form-data\s*;.*?boundary="?([^\s";,]{1,70})"?', re.IGNORECASE)
_NAME = re.compile(rb'content-disposition:\s*form-data\s*;(?:[^\r\n]*?;)?\s*name="([^"\r\n]*)"', re.IGNORECASE)


def find(request: Request, kind: str, name: str, header: str) -> str:
    """The text at the source `kind:name`, or empty; `header` is the text of the signature's header.

    What is there twice is taken for missing: whoever reads the webhook may take the other one.
    """
    if kind == "query":
        return _only(query(request.query), name)
    if kind == "form":
        return _only(form(request), name)
    if kind == "body":
        return ",".join(_items(request.json(), name.split(".")))
    if kind in ("path", "item"):
        items = request.path.strip("/").split("/") if kind == "path" else header.split(",")
        return items[int(name)].strip() if name.isdigit() and int(name) < len(items) else ""
    return ""


def query(text: str) -> list[tuple[str, str]]:
    """The parameters of a query."""
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Refused(400, "a query of too many parameters") from None


def form(request: Request) -> list[tuple[str, str]]:
    """The fields of a form, urlencoded or multipart; none where the body is no form. Raises Refused (400)."""
    kind = request.headers.get("content-type", "")
    if kind.lower().startswith("application/x-www-form-urlencoded"):
        return urlencoded(request.body)
    found = _BOUNDARY.match(kind)
    return _multipart(request.body, found[1].encode()) if found else []


def urlencoded(body: bytes) -> list[tuple[str, str]]:
    """The fields of such a body. Raises Refused (400)."""
    if len(body) <= MAX_FORM_BYTES:
        try:
            return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
        except ValueError:
            pass
    raise Refused(400, "a form larger than any that this provider sends")


def check_text(body: bytes, *, is_json: bool = False) -> None:
    """Raises Refused (401) for what is no UTF-8, or does not begin as JSON does.

    Whoever knows sha256(secret + body) can tell that of the same with padding and more behind it. Padding begins with
    0x80, which no text goes on with.
    """
    try:
        body.decode()
    except ValueError:
        raise Refused(401, "a body that is no text") from None
    if is_json and body[:1] not in (b"{", b"["):
        raise Refused(401, "a body that is no JSON")


def check_once(body: bytes) -> None:
    """Raises Refused (401) for JSON in which an object has a name twice: whoever reads it may take the other value."""
    json.loads(body, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused(401, "a name that is there twice")
    return found


def groups(request: Request, header: str) -> Iterator[Request]:
    """The request with each group of pairs that stand in a header with blanks between, MOST_SIGNATURES at the most."""
    for group in request.headers.get(header, "").replace(", ", ",").split()[:MOST_SIGNATURES] or [""]:
        alone = copy(request)
        alone.headers = {**request.headers, header: group}
        yield alone


def lasting(request: Request, per_try: tuple[str, ...]) -> bytes:
    """The body without the fields that differ from try to try."""
    body = request.json()
    if not isinstance(body, dict):
        return request.body
    return json.dumps({name: value for name, value in body.items() if name not in per_try}, sort_keys=True).encode()


def listed(value: str, prefix: str) -> list[str]:
    """The signatures of a header that holds several, with commas or blanks between, each behind the prefix.

    A prefix counts in any case, and a blank at its end stands for one or more (RFC 9110, 11.1).
    """
    start = re.escape(prefix.rstrip()) + (" " if prefix[-1:].isspace() else " ?" if prefix else "")
    # One blank for many: a header of thousands is read at once.
    return re.findall(rf"(?:^|[,; ]) ?{start}([^,; ]+)", " ".join(value.split()), re.IGNORECASE)


def without(text: str, name: str) -> str:
    """The query with the values of one parameter taken out."""
    pairs = [pair.partition("=") for pair in text.split("&")]
    shown = [key + equals + ("(taken out)" if _same(key, name) else value) for key, equals, value in pairs]
    return "&".join(shown)


def _same(written: str, name: str) -> bool:
    return [key for key, _ in parse_qsl(written + "=", keep_blank_values=True)] == [name]


def _only(pairs: list[tuple[str, str]], name: str) -> str:
    values = [value for key, value in pairs if key == name]
    return values[0] if len(values) == 1 else ""


def _items(value: Any, names: list[str]) -> list[str]:
    """The values at a path in which `name[]` stands for all items of a list and `name[0]` for one; all or none."""
    if not names:
        text = field({"value": value}, "value")
        return [text] if text else []
    name, bracket, index = names[0].partition("[")
    if name:
        value = value.get(name) if isinstance(value, dict) else None
    if not bracket:
        return _items(value, names[1:])
    index = index.rstrip("]")
    items = value if isinstance(value, list) else []
    if index:
        return _items(items[int(index)], names[1:]) if index.isdigit() and int(index) < len(items) else []
    found = [_items(item, names[1:]) for item in items]
    return [text for each in found for text in each] if all(found) else []


def _multipart(body: bytes, boundary: bytes) -> list[tuple[str, str]]:
    parts = body.split(b"--" + boundary, MAX_FIELDS + 1)
    if len(parts) > MAX_FIELDS:
        raise Refused(400, "a form larger than any that this provider sends")
    fields = []
    for part in parts[1:]:
        head, blank, value = part[:_MAX_VALUE_BYTES].partition(b"\r\n\r\n")
        if blank and (name := _NAME.search(head[:_MAX_HEAD_BYTES])) and b"filename" not in head.lower():
            fields.append((name[1].decode("utf-8", "replace"), value.removesuffix(b"\r\n").decode("utf-8", "replace")))
    return fields
