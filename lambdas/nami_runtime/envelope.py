"""The queue's message: a webhook as compact JSON. The only reader and writer of that form.

Fields: v, id, subscription, received_at (epoch ms), method, path, query (as written), headers (lower-cased names),
source_ip, verified (the scheme, or null), id_may_repeat (true, or left out: Request's), replayed_at (epoch ms, where it
was stored before and goes through again; else left out), and the body: `body` holds text, or base64 where `base64` is
true; where the body lies in S3, `body_ref` = {bucket, key, size, sha256} stands in its place.
"""

from __future__ import annotations

import binascii
import json
from hashlib import sha256
from json.encoder import encode_basestring as _quoted

from nami_runtime import aws
from nami_runtime.request import YEAR_9999, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = 1
MAX_BYTES = 1_048_576
"""What SQS takes in one message: 1 MiB of UTF-8."""

_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Unreadable(ValueError):
    """The message is not an envelope, or not one of a version that this code reads."""


def write(
    request: Request, subscription: str, body_ref: dict[str, object] | None = None, *, replayed_at: int = 0
) -> bytes:
    """The message for this request, in the UTF-8 that SQS counts.

    JSON escapes control characters anyway. The others that SQS refuses, two non-characters and lone surrogates, make
    the whole message ASCII with everything else escaped, so any header and any body can travel.
    """
    text = (
        f'{{"v":{VERSION},"id":{_quoted(request.delivery_id)},"subscription":{_quoted(subscription)},'
        f'"received_at":{request.received_at},"method":{_quoted(request.method)},"path":{_quoted(request.path)},'
        f'"query":{_quoted(request.query)},"headers":{_compact(request.headers)},'
        f'"source_ip":{_quoted(request.source_ip)},"verified":{_compact(request.verified)},'
    )
    if request.id_may_repeat:
        text += '"id_may_repeat":true,'
    if replayed_at:
        text += f'"replayed_at":{replayed_at},'
    if body_ref:
        body = b'"body_ref":%s}' % _compact(body_ref).encode()
    elif _is_text(request):
        body = b'"body":%s}' % aws.quoted(request.body)
    else:
        body = b'"body":"%s","base64":true}' % binascii.b2a_base64(request.body, newline=False)
    try:
        message = text.encode() + body
        # The first look is for one byte, which is quick, and most messages have none.
        if b"\xef" not in message or not (b"\xef\xbf\xbe" in message or b"\xef\xbf\xbf" in message):
            return message
    except UnicodeEncodeError:
        pass
    return json.dumps(json.loads(text + body.decode()), separators=(",", ":")).encode()


def _is_text(request: Request) -> bool:
    if request.text is not None:
        return True
    try:
        request.body.decode()
    except UnicodeDecodeError:
        return False
    return True


class Delivery(Request):
    """A request as it comes off the queue; where its body lies in S3, it is empty until `load`."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.subscription: str = fields["subscription"]
        self.body_ref: dict[str, Any] | None = fields.get("body_ref")
        headers: dict[str, str] = fields["headers"]
        super().__init__(
            fields["method"],
            fields["path"],
            fields["query"],
            headers=headers,
            body=b"" if self.body_ref else _bytes(fields),
            request_id=fields["id"],
            domain=headers.get("host", ""),
            source_ip=fields["source_ip"],
            received_at=fields["received_at"],
        )
        self.verified = fields["verified"]
        self._may_repeat = fields.get("id_may_repeat") is True
        self.replayed_at: int | None = fields.get("replayed_at")
        # When its way to the destination began, from which its tries and its time are counted.
        self.queued_at: int = self.received_at if self.replayed_at is None else self.replayed_at

    @property
    def id_may_repeat(self) -> bool:
        """As Request's; told by the message, or by a signature that is verified behind the queue."""
        return self._may_repeat or super().id_may_repeat

    def load(self, fetched: bytes) -> None:
        """Takes the body that came back from S3; raises Unreadable where it is not what was put there."""
        reference = self.body_ref or {}
        if len(fetched) != reference["size"] or sha256(fetched).hexdigest() != reference["sha256"]:
            raise Unreadable("the claim check's content has changed")
        self.body = fetched


_TYPES: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "subscription": str,
    "received_at": int,
    "method": str,
    "path": str,
    "query": str,
    "headers": dict,
    "source_ip": str,
    "verified": (str, type(None)),
}


def read(message: str) -> Delivery:
    """The delivery in a message; raises Unreadable with the reason."""
    try:
        fields = json.loads(message)
        if not isinstance(fields, dict):
            raise Unreadable("not a JSON object")
        if type(fields.get("v")) is not int or fields["v"] != VERSION:
            raise Unreadable(f"version {fields.get('v')!r:.20} instead of {VERSION}")
        for name, kind in _TYPES.items():
            if not isinstance(fields.get(name), kind) or isinstance(fields.get(name), bool):
                raise Unreadable(f"field {name} is missing or of the wrong type")
        if type(fields.get("replayed_at", 0)) is not int:
            raise Unreadable("field replayed_at is of the wrong type")
        for name in ("received_at", "replayed_at"):
            if not 0 <= fields.get(name, 0) < YEAR_9999:
                raise Unreadable(f"field {name} is no time in epoch ms")
        if not fields["id"]:
            raise Unreadable("field id is empty")
        "".join(fields["headers"].values())  # raises where one is no text
        (fields["id"] + fields["subscription"]).encode()  # and here where one is no Unicode: it is the name of things
        return Delivery(fields)
    except Unreadable:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable(f"not an envelope: {type(error).__name__}") from None


def _bytes(fields: dict[str, Any]) -> bytes:
    body: str = fields["body"]
    return binascii.a2b_base64(body, strict_mode=True) if fields.get("base64") else body.encode()
