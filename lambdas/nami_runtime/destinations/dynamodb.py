"""DynamoDB: an item for each delivery, put on condition that its id is free, several at once.

Of DynamoDB's ways to write, BatchWriteItem takes no condition: a repeat would overwrite the item and its first
`stored_at`, and would be told as new. A transaction takes one at twice the price. A conditional PutItem costs what a
plain one does, and over connections that stay open it is a few milliseconds, so several threads put at once.
"""

from __future__ import annotations

import base64
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Context, Decimal, InvalidOperation
from hashlib import sha256
from random import uniform
from typing import TYPE_CHECKING, Any

from nami_runtime import aws
from nami_runtime.clients import Clients
from nami_runtime.documents import OPTIONAL, iso, without_body
from nami_runtime.results import NO_TIME, Apart, Away, apart

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

THREADS = 8
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
MAX_ITEM_BYTES = 400 * 1024
MAX_DEPTH = 32
MAX_DIGITS = 38
_DIGITS = Context(prec=MAX_DIGITS)
MAX_NAME_BYTES = 65_535
_FIRST_PAUSE_SECONDS = 0.1
_LAST_PAUSE_SECONDS = 2.0
# It asks to be tried again; other refusals stay what they are.
_BUSY = frozenset(
    {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException", "InternalServerError"}
)
# Every other refusal is of the table, the bucket, or our rights to them.
_THE_DOCUMENTS_OWN = frozenset({"ValidationException", "SerializationException", "ConditionalCheckFailedException"})
_OUT_OF_RANGE = "DynamoDB can't hold it: a number out of its range"
_OTHER = "DynamoDB: the id is that of an item with other content"
_OVER = "over DynamoDB's 400 KB once parsed"


# Days after which what lies below such a prefix of the bucket is deleted.
EXPIRIES = tuple(1 << power for power in range(3, 17))
_AFTER_THE_ITEM = 7  # days: expired items are deleted within some, and their bodies not before


def kept_for(ttl_days: int) -> str:
    """The prefix of what an item refers to that expires after so many days; of one that stays none.

    That the object's own key says it keeps older ones as long as their items, where the setting is lowered later.
    """
    return f"{next(days for days in EXPIRIES if days >= ttl_days + _AFTER_THE_ITEM)}d/" if ttl_days else ""


def connect() -> Dynamo:
    """Connects at the first write, not here."""
    return Dynamo()


class Dynamo:
    """The table and the bucket that DYNAMO_TABLE and DYNAMO_LARGE_ITEMS name."""

    def __init__(self) -> None:
        self._table = os.environ["DYNAMO_TABLE"]
        self._bucket = os.environ["DYNAMO_LARGE_ITEMS"]
        self._ttl_days = int(os.environ.get("DYNAMO_TTL_DAYS") or 0)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="dynamodb")
        self._items, self._store = Clients("dynamodb"), Clients("s3", bucket=self._bucket)
        # As objects DynamoDB's JSON takes many times the item's size, so one thread at a time has one like that.
        self._encoding = threading.Lock()

    def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
        return list(self._pool.map(lambda document: self._put(document, deadline), documents))

    def _put(self, document: dict[str, Any], deadline: float) -> str:
        """What became of one document; whatever goes wrong with it is its own."""
        if time.monotonic() >= deadline:
            return f"DynamoDB: {NO_TIME}"
        try:
            if (said := self._whatever_it_takes(document, deadline)) == _OTHER:
                own = apart(document)
                said = Apart(self._whatever_it_takes(own, deadline), own["_id"])
            return said
        except (aws.Unavailable, aws.Rejected) as error:
            return _reason(error)
        except Unfit as unfit:
            return f"can't be stored: {unfit}"
        except Exception as error:
            return f"can't be stored: {type(error).__name__}"

    def _whatever_it_takes(self, document: dict[str, Any], deadline: float) -> str:
        try:
            return self._conditionally(document, deadline)
        except aws.Rejected as error:
            if error.code != "ValidationException" or document["body"] is None:
                raise
            # What it won't take in parsed form (a limit that is not known here) goes in raw.
            return self._conditionally(without_body(document, f"refused by DynamoDB: {error}"), deadline)

    def _conditionally(self, document: dict[str, Any], deadline: float) -> str:
        try:
            self._call("PutItem", self._parameters(document, self._putting, deadline), deadline)
        except aws.Rejected as error:
            if error.code != "ConditionalCheckFailedException":
                raise
            said = self._taken(document, deadline)
            if said != "duplicate" or "replayed_at" not in document:
                return said
            self._call("UpdateItem", self._parameters(document, self._renewing, deadline), deadline)
        return "stored"

    def _parameters(
        self, document: dict[str, Any], of: Callable[[dict[str, Any]], dict[str, Any]], deadline: float
    ) -> bytes:
        """The parameters of its call as JSON; what the item refers to is in the bucket then."""
        if not self._encoding.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise Unfit(NO_TIME)
        try:
            try:
                item, raw = self._fitting(self._fields(document))
                text = aws.compact(of(item))
            except Unfit:
                _fit(document)
                try:
                    item, raw = self._fitting(self._fields(document))
                    text = aws.compact(of(item))
                except Unfit as unfit:
                    item, raw = self._fitting(self._fields(without_body(document, str(unfit))))
                    text = aws.compact(of(item))
        finally:
            self._encoding.release()
        if raw is not None:
            self._store.own().put_object(item["body_ref"]["key"], raw, deadline)
        return text

    def _fields(self, document: dict[str, Any]) -> dict[str, Any]:
        fields = {("id" if name == "_id" else name): value for name, value in document.items()}
        return fields | ({"expires_at": int(time.time()) + self._ttl_days * 86_400} if self._ttl_days else {})

    def _putting(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Item": encoded(fields),
            "ConditionExpression": "attribute_not_exists(id)",
        }

    def _renewing(self, fields: dict[str, Any]) -> dict[str, Any]:
        """What the user's own programs have added to an item stays in it, and so do its first dates."""
        names = [name for name in fields if name not in ("id", "stored_at", "expires_at")]
        gone = [name for name in (*OPTIONAL, "raw", "body_ref") if name not in fields]
        values = encoded({name: fields[name] for name in names})
        # By numbers, since names may be words that the expression keeps for itself.
        update = f"SET {', '.join(f'#{at} = :{at}' for at in range(len(names)))}"
        removal = f"REMOVE {', '.join(f'#{len(names) + at}' for at in range(len(gone)))}"
        return {
            "TableName": self._table,
            "Key": encoded({"id": fields["id"]}),
            "UpdateExpression": f"{update} {removal}",
            "ConditionExpression": "attribute_exists(id)",
            "ExpressionAttributeNames": {f"#{at}": name for at, name in enumerate([*names, *gone])},
            "ExpressionAttributeValues": {f":{at}": values[name] for at, name in enumerate(names)},
        }

    def _fitting(self, fields: dict[str, Any]) -> tuple[dict[str, Any], bytes | None]:
        """The fields as one item holds them, and the raw body where that must lie in the bucket, named by its content.

        The parsed body is left out where it does not fit by itself either.
        """
        if size(fields) <= MAX_ITEM_BYTES:
            return fields, None
        raw: bytes = fields["raw"]
        content = sha256(raw).hexdigest()
        reference = {
            "bucket": self._bucket,
            "key": f"{kept_for(self._ttl_days)}{fields['subscription']}/{content}",
            "size": len(raw),
            "sha256": content,
        }
        fields = {name: value for name, value in fields.items() if name != "raw"} | {"body_ref": reference}
        if size(fields) > MAX_ITEM_BYTES:
            fields |= {"body": None, "body_format": "raw", "body_error": _OVER}
        return fields, raw

    def _taken(self, document: dict[str, Any], deadline: float) -> str:
        """An id that is there already is a repeat, unless the item is of another content or of another subscription.

        The second is met in an adopted table.
        """
        parameters: dict[str, object] = {
            "TableName": self._table,
            "Key": encoded({"id": document["_id"]}),
            "ProjectionExpression": "subscription, raw_sha256, body_ref.sha256",
            "ConsistentRead": True,
        }
        ours = encoded({"subscription": document["subscription"]})["subscription"]
        there = self._call("GetItem", parameters, deadline).get("Item")
        if there is None:
            return "DynamoDB: the item of its id was deleted meanwhile"
        if there.get("subscription") != ours:
            return "DynamoDB: the id is that of an item of something else in this table"
        content = document.get("raw_sha256")
        return "duplicate" if content is None or content == self._content_of(there, parameters, deadline) else _OTHER

    def _content_of(self, item: dict[str, Any], asked: dict[str, object], deadline: float) -> str:
        """The hash of an item's raw bytes, also of one from before it was kept."""
        if found := item.get("raw_sha256") or item.get("body_ref", {}).get("M", {}).get("sha256"):
            return str(found["S"])
        asked = {
            **asked,
            "ProjectionExpression": "#raw",
            "ExpressionAttributeNames": {"#raw": "raw"},
        }  # a reserved word
        there = self._call("GetItem", asked, deadline).get("Item", {})
        return sha256(base64.b64decode(there.get("raw", {}).get("B", ""))).hexdigest()

    def _call(self, action: str, parameters: dict[str, object] | bytes, deadline: float) -> dict[str, Any]:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return self._items.own().call(f"DynamoDB_20120810.{action}", parameters, deadline)
            except aws.Unavailable:
                if deadline - time.monotonic() < pause:
                    raise
            except aws.Rejected as error:
                if error.code not in _BUSY or deadline - time.monotonic() < pause:
                    raise
            time.sleep(uniform(pause / 2, pause))  # noqa: S311 - so that the threads do not come back together
            pause = min(pause * 2, _LAST_PAUSE_SECONDS)


