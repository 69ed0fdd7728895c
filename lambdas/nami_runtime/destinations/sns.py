"""A topic of SNS: each webhook is a message, which is the envelope as it lies in a queue for a consumer of one's own.

SNS knows repeats for five minutes where the topic is FIFO, and else not at all: a message arrives at least once, and
who gets it knows a repeat by the envelope's `id`.
"""

from __future__ import annotations

import os
import re
from datetime import datetime
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote_from_bytes

from nami_runtime import aws, entries, envelope, events
from nami_runtime.results import NO_TIME, Away

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BYTES = 262_144
"""Of a message with its attributes, and of all in a request. A topic can be made to take a MiB, but then has fewer
kinds of subscribers: https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html"""
_MAX_TYPE_LENGTH = 128  # as on a bus; what is longer is no type that anybody filters by
_MARGIN_SECONDS = 0.5
# https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
_WORDS = entries.Words(
    "SNS",
    busy=frozenset({"InternalError", "InternalFailure", "Throttled", "Throttling", "KMSThrottling"}),
    its_own=frozenset({"InvalidParameter", "ParameterValueInvalid", "Validation", "BatchRequestTooLong"}),
)

_members = re.compile(rb"<member>(.*?)</member>", re.DOTALL).findall
_entry_id = re.compile(rb"<Id>(\d+)</Id>").search
_entry_code = re.compile(rb"<Code>([A-Za-z0-9._]{1,80})</Code>").search


def connect() -> Sns:
    """Connects at the first write, not here."""
    return Sns()


class Entry(NamedTuple):
    """A message by the names of its parameters; `size` is as SNS counts it."""

    parameters: dict[str, bytes]
    size: int


class Sns:
    """The topic that TOPIC_ARN names; ORDER_BY is there where it is FIFO."""

    def __init__(self) -> None:
        environ = os.environ
        self._topic, self._bucket = environ["TOPIC_ARN"], environ["CLAIM_CHECK_BUCKET"]
        self._order_by = environ.get("ORDER_BY", "")

    def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
        results = [""] * len(documents)
        sending: dict[int, Entry] = {}
        for index, document in enumerate(documents):
            try:
                sending[index] = self._entry(document, deadline)
            except (aws.Unavailable, aws.Rejected) as error:
                results[index] = Away(f"SNS away: the bucket of large bodies: {error}")
            except Exception as error:  # of a document without what an envelope is made of
                results[index] = f"can't be a message: {type(error).__name__}"
        said = entries.sent(sending, lambda: MAX_BYTES, self._together, deadline - _MARGIN_SECONDS)
        for index, reason in said.items():
            results[index] = reason or "stored"
        return results

    def _together(self, group: dict[int, Entry], deadline: float) -> dict[int, str]:
        """One request; where it is refused as a whole, one for each."""
        if monotonic() >= deadline:
            return dict.fromkeys(group, f"SNS: {NO_TIME}")
        try:
            answers = _answers(aws.client("sns").ask(self._form(group), deadline))
        except aws.Unavailable as error:
            return dict.fromkeys(group, Away(f"SNS away: {error}"))
        except aws.Rejected as error:
            if len(group) == 1 or not _WORDS.of_entry(error.code):
                return dict.fromkeys(group, _WORDS.reason(error.code or f"HTTP {error.status}"))
            alone = (self._together({index: entry}, deadline) for index, entry in group.items())
            return {index: reason for each in alone for index, reason in each.items()}
        none = Away("SNS away: its answer is none to these messages")
        return {index: _WORDS.reason(answers[index]) if index in answers else none for index in group}

    def _form(self, group: dict[int, Entry]) -> bytes:
        fields = {"Action": b"PublishBatch", "Version": b"2010-03-31", "TopicArn": self._topic.encode()}
        for place, (index, entry) in enumerate(group.items(), 1):
            start = f"PublishBatchRequestEntries.member.{place}"
            fields[f"{start}.Id"] = b"%d" % index
            fields |= {f"{start}.{name}": value for name, value in entry.parameters.items()}
        return "&".join([f"{name}={quote_from_bytes(value, safe='')}" for name, value in fields.items()]).encode()

    def _entry(self, document: dict[str, Any], deadline: float) -> Entry:
        """The document's message; the body lies in the bucket where the message can't hold it.

        Raises aws.Unavailable or aws.Rejected where the bucket does not take it.
        """
        delivery = _delivery(document)
        again = delivery.replayed_at or 0
        attributes = _attributes(document)
        others = sum(len(name) + len("String") + len(value) for name, value in attributes.items())
        message = envelope.write(delivery, delivery.subscription, replayed_at=again)
        if len(message) + others > MAX_BYTES:
            content = delivery.body_hash()
            # Where the function before the queue leaves what the queue can't hold.
            key = f"{delivery.subscription}/{content}"
            reference = {"bucket": self._bucket, "key": key, "size": len(delivery.body), "sha256": content}
            message = envelope.write(delivery, delivery.subscription, reference, replayed_at=again)
            aws.client("s3", bucket=self._bucket).put_object(key, delivery.body, deadline)
        parameters = {"Message": message, **self._order(delivery)}
        for place, (name, value) in enumerate(attributes.items(), 1):
            start = f"MessageAttributes.entry.{place}"
            parameters |= {f"{start}.Name": name.encode(), f"{start}.Value.StringValue": value}
            parameters[f"{start}.Value.DataType"] = b"String"
        return Entry(parameters, len(message) + others)

    def _order(self, delivery: envelope.Delivery) -> dict[str, bytes]:
        if not self._order_by:
            return {}
        from nami_runtime import ordering  # noqa: PLC0415 - only a FIFO topic's messages carry anything of it

        group = ordering.send_parameters(delivery, self._order_by)["MessageGroupId"]
        # A replay is another message, however soon it comes.
        once = f"{delivery.delivery_id}~{delivery.body_hash()}~{delivery.replayed_at or 0}"
        return {"MessageGroupId": group.encode(), "MessageDeduplicationId": sha256(once.encode()).hexdigest().encode()}


def _delivery(document: dict[str, Any]) -> envelope.Delivery:
    """What the document was made of; what `process` did to its body is not in it."""
    same = ("subscription", "method", "path", "query", "headers", "source_ip", "verified")
    fields = {name: document[name] for name in same}
    fields |= {"id": str(document["_id"]), "received_at": _ms(document["received_at"]), "body": ""}
    fields |= {"id_may_repeat": "raw_sha256" in document}
    if "replayed_at" in document:
        fields["replayed_at"] = _ms(document["replayed_at"])
    delivery = envelope.Delivery(fields)
    delivery.body = document["raw"] or b""
    return delivery


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _attributes(document: dict[str, Any]) -> dict[str, bytes]:
    """What filter policies of subscriptions can ask for."""
    kind = events.type_of(document["verified"], document["headers"], document["body"])
    told = kind != events.UNKNOWN and kind.isprintable() and len(kind) <= _MAX_TYPE_LENGTH
    return {"subscription": document["subscription"].encode(), **({"type": kind.encode()} if told else {})}


def _answers(xml: bytes) -> dict[int, str]:
    """By the entry's id, SNS's name for what is wrong with it; empty where it is published."""
    codes: dict[int, str] = {}
    for member in _members(xml):
        if found := _entry_id(member):
            code = _entry_code(member)
            is_published = code is None and b"<MessageId>" in member
            codes[int(found[1])] = code[1].decode() if code else "" if is_published else "no word of it"
    return codes
