"""From a delivery to the document that a destination stores: the body parsed, its exact bytes beside it."""

from __future__ import annotations

import binascii
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from nami_runtime import bodies
from nami_runtime.results import APART

if TYPE_CHECKING:
    from collections.abc import Callable

    from nami_runtime.envelope import Delivery

Document = dict[str, Any]
Processed = Document | list[Document] | None
"""What a `process` may return: the document, several in its place, or None for one that is not to be stored."""

TRANSFORMED = "\0transformed"
"""Where a document has what it was transformed into, as JSON; no field of a user's own is called so."""
OPTIONAL = ("body_error", "body_changes")
"""Fields that a document of the same webhook may have had before, and no longer has."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unusable(ValueError):
    """What a webhook was made into can't be stored; the text says why, and quotes nothing of it."""


def build(delivery: Delivery, content: bodies.Content, message_id: str, attempts: int) -> Document:
    """The document of one delivery.

    `body_format` is json, ndjson, form, multipart, text, binary or empty, after the encoding that was undone for it, as
    in gzip+json; it is raw, with the reason in `body_error` and no `body`, where the body could not be parsed. `raw`
    always holds the bytes that came in. Dates are UTC. `raw_sha256` is there where another body may come under the same
    id, `replayed_at` where it was stored before and goes through again.
    """
    document: Document = {
        "_id": delivery.delivery_id,
        "subscription": delivery.subscription,
        "received_at": _EPOCH + timedelta(milliseconds=delivery.received_at),
        "stored_at": datetime.now(UTC),
        "method": delivery.method,
        "path": _encodable(delivery.path),
        "query": _encodable(delivery.query),
        "headers": {_encodable(name): _encodable(value) for name, value in delivery.headers.items()},
        "content_type": _encodable(content.content_type),
        "body": None,
        "body_format": "raw",
        "raw": delivery.body,
        "source_ip": delivery.source_ip,
        "verified": delivery.verified,
        "message_id": message_id,
        "attempts": attempts,
    }
    if delivery.replayed_at is not None:
        document["replayed_at"] = _EPOCH + timedelta(milliseconds=delivery.replayed_at)
    if delivery.id_may_repeat:
        document["raw_sha256"] = delivery.body_hash()
    try:
        if content.error:
            raise bodies.Unparsable(content.error)
        found, document["body"] = bodies.parse(content)
        document["body_format"] = f"{content.undone}+{found}" if content.undone else found
    except bodies.Unparsable as error:
        document["body_error"] = str(error)
    return document


def made(
    process: Callable[[Document], Processed],
    delivery: Delivery,
    content: bodies.Content,
    message_id: str,
    attempts: int,
) -> list[Document]:
    """What a `process` makes of the document of one delivery; none where it returns None.

    Of a list, those that still have the webhook's id get one of their own by their place, `<id>~1`, `<id>~2`, so that a
    repeat finds each of them again; `part_of` is the webhook's, under which it may go through again. Raises Unusable,
    and whatever `process` raises.
    """
    found: Any = process(build(delivery, content, message_id, attempts))
    if isinstance(found, dict) and "_id" in found:
        return [found]
    parts = [] if found is None else found
    if not isinstance(parts, list) or not all(isinstance(each, dict) and "_id" in each for each in parts):
        raise Unusable("process must return the document with its _id, a list of such, or None")
    whole = delivery.delivery_id
    own = [
        {**each, "_id": f"{whole}{APART}{place}" if each["_id"] == whole else each["_id"], "part_of": whole}
        for place, each in enumerate(parts, 1)
    ]
    if len({str(each["_id"]) for each in own}) < len(own):
        raise Unusable("process must give each document of its list an _id of its own")
    return own


def without_body(document: Document, reason: str) -> Document:
    """The same document for a store that can't hold the parsed body: the raw bytes stay, with the reason."""
    notes = [each for each in document.get("body_changes", ()) if not each["at"].startswith("body")]
    others = {name: value for name, value in document.items() if name not in ("body_changes", TRANSFORMED)}
    others |= {"body_changes": notes} if notes else {}
    return {**others, "body": None, "body_format": "raw", "body_error": reason}


def outward(document: Document) -> dict[str, Any]:
    """The fields as others than a store get them: `_id` is `id`, and `raw` is left out where `body` says it too."""
    fields = {("id" if name == "_id" else name): value for name, value in document.items()}
    if fields.get("body") is not None or "body_ref" in fields:
        fields.pop("raw", None)
    return fields


def _encodable(text: str) -> str:
    """Lone surrogates can travel in JSON, but no store takes them."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def iso(at: datetime) -> str:
    """A date as text, in UTC and milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(value: object) -> str:
    """What JSON has no form for: bytes as base64, dates as text. Raises TypeError for all else, as `json` asks."""
    if isinstance(value, bytes):
        return binascii.b2a_base64(value, newline=False).decode()
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(type(value).__name__)
