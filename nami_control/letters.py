"""One dead letter, and which of them are meant."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nami_control.times import iso

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef


class Letter:
    """One dead letter: the queue's message, and the webhook in it."""

    def __init__(self, message: "MessageTypeDef") -> None:
        from nami_runtime import envelope  # noqa: PLC0415

        self.message = message
        self.message_id = message["MessageId"]
        self.content = message["Body"]
        attributes: Any = message.get("Attributes", {})
        self.attributes: dict[str, str] = attributes
        self.sent_at = int(self.attributes.get("SentTimestamp", 0))
        self.unreadable = ""
        try:
            self.delivery: envelope.Delivery | None = envelope.read(self.content)
        except envelope.Unreadable as error:
            self.delivery, self.unreadable = None, str(error)

    @property
    def id(self) -> str:
        """The delivery's id; the message's where the message is no webhook. So do the logs call it."""
        return self.delivery.delivery_id if self.delivery else self.message_id

    @property
    def received_at(self) -> int:
        """Epoch ms of when the producer sent it."""
        return self.delivery.received_at if self.delivery else self.sent_at

    @property
    def size(self) -> int:
        """Bytes of the body."""
        if self.delivery is None:
            return len(self.content.encode())
        reference = self.delivery.body_ref
        return int(reference["size"]) if reference else len(self.delivery.body)

    def as_dict(self) -> dict[str, Any]:
        """What scripts get to see."""
        return {
            "id": self.id,
            "message_id": self.message_id,
            "received_at": iso(self.received_at),
            "bytes": self.size,
        }


@dataclass(frozen=True)
class Filter:
    """Which letters are meant; nothing given means all."""

    ids: frozenset[str] = frozenset()
    since: float | None = None
    until: float | None = None
    text: str | None = None

    @property
    def takes_all(self) -> bool:
        """Whether nothing is left out."""
        return self == Filter()

    def takes(self, letter: Letter) -> bool:
        """Whether this one is meant."""
        if self.ids and not self.ids & {letter.id, letter.message_id}:
            return False
        if self.since is not None and letter.received_at < self.since * 1000:
            return False
        if self.until is not None and letter.received_at > self.until * 1000:
            return False
        return not self.text or self._is_in(letter)

    def _is_in(self, letter: Letter) -> bool:
        wanted = self.text or ""
        if letter.delivery is None:
            return wanted in letter.content
        headers = "\n".join(f"{name}: {value}" for name, value in letter.delivery.headers.items())
        return wanted.encode(errors="replace") in letter.delivery.body or wanted in headers
