"""A MongoDB: on a host of the subscription's own, on the shared one, or one that the user has."""

import contextlib
import math
import time
from collections.abc import Generator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from nami_control import shared, stacks
from nami_control.aws import Aws
from nami_control.checks import Check, database_secret, fail, ok, warn
from nami_control.deployment import Deployment, Drain, find
from nami_control.destinations import host, host_before, tunnel
from nami_control.destinations.base import Destination, Find, Looks, Speed
from nami_control.errors import Command, DatabaseError, MissingToolError
from nami_control.planning.assumptions import Assumption, Times, vcpus
from nami_control.planning.bill import PRICES, Line
from nami_control.progress import Tell, silent
from nami_control.searching import Position, Store
from nami_control.stacks import Stack, Target
from nami_runtime.results import APART
from nami_stack.settings import SharedSettings, Subscription

_FAR_DAYS = 3650  # whoever has ten years does not plan for them
_FULL = 0.8  # of the data volume; MongoDB stops where it can't write
_POLL = 0.7  # seconds between looks while following
_ANSWERS_WITHIN = 10.0  # seconds; a database that is up does at once
# Functions that run at once write at once: one that began earlier may be the later one to write.
_LATE = timedelta(seconds=60)
_EPOCH = datetime.fromtimestamp(0, UTC)
# Documents that are asked for at once while all are looked through, at first and at the most.
_AT_ONCE = 50
_FIRST_LOOK, _LONGEST_LOOK = 64, 2048
# Whoever brings a database knows what it takes; until then it counts like the smallest host.
_CORES = 2


class Mongo(Destination):
    """A collection of the subscription's name."""

    kind = "mongo"
    shown_by = "DatabaseSecretArn"
    work = Assumption(0.27, "ms of a whole vCPU for a webhook of a batch", "measured, 0.18 ms; half more on Graviton")
    write = Assumption(
        1.0,
        "ms of one of the database's vCPUs for a write",
        "assumed, with caution: a thousand upserts a second for each",
    )

    on_host: ClassVar[bool] = True
    """Whether nami runs it."""
    in_local_mongo = True

    @classmethod
    def is_at(cls, drain: Drain) -> bool:
        """Whether it is what this function writes to."""
        return super().is_at(drain) and ("MONGO_HOST" in drain.post_queue.environment) is cls.on_host

    def stored(self, *, query: dict[str, Any], ids: list[str], limit: int, follow: bool) -> Generator[dict[str, Any]]:
        """Those that match."""
        wanted = {"$and": [{"$or": [each for key in ids for each in _under(key)]}, query]} if ids else query
        with collection(self.deployment, self.drain, tell=self.tell) as documents:
            # Looked at first, so that what is stored meanwhile is not taken for old.
            known = _recent(documents) if follow else {}
            # All of those that were asked for, however many came under their ids.
            found = list(documents.find(wanted).sort("received_at", -1).limit(0 if ids else limit))
            yield from reversed(found)
            if follow:
                known |= {each["_id"]: each["stored_at"] for each in found if "stored_at" in each}
                yield from _arriving(documents, wanted, known)

    @contextlib.contextmanager
    def opened(self) -> Iterator[Find]:
        """Found by ids."""
        with collection(self.deployment, self.drain, tell=self.tell) as documents:
            yield lambda ids: list(documents.find({"_id": {"$in": ids}}))

    @contextlib.contextmanager
    def oldest_first(self, since: float, until: float, query: dict[str, Any]) -> Iterator[Iterator[dict[str, Any]]]:
        """By `received_at`, which has an index."""
        span = {"received_at": {"$gte": _moment(since * 1000), "$lt": _moment(until * 1000)}}
        with collection(self.deployment, self.drain, tell=self.tell) as documents:
            # A few at once, since a server forgets what nobody has asked it for ten minutes.
            found = documents.find({"$and": [span, query]} if query else span, batch_size=_AT_ONCE)
            yield iter(found.sort("received_at", 1))

    @contextlib.contextmanager
    def arriving(self) -> Iterator[Iterator[dict[str, Any]]]:
        """By `stored_at`, which has an index."""
        with collection(self.deployment, self.drain, tell=self.tell) as documents:
            yield _arriving(documents, {}, _recent(documents))

    @contextlib.contextmanager
    def browsed(self) -> Iterator[Store]:
        """By the time of arrival, which has an index."""
        with collection(self.deployment, self.drain, tell=self.tell) as documents:
            yield Documents(documents)

    def looks(self) -> Looks:
        """At what lets documents expire, where they are to."""
        days = self.drain.post_queue.environment.get("KEEP_DAYS")
        return {"keep_days": partial(self._expiry, int(days))} if days else {}

    def _expiry(self, days: int) -> Check:
        with collection(self.deployment, self.drain, tell=self.tell) as documents:
            there = any("expireAfterSeconds" in each for each in documents.index_information().values())
            name = documents.name
        if there:
            return ok("keep_days", f"documents go {days} days after they were stored")
        return warn(
            "keep_days",
            f"no index lets documents of {name} expire; the function makes it where that takes seconds",
            *("make it: ", Command(f"connect {self.deployment.name}"), ", and in mongosh "),
            f'`db.getCollection("{name}").createIndex({{expires_at: 1}}, {{expireAfterSeconds: 0}})`',
        )

    @classmethod
    def speed(cls, subscription: Subscription, times: Times, batch_size: float) -> Speed:
        """What its vCPUs write."""
        from nami_runtime.destinations.mongo import ATTEMPT_SECONDS  # noqa: PLC0415 (it loads pymongo)

        return Speed(rate=cls.cores(subscription) * 1000 / cls.write_ms(times), longest=ATTEMPT_SECONDS)

    @classmethod
    def cores(cls, subscription: Subscription) -> int:
        """Of the machine that it runs on."""
        return _CORES


