"""`nami dlq`: the webhooks that were given up. Looked at without harm, sent back without loss."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from nami_cli import times
from nami_cli.flags import Name, nami, with_env
from nami_cli.terminal import print_json, print_line, print_table, print_text, progress, say
from nami_control import aws, large_bodies, logs
from nami_control.deployment import Drain, find
from nami_control.errors import AwsError, NotFoundError, UsageError

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef, SendMessageBatchRequestEntryTypeDef

app = typer.Typer(
    help="Dead letters: webhooks that failed until the queue gave them up.", no_args_is_help=True, rich_markup_mode=None
)

# How long a letter that is looked at stays hidden, should this command be killed before it puts it back; and until
# when a letter must have been sent back after it was received. Seconds.
_HOLD = 30
_BATCH = 10  # what SQS takes at once
_BATCH_BYTES = 1_048_576
_EMPTY_LOOKS = 2  # a long poll asks all of SQS's servers; the second one is for letters that came meanwhile
# What an SQS without the move task says, or SQS where the task does not serve this queue.
_NO_TASK = ("InvalidAction", "UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation")
_ONE_BY_ONE = 5  # so many letters are looked up in the log one by one; more at once
_NO_REASON = "no log line says why: the function ended early (timeout, memory), or the log is older than it is kept"

Ids = Annotated[
    list[str] | None, typer.Option("--id", metavar="ID", help="Only this delivery (or message); may be repeated.")
]
Since = Annotated[str | None, typer.Option(help="Only received after: 30s, 10m, 2h or 3d ago, or an ISO time.")]
Until = Annotated[str | None, typer.Option(help="Only received before; as --since.")]
WithText = Annotated[str | None, typer.Option("--text", help="Only with this text in the body or the headers.")]
Destination = Annotated[
    str | None, typer.Option(metavar="NAME", help="Such as mongo or http; the first where not given.")
]
Quarantine = Annotated[
    bool,
    typer.Option("--quarantine", help="With ingest=direct: those that were not genuine, in place of the dead letters."),
]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many.")]


class Letter:
    """One dead letter: the queue's message, and the webhook in it."""

    def __init__(self, message: "MessageTypeDef") -> None:
        from nami_control.runtime import envelope  # noqa: PLC0415

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
        return self.delivery.id if self.delivery else self.message_id

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
            "received_at": times.iso(self.received_at),
            "bytes": self.size,
        }


@dataclass(frozen=True)
class Filter:
    """Which letters are meant; nothing given means all."""

    ids: frozenset[str] = frozenset()
    since: float | None = None
    until: float | None = None
    text: str | None = None

    @classmethod
    def of(cls, ids: list[str] | None, since: str | None, until: str | None, text: str | None) -> "Filter":
        """From the options; UsageError where a time is none."""
        return cls(
            frozenset(ids or ()), times.moment(since) if since else None, times.moment(until) if until else None, text
        )

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
        return wanted.encode() in letter.delivery.body or wanted in headers


@dataclass(frozen=True)
class Try:
    """One failed try: epoch ms, and what the post-queue function gave as the reason."""

    at: int
    reason: str


