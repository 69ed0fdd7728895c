"""What the simulation of a burst keeps, and what it says of cases that are worked out by hand."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nami_control.planning.arrivals import Arrivals
from nami_control.planning.drain import Drain, Drained, empty
from nami_control.planning.intake import Intake, Taken, take_in

DAYS = 86_400.0
INTAKE = Intake(gateway_rate=10_000, gateway_burst=5_000, handler_seconds=0.02, cold_seconds=0.3, concurrency=1000)
# 5 batches of 100 in 0.25 s: 2,000 webhooks a second.
DRAIN = Drain(
    concurrency=5, batch_size=100, batch_window=1, batch_seconds=0.05, webhook_seconds=0.002, retention=4 * DAYS
)

shapes = st.lists(st.floats(0, 1), min_size=1, max_size=4).map(
    lambda highs: tuple(((at / len(highs)), high) for at, high in enumerate([1.0, *highs]))
)
arrivals = st.builds(Arrivals, peak=st.floats(0.1, 30_000), seconds=st.floats(1, 600), shape=shapes)
intakes = st.builds(
    Intake,
    gateway_rate=st.floats(1, 20_000),
    gateway_burst=st.floats(1, 10_000),
    handler_seconds=st.none() | st.floats(0.001, 5),
    cold_seconds=st.floats(0, 5),
    concurrency=st.floats(1, 5000),
)
drains = st.builds(
    Drain,
    concurrency=st.floats(2, 1000),
    batch_size=st.floats(1, 10_000),
    batch_window=st.floats(0, 300),
    batch_seconds=st.floats(0.005, 1),
    webhook_seconds=st.floats(0.0001, 1),
    retention=st.floats(1, 13).map(lambda days: days * DAYS),
    database_rate=st.none() | st.floats(1, 10_000),
    doubles=st.booleans(),
    highest_rate=st.none() | st.floats(10_000, 40_000),
    groups=st.none() | st.floats(1, 1000),
)
few = settings(max_examples=30, deadline=None)


def drained(come: Arrivals, drain: Drain, intake: Intake = INTAKE) -> Drained:
    return empty(take_in(come, intake), drain)


@few
@given(arrivals)
def test_arrivals_add_up_however_they_are_cut(come: Arrivals) -> None:
    pieces = [come.until(come.seconds * part / 7) for part in range(8)]
    assert pieces == sorted(pieces)
    assert pieces[0] == 0
    assert pieces[-1] == pytest.approx(come.total)
    assert come.total <= come.peak * come.seconds * 1.000001


@few
@given(arrivals, intakes)
def test_what_arrives_is_taken_or_throttled(come: Arrivals, intake: Intake) -> None:
    taken = take_in(come, intake)
    throttled = taken.throttled_by_gateway + taken.throttled_by_lambda
    assert taken.total + throttled == pytest.approx(come.total, rel=1e-6, abs=1e-6)
    assert min(taken.taken) >= 0
    assert min(taken.throttled_by_concurrency, taken.throttled_by_requests, taken.throttled_by_scaling) >= -1e-6


@few
@given(arrivals, intakes)
def test_no_more_runs_at_once_than_the_account_leaves(come: Arrivals, intake: Intake) -> None:
    assert take_in(come, intake).peak_concurrency <= intake.concurrency * 1.000001


@few
@given(arrivals, intakes)
def test_no_more_environments_start_than_lambda_scales(come: Arrivals, intake: Intake) -> None:
    assert take_in(come, intake).environments <= 1000 + 100 * come.seconds + 1e-6


@few
@given(arrivals, drains)
def test_what_is_taken_is_stored_or_still_there(come: Arrivals, drain: Drain) -> None:
    found = drained(come, drain)
    assert found.total + found.left == pytest.approx(take_in(come, INTAKE).total, rel=1e-6, abs=1e-3)
    assert (found.drain_seconds is None) == (found.left > 0)


@few
@given(arrivals, drains)
def test_nothing_waits_longer_than_the_queue_keeps_it(come: Arrivals, drain: Drain) -> None:
    found = drained(come, drain)
    assert found.oldest <= drain.retention * 1.02
    assert found.left == 0 or found.oldest >= drain.retention


@few
@given(arrivals, drains)
def test_the_database_never_gets_more_than_it_takes(come: Arrivals, drain: Drain) -> None:
    limit = drain.database_rate
    if limit is not None:
        most = max(drain.highest_rate or float("inf"), limit) if drain.doubles else limit
        assert drained(come, drain).peak_rate <= most * 1.000001


@few
@given(arrivals, drains.map(lambda drain: replace(drain, database_rate=None)))
def test_more_batches_at_once_never_drain_later(come: Arrivals, drain: Drain) -> None:
    now, more = drained(come, drain), drained(come, replace(drain, concurrency=drain.concurrency * 2))
    assert more.oldest <= now.oldest * 1.03 + 0.1
    if now.drain_seconds is not None:
        assert more.drain_seconds is not None
        assert more.drain_seconds <= now.drain_seconds * 1.03 + 0.1


@few
@given(arrivals, drains.filter(lambda drain: drain.database_rate is not None))
def test_a_faster_database_never_drains_later(come: Arrivals, drain: Drain) -> None:
    faster = replace(drain, database_rate=(drain.database_rate or 0) * 2)
    assert drained(come, faster).oldest <= drained(come, drain).oldest * 1.03 + 0.1


@few
@given(arrivals, intakes)
def test_more_concurrency_never_refuses_more(come: Arrivals, intake: Intake) -> None:
    more = take_in(come, replace(intake, concurrency=intake.concurrency * 2))
    assert more.throttled_by_lambda <= take_in(come, intake).throttled_by_lambda + 1


def test_a_published_load_test_is_met() -> None:
    """A pipeline of this pattern was reported at 4,800 requests/s with 670 concurrent executions of about 140 ms each.

    Little's law says 4,800 x 0.14 = 672. The load came up slowly enough for no environment to be missing.
    """
    come = Arrivals(peak=4800, seconds=300, shape=((0, 0), (0.3, 1), (1, 1)))
    taken = take_in(come, replace(INTAKE, handler_seconds=0.14))
    assert taken.peak_concurrency == pytest.approx(672, rel=0.05)
    assert taken.warm_concurrency == pytest.approx(670, rel=0.01)
    assert taken.throttled_by_lambda == 0


def test_at_once_the_same_load_needs_an_environment_for_each_request_that_comes_before_the_first_is_free() -> None:
    taken = take_in(Arrivals(2000, 60), replace(INTAKE, handler_seconds=0.14, cold_seconds=0.3))
    assert taken.peak_concurrency == pytest.approx(2000 * (0.14 + 0.3), rel=0.01)
    assert taken.warm_concurrency == pytest.approx(2000 * 0.14, rel=0.01)
    assert taken.concurrency[-1] == pytest.approx(taken.warm_concurrency, rel=0.02)


def test_what_finds_all_environments_starting_is_refused() -> None:
    """4,000 a second find 1,000 environments taken after 0.25 s, and those are free after 0.32 s."""
    taken = take_in(Arrivals(4000, 10), INTAKE)
    assert taken.throttled_by_lambda == pytest.approx(4000 * (0.32 - 0.25), rel=0.1)
    assert taken.throttled_by_concurrency == pytest.approx(taken.throttled_by_lambda)


def test_lambda_adds_a_thousand_environments_and_then_a_hundred_a_second() -> None:
    taken = take_in(Arrivals(9000, 3), replace(INTAKE, handler_seconds=10, cold_seconds=0, concurrency=100_000))
    assert taken.environments == pytest.approx(1000 + 3 * 100, rel=0.02)
    assert taken.throttled_by_scaling == pytest.approx(27_000 - taken.environments)


def test_ten_requests_a_second_are_served_for_each_concurrent_execution() -> None:
    taken = take_in(Arrivals(500, 60), replace(INTAKE, handler_seconds=0.01, cold_seconds=0, concurrency=10))
    assert taken.total == pytest.approx(10 * 10 * 60, rel=0.01)
    assert taken.throttled_by_requests == pytest.approx(400 * 60, rel=0.01)


def test_gateway_lets_in_its_rate_and_once_its_burst() -> None:
    taken = take_in(Arrivals(12_000, 10), replace(INTAKE, handler_seconds=None))
    assert taken.total == pytest.approx(10_000 * 10 + 5_000)
    assert taken.throttled_by_gateway == pytest.approx(15_000)


def test_without_a_function_before_the_queue_nothing_has_to_start() -> None:
    taken = take_in(Arrivals(9000, 60), replace(INTAKE, handler_seconds=None))
    assert taken.total == pytest.approx(540_000)
    assert taken.peak_concurrency == 0


def of_rate(rate: float, seconds: float) -> Taken:
    return take_in(Arrivals(rate, seconds), replace(INTAKE, handler_seconds=None))


def test_drain_time_is_that_of_the_division() -> None:
    """5,000 a second for 60 s come, 2,000 go: 180,000 are left, for 90 s; the last waits those."""
    found = empty(of_rate(5000, 60), DRAIN)
    assert found.peak_backlog == pytest.approx(180_000)
    assert found.drain_seconds == pytest.approx(90, abs=0.01)
    assert found.oldest == pytest.approx(90, rel=0.01)
    assert found.invocations == pytest.approx(3000)
    assert found.function_seconds == pytest.approx(3000 * 0.25)
    assert found.limited_by == "concurrency"


def test_what_the_function_keeps_up_with_does_not_wait() -> None:
    found = empty(of_rate(1900, 60), DRAIN)
    assert found.oldest == 0
    assert found.drain_seconds == 0
    assert found.limited_by is None


def test_a_slower_database_is_the_limit_and_makes_batches_longer() -> None:
    found = empty(of_rate(5000, 60), replace(DRAIN, database_rate=500))
    assert found.peak_rate == pytest.approx(500)
    assert found.longest_batch == pytest.approx(5 * 100 / 500)
    assert found.limited_by == "database"


def test_the_event_source_adds_three_hundred_batches_a_minute() -> None:
    """From five batches on, each of 400 webhooks a second, as many as five a second more."""
    found = empty(of_rate(9000, 4), replace(DRAIN, concurrency=1000))
    assert found.stored[0] / found.times[0] == pytest.approx(2000, rel=0.01)
    assert found.batches_until(4) == pytest.approx(5 + 5 * 4, rel=0.02)
    assert found.limited_by == "scaling"


def test_a_group_is_in_one_batch_at_a_time() -> None:
    ordered = replace(DRAIN, batch_size=10, batch_window=0, groups=2)
    found = empty(of_rate(1000, 60), ordered)
    assert found.peak_batches == pytest.approx(2)
    assert found.peak_rate == pytest.approx(2 * 10 / 0.07)
    assert found.limited_by == "groups"


def test_dynamodb_doubles_after_half_an_hour_up_to_the_tables_quota() -> None:
    table = replace(DRAIN, concurrency=100, database_rate=500, doubles=True, highest_rate=900)
    found = empty(of_rate(1000, 3600), table)
    assert found.peak_rate == pytest.approx(900, rel=0.01)
    assert sum(found.stored[: len(found.stored) // 2]) < found.total / 2


def test_what_takes_longer_than_the_queue_keeps_it_expires() -> None:
    found = empty(of_rate(1000, 3600), replace(DRAIN, database_rate=1, retention=1 * DAYS))
    assert found.drain_seconds is None
    assert found.oldest == pytest.approx(DAYS, rel=0.02)
    assert found.left == pytest.approx(3_600_000 - DAYS - 3600, rel=0.05)
