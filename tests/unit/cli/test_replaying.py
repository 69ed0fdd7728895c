"""A replay: which webhooks, in which order, how they travel, and how it goes on after an interrupt."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from nami_cli import replay
from nami_cli.main import app
from nami_control import replaying
from nami_control.deployment import Deployment
from nami_control.errors import AwsError, DatabaseError, NotFoundError, UsageError
from nami_control.replaying import Asked, Replay
from nami_runtime import envelope
from tests.unit.cli.conftest import target

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
ALL = Asked(since=0, until=NOON.timestamp() + 3600, rate=1000)
MARK = 1_790_000_000_000


def document(key: str, seconds: float = 0, body: bytes = b'{"total": 1}', **fields: Any) -> dict[str, Any]:
    at = NOON + timedelta(seconds=seconds)
    return {
        "_id": key,
        "subscription": "shopify",
        "received_at": at,
        "stored_at": at + timedelta(seconds=1),
        "method": "POST",
        "path": "/nami/shopify",
        "query": "a=1",
        "headers": {"content-type": "application/json", "x-topic": f"orders/{key}"},
        "raw": body,
        "source_ip": "198.51.100.7",
        "verified": "shopify",
        **fields,
    }


class World:
    """A deployment whose store, queue and bucket are here."""

    def __init__(self, url: str) -> None:
        self.url, self.documents, self.messages, self.objects = url, [], [], {}  # type: ignore[var-annotated]
        self.fails = self.is_away_after = 0
        self.drain = SimpleNamespace(
            destination="mongo",
            queue_url=url,
            large_bodies="bodies",
        )

    @contextmanager
    def oldest_first(self, since: float, until: float, query: Any) -> Iterator[Iterator[dict[str, Any]]]:
        assert query == {}
        found = [each for each in self.documents if since <= each["received_at"].timestamp() < until]
        yield self._read(sorted(found, key=lambda each: each["received_at"]))

    def _read(self, found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for number, each in enumerate(found, 1):
            if self.is_away_after and number > self.is_away_after:
                raise DatabaseError("the database does not answer")
            yield each

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == self.url
        assert 1 <= len(Entries) <= 10
        assert sum(len(each["MessageBody"].encode()) for each in Entries) <= 1_048_576
        if self.fails:
            return {"Failed": [{"Code": "Busy", "Id": "0"}]}
        self.messages += Entries
        return {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        self.objects[f"{Bucket}/{Key}"] = Body

    @property
    def sent(self) -> list[envelope.Delivery]:
        return [envelope.read(each["MessageBody"]) for each in self.messages]

    def replay(self, asked: Asked = ALL, **begun: Any) -> Replay:
        deployment: Any = SimpleNamespace(
            name="shopify",
            target=SimpleNamespace(folder=Path(self.folder)),
            aws=SimpleNamespace(client=lambda _service: self),
            drain=lambda _name: self.drain,
            pre_queue=SimpleNamespace(environment={"ORDER_BY": "x-topic"}),
        )
        return Replay(deployment, asked, replayed_at=MARK, **begun)

    folder = ""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    return _world(monkeypatch, tmp_path, "https://sqs/queue")


@pytest.fixture
def ordered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    return _world(monkeypatch, tmp_path, "https://sqs/queue.fifo")


def _world(monkeypatch: pytest.MonkeyPatch, folder: Path, url: str) -> World:
    made = World(url)
    made.folder = str(folder)
    monkeypatch.setattr(replaying, "_store", lambda *_: made)
    return made


def ids(world: World) -> list[str]:
    return [each.delivery_id for each in world.sent]


def test_webhook_goes_on_the_queue_as_it_came_and_is_marked(world: World) -> None:
    world.documents = [document("a", body=b"\x00\xff")]
    assert [step.sent for step in world.replay().run()] == [1]
    (sent,) = world.sent
    assert (sent.delivery_id, sent.received_at, sent.replayed_at) == ("a", NOON.timestamp() * 1000, MARK)
    assert (sent.method, sent.query, sent.headers["x-topic"], sent.body) == ("POST", "a=1", "orders/a", b"\x00\xff")
    assert (sent.verified, sent.source_ip, sent.id_may_repeat) == ("shopify", "198.51.100.7", False)


def test_of_two_bodies_under_one_id_each_keeps_its_own(world: World) -> None:
    world.documents = [document("a~0f", same_id_as="a", raw_sha256="0f")]
    list(world.replay().run())
    (sent,) = world.sent
    assert (sent.delivery_id, sent.id_may_repeat) == ("a", True)


def test_webhook_that_was_made_into_several_documents_goes_again_once_under_its_own_id(world: World) -> None:
    parts = [document(f"a~{place}", part_of="a") for place in (1, 2)]
    world.documents = [document("0"), *parts, document("b"), document("a~1", 1, part_of="a")]
    assert world.replay().count() == 4
    list(world.replay().run())
    assert ids(world) == ["0", "a", "b", "a"]


def test_they_go_in_the_order_in_which_they_came_and_of_one_moment_as_they_were_stored(world: World) -> None:
    late = NOON + timedelta(seconds=9)
    world.documents = [document("c", 2), document("a", stored_at=late), document("b"), document("d", 3)]
    list(world.replay().run())
    assert ids(world) == ["b", "a", "c", "d"]


def test_a_body_that_the_queue_can_not_hold_lies_in_the_bucket(world: World) -> None:
    body = b"\xff" * 6_000_000
    world.documents = [document("a", body=body), document("b", 1)]
    list(world.replay().run())
    first, second = world.sent
    assert first.body_ref
    assert world.objects == {f"bodies/{first.body_ref['key']}": body}
    first.load(body)
    assert second.body == b'{"total": 1}'


def test_messages_that_fit_no_call_together_go_in_several(world: World) -> None:
    world.documents = [document(str(number), number, b'{"a": "%s"}' % (b"x" * 400_000)) for number in range(5)]
    list(world.replay().run())
    assert ids(world) == ["0", "1", "2", "3", "4"]


def test_an_ordered_queues_messages_are_of_their_groups_and_dropped_when_sent_again(ordered: World) -> None:
    ordered.documents = [document("a"), document("b", 1)]
    for _ in range(2):
        list(ordered.replay().run())
    groups = [each["MessageGroupId"] for each in ordered.messages]
    once = [each["MessageDeduplicationId"] for each in ordered.messages]
    assert groups == ["orders/a", "orders/b"] * 2
    assert once[:2] == once[2:]
    assert once[0] != once[1]


def test_a_filter_takes_those_that_fit(world: World) -> None:
    world.documents = [document("a"), document("b", 1)]
    asked = Asked(**{**vars(ALL), "filter": '{"headers": {"X-Topic": ["orders/b"]}}'})
    assert world.replay(asked).count() == 1
    list(world.replay(asked).run())
    assert ids(world) == ["b"]


def test_a_filter_that_is_none_is_told(world: World) -> None:
    with pytest.raises(UsageError, match=r"--filter: colour"):
        world.replay(Asked(**{**vars(ALL), "filter": '{"colour": ["red"]}'}))


def test_only_those_of_the_time_that_was_given_go(world: World) -> None:
    world.documents = [document("a"), document("b", 10), document("c", 20)]
    noon = NOON.timestamp()
    list(world.replay(Asked(since=noon + 10, until=noon + 20)).run())
    assert ids(world) == ["b"]


def test_what_the_queue_does_not_take_ends_it_with_the_way_to_go_on(world: World) -> None:
    world.documents, world.fails = [document("a")], 1
    with pytest.raises(AwsError, match=r"did not take 1 of 1 \(Busy\); nami replay shopify --resume goes on"):
        list(world.replay().run())


def interrupted(world: World) -> None:
    list(islice(replaying.run_kept(world.replay(Asked(**{**vars(ALL), "rate": 2}))), 2))


def away(world: World) -> None:
    world.is_away_after = 7
    with pytest.raises(DatabaseError):
        list(replaying.run_kept(world.replay(Asked(**{**vars(ALL), "rate": 2}))))
    world.is_away_after = 0


@pytest.mark.parametrize(("stop", "before"), [(interrupted, 4), (away, 6)])
def test_interrupted_it_goes_on_where_it_stopped(
    world: World, stop: Callable[[World], None], before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Three of each moment: the place may be between two of them.
    world.documents = [document(f"{number}", number // 3) for number in range(9)]
    stop(world)
    assert ids(world) == [f"{number}" for number in range(before)]
    deployment = world.replay().deployment
    resumed = lambda _deployment, asked, **given: world.replay(asked, begun=given["begun"])  # noqa: E731
    monkeypatch.setattr(replaying, "Replay", resumed)
    steps = list(replaying.run_kept(replaying.kept(deployment)))
    assert ids(world) == [f"{number}" for number in range(9)]
    assert steps[-1].sent == 9
    assert {each.replayed_at for each in world.sent} == {MARK}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ["--resume", "--since", "2h"],
            "--resume: goes on with what was asked for before; leave the other options out",
        ),
        ([], "--since is missing: those received since when, as in --since 2h; or --resume"),
    ],
    ids=["too many", "too few"],
)
def test_options_that_do_not_fit_are_told(options: list[str], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "find", lambda _target: None)
    error = CliRunner().invoke(app, ["replay", "shopify", *options]).exception
    assert isinstance(error, UsageError)
    assert str(error) == told


def test_what_is_through_can_not_be_resumed(world: World) -> None:
    world.documents = [document("a")]
    list(replaying.run_kept(world.replay()))
    with pytest.raises(NotFoundError, match="no replay of shopify was interrupted here"):
        replaying.kept(world.replay().deployment)


def test_a_destination_that_keeps_nothing_says_what_to_deploy(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = {f"Http{key}": "x" for key in ("QueueUrl", "DeadLetterQueueUrl", "PostQueueFunctionName")}
    deployment = Deployment(target(), outputs)
    (drain,) = deployment.drains
    monkeypatch.setattr(type(drain), "post_queue", SimpleNamespace(environment={"DESTINATION": "http"}), raising=False)
    with pytest.raises(UsageError, match="http keeps no webhooks; deploy one beside it that does, as in"):
        Replay(deployment, ALL, replayed_at=MARK).count()


def test_what_is_kept_of_a_replay_is_plain_json(world: World) -> None:
    world.documents = [document(f"{number}", number) for number in range(5)]
    interrupted(world)
    told = json.loads((Path(world.folder) / "replay.json").read_text())
    assert (told["sent"], told["place"]) == (4, f"{round(NOON.timestamp() * 1000) + 3000}.1")