def _reason(error: aws.Unavailable | aws.Rejected) -> str:
    if isinstance(error, aws.Rejected) and error.code in _THE_DOCUMENTS_OWN:
        return f"DynamoDB: {error}"
    return Away(f"DynamoDB away: {error}")


class Unfit(ValueError):
    """A value that no item can hold; the text says why."""


def encoded(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields as DynamoDB's JSON: {"S": text}, {"N": digits} and so on. Dates become ISO 8601, in UTC.

    Raises Unfit for what DynamoDB does not take.
    """
    return {name: _value(value, 1) for name, value in fields.items()}


def _value(value: object, depth: int) -> dict[str, Any]:  # noqa: PLR0911 - one return per type
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": _text(value)}
    if isinstance(value, int | float | Decimal):
        return {"N": _digits(value)}
    if isinstance(value, bytes):
        return {"B": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"S": iso(value)}
    if depth > MAX_DEPTH:
        raise Unfit(f"DynamoDB can't hold it: nested over {MAX_DEPTH} levels")
    if isinstance(value, list | tuple):
        return {"L": [_value(item, depth + 1) for item in value]}
    if isinstance(value, dict):
        return {"M": {_name(name): _value(item, depth + 1) for name, item in value.items()}}
    raise Unfit(f"DynamoDB can't hold it: {type(value).__name__}")


def _fit(document: dict[str, Any]) -> bool:
    from nami_runtime import fitting  # noqa: PLC0415 - most items fit

    def exact(number: float | Decimal) -> float | Decimal | None:
        try:
            _digits(number)
        except Unfit:
            return None
        return number

    def name(given: str) -> str:
        return fitting.shortened(given, MAX_NAME_BYTES) or "(empty)"

    return fitting.fit(document, fitting.Limits(exact, name, MAX_DEPTH))


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unfit("DynamoDB can't hold it: text that is not Unicode") from None
    return text


def _name(name: object) -> str:
    if not isinstance(name, str) or not 0 < len(_text(name).encode()) <= MAX_NAME_BYTES:
        raise Unfit("DynamoDB can't hold it: a field's name that is empty or over 64 KB")
    return name


def _digits(number: float | Decimal) -> str:
    """A number as text. 38 significant digits, 1E-130 to 9.99…E+125; beyond, DynamoDB would refuse or round."""
    try:
        exact = Decimal(repr(number)).normalize() if isinstance(number, float) else Decimal(number)
    except (InvalidOperation, ValueError):
        raise Unfit(_OUT_OF_RANGE) from None
    if not exact.is_finite():
        raise Unfit(_OUT_OF_RANGE)
    digits = f"{exact:E}".partition("E")[0].replace(".", "").strip("-0")
    if len(digits) > MAX_DIGITS or (exact and not -130 <= exact.adjusted() <= 125):
        raise Unfit(_OUT_OF_RANGE)
    # Many zeros would be read as digits: boto3's own reader takes 38.
    return str(exact) if len(str(exact)) <= MAX_DIGITS else f"{exact.normalize(_DIGITS):E}"


def size(fields: dict[str, Any]) -> int:
    """The bytes of an item with these fields as DynamoDB counts them, or a few more; counted no further than the limit.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    counted, waiting = 0, [fields]
    while waiting and counted <= MAX_ITEM_BYTES:
        value: Any = waiting.pop()
        if isinstance(value, str):
            counted += _bytes(value)
        elif isinstance(value, dict):
            counted += 3 + len(value) + sum(_bytes(str(name)) for name in value)
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            counted += 3 + len(value)
            waiting.extend(value)
        elif isinstance(value, bytes):
            counted += len(value)
        elif isinstance(value, bool) or value is None:
            counted += 1
        elif isinstance(value, int):
            counted += value.bit_length() // 6 + 3
        else:
            counted += len(str(value)) // 2 + 3
    return counted


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
