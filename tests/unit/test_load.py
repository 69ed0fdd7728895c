"""A load test's arithmetic and its picture; tests/local runs one."""

import base64
import hmac
import re
import struct
from itertools import pairwise
from pathlib import Path

import pytest

from nami_control.errors import UsageError
from nami_control.planning.arrivals import Arrivals
from nami_control.planning.assumptions import Times
from nami_control.planning.plan import plan
from nami_stack import Subscription
from proofs.load import plot, target
from proofs.load.series import Request, Series, percentile, seconds
from proofs.load.shapes import Shape, ramp, spike, steady

PNG = b"\x89PNG\r\n\x1a\n"


def recorded(shape: Shape | None = None, *, slow: float = 20.0, status: int = 200) -> Series:
    """A test in which every answer took so many milliseconds, and the queue a message for each second."""
    series = Series(shape or spike(1, 100, 5), "shopify on 127.0.0.1:4566")
    for number, due in enumerate(series.shape.due()):
        series.requests.append(Request(due, due, slow, status, f"d{number}"))
    return series


# Shapes


def test_steady_webhooks_come_at_equal_distances() -> None:
    assert steady(2, 200, 2).due() == pytest.approx([0, 0.5, 1, 1.5])


def test_a_spike_is_the_peak_between_two_stretches_of_the_usual_rate() -> None:
    due = spike(1, 100, 5).due()
    counts = [sum(begin <= round(at, 6) < end for at in due) for begin, end in ((0, 10), (10, 15), (15, 25))]
    assert counts == [10, 500, 10]


def test_a_ramp_grows_by_as_much_each_second() -> None:
    shape = ramp(10, 110, 10)
    each = [second.due for second in seconds(Series(shape, ""))]
    assert sum(each) == 600
    assert [after - before for before, after in pairwise(each)] == pytest.approx([10] * 9, abs=1)


def test_a_ramp_may_go_down() -> None:
    each = [second.due for second in seconds(Series(ramp(100, 10, 9), ""))]
    assert sum(each) == 495
    assert each == sorted(each, reverse=True)


@pytest.mark.parametrize("shape", [steady(0.3, 1, 7), spike(0.7, 33.3, 1.5), ramp(0.1, 7, 3)])
def test_every_webhook_is_due_once_in_order_and_in_time(shape: Shape) -> None:
    due = shape.due()
    assert due == sorted(set(due))
    assert due[-1] <= shape.seconds
    assert len(due) - 1 < sum(phase.count for phase in shape.phases) <= len(due)


# What was seen


def test_the_queue_is_drained_when_it_stays_empty_after_the_last_answer() -> None:
    series = recorded(steady(1, 1, 3))
    series.depths = [(0, 0), (1, 5), (2, 0), (2.5, 2), (4, 0), (4.3, 0)]
    assert series.drained() == pytest.approx(4 - series.end)


def test_a_queue_that_was_not_seen_empty_is_not_drained() -> None:
    series = recorded()
    series.depths = [(0, 0), (series.end + 1, 3)]
    assert series.drained() is None


@pytest.mark.parametrize(("share", "value"), [(50, 50), (95, 95), (99, 99), (100, 100)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert percentile(list(range(1, 101)), share) == value


def test_an_answer_counts_in_the_second_in_which_it_came() -> None:
    series = Series(steady(1, 1, 1), "")
    series.requests = [Request(0, 0, 2500, 200), Request(0, 0.2, 100, 503)]
    assert [(each.accepted, each.other, each.p50) for each in seconds(series)] == [
        (0, 1, 100),
        (0, 0, None),
        (1, 0, 2500),
    ]


def test_the_table_says_what_is_missing() -> None:
    series = recorded()
    series.stored = 517
    assert ["stored", "517 of 520 acknowledged: 3 ARE MISSING"] in series.rows()
    assert series.as_json()["lost"] == 3


def test_only_what_was_accepted_must_be_stored() -> None:
    series = recorded(status=503)
    series.stored = 0
    assert series.as_json()["lost"] == 0
    assert ["503", "520"] in series.rows()


# The picture


def size(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head.startswith(PNG)
    width, height = struct.unpack(">II", head[16:])
    return width, height


def test_picture_has_a_panel_for_the_queue_where_it_was_watched(tmp_path: Path) -> None:
    series = recorded()
    plot.draw(series, tmp_path / "without.png")
    series.depths = [(0, 0), (12, 400), (20, 0), (30, 0)]
    plot.draw(series, tmp_path / "in a folder" / "with.png")
    without, watched = size(tmp_path / "without.png"), size(tmp_path / "in a folder" / "with.png")
    assert without[0] == watched[0] == 1600
    assert without[1] < watched[1]


@pytest.mark.parametrize("status", [200, 503, 0])
def test_picture_is_drawn_whatever_the_answers_are(tmp_path: Path, status: int) -> None:
    plot.draw(recorded(ramp(1, 20, 4), status=status), tmp_path / "load.png")
    assert size(tmp_path / "load.png")[0] == 1600


def test_picture_of_nothing_is_drawn(tmp_path: Path) -> None:
    plot.draw(Series(steady(1, 1, 1), "nowhere"), tmp_path / "load.png")
    assert size(tmp_path / "load.png")[0] == 1600


# The target


def test_the_secret_of_a_url_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(target.SECRET, "s3cret")
    with target.find(None, "https://hooks.example.com/nami/shop", "shopify") as at:
        url, headers, body = at.webhook()
    assert url == "https://hooks.example.com/nami/shop"
    assert headers["x-shopify-hmac-sha256"] == signature("s3cret", body)
    assert not at.is_here


def signature(secret: str, body: bytes) -> str:

    return base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def test_a_scheme_without_its_secret_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(target.SECRET, raising=False)
    with pytest.raises(UsageError) as raised, target.find(None, "https://hooks.example.com/", "shopify"):
        pass
    assert str(raised.value) == (
        "--signature shopify: its secret is read from the environment; export NAMI_LOAD_SECRET='…'"
    )


@pytest.mark.parametrize(
    ("name", "url", "scheme", "told"),
    [
        ("shopify", None, "stripe", "--signature belongs to --url"),
        (None, "hooks.example.com", None, "must begin with https://"),
        (None, "https://hooks.example.com/", "hmac", "must be a scheme that its name says all of"),
    ],
)
def test_a_target_that_does_not_fit_is_told(name: str | None, url: str | None, scheme: str | None, told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)), target.find(name, url, scheme):
        pass


@pytest.mark.parametrize(
    ("host", "here"), [("127.0.0.1:4566", True), ("localhost", True), ("hooks.example.com", False)]
)
def test_only_this_machine_needs_no_word(host: str, here: bool) -> None:
    with target.find(None, f"http://{host}/nami/shop", None) as at:
        assert at.is_here is here


def test_the_price_is_that_of_the_plan() -> None:
    million = plan(Subscription.from_context({"name": "shopify"}), Arrivals(400, 2500), Times())
    assert target.price(1_000_000) == pytest.approx(million.burst_dollars, rel=0.01)
    assert target.price(100) < 0.01