class MongoHost(Mongo):
    """In Docker on an EC2 host of the subscription's own."""

    holds: ClassVar = {
        "data_volume_id": "the volume with the documents,",
        "database_secret_arn": "the secret with its credentials,",
    }

    @classmethod
    def looks_at_stack(cls, target: Target, tell: Tell) -> Looks:
        """At the host, and at the disk that the documents are on."""
        return {"host": lambda: host.look(target), "disk": lambda: _disk(target, tell)}

    @classmethod
    def looks_before(cls, aws: Aws, asked: Subscription | SharedSettings, stack: Stack | None) -> Looks:
        """At what the host needs of the account and the zone."""
        return host_before.looks(aws, asked, stack)

    @classmethod
    def adoption(cls, aws: Aws, outputs: Mapping[str, str]) -> dict[str, str]:
        """The volume with the documents and the secret with its credentials."""
        return host.adoption(aws, outputs)

    @classmethod
    def cores(cls, subscription: Subscription) -> int:
        """Of the instance type."""
        return vcpus(subscription.instance_type)

    @classmethod
    def faster(cls, subscription: Subscription) -> Iterator[dict[str, Any]]:
        """A larger host."""
        yield from ({"instance_type": instance} for instance in _bigger(subscription.instance_type))

    @classmethod
    def idle_lines(cls, subscription: Subscription) -> list[Line]:
        """The host, its disks, and the way to it."""
        return host.month(subscription)

    @classmethod
    def secrets(cls, subscription: Subscription) -> int:
        """Its credentials."""
        return 0 if subscription.data_volume_id else 1

    @classmethod
    def alarms(cls, subscription: Subscription) -> int:
        """On the host and its disk, on credits that it may use up, and on the backups."""
        return 2 + subscription.is_burstable + (subscription.backup_days > 0)

    @classmethod
    def unpriced(cls, subscription: Subscription) -> str | None:
        """An instance type that the table does not have."""
        return None if subscription.instance_type in PRICES else subscription.instance_type


class SharedMongo(Mongo):
    """On the host that subscriptions share."""

    @classmethod
    def kept_elsewhere(cls, target: Target) -> str:
        """The documents."""
        return f"the collection {target.name} in {target.shared.stack_name}"


