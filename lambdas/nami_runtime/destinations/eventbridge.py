"""EventBridge: each webhook is an event on a bus, up to ten in a request.

EventBridge knows no repeats, so a table remembers which deliveries are on the bus: an id is taken there on condition
that it is free before its event is put, and marked afterwards. An invocation that ends between the two puts the event
again: it arrives at least once, always with the same `detail.id`.

PutEvents calls an event for a bus that does not exist a success (https://github.com/aws/aws-cli/issues/9186), so what
was put counts once the bus has been seen after it.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from nami_runtime import aws, entries, events
from nami_runtime.documents import TRANSFORMED, Unusable
from nami_runtime.results import NO_TIME, Apart, Away, each_id_once
from nami_runtime.tries import Tries

if TYPE_CHECKING:
    from collections.abc import Sequence

THREADS = 8
# A request's entries together; a megabyte may be either. Some regions still take a quarter of it.
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html,
# https://aws.amazon.com/about-aws/whats-new/2026/01/amazon-eventbridge-increases-event-payload-size-256-kb-1-mb/
MAX_BYTES = 1_000_000
MAX_BYTES_ELSEWHERE = 256_000
# Of a longer one PutEvents says that it is there, and no rule ever sees it:
# https://github.com/segmentio/action-destinations/pull/2828
MAX_TYPE_LENGTH = 128
_TIME_BYTES = 14
_MARGIN_SECONDS = 1.0  # of the batch's time, for the last notes
_WORDS = entries.Words(
    "EventBridge",
    busy=frozenset({"InternalFailure", "Internal", "Throttling", "Throttled"}),
    its_own=frozenset({"MalformedDetail", "InvalidArgument", "Validation", "Serialization"}),
)


def connect() -> EventBridge:
    """Connects at the first write, not here."""
    return EventBridge()


class Entry(NamedTuple):
    """A document and its entry of a request as JSON; `size` is as EventBridge counts it."""

    document: dict[str, Any]
    text: bytes
    size: int


class EventBridge:
    """The bus that EVENT_BUS names, and the table of EVENTS_TABLE."""

    def __init__(self) -> None:
        environ = os.environ
        self._bus = environ["EVENT_BUS"]
        self._is_ours = environ.get("EVENT_BUS_IS_ANOTHERS") != "1"
        self._tries = Tries(environ["EVENTS_TABLE"], "EventBridge")
        self._bucket = environ["CLAIM_CHECK_BUCKET"]
        self._max_bytes = MAX_BYTES
        self._was_there = False
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="eventbridge")

    def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
        results = [""] * len(documents)
        for turn in each_id_once(documents):
            self._write(turn, results, deadline)
        return results

    def _write(self, documents: dict[int, dict[str, Any]], results: list[str], deadline: float) -> None:
        reason = f"EventBridge: {NO_TIME}" if monotonic() >= deadline - _MARGIN_SECONDS else ""
        if reason := reason or ("" if self._was_there else self._missing(deadline)):
            for index in documents:
                results[index] = reason
            return
        claims = self._pool.map(lambda document: self._tries.claim(document, deadline), documents.values())
        sending: dict[int, Entry] = {}
        for index, (document, result) in zip(documents, claims, strict=True):
            results[index] = result
            if not result:
                try:
                    sending[index] = self._entry(document, deadline)
                except (aws.Unavailable, aws.Rejected) as error:
                    results[index] = Away(f"EventBridge away: the bucket of large bodies: {error}")
                except Unusable as error:
                    results[index] = str(error)
                except Exception as error:
                    results[index] = f"can't be an event: {type(error).__name__}"
        said = entries.sent(sending, lambda: self._max_bytes, self._together, deadline - _MARGIN_SECONDS)
        if "" in said.values() and (missing := self._missing(deadline)):
            said = {index: reason or missing for index, reason in said.items()}
        self._tries.note([(sending[index].document, reason) for index, reason in said.items()], deadline)
        for index, reason in said.items():
            results[index] = reason or "stored"
            document = sending[index].document
            if not reason and document["_id"] != documents[index]["_id"]:
                results[index] = Apart("stored", str(document["_id"]))

    def _missing(self, deadline: float) -> str:
        """Why nothing can be put; empty where the bus is there, or is another account's, at which nobody can look."""
        if not self._is_ours:
            return ""
        try:
            aws.client("events").call("AWSEvents.DescribeEventBus", {"Name": self._bus}, deadline)
        except aws.Rejected as error:
            if error.code == "ThrottlingException" and self._was_there:
                return ""  # too many look at once: that says nothing of a bus that was there
            self._was_there = False
            missing = error.code == "ResourceNotFoundException"
            return Away(f"EventBridge away: {f'there is no bus {self._bus}' if missing else error}")
        except aws.Unavailable as error:
            return Away(f"EventBridge away: {error}")
        self._was_there = True
        return ""

    def _together(self, group: dict[int, Entry], deadline: float) -> dict[int, str]:
        """One request; where it is refused as a whole, one for each."""
        if monotonic() >= deadline:
            return dict.fromkeys(group, f"EventBridge: {NO_TIME}")
        body = b'{"Entries":[%s]}' % b",".join([entry.text for entry in group.values()])
        try:
            answers = aws.client("events").call("AWSEvents.PutEvents", body, deadline).get("Entries")
        except aws.Unavailable as error:
            return dict.fromkeys(group, Away(f"EventBridge away: {error}"))
        except aws.Rejected as error:
            return self._refused(group, error, deadline)
        if not isinstance(answers, list) or len(answers) != len(group):
            return dict.fromkeys(group, Away("EventBridge away: its answer is none to these events"))
        return {
            index: _WORDS.reason(str(answer.get("ErrorCode") or ""))
            for index, answer in zip(group, answers, strict=True)
        }

    def _refused(self, group: dict[int, Entry], error: aws.Rejected, deadline: float) -> dict[int, str]:
        if not _WORDS.of_entry(error.code):
            return dict.fromkeys(group, _WORDS.reason(error.code or f"HTTP {error.status}"))
        size = sum(entry.size for entry in group.values())
        if size > MAX_BYTES_ELSEWHERE and self._max_bytes > MAX_BYTES_ELSEWHERE:
            return self._smaller(group, deadline)
        if len(group) == 1:
            return dict.fromkeys(group, _WORDS.reason(error.code))
        said: dict[int, str] = {}
        for index, entry in group.items():
            said |= self._together({index: entry}, deadline)
        return said

    def _smaller(self, group: dict[int, Entry], deadline: float) -> dict[int, str]:
        """The same in a region that takes less."""
        self._max_bytes = MAX_BYTES_ELSEWHERE
        again: dict[int, Entry] = {}
        said: dict[int, str] = {}
        for index, entry in group.items():
            try:
                again[index] = self._entry(entry.document, deadline)
            except Unusable as error:
                said[index] = str(error)
            except (aws.Unavailable, aws.Rejected) as error:
                said[index] = Away(f"EventBridge away: the bucket of large bodies: {error}")
        for each in entries.groups(again, lambda: self._max_bytes):
            said |= self._together(each, deadline)
        return said

    def _entry(self, document: dict[str, Any], deadline: float) -> Entry:
        """The document's event; the body lies in the bucket where the event can't hold it.

        Raises aws.Unavailable or aws.Rejected where the bucket does not take it, and Unusable where a transform makes
        no event of it.
        """
        if (result := document.get(TRANSFORMED)) is not None:
            entry = self._written(document, events.transformed(result))
            if entry.size > self._max_bytes:
                raise Unusable(f"transform: its result has {entry.size} bytes, and an event holds {self._max_bytes}")
            return entry
        entry = self._written(document, events.detail(document))
        if entry.size <= self._max_bytes:
            return entry
        raw: bytes = document.get("raw") or b""
        content = sha256(raw).hexdigest()
        # Where the function before the queue leaves what the queue can't hold.
        reference = {"bucket": self._bucket, "key": f"{document['subscription']}/{content}"}
        aws.client("s3", bucket=self._bucket).put_object(reference["key"], raw, deadline)
        bare = {
            **{name: value for name, value in document.items() if name not in ("raw", "body_changes")},
            **{"body": None, "body_error": "over what an event holds; body_ref says where it is"},
            "body_ref": {**reference, "size": len(raw), "sha256": content},
        }
        return self._written(document, events.detail(bare))

    def _written(self, document: dict[str, Any], text: str) -> Entry:
        source = f"nami.{document['subscription']}"
        kind = events.type_of(document.get("verified"), document.get("headers") or {}, document.get("body"))
        kind = kind[:MAX_TYPE_LENGTH].encode("utf-8", "replace").decode()
        fields: dict[str, object] = {"EventBusName": self._bus, "Source": source, "DetailType": kind, "Detail": text}
        if isinstance(received := document.get("received_at"), datetime):
            fields["Time"] = received.timestamp()
        return Entry(document, aws.compact(fields), len(source) + len(kind.encode()) + len(text.encode()) + _TIME_BYTES)
