"""What is noted of the tries to forward a webhook, in a table that `nami events` reads, for 14 days."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nami_runtime import aws, log
from nami_runtime.clients import Clients
from nami_runtime.destinations.dynamodb import Unfit, encoded
from nami_runtime.results import Apart, Away, apart

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTE_DAYS = 14
_TOGETHER = 25  # notes that one BatchWriteItem takes
_PAUSE_SECONDS = 0.2


def note_of(document: dict[str, Any]) -> dict[str, Any]:
    """What a note of this try says, however it goes; `id` and `subscription` are its key."""
    return {
        "id": str(document["_id"]),
        "subscription": str(document.get("subscription", "")),
        "attempt": int(document["attempts"]),
        "at": datetime.now(UTC),
        "expires_at": int(time.time()) + NOTE_DAYS * 86_400,
        **{name: document[name] for name in ("raw_sha256", "same_id_as") if name in document},
    }


class Notes:
    """The table that keeps how the last try of each delivery went; for several threads."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.clients = Clients("dynamodb")

    def keep(self, notes: Sequence[dict[str, Any]], deadline: float) -> None:
        """Writes notes, 25 a call; of several on one delivery the last one stays, since a call takes a key once.

        What goes wrong with them is logged, and concerns no webhook.
        """
        puts = {}
        for note in notes:
            try:
                puts[note["id"], note["subscription"]] = {"PutRequest": {"Item": encoded(note)}}
            except Unfit as error:
                self._lost([note["id"]], error)
        waiting = [*puts.values()]
        for start in range(0, len(waiting), _TOGETHER):
            left: Any = {self.table: waiting[start : start + _TOGETHER]}
            try:
                while left:
                    said = self.clients.own().call("DynamoDB_20120810.BatchWriteItem", {"RequestItems": left}, deadline)
                    if left := said.get("UnprocessedItems"):
                        time.sleep(_PAUSE_SECONDS)
            except Exception as error:
                self._lost([key for key, _ in [*puts][start:]], error)
                return

    def _lost(self, ids: list[str], error: Exception) -> None:
        log.line("WARNING", "tries are not noted", ids=ids, reason=f"{type(error).__name__}: {error}")


class Tries:
    """The table of what a store was given that does not know repeats by itself.

    A delivery's id is taken on condition that it is free, before the store gets it, and marked as delivered afterwards.
    """

    def __init__(self, table: str, store: str) -> None:
        """`store` is what reasons call it."""
        self._store = store
        self._notes = Notes(table)

    def claim(self, document: dict[str, Any], deadline: float) -> tuple[dict[str, Any], str]:
        """The document as the store is to get it, and where it is not to, what became of it; for several threads."""
        try:
            if self._take(document, deadline):
                return document, ""
            return self._taken(document, self._note_under(document, deadline), deadline)
        except (aws.Unavailable, aws.Rejected) as error:
            return document, Away(f"{self._store} away: the table of its tries: {error}")
        except Exception as error:  # of a document without what a note is made of
            return document, f"{self._store}: {type(error).__name__}"

    def note(self, tried: Sequence[tuple[dict[str, Any], str]], deadline: float) -> None:
        """Keeps of documents why they were not delivered, or that they were: a repeat is left out then.

        What goes wrong with it concerns no webhook, but repeats of it.
        """
        notes = [
            note_of(document) | {"delivered": not why} | ({"reason": why} if why else {}) for document, why in tried
        ]
        self._notes.keep(notes, deadline)

    def _take(self, document: dict[str, Any], deadline: float) -> bool:
        """Whether the id was free; it is this document's then."""
        parameters: dict[str, object] = {
            "TableName": self._notes.table,
            "Item": encoded(note_of(document) | {"delivered": False, "reason": f"{self._store}: under way"}),
            "ConditionExpression": "attribute_not_exists(id)",
        }
        try:
            self._notes.clients.own().call("DynamoDB_20120810.PutItem", parameters, deadline)
        except aws.Rejected as error:
            if error.code != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def _note_under(self, document: dict[str, Any], deadline: float) -> dict[str, Any] | None:
        note = note_of(document)
        asked: dict[str, object] = {
            "TableName": self._notes.table,
            "Key": encoded({name: note[name] for name in ("id", "subscription")}),
            "ConsistentRead": True,
        }
        found: dict[str, Any] | None = (
            self._notes.clients.own().call("DynamoDB_20120810.GetItem", asked, deadline).get("Item")
        )
        return found

    def _taken(
        self, document: dict[str, Any], there: dict[str, Any] | None, deadline: float
    ) -> tuple[dict[str, Any], str]:
        if there is None:
            return document, f"{self._store}: the note of its id was deleted meanwhile"
        content = document.get("raw_sha256")
        if content is None or there.get("raw_sha256", {}).get("S") == content:
            # One that was not delivered is a try before this, or one that another invocation makes just now.
            # What is replayed is to be given again.
            again = "replayed_at" in document or not there.get("delivered", {}).get("BOOL")
            return document, "" if again else "duplicate"
        if "same_id_as" in document:
            return document, "its id, and the one of its own, are those of others"
        own, result = self.claim(apart(document), deadline)
        return own, Apart(result, str(own["_id"])) if result == "duplicate" else result
