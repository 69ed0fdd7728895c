"""The webhooks that were given up. Looked at without harm, sent back without loss."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from nami_control import large_bodies, logs
from nami_control.deployment import Deployment
from nami_control.errors import AwsError, Command
from nami_control.letters import Filter as Filter  # noqa: PLC0414 (programs import it from here)
from nami_control.letters import Letter
from nami_control.progress import Tell, silent
from nami_runtime.queue import AT_ONCE, together

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

# How long a letter that is looked at stays hidden, should this command be killed before it puts it back; and until
# when a letter must have been sent back after it was received. Seconds.
_HOLD = 30
_LETTERS_A_SECOND = 5  # at the slowest: more than _HOLD gives time for are hidden for longer
_LONGEST_HOLD = 43_200  # SQS's own limit
_EMPTY_LOOKS = 2  # a long poll asks all of SQS's servers; the second one is for letters that came meanwhile
_ONE_BY_ONE = 5  # so many letters are looked up in the log one by one; more at once


@dataclass(frozen=True)
class Try:
    """One failed try: epoch ms, and what the post-queue function gave as the reason."""

    at: int
    reason: str


class DeadLetters:
    """The dead-letter queue on the way to one destination, or the quarantine in place of it.

    Raises:
        UsageError: there is no such destination, or no quarantine.
    """

    def __init__(
        self,
        deployment: Deployment,
        destination: str | None = None,
        *,
        quarantine: bool = False,
        tell: Tell = silent,
    ) -> None:
        self.deployment = deployment
        self.in_quarantine = quarantine
        self.drain = deployment.drain(None if quarantine else destination)
        self.tell = tell
        self.sqs = deployment.aws.client("sqs")
        self.url = deployment.quarantine_url if quarantine else self.drain.dead_letter_url
        self.source_url = self.drain.queue_url
        # SQS moves nothing from a queue that is nobody's dead-letter queue.
        self.has_move_task = not quarantine and not self.source_url.endswith(".fifo")
        self.is_fifo = self.source_url.endswith(".fifo")
        self._held: dict[str, str] = {}

    def command(self, verb: str) -> Command:
        """The one for the same letters, such as `dlq list shopify --quarantine`."""
        return Command(f"dlq {verb} {self.deployment.name}{' --quarantine' if self.in_quarantine else ''}")

    @property
    def none(self) -> str:
        """What to say where there are no letters."""
        name = self.deployment.name
        return f"nothing of {name} is in quarantine" if self.in_quarantine else f"{name} has no dead letters"

    @cached_property
    def tries_before_giving_up(self) -> int:
        """After how many tries the queue gives a webhook up; 0 where nothing says so."""
        if self.in_quarantine:
            return 1
        if self.drain.has_function and (counted := self.drain.post_queue.environment.get("MAX_RECEIVES")):
            return int(counted)  # of an ordered queue the function itself counts
        said = self.sqs.get_queue_attributes(QueueUrl=self.source_url, AttributeNames=["RedrivePolicy"])
        return int(json.loads(said.get("Attributes", {}).get("RedrivePolicy", "{}")).get("maxReceiveCount", 0))

    def keep_bodies(self, letters: list[Letter] | None = None) -> None:
        """Have S3 keep the large bodies of these letters, or of all, for as long as their next life lasts."""
        bucket = self.drain.large_bodies
        if letters is None and bucket:
            said = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["MessageRetentionPeriod"])
            # The bucket keeps them twice as long as the queue its letters: what is no older lasts for one life more.
            large_bodies.renew_old(
                self.deployment.aws, bucket, int(said["Attributes"]["MessageRetentionPeriod"]) / 86_400
            )
        for letter in letters or ():
            reference = letter.delivery.body_ref if letter.delivery else None
            if reference and not large_bodies.renew(self.deployment.aws, reference["bucket"], reference["key"]):
                self.tell(f"{letter.id}: its body is no longer in S3, so it will fail again")

    def count(self) -> int:
        """About how many letters there are, as SQS counts."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        said = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(map(int, said.get("Attributes", {}).values()))

    @contextmanager
    def opened(self) -> Iterator[Iterator[Letter]]:
        """The letters, each once. At the end all that were not deleted are visible again at once."""
        try:
            yield self._receive()
        finally:
            self._put_back()

    def delete(self, letters: list[Letter]) -> None:
        """Remove letters that `opened` gave.

        Raises:
            AwsError: SQS did not remove all of them.
        """
        for group in together(letters, attrgetter("content")):
            entries: Any = [
                {"Id": str(at), "ReceiptHandle": self._held[letter.message_id]} for at, letter in enumerate(group)
            ]
            said = self.sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)
            for done in said.get("Successful", []):
                self._held.pop(group[int(done["Id"])].message_id, None)
            if failed := said.get("Failed", []):
                raise AwsError(f"{len(failed)} dead letters could not be removed ({failed[0]['Code']}); try again")

    def purge(self) -> None:
        """Delete all of them for good; SQS does so within a minute."""
        self.sqs.purge_queue(QueueUrl=self.url)

    def send_back(self, letters: list[Letter]) -> tuple[list[Letter], list[str]]:
        """Put letters on the queue again: those that it took, and the ids of the messages that they are now.

        A letter is removed by `delete` only after this, so that what is interrupted is at worst sent twice, and the
        destination stores it once.
        """
        self.keep_bodies(letters)
        taken: list[Letter] = []
        messages: list[str] = []
        for group in together(letters, attrgetter("content")):
            entries = [self._entry(str(at), letter) for at, letter in enumerate(group)]
            said = self.sqs.send_message_batch(QueueUrl=self.source_url, Entries=entries)
            taken += [group[int(done["Id"])] for done in said.get("Successful", [])]
            messages += [done["MessageId"] for done in said.get("Successful", [])]
        return taken, messages

    def reasons(self, letters: list[Letter]) -> dict[str, list[Try]]:
        """Each letter's failed tries by its id, as the log tells them; a consumer of the user's own tells nami none."""
        found: dict[str, list[Try]] = {letter.id: [] for letter in letters}
        if not letters or not self.drain.has_function:
            return found
        group = {"post-queue": self.drain.post_queue.log_group}
        if len(letters) <= _ONE_BY_ONE:
            searches = [(logs.naming(letter.id), letter.sent_at) for letter in letters]
        else:
            searches = [(self._pattern, min(letter.sent_at for letter in letters))]
        seen: set[tuple[int, str, str]] = set()
        for pattern, sent_at in searches:
            # From when it was queued; the clocks of the two services may differ a little.
            for line in logs.in_order(logs.read(self.deployment.aws, group, since=sent_at / 1000 - 2, pattern=pattern)):
                for failed in self._failed(line):
                    key = (line.at, line.event_id, failed["id"])
                    if failed["id"] in found and key not in seen:
                        seen.add(key)
                        found[failed["id"]].append(Try(line.at, failed["reason"]))
        return found

    def failing(self, since: float) -> Counter[str]:
        """How many tries have failed since then (epoch seconds), by reason: those of whatever is on the way."""
        if not self.drain.has_function:
            return Counter()
        group = {"post-queue": self.drain.post_queue.log_group}
        lines = logs.read(self.deployment.aws, group, since=since, pattern=self._pattern)
        return Counter(str(each["reason"]) for line in lines for each in self._failed(line))

    @property
    def _pattern(self) -> str:
        """Of log lines that tell why a webhook is here."""
        return logs.naming("quarantined") if self.in_quarantine else '{ $.level = "ERROR" }'

    def _failed(self, line: logs.Line) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = line.fields.get("quarantined" if self.in_quarantine else "failed", [])
        return told

    def _receive(self) -> Iterator[Letter]:
        seen: set[str] = set()
        empty = again = 0
        hold = min(max(_HOLD, self.count() // _LETTERS_A_SECOND), _LONGEST_HOLD)
        while empty < _EMPTY_LOOKS and again <= len(seen):
            said = self.sqs.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=AT_ONCE,
                VisibilityTimeout=hold,
                WaitTimeSeconds=0 if self.deployment.aws.is_local else 1,  # one server has no others to ask
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            messages = said.get("Messages", [])
            # One that comes again, because this takes long, is deleted or put back by its newest receipt.
            self._held.update({message["MessageId"]: message["ReceiptHandle"] for message in messages})
            fresh = [message for message in messages if message["MessageId"] not in seen]
            seen |= {message["MessageId"] for message in fresh}
            empty = 0 if messages else empty + 1
            again = 0 if fresh else again + len(messages)
            yield from map(Letter, fresh)

    def _put_back(self) -> None:
        held = list(self._held.items())
        self._held.clear()
        for start in range(0, len(held), AT_ONCE):
            entries: Any = [
                {"Id": str(at), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for at, (_, receipt) in enumerate(held[start : start + AT_ONCE])
            ]
            # What is not put back now comes back by itself when its time is up.
            self.sqs.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)

    def _entry(self, entry_id: str, letter: Letter) -> "SendMessageBatchRequestEntryTypeDef":
        entry: SendMessageBatchRequestEntryTypeDef = {"Id": entry_id, "MessageBody": letter.content}
        if attributes := letter.message.get("MessageAttributes"):
            given: Any = attributes
            entry["MessageAttributes"] = given
        if group := letter.attributes.get("MessageGroupId"):
            entry["MessageGroupId"] = group
        if self.is_fifo:
            # The first sending may be minutes ago, and its id would make SQS drop this one.
            entry["MessageDeduplicationId"] = uuid4().hex
        return entry
