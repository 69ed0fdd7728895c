"""A destination that is away costs a webhook nothing but waiting; one that fails by itself is a dead letter soon."""

import json
import time
from collections.abc import Callable

import pytest

from nami_runtime import aws
from tests.unit.runtime.conftest import FakeAws
from tests.unit.runtime.virtual_queue import DAY, HOUR, VISIBILITY, World

MANY = [f"w{number}" for number in range(120)]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    return lambda **given: World(monkeypatch, **given)


def test_destination_that_is_away_for_a_day_makes_no_dead_letter(world: Callable[..., World]) -> None:
    seen = world(away=(0, DAY))
    seen.post(*MANY)
    seen.run(2 * DAY)
    assert (seen.dead, seen.expired, sorted(seen.stored)) == ([], [], sorted(MANY))


def test_what_waited_is_stored_within_a_quarter_of_an_hour_of_the_destinations_return(
    world: Callable[..., World],
) -> None:
    seen = world(away=(0, DAY))
    seen.post(*MANY)
    seen.run(2 * DAY)
    assert max(seen.stored_at.values()) < DAY + 16 * 60


def test_short_absence_is_over_within_its_own_length(world: Callable[..., World]) -> None:
    seen = world(away=(0, 120))
    seen.post(*MANY)
    seen.run(DAY)
    assert max(seen.stored_at.values()) < 300


def test_absence_costs_few_invocations_and_little_time(world: Callable[..., World]) -> None:
    seen = world(away=(0, DAY))
    seen.post(*MANY)
    seen.run(2 * DAY)
    assert seen.invocations < 2 * 24 * 4 * 1.3  # two batches each quarter of an hour
    assert seen.seconds < 2 * 24 * 4 * 1.3 * 6


def test_webhook_that_fails_by_itself_is_a_dead_letter_within_the_hour(world: Callable[..., World]) -> None:
    seen = world(fails=frozenset({"w7"}))
    seen.post(*MANY)
    seen.run(DAY)
    assert (seen.dead, seen.tried.count("w7")) == (["w7"], 5)
    assert seen.dead_at["w7"] < HOUR


def test_webhook_that_ends_the_function_is_a_dead_letter_within_the_hour(world: Callable[..., World]) -> None:
    seen = world(ends=frozenset({"w7"}))
    seen.post("w7")
    seen.run(DAY)
    assert (seen.dead, seen.tried.count("w7")) == (["w7"], 5)
    assert seen.dead_at["w7"] < HOUR


def test_absence_takes_none_of_the_tries_of_one_that_then_fails_by_itself(world: Callable[..., World]) -> None:
    seen = world(away=(0, DAY), fails=frozenset({"w7"}))
    seen.post(*MANY)
    seen.run(2 * DAY)
    assert (seen.dead, seen.tried.count("w7")) == (["w7"], 5)
    assert len(seen.stored) == len(MANY) - 1


def test_what_can_not_be_stored_as_long_as_the_queue_keeps_it_becomes_dead_letters_and_nothing_is_lost(
    world: Callable[..., World],
) -> None:
    seen = world(away=(0, 30 * DAY))
    seen.post(*MANY)
    seen.run(6 * DAY)
    assert (seen.expired, seen.waiting, sorted(seen.dead)) == ([], [], sorted(MANY))
    assert min(seen.dead_at.values()) > 4 * DAY


def test_absence_is_told_once_for_a_batch_with_its_number_and_its_reason(
    world: Callable[..., World], capsys: pytest.CaptureFixture[str]
) -> None:
    seen = world(away=(0, 60))
    seen.post(*MANY[:100])
    seen.run(1)
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["level"], line["away"], line["failed"]) == ("ERROR", {"reason": "it is away", "webhooks": 100}, [])
    assert line["Away"] == 100