class MongoDatabase(Mongo):
    """One that the user has."""

    on_host = False
    in_local_mongo = False

    def looks(self) -> Looks:
        """At the secret that says where it is."""
        if not (arn := self.drain.post_queue.environment.get("MONGO_SECRET_ARN")):
            return super().looks()
        where = partial(database_secret, "database", self.deployment.aws, arn, "mongodb://…")
        return {"database": where, **super().looks()}


class Documents:
    """A collection, the newest first; a position's `at` is when a webhook came in."""

    def __init__(self, documents: Any) -> None:
        self._documents = documents

    def newest_first(self, before: Position | None, since: float | None) -> Iterator[tuple[int, dict[str, Any]]]:
        """Those behind a position. What comes in at its very millisecond meanwhile may move it by one."""
        count, limit, here = 0, _FIRST_LOOK, before
        while True:
            # One look after the other, since a database that need not find all finds the first at once.
            for document in self._find(here, since).limit(limit):
                count += 1
                at = round(document["received_at"].timestamp() * 1000)
                here = Position.behind(at, here)
                yield at, document
            if count < limit:
                return
            count, limit = 0, min(limit * 2, _LONGEST_LOOK)

    def _find(self, before: Position | None, since: float | None) -> Any:
        span = {"$lt": _moment(before.at + 1)} if before else {}
        span |= {} if since is None else {"$gte": _moment(since * 1000)}
        # Sorted by what has an index alone: with another field behind it MongoDB would sort all that there is.
        found = self._documents.find({"received_at": span} if span else {}).sort("received_at", -1)
        return found.skip(before.skip if before else 0)

    def get(self, ids: list[str]) -> list[dict[str, Any]]:
        """Those of these deliveries that are there."""
        return list(self._documents.find({"_id": {"$in": ids}}))

    def written_since(self, at: datetime) -> list[dict[str, Any]]:
        """What was stored since then."""
        return list(self._documents.find({"stored_at": {"$gte": at}}).sort("stored_at", 1))


def _moment(milliseconds: float) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


@contextlib.contextmanager
def collection(deployment: Deployment, drain: Drain | None = None, *, tell: Tell = silent) -> Iterator[Any]:
    """The subscription's documents (a pymongo collection); what goes wrong with them becomes one line.

    Of one destination, or of the first in MongoDB.

    Raises:
        DatabaseError: the database does not answer, or refused.
        MissingToolError: pymongo, or what a tunnel needs, is not installed.
    """
    try:
        import pymongo  # noqa: PLC0415 (a tenth of a second that other commands need not wait)
        import pymongo.errors  # noqa: PLC0415
    except ImportError:
        raise MissingToolError("pymongo is not installed; pip install 'nami-webhooks[cli]'") from None
    with tunnel.database(deployment, drain, tell=tell) as found:
        milliseconds = int(_ANSWERS_WITHIN * 1000)
        try:
            with pymongo.MongoClient[dict[str, Any]](
                found.uri, serverSelectionTimeoutMS=milliseconds, connectTimeoutMS=milliseconds, tz_aware=True
            ) as client:
                yield client[found.name][found.collection]
        except pymongo.errors.OperationFailure as error:
            raise DatabaseError(f"the database refused: {error.details and error.details.get('errmsg')}") from None
        except pymongo.errors.PyMongoError as error:
            reason = str(error).split(", Timeout:")[0].split(" (configured timeouts")[0]
            raise DatabaseError(f"the database does not answer: {reason}") from None


def _under(delivery_id: str) -> list[dict[str, Any]]:
    """That delivery, and those with other content that came under its id: theirs begin with it."""
    start = f"{delivery_id}{APART}"
    return [{"_id": delivery_id}, {"_id": {"$gte": start, "$lt": f"{start}~"}}]


def _recent(documents: Any) -> dict[Any, datetime]:
    """Ids of what was stored about when the newest was, with their times."""
    newest = documents.find({}, {"stored_at": 1}).sort("stored_at", -1).limit(1)
    since = max((document["stored_at"] for document in newest), default=_EPOCH) - _LATE
    found = documents.find({"stored_at": {"$gte": since}}, {"stored_at": 1})
    return {document["_id"]: document["stored_at"] for document in found}


