"""What became of a batch, message by message."""

from __future__ import annotations

from typing import Any


class Outcome:
    """What became of each message of a batch; `ages` are the ms from a webhook's arrival to its storage."""

    def __init__(self, *, keep_errors: bool = False) -> None:
        self.ages: list[float] = []
        self.stored: list[str] = []
        self.duplicates: list[str] = []
        self.failed: list[dict[str, str]] = []
        self.failed_messages: list[str] = []
        self.quarantined: list[dict[str, str]] = []
        self.later: dict[str, int] = {}
        self.errors: dict[str, Exception] = {}
        # An error's traceback holds the documents that were being written, so only who reports it keeps it.
        self._keep_errors = keep_errors

    def fail(self, message_id: str, delivery_id: str, reason: str, error: Exception | None = None) -> None:
        """The queue delivers this message again, and it alone."""
        if error and self._keep_errors:
            self.errors.setdefault(reason, error)
        self.failed.append({"id": delivery_id or message_id, "reason": reason})
        self.failed_messages.append(message_id)

    def response(self) -> dict[str, Any]:
        """The partial batch response."""
        return {"batchItemFailures": [{"itemIdentifier": message} for message in self.failed_messages]}
