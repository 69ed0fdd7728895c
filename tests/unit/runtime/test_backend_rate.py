"""`backend_rate`: never more requests a second than that, however many functions and threads there are."""

import heapq
import random
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from nami_runtime import aws, pace
from nami_runtime.results import Away, NotYet
from nami_stack.destinations.http_settings import BACKEND_MARGIN, backend_batch
from tests.backend.server import Backend
from tests.unit.runtime.conftest import Context, FakeAws, load_handler, sqs_event
from tests.unit.runtime.test_backend import backend, noted, post_queue
from tests.unit.runtime.test_backend_headers import recent
from tests.unit.runtime.turns import Refused, Turns

__all__ = ["backend", "post_queue"]

Function = Callable[..., dict[str, Any]]
Seconds = Callable[[], float]
NONE_FAILED: dict[str, Any] = {"batchItemFailures": []}
START = 1_790_000_000.0


class World:
    """A clock that stands unless somebody waits, and a table whose calls take their time."""

    def __init__(self, rate: float, latency: Seconds, connecting: Seconds) -> None:
        self.now = START
        self.turns = Turns()
        self.pace = pace.Pace("attempts", rate)
        self._latency, self._connecting = latency, connecting

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def connect(self) -> None:
        self.now += self._connecting()

    def call(self, _target: str, parameters: dict[str, Any], _deadline: float) -> dict[str, Any]:
        self.now += self._latency() / 2
        try:
            return self.turns.update(parameters)
        except Refused:
            raise aws.Rejected(400, "ConditionalCheckFailedException") from None
        finally:
            self.now += self._latency() / 2

    def wait(self, until: float) -> Away | None:
        return self.pace.wait(self, self.connect, until)  # type: ignore[arg-type] # all of a client that is used