def _arriving(documents: Any, query: dict[str, Any], seen: dict[Any, datetime]) -> Iterator[dict[str, Any]]:
    """What is stored from now on. It looks back a little each time, and leaves out what was there."""
    while True:
        since = max(seen.values(), default=_EPOCH) - _LATE
        recent = {"stored_at": {"$gte": since}}
        looked = documents.find({"$and": [recent, query]} if query else recent, {"stored_at": 1})
        fresh = [document["_id"] for document in looked.sort("stored_at", 1) if document["_id"] not in seen]
        # Their bodies once, and not at each look.
        for start in range(0, len(fresh), _AT_ONCE):
            part = fresh[start : start + _AT_ONCE]
            there = {document["_id"]: document for document in documents.find({"_id": {"$in": part}})}
            for document in (there[key] for key in part if key in there):
                seen[document["_id"]] = document["stored_at"]
                yield document
        seen = {key: at for key, at in seen.items() if at >= since}
        time.sleep(_POLL)


def _disk(target: Target, tell: Tell) -> Check:
    """How full the data volume is, as the database that lies on it tells."""
    through = target
    if target.is_shared:
        # Whoever uses the host is let in.
        users = [Target(name, target.aws) for name in shared.users(target.aws, target.stack_name, [shared.MONGO])]
        there = [user for user in users if stacks.find_stack(target.aws, user.stack_name)]
        if not there:
            return ok("disk", "not looked at: nobody uses it yet")
        through = there[0]
    elif not any(r["LogicalResourceId"].startswith("MongoHost") for r in target.resources()):
        if host.is_shared(target):
            return _disk(target.shared, tell)
        return ok("disk", "none of this subscription's own")
    try:
        with collection(find(through), tell=tell) as documents:
            stats = documents.database.command("dbStats")
            # This machine's disk holds other things, and its stand-in for MongoDB reads each document to count it.
            pace = _pace(documents.database) if stats.get("fsTotalSize") and not target.aws.is_local else 0.0
    except MissingToolError as error:
        detail, _, remedy = error.cause.partition("; ")
        return warn("disk", f"not looked at: {detail}", *filter(None, [remedy]))
    if not stats.get("fsTotalSize"):
        return ok("disk", "the stand-in for MongoDB does not tell")
    return disk(target.name, stats["fsUsedSize"], stats["fsTotalSize"], pace)


def _pace(database: Any) -> float:
    """Bytes by which its collections have grown in the last day, less those of documents that expired in it."""
    now = datetime.now(UTC)
    grown = 0.0
    for name in database.list_collection_names():
        stats = database.command("collStats", name)
        if not (count := stats.get("count")):
            continue
        documents = database[name]
        day = documents.count_documents({"stored_at": {"$gte": now - timedelta(days=1)}})
        goes = 0
        if any("expireAfterSeconds" in index for index in documents.index_information().values()):
            # As many as will expire in the next day have expired in the last one, at an even pace.
            goes = documents.count_documents({"expires_at": {"$gte": now, "$lt": now + timedelta(days=1)}})
        grown += (day - goes) * (stats.get("storageSize", 0) + stats.get("totalIndexSize", 0)) / count
    return grown


def disk(name: str, used: float, total: float, pace: float = 0.0) -> Check:
    """Whether `used` of `total` bytes leave room, and when it is full at a pace of so many bytes a day."""
    detail = f"{used / total:.0%} of {total / 2**30:.0f} GiB are used"
    if pace > 0 and (days := (total - used) / pace) < _FAR_DAYS:
        full = datetime.now(UTC) + timedelta(days=days)
        detail += f", full on {full:%Y-%m-%d} at the pace of the last day"
    if used / total < _FULL:
        return ok("disk", detail)
    return fail("disk", detail, Command(f"deploy {name} --volume-size {math.ceil(2 * total / 2**30)}"))


def _bigger(instance_type: str) -> Iterator[str]:
    """The cheapest type of each number of vCPUs above this one's, of those with a known price and no less memory."""
    known = [(PRICES[name].dollars, name) for name in PRICES if "." in name and name[0] in "tmcr"]
    for count in sorted({vcpus(name) for _, name in known}):
        if count > vcpus(instance_type):
            yield min((dollars, name) for dollars, name in known if vcpus(name) == count)[1]
