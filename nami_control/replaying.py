"""What was stored goes through again: to its destination by the queue, or as it came to a URL.

It is read by the time of its arrival. How far it came is kept in a file after each step, so that an interrupted replay
goes on where it stopped; the last step before a kill may be repeated, as any webhook may: by its delivery id it is one.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from nami_control import destinations, events, home
from nami_control.deployment import Deployment
from nami_control.destinations.base import Destination
from nami_control.errors import AwsError, Command, NotFoundError, UsageError, WebhookError
from nami_control.posting import Posted, Poster
from nami_control.progress import Tell, silent
from nami_control.redrive import Pace
from nami_control.searching import Position
from nami_runtime import envelope, ordering, pattern, wanted
from nami_runtime.queue import together
from nami_runtime.request import Request

RATE = 20
"""Webhooks a second where none is given: little beside what a destination takes, and 72,000 an hour."""
_FILE = "replay.json"
Document = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """Which webhooks go through again, and where to.

    Args:
        since: epoch seconds, of their arrival.
        until: epoch seconds, before which they came.
        query: as the store takes it.
        filter: an event pattern, as that of a subscription.
        destination: such as http; that whose store is read where not given.
        to: a URL in its place.
        rate: so many a second at the most.
    """

    since: float
    until: float
    query: dict[str, Any] = field(default_factory=dict)
    filter: str | None = None
    destination: str | None = None
    to: str | None = None
    rate: int = RATE


@dataclass(frozen=True)
class Step:
    """How far a replay has come: so many were sent, up to this place; what a URL said where there is one."""

    sent: int
    place: str
    posted: Posted | None = None


class Replay:
    """One replay of a subscription's webhooks.

    Args:
        replayed_at: epoch ms; the mark of all its webhooks.
        begun: how far it came before.

    Raises:
        UsageError: nothing that can be read is stored; the filter or the destination is none.
    """

    def __init__(
        self,
        deployment: Deployment,
        asked: Asked,
        *,
        replayed_at: int,
        begun: Step = Step(0, ""),
        tell: Tell = silent,
    ) -> None:
        self.deployment, self.asked, self.replayed_at, self.begun = deployment, asked, replayed_at, begun
        self._store = _store(deployment, asked, tell)
        self.drain = deployment.drain(asked.destination) if asked.destination else self._store.drain
        try:
            self._filter = wanted.Filter(asked.filter) if asked.filter else None
        except pattern.Wrong as wrong:
            raise UsageError(f"--filter: {wrong}") from None
        self._poster = Poster(asked.to) if asked.to else None

    def count(self) -> int:
        """How many it would be, from its begin."""
        with self._store.oldest_first(self.asked.since, self.asked.until, self.asked.query) as documents:
            return sum(1 for document in _once(documents) if self._wants(document))

    def run(self) -> Iterator[Step]:
        """Send them; a step comes after what it tells of was taken.

        Raises:
            AwsError: the queue did not take them; a URL does not answer is a WebhookError. Taken up again, it goes on.
        """
        with ExitStack() as reading:
            waiting = self._chosen(reading)
            pace = Pace(self.asked.rate)
            sent = self.begun.sent
            # A webhook is megabytes at the most, and so many are held at once.
            while some := list(islice(waiting, 1 if self._poster else pace.batch)):
                pace.wait(len(some))
                sent += len(some)
                place = str(some[-1][0])
                if self._poster:
                    yield Step(sent, place, self._post(self._poster, some[0][1]))
                else:
                    self._send_on([document for _, document in some])
                    yield Step(sent, place)

    def send(self, documents: list[Document]) -> None:
        """Put these on the queue, whichever were asked for.

        Raises:
            AwsError: the queue did not take all of them.
        """
        sqs = self.deployment.aws.client("sqs")
        for group in together(map(self._message, documents), itemgetter("MessageBody")):
            entries: Any = [{"Id": str(at), **each} for at, each in enumerate(group)]
            said = sqs.send_message_batch(QueueUrl=self.drain.queue_url, Entries=entries)
            if failed := said.get("Failed"):
                raise AwsError(f"the queue did not take {len(failed)} of {len(group)} ({failed[0]['Code']})")

    def _chosen(self, reading: ExitStack) -> Iterator[tuple[Position, Document]]:
        """Those that are meant behind the place where it begins, in the order in which they were taken."""
        behind = Position.parse(self.begun.place)
        since = max(self.asked.since, behind.at / 1000) if behind else self.asked.since
        found = reading.enter_context(self._store.oldest_first(since, self.asked.until, self.asked.query))
        for at, group in groupby(found, _arrival):
            # Those of one millisecond as they were stored, which of an ordered subscription's is their order.
            together = sorted(group, key=lambda each: (str(each.get("stored_at", "")), str(each["_id"])))
            for number, document in enumerate(_once(together), 1):
                if behind and at == behind.at and number <= behind.skip:
                    continue
                if self._wants(document):
                    yield Position(at, number), document

    def _wants(self, document: Document) -> bool:
        return self._filter is None or self._filter.wants(request_of(document))

    def _post(self, poster: Poster, document: Document) -> Posted:
        posted = poster.post(document)
        if posted.status is None:
            raise WebhookError(
                f"{poster.url}: {posted.reason}", *(Command(f"replay {self.deployment.name} --resume"), " goes on")
            )
        return posted

    def _send_on(self, documents: list[Document]) -> None:
        try:
            self.send(documents)
        except AwsError as error:
            remedy = (Command(f"replay {self.deployment.name} --resume"), " goes on with them")
            raise AwsError(error.cause, *remedy) from None

    def _message(self, document: Document) -> dict[str, Any]:
        name, request = self.deployment.name, request_of(document)
        content = envelope.write(request, name, replayed_at=self.replayed_at)
        if len(content) > envelope.MAX_BYTES:
            content = envelope.write(request, name, self._left_in_s3(request), replayed_at=self.replayed_at)
        message = {"MessageBody": content.decode()}
        if not self.drain.queue_url.endswith(".fifo"):
            return message
        pre_queue = self.deployment.pre_queue
        order_by = pre_queue.environment.get("ORDER_BY", "") if pre_queue else ""
        parameters = ordering.send_parameters(request, order_by)
        # The same step sent twice within five minutes is one message; another replay is another.
        once = sha256(f"{parameters['MessageDeduplicationId']} {self.replayed_at}".encode()).hexdigest()
        return {**message, **parameters, "MessageDeduplicationId": once}

    def _left_in_s3(self, request: Request) -> dict[str, object]:
        """Where the function before the queue leaves what the queue can't hold."""
        bucket, content = str(self.drain.large_bodies), request.body_hash()
        key = f"{self.deployment.name}/{content}"
        self.deployment.aws.client("s3").put_object(Bucket=bucket, Key=key, Body=request.body)
        return {"bucket": bucket, "key": key, "size": len(request.body), "sha256": content}