class DeadLetters:
    """The dead-letter queue on the way to one destination."""

    def __init__(self, drain: Drain, quarantine_url: str | None = None) -> None:
        self.drain = drain
        self.sqs = aws.client("sqs")
        self.url = quarantine_url or drain.dead_letter_url
        self.in_quarantine = quarantine_url is not None
        # SQS moves nothing from a queue that is nobody's dead-letter queue.
        self.has_move_task = quarantine_url is None and not drain.queue_url.endswith(".fifo")
        self.source_url = drain.queue_url
        self.is_fifo = self.source_url.endswith(".fifo")
        self._held: dict[str, str] = {}

    def command(self, verb: str, name: str) -> str:
        """What to type for the same letters, such as `nami dlq list shopify --quarantine`."""
        return f"{nami()} dlq {verb} {name}{' --quarantine' if self.in_quarantine else ''}"

    def none_of(self, name: str) -> str:
        """What to say where there are no letters."""
        return f"nothing of {name} is in quarantine" if self.in_quarantine else f"{name} has no dead letters"

    @cached_property
    def tries_before_giving_up(self) -> int:
        """After how many tries the queue gives a webhook up; 0 where nothing says so."""
        if self.in_quarantine:
            return 1
        said = self.sqs.get_queue_attributes(QueueUrl=self.source_url, AttributeNames=["RedrivePolicy"])
        return int(json.loads(said.get("Attributes", {}).get("RedrivePolicy", "{}")).get("maxReceiveCount", 0))

    def keep_bodies(self, letters: list[Letter] | None = None) -> None:
        """Have S3 keep the large bodies of these letters, or of all, for as long as their next life lasts."""
        bucket = self.drain.post_queue.environment.get("CLAIM_CHECK_BUCKET")
        if letters is None and bucket:
            said = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["MessageRetentionPeriod"])
            # The bucket keeps them twice as long as the queue its letters: what is no older lasts for one life more.
            large_bodies.renew_old(bucket, int(said["Attributes"]["MessageRetentionPeriod"]) / 86_400)
        for letter in letters or ():
            reference = letter.delivery.body_ref if letter.delivery else None
            if reference and not large_bodies.renew(reference["bucket"], reference["key"]):
                say(f"{letter.id}: its body is no longer in S3, so it will fail again")

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
        for group in _groups(letters):
            entries: Any = [
                {"Id": str(at), "ReceiptHandle": self._held[letter.message_id]} for at, letter in enumerate(group)
            ]
            said = self.sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)
            for done in said.get("Successful", []):
                self._held.pop(group[int(done["Id"])].message_id, None)
            if failed := said.get("Failed", []):
                raise AwsError(f"{len(failed)} dead letters could not be removed ({failed[0]['Code']}); try again")

    def send_back(self, letters: list[Letter]) -> tuple[list[Letter], list[str]]:
        """Put letters on the queue again: those that it took, and the ids of the messages that they are now.

        A letter is removed by `delete` only after this, so that what is interrupted is at worst sent twice, and the
        destination stores it once.
        """
        self.keep_bodies(letters)
        taken: list[Letter] = []
        messages: list[str] = []
        for group in _groups(letters):
            entries = [self._entry(str(at), letter) for at, letter in enumerate(group)]
            said = self.sqs.send_message_batch(QueueUrl=self.source_url, Entries=entries)
            taken += [group[int(done["Id"])] for done in said.get("Successful", [])]
            messages += [done["MessageId"] for done in said.get("Successful", [])]
        return taken, messages

    def reasons(self, letters: list[Letter]) -> dict[str, list[Try]]:
        """Each letter's failed tries by its id, as the log tells them."""
        if not letters:
            return {}
        group = {"post-queue": self.drain.post_queue.log_group}
        found: dict[str, list[Try]] = {letter.id: [] for letter in letters}
        if len(letters) <= _ONE_BY_ONE:
            searches = [(logs.naming(letter.id), letter.sent_at) for letter in letters]
        else:
            pattern = logs.naming("quarantined") if self.in_quarantine else '{ $.level = "ERROR" }'
            searches = [(pattern, min(letter.sent_at for letter in letters))]
        seen: set[tuple[int, str, str]] = set()
        for pattern, sent_at in searches:
            # From when it was queued; the clocks of the two services may differ a little.
            for line in logs.in_order(logs.read(group, since=sent_at / 1000 - 2, pattern=pattern)):
                for failed in line.fields.get("quarantined" if self.in_quarantine else "failed", []):
                    key = (line.at, line.event_id, failed["id"])
                    if failed["id"] in found and key not in seen:
                        seen.add(key)
                        found[failed["id"]].append(Try(line.at, failed["reason"]))
        return found

    def _receive(self) -> Iterator[Letter]:
        seen: set[str] = set()
        empty = 0
        while empty < _EMPTY_LOOKS:
            said = self.sqs.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=_BATCH,
                VisibilityTimeout=_HOLD,
                WaitTimeSeconds=1,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            messages = said.get("Messages", [])
            # One that comes again, because this takes long, is deleted or put back by its newest receipt.
            self._held.update({message["MessageId"]: message["ReceiptHandle"] for message in messages})
            fresh = [message for message in messages if message["MessageId"] not in seen]
            seen |= {message["MessageId"] for message in fresh}
            empty = 0 if fresh else empty + 1
            yield from map(Letter, fresh)

    def _put_back(self) -> None:
        held = list(self._held.items())
        self._held.clear()
        for start in range(0, len(held), _BATCH):
            entries: Any = [
                {"Id": str(at), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for at, (_, receipt) in enumerate(held[start : start + _BATCH])
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


@app.command("list", epilog="Example: nami dlq list shopify --since 2h")
@with_env
def list_command(
    name: Name,
    ids: Ids = None,
    since: Since = None,
    until: Until = None,
    text: WithText = None,
    destination: Destination = None,
    quarantine: Quarantine = False,
    limit: Limit = 100,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list.")] = False,
) -> None:
    """Show the dead letters of NAME, how often each was tried, and why it failed last. They stay where they are."""
    letters = _open(name, destination, quarantine)
    chosen, more = _look(letters, Filter.of(ids, since, until, text), limit)
    chosen.sort(key=lambda letter: letter.received_at)
    reasons = letters.reasons(chosen)
    told = [
        letter.as_dict()
        | {
            "tries": len(reasons[letter.id]) or letters.tries_before_giving_up,
            "reason": reasons[letter.id][-1].reason if reasons[letter.id] else None,
        }
        for letter in chosen
    ]
    if as_json:
        print_json(told)
    elif told:
        rows = [
            [each["id"], times.clock(letter.received_at), str(each["tries"]), each["reason"] or _NO_REASON]
            for each, letter in zip(told, chosen, strict=True)
        ]
        print_table(["delivery", "received", "tries", "reason"], rows)
    if not told:
        say(letters.none_of(name) + (" that match" if letters.count() else ""))
    elif more:
        rest = "an ordered queue shows the first of each group" if letters.is_fifo else "--limit shows more"
        say(f"{len(told)} of about {letters.count()}; {rest}, {letters.command('redrive', name)} sends them back")
    else:
        show, redrive = letters.command("show", f"{name} ID"), letters.command("redrive", name)
        say(f"{show} tells more, {redrive} sends them back")


@app.command("show", epilog="Example: nami dlq show shopify b54557e4-5c29-4e3c-9d83-e1a5d0e0e0a1")
@with_env
def show_command(
    name: Name,
    wanted: Annotated[str, typer.Argument(metavar="ID", help="Of the delivery, or of the message.")],
    destination: Destination = None,
    quarantine: Quarantine = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with the message as it lies in the queue.")] = False,
) -> None:
    """Show one dead letter: its tries, its headers and its body. It stays where it is."""
    letters = _open(name, destination, quarantine)
    chosen, _ = _look(letters, Filter(ids=frozenset({wanted})), 1)
    if not chosen:
        there = "in quarantine" if quarantine else f"among the dead letters of {name}"
        shows = "shows what is" if quarantine else "shows them"
        raise NotFoundError(f"{wanted} is not {there}; {letters.command('list', name)} {shows}")
    letter = chosen[0]
    tries = letters.reasons(chosen)[letter.id]
    if as_json:
        told = [{"at": times.iso(each.at), "reason": each.reason} for each in tries]
        print_json(letter.as_dict() | {"tries": told, "message": letter.content})
        return
    print_line(f"delivery  {letter.id}")
    print_line(f"message   {letter.message_id}")
    print_line(f"received  {times.iso(letter.received_at)}")
    for number, each in enumerate(tries, 1):
        print_line(f"try {number:<4}  {times.clock(each.at)}  {each.reason}")
    if not tries:
        print_line(f"tries     {letters.tries_before_giving_up}; {_NO_REASON}")
    _show_webhook(letter)


@app.command("redrive", epilog="Example: nami dlq redrive shopify --text order.created --rate 20")
@with_env
def redrive_command(
    name: Name,
    ids: Ids = None,
    since: Since = None,
    until: Until = None,
    text: WithText = None,
    destination: Destination = None,
    quarantine: Quarantine = False,
    limit: Limit = None,
    rate: Annotated[int | None, typer.Option(min=1, max=500, help="So many a second.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which.")] = False,
) -> None:
    """Send the dead letters of NAME back to its queue: all of them, or those that match.

    Each is on the queue before it is no longer a dead letter, so nothing is lost when this is interrupted; run it again
    for the rest. What is sent twice is stored once.
    """
    wanted = Filter.of(ids, since, until, text)
    letters = _open(name, destination, quarantine)
    if dry_run:
        chosen, _ = _look(letters, wanted, limit)
        print_table(["delivery", "received"], [[each.id, times.iso(each.received_at)] for each in chosen])
        say(f"{len(chosen)} would be sent back to the queue")
        return
    redriven = Count()
    try:
        # SQS's own task spares the way through this machine. It has no filter, and FIFO queues may drop what it moves.
        if not (wanted.takes_all and limit is None and letters.has_move_task and _move(letters, rate, redriven)):
            _send_back(letters, wanted, limit, rate, redriven)
    except KeyboardInterrupt:
        say(f"stopped; {redriven.value} were sent back, the others are still dead letters: run it again")
        raise typer.Exit(130) from None
    print_text(str(redriven.value))
    if redriven.value:
        say(f"{redriven.value} sent back to the queue; {letters.command('list', name)} shows those that fail again")
    elif wanted.takes_all:
        say(letters.none_of(name))
    else:
        raise NotFoundError(f"none of {name} matches; {letters.command('list', name)} shows them")


@app.command("purge", epilog="Example: nami dlq purge shopify --text test --yes")
@with_env
def purge_command(
    name: Name,
    ids: Ids = None,
    since: Since = None,
    until: Until = None,
    text: WithText = None,
    destination: Destination = None,
    quarantine: Quarantine = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete the dead letters of NAME for good: all of them, or those that match."""
    wanted = Filter.of(ids, since, until, text)
    letters = _open(name, destination, quarantine)
    if wanted.takes_all:
        if number := letters.count():
            _ask(yes, f"Delete all of about {number} webhooks of {name} for good?")
            letters.sqs.purge_queue(QueueUrl=letters.url)
        print_text(str(number))
        say("SQS removes them within a minute" if number else letters.none_of(name))
        return
    with letters.opened() as found:
        chosen = [letter for letter in found if wanted.takes(letter)]
        if not chosen:
            raise NotFoundError(f"none of {name} matches; {letters.command('list', name)} shows them")
        _ask(yes, f"Delete {len(chosen)} webhooks of {name} for good?")
        with progress("deleting", len(chosen)) as advance:
            for start in range(0, len(chosen), _BATCH):
                letters.delete(chosen[start : start + _BATCH])
                advance(len(chosen[start : start + _BATCH]))
    print_text(str(len(chosen)))
    say(f"{len(chosen)} deleted")


def _ask(yes: bool, question: str) -> None:
    if not yes and not typer.confirm(question, err=True):
        raise typer.Exit(1)


class Count:
    """How many it is so far, also for whoever interrupts."""

    value = 0


def _open(name: str, destination: str | None, quarantine: bool) -> DeadLetters:
    found = find(name)
    if quarantine:
        if not (url := found.outputs.get("QuarantineUrl")):
            raise UsageError(f"--quarantine: {name} has none; only ingest=direct with a signature does")
        return DeadLetters(found.drain(None), url)
    chosen = found.drain(destination)
    if destination is None and (others := [each.destination for each in found.drains if each is not chosen]):
        say(f"of {chosen.destination} alone; --destination {' or '.join(others)} for the others")
    return DeadLetters(chosen)


def _look(letters: DeadLetters, wanted: Filter, limit: int | None) -> tuple[list[Letter], bool]:
    """Letters that match, and whether there may be more."""
    chosen: list[Letter] = []
    with letters.opened() as found, progress("looking through the dead letters", None) as advance:
        for letter in found:
            advance(1)
            if limit is not None and len(chosen) == limit:
                return chosen, True
            if wanted.takes(letter):
                chosen.append(letter)
            if wanted.ids and len(chosen) == len(wanted.ids) and not (wanted.text or wanted.since or wanted.until):
                return chosen, False
    # A FIFO queue gives no more of a group while some of it are being looked at.
    return chosen, letters.is_fifo and letters.count() > len(chosen)


def _move(letters: DeadLetters, rate: int | None, redriven: Count) -> bool:
    """Let SQS move all letters by itself; False where it can't."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    said = letters.sqs.get_queue_attributes(QueueUrl=letters.url, AttributeNames=["QueueArn"])
    arn = said["Attributes"]["QueueArn"]
    options: Any = {"MaxNumberOfMessagesPerSecond": rate} if rate else {}
    total = letters.count()
    letters.keep_bodies()
    try:
        handle = letters.sqs.start_message_move_task(SourceArn=arn, **options)["TaskHandle"]
    except ClientError as error:
        if aws.error_code(error) in _NO_TASK:
            return False
        raise
    with progress("SQS is moving the dead letters", total) as advance:
        try:
            while True:
                task = letters.sqs.list_message_move_tasks(SourceArn=arn, MaxResults=1)["Results"][0]
                moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
                advance(moved - redriven.value)
                redriven.value = moved
                if task["Status"] not in ("RUNNING", "CANCELLING"):
                    break
                time.sleep(1)
        except KeyboardInterrupt:
            letters.sqs.cancel_message_move_task(TaskHandle=handle)
            raise
    if task["Status"] != "COMPLETED":
        reason = task.get("FailureReason", task["Status"].lower())
        raise AwsError(f"SQS moved {redriven.value} of {total} and stopped: {reason}; run it again for the rest")
    return True


def _send_back(letters: DeadLetters, wanted: Filter, limit: int | None, rate: int | None, redriven: Count) -> None:
    pace = _Pace(rate)
    sent: set[str] = set()
    total = letters.count()
    with letters.opened() as found, progress("sending back", min(limit or total, total)) as advance:
        waiting: list[Letter] = []

        def flush() -> None:
            taken, messages = letters.send_back(waiting)
            letters.delete(taken)
            # Dead letters that fail again stay the messages that they are; the quarantine gets a new one each time.
            sent.update((letter.id for letter in taken) if letters.in_quarantine else messages)
            redriven.value += len(taken)
            advance(len(taken))
            if len(taken) < len(waiting):
                raise AwsError(
                    f"the queue did not take {len(waiting) - len(taken)} of {len(waiting)}; they stay dead letters, "
                    f"{redriven.value} were sent back; run it again for the rest"
                )
            waiting.clear()

        for letter in found:
            # One that this run sent back and that failed again already is not sent a second time.
            if {letter.id, letter.message_id} & sent or not wanted.takes(letter):
                continue
            waiting.append(letter)
            due = limit is not None and redriven.value + len(waiting) >= limit
            # A FIFO queue gives no more of a group before those that it gave are deleted, and keeps its order.
            if due or letters.is_fifo or len(waiting) >= pace.batch:
                pace.wait(len(waiting))
                flush()
            if due:
                break
        if waiting:
            flush()
    if letters.is_fifo and not wanted.takes_all:
        say("an ordered queue shows the first of each group; what lies behind others was not looked at")


class _Pace:
    """At most so many a second."""

    def __init__(self, rate: int | None) -> None:
        self.batch = min(rate or _BATCH, _BATCH)
        self._rate = rate
        self._next = time.monotonic()

    def wait(self, count: int) -> None:
        """Return when so many may go."""
        if not self._rate:
            return
        now = time.monotonic()
        if self._next > now:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + count / self._rate


def _groups(letters: list[Letter]) -> Iterator[list[Letter]]:
    """As many at once as SQS takes, by number and by bytes."""
    group: list[Letter] = []
    size = 0
    for letter in letters:
        length = len(letter.content.encode())
        if group and (len(group) == _BATCH or size + length > _BATCH_BYTES):
            yield group
            group, size = [], 0
        group.append(letter)
        size += length
    if group:
        yield group


def _show_webhook(letter: Letter) -> None:
    delivery = letter.delivery
    if delivery is None:
        print_text(f"\nno webhook: {letter.unreadable}\n{letter.content}")
        return
    query = f"?{delivery.query}" if delivery.query else ""
    print_line(f"from      {delivery.source_ip}, {delivery.verified or 'not'} verified")
    print_text("")
    print_line(f"{delivery.method} {delivery.path}{query}")
    for key, value in delivery.headers.items():
        print_line(f"{key}: {value}")
    print_text("")
    if reference := delivery.body_ref:
        print_line(f"{reference['size']} bytes, in s3://{reference['bucket']}/{reference['key']}")
        return
    try:
        print_text(delivery.body.decode())
    except UnicodeDecodeError:
        print_text(f"{len(delivery.body)} bytes of no text; --json has them in base64")