def test_webhook_that_the_queue_does_not_take_again_stays_where_it_is(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = world(away=(0, 4 * VISIBILITY))

    def refuses(*_: object) -> None:
        raise aws.Unavailable("sqs: TimeoutError")

    monkeypatch.setattr(World, "call", refuses)
    seen.post("w1")
    seen.run(DAY)
    assert (seen.dead, seen.stored) == ([], ["w1"])


def test_only_what_the_queue_has_word_for_word_leaves_it(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = world(away=(0, 60))
    monkeypatch.setattr(World, "call", lambda *_: {"Successful": [{"Id": "0", "MD5OfMessageBody": "another"}]})
    seen.post("w1")
    seen.run(1)
    assert len(seen.waiting) == 1


# In order.


def test_ordered_groups_wait_for_a_destination_that_is_away_for_a_day_and_keep_their_order(
    world: Callable[..., World],
) -> None:
    seen = world(ordered=True, away=(0, DAY), retention=14 * DAY)
    ids = [f"{group}{number}" for number in range(12) for group in "abc"]
    seen.post(*ids)
    seen.run(2 * DAY)
    assert (seen.dead, seen.expired, sorted(seen.stored)) == ([], [], sorted(ids))
    for group in "abc":
        assert [key for key in seen.stored if key[0] == group] == [key for key in ids if key[0] == group]


def test_ordered_webhook_is_tried_as_often_as_asked_and_its_group_then_goes_on_at_once(
    world: Callable[..., World],
) -> None:
    seen = world(ordered=True, fails=frozenset({"a1"}), retention=14 * DAY)
    seen.post("a1", "a2", "a3")
    seen.run(DAY)
    assert (seen.dead, seen.tried.count("a1"), seen.stored) == (["a1"], 5, ["a2", "a3"])
    assert seen.stored_at["a2"] == seen.dead_at["a1"]


def test_those_held_back_have_all_their_tries(world: Callable[..., World]) -> None:
    seen = world(ordered=True, fails=frozenset({"a1", "a2", "a3"}), retention=14 * DAY)
    seen.post("a1", "a2", "a3", "a4")
    seen.run(DAY)
    assert (seen.dead, seen.stored) == (["a1", "a2", "a3"], ["a4"])
    assert [seen.tried.count(key) for key in ("a1", "a2", "a3")] == [5, 5, 5]


def test_absence_takes_none_of_an_ordered_webhooks_tries(world: Callable[..., World]) -> None:
    seen = world(ordered=True, away=(0, DAY), fails=frozenset({"a1"}), retention=14 * DAY)
    seen.post("a1", "a2")
    seen.run(2 * DAY)
    assert (seen.dead, seen.tried.count("a1"), seen.stored) == (["a1"], 5, ["a2"])


def test_ordered_webhook_that_ends_the_function_is_a_dead_letter_within_the_hour(world: Callable[..., World]) -> None:
    seen = world(ordered=True, ends=frozenset({"a1"}), retention=14 * DAY)
    seen.post("a1", "a2")
    seen.run(DAY)
    assert (seen.dead, seen.stored) == (["a1"], ["a2"])
    assert seen.dead_at["a1"] < HOUR


def test_ordered_group_that_fails_for_days_loses_nothing(world: Callable[..., World]) -> None:
    """Each of them fails: at five tries a few minutes apart there is no time for all, and the rest is not forgotten."""
    ids = [f"a{number}" for number in range(300)]
    seen = world(ordered=True, fails=frozenset(ids), retention=DAY)
    seen.post(*ids)
    seen.run(2 * DAY)
    assert (seen.expired, seen.waiting, seen.dead) == ([], [], ids)


def test_destination_that_is_away_for_longer_than_an_ordered_queue_keeps_webhooks_makes_dead_letters_in_order(
    world: Callable[..., World],
) -> None:
    ids = [f"{group}{number}" for number in range(20) for group in "ab"]
    seen = world(ordered=True, away=(0, 30 * DAY), retention=3 * DAY)
    seen.post(*ids)
    seen.run(4 * DAY)
    assert (seen.expired, seen.waiting, sorted(seen.dead)) == ([], [], sorted(ids))
    assert [key for key in seen.dead if key[0] == "a"] == [key for key in ids if key[0] == "a"]


def test_ordered_dead_letter_keeps_its_group(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    from nami_runtime import queue  # noqa: PLC0415

    monkeypatch.setenv("DEAD_LETTERS_URL", "https://sqs/dead.fifo")
    message = queue.Message("m1", "receipt", "{}", "a", 1, 0)
    assert queue.send_on([message], "DEAD_LETTERS_URL", time.monotonic() + 5) == {"m1"}
    ((_, entry),) = cloud.sent_on
    assert (entry["MessageGroupId"], entry["MessageDeduplicationId"]) == ("a", "m1")