def request_of(document: Document) -> Request:
    """The webhook as it came in, under its own id."""
    # Told apart by its content where another came under its id before; a part of it is made anew by `process`.
    delivery_id = str(document.get("part_of", document.get("same_id_as", document["_id"])))
    request = Request(
        document["method"],
        document["path"],
        document.get("query") or "",
        headers=document["headers"],
        body=bytes(document.get("raw") or b""),
        request_id="" if "raw_sha256" in document else delivery_id,
        source_ip=document.get("source_ip") or "",
        received_at=_arrival(document),
    )
    request.delivery_id, request.verified = delivery_id, document.get("verified")
    return request


def _once(documents: Iterable[Document]) -> Iterator[Document]:
    """Of documents in the order of their arrival, one of those that `process` made of the same webhook."""
    for _, group in groupby(documents, _arrival):
        seen = set()
        for document in group:
            webhook = (document.get("part_of", document["_id"]), bytes(document.get("raw") or b""))
            if webhook not in seen:
                yield document
            if "part_of" in document:
                seen.add(webhook)


def kept(deployment: Deployment, *, tell: Tell = silent) -> Replay:
    """The last one that was interrupted.

    Raises:
        NotFoundError: there is none.
    """
    from bson import json_util  # noqa: PLC0415

    try:
        told = json_util.loads(_path(deployment).read_text())
    except OSError:
        raise NotFoundError(f"no replay of {deployment.name} was interrupted here") from None
    begun = Step(told["sent"], told["place"])
    return Replay(deployment, Asked(**told["asked"]), replayed_at=told["replayed_at"], begun=begun, tell=tell)


def run_kept(replay: Replay) -> Iterator[Step]:
    """As `Replay.run`, with how far it came in a file until it is through."""
    path = _path(replay.deployment)
    _keep(path, replay, replay.begun)
    for step in replay.run():
        _keep(path, replay, step)
        yield step
    path.unlink(missing_ok=True)


def _keep(path: Path, replay: Replay, step: Step) -> None:
    from bson import json_util  # noqa: PLC0415 (a query may hold dates)

    told = {"asked": asdict(replay.asked), "replayed_at": replay.replayed_at, "sent": step.sent, "place": step.place}
    if not path.parent.is_dir():
        home.prepare(home.folder())  # its owner's alone: a query tells what is in webhooks
        path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_suffix(".new")
    whole.write_text(json_util.dumps(told))
    whole.replace(path)


def _path(deployment: Deployment) -> Path:
    return deployment.target.folder / _FILE


def _store(deployment: Deployment, asked: Asked, tell: Tell) -> Destination:
    """The destination's own store; else the first that keeps webhooks."""
    if asked.destination:
        own = destinations.of(deployment, deployment.drain(asked.destination), tell)
        if own.keeps_webhooks:
            return own
    return events.destination_of(deployment, None, tell)


def _arrival(document: Document) -> int:
    at: float = document["received_at"].timestamp()
    return round(at * 1000)