@pytest.fixture
def virtual(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Makes a world whose clock is the module's."""

    def make(rate: float, latency: Seconds = lambda: 0.0, connecting: Seconds = lambda: 0.0) -> World:
        world = World(rate, latency, connecting)
        monkeypatch.setattr(pace, "time", lambda: world.now)
        monkeypatch.setattr(pace, "monotonic", lambda: world.now)
        monkeypatch.setattr(pace, "sleep", world.sleep)
        return world

    return make


def sent(world: World, threads: int, requests: int, answer: Seconds) -> list[float]:
    """When each request left, of so many threads that send one after the other; threads take turns by their clocks."""
    clocks = [(START, number) for number in range(threads)]
    moments: list[float] = []
    while len(moments) < requests:
        world.now, number = heapq.heappop(clocks)
        if world.wait(world.now + 3600) is None:
            moments.append(world.now)
        heapq.heappush(clocks, (world.now + answer(), number))
    return sorted(moments)


def most_in_a_second(moments: list[float]) -> int:
    return max(bisect_left(moments, moment + 1) - index for index, moment in enumerate(moments))


@given(
    rate=st.floats(0.2, 300),
    threads=st.integers(1, 30),
    slow=st.floats(0, 0.4),
    connecting=st.floats(0, 1.5),
    answer=st.floats(0, 3),
    seed=st.integers(0, 2**32),
)
@example(rate=50, threads=25, slow=0.3, connecting=0.1, answer=0, seed=1)
@settings(max_examples=60)
def test_no_second_has_more_requests_than_the_rate(
    virtual: Callable[..., World],
    rate: float,
    threads: int,
    slow: float,
    connecting: float,
    answer: float,
    seed: int,
) -> None:
    drawn = random.Random(seed)
    # Now and then something takes its time: a first connection to the table or the backend.
    latency = lambda: drawn.choice([0.004, 0.004, 0.006, slow])  # noqa: E731
    world = virtual(rate, latency, lambda: drawn.choice([0.0, 0.0, 0.0, connecting]))
    moments = sent(world, threads, 200, lambda: drawn.uniform(0, answer))
    # One more for the second's edges, and those that threads being late can bring together.
    assert most_in_a_second(moments) <= rate * (1 + max(pace.LATE_SECONDS, 1 / rate)) + 1


@given(
    rate=st.floats(0.3, 200),
    batches=st.integers(2, 20),
    concurrency=st.integers(1, 10),
    function=st.integers(30, 300),
    answer=st.floats(0, 10),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=40)
def test_batches_of_the_size_that_is_set_get_all_their_turns_in_time(
    virtual: Callable[..., World],
    rate: float,
    batches: int,
    concurrency: int,
    function: int,
    answer: float,
    seed: int,
) -> None:
    known = {"connect": 3, "read": 10, "concurrency": concurrency, "function": function, "ordered": False}
    size = backend_batch(**known, rate=rate, batches=batches)
    assume(size)
    drawn = random.Random(seed)
    world = virtual(rate, lambda: 0.005)
    threads = min(size, concurrency)
    left, started = [size] * batches, [START] * batches
    clocks = [(START, batch) for batch in range(batches) for _ in range(threads)]
    for _ in range(400):
        world.now, batch = heapq.heappop(clocks)
        if left[batch]:
            left[batch] -= 1
            assert world.wait(started[batch] + function - BACKEND_MARGIN - 10) is None
            heapq.heappush(clocks, (world.now + drawn.uniform(0, answer), batch))
        elif batch not in [other for _, other in clocks]:  # the last of its threads: the next batch begins
            left[batch], started[batch] = size, world.now
            for _ in range(threads):
                heapq.heappush(clocks, (world.now, batch))


@pytest.mark.parametrize("rate", [0.5, 2, 20, 200])
def test_rate_is_made_full_use_of(virtual: Callable[..., World], rate: float) -> None:
    moments = sent(virtual(rate, lambda: 0.005), 25, 300, lambda: 0.05)
    assert 299 / (moments[-1] - moments[0]) == pytest.approx(rate, rel=0.03)


@pytest.mark.parametrize("pause", [0.0, 5.0], ids=["queued", "alone"])
def test_turn_costs_one_call(virtual: Callable[..., World], pause: float) -> None:
    world = virtual(2)
    for _ in range(10):
        world.wait(world.now + 60)
        world.now += pause
    assert world.turns.updates <= 12


def test_one_that_has_no_turn_in_time_is_not_sent_and_takes_none(virtual: Callable[..., World]) -> None:
    world = virtual(0.1)
    assert world.wait(world.now + 60) is None
    before = world.turns.next_turn
    assert isinstance(world.wait(world.now + 5), NotYet)
    assert world.turns.next_turn == before


def test_connection_is_made_shortly_before_the_turn(virtual: Callable[..., World]) -> None:
    made: list[float] = []
    world = virtual(0.1)
    world.wait(world.now + 60)
    world.pace.wait(world, lambda: made.append(world.now), world.now + 60)  # type: ignore[arg-type] # as above
    assert world.now - made[0] == pytest.approx(2.0)


@pytest.fixture
def rated(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda rate: monkeypatch.setenv("BACKEND_RATE", rate)


def test_requests_of_several_functions_keep_to_the_rate(
    backend: Backend, post_queue: Function, rated: Callable[[str], None]
) -> None:
    rated("40")
    one, another = load_handler("post_queue"), load_handler("post_queue")
    assert one.destination is not another.destination
    for module in (one, another):
        assert module.handler(sqs_event(*[recent(f"{id(module)}-{n}") for n in range(12)]), Context()) == NONE_FAILED
    moments = [request.at for request in backend.received]
    assert len(moments) == 24
    assert moments[-1] - moments[0] >= 23 / 40 - 0.05


def test_one_that_has_no_turn_in_time_waits_without_a_try(
    cloud: FakeAws, backend: Backend, post_queue: Function, rated: Callable[[str], None]
) -> None:
    rated("0.1")
    batch = sqs_event(recent("e0"), recent("e1"))
    assert post_queue(batch, 8.0) == NONE_FAILED
    assert len(backend.received) == 1
    assert len(cloud.sent_on) == 1
    late = "e1" if backend.received[0].delivery_id == "e0" else "e0"
    assert noted(cloud, late)["reason"] == "backend: others go first, by backend_rate"


def test_waiting_for_a_turn_does_not_make_the_backend_one_that_is_away(
    cloud: FakeAws, post_queue: Function, rated: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    rated("0.1")
    cloud.turns.next_turn = int((time.time() + 100) * 1_000_000)
    assert post_queue(sqs_event(recent("e0")), 8.0) == NONE_FAILED
    from nami_runtime import outcome  # noqa: PLC0415

    assert outcome._away_since is None


def test_table_that_gives_no_turns_holds_webhooks_back(
    cloud: FakeAws, backend: Backend, post_queue: Function, rated: Callable[[str], None]
) -> None:
    rated("5")
    cloud.answer = lambda _, action: (400, b'{"__type":"AccessDenied"}') if action == "UpdateItem" else None
    assert post_queue(sqs_event(recent("e0"))) == NONE_FAILED
    assert backend.received == []


def test_table_that_is_silent_is_not_waited_for_longer_than_a_turn_is_of_use() -> None:
    """Else the batch's time would be over first, and that would be a failed try."""
    asked: list[float] = []

    class Silent:
        def call(self, _target: str, _parameters: dict[str, Any], deadline: float) -> dict[str, Any]:
            asked.append(deadline)
            raise aws.Unavailable("no answer in time")

    until = time.monotonic() + 0.3
    said = pace.Pace("attempts", 10).wait(Silent(), lambda: None, until)  # type: ignore[arg-type] # all that is used
    assert (asked, type(said)) == ([until], Away)


def test_without_a_rate_nothing_is_asked_for_a_turn(cloud: FakeAws, post_queue: Function) -> None:
    post_queue(sqs_event(recent("e0")))
    assert cloud.turns.updates == 0
