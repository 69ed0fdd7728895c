"""What stands behind the pages: a webhook's path, work in the background, and charts."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest

from nami_console import charts, events
from nami_console.jobs import Job, Jobs
from nami_console.pages import templates
from nami_console.site import Kept
from nami_control.errors import AwsError
from nami_control.events import state_of
from nami_control.figures import COUNTS, Figures, Window
from nami_control.logs import Step
from nami_control.overview import Row
from nami_control.progress import Progress

RECEIVED = datetime.fromtimestamp(1_800_000_000, UTC)


def test_path_begins_with_the_arrival_and_has_the_time_between_its_steps() -> None:
    at = 1_800_000_000_000
    steps = [Step(at + 12, "pre-queue", "INFO", "answered 200"), Step(at + 15, "post-queue", "INFO", "stored")]
    told = events.path(steps, RECEIVED)
    assert [(each.where, each.what, each.after) for each in told] == [
        ("gateway", "received", None),
        ("pre-queue", "answered 200", 12),
        ("post-queue", "stored", 3),
    ]


def test_functions_clock_that_is_behind_makes_no_step_earlier_than_the_arrival() -> None:
    told = events.path([Step(1_799_999_999_000, "pre-queue", "INFO", "answered 200")], RECEIVED)
    assert [each.after for each in told] == [None, 0]


@pytest.mark.parametrize(
    ("document", "state"),
    [
        ({"raw": b""}, "stored"),
        ({"delivered": True}, "delivered"),
        ({"delivered": False, "reason": "backend: 500"}, "failed: backend: 500"),
    ],
)
def test_state_is_what_the_destination_says(document: dict[str, Any], state: str) -> None:
    assert state_of(document) == state


def finished(task: Callable[[Progress], object]) -> Job:
    over = Event()

    def run(progress: Progress) -> None:
        try:
            task(progress)
        finally:
            over.set()

    jobs = Jobs()
    job = jobs.start("shopify", "sent back", 3, "/", run)
    assert over.wait(5)
    while not job.is_over:
        time.sleep(0.01)
    assert jobs.get("shopify", job.number) is job
    assert jobs.get("jira", job.number) is None
    return job


def test_job_counts_its_steps() -> None:
    def work(progress: Progress) -> None:
        with progress("x", 3) as advance:
            advance(2)
            advance(1)

    job = finished(work)
    assert (job.done, job.trouble) == (3, "")


def test_job_that_fails_says_why_and_how_far_it_came() -> None:
    def fail(progress: Progress) -> None:
        with progress("x", 3) as advance:
            advance(1)
            raise AwsError("the queue did not take it")

    job = finished(fail)
    assert (job.done, job.trouble) == (1, "the queue did not take it")


def test_what_is_kept_is_looked_for_once_in_its_time() -> None:
    looks: list[int] = []
    kept = Kept(60, lambda: looks.append(1) or len(looks))
    assert (kept.get(), kept.get()) == (1, 1)


def test_page_of_what_was_sent_back_waits_for_what_fails_again() -> None:
    job = Job(1, "shopify", "sent back", 3, "/", failing=lambda _since: {}, is_over=True)
    assert not job.is_told
    job.began -= 200
    assert job.is_told
    assert Job(1, "shopify", "deleted", 3, "/", is_over=True).is_told


def test_reason_of_what_fails_again_is_text() -> None:
    job = Job(1, "shopify", "sent back", 3, "/", failing=lambda _since: {}, is_over=True)
    html = templates.get_template("job_live.html").render(label="shopify", job=job, failing={"<b>away</b>": 2})
    assert "<b>2</b> tries: &lt;b&gt;away&lt;/b&gt;" in html


def row(**known: Any) -> str:
    """The row of one subscription, as a page has it."""
    listed = {
        "name": "shopify",
        "environment": "prod",
        "status": "CREATE_COMPLETE",
        "used_by": None,
        "endpoint": "https://e",
        "destinations": ["mongo"],
        "waiting": 3,
        "oldest_seconds": 90,
        "paused": True,
        "dead_letters": 2,
    }
    return templates.get_template("overview_rows.html").render(rows=[Row("prod-shopify", listed, **known)])


def test_row_tells_environment_signer_dead_letters_and_alarms() -> None:
    html = row(signer="github", has_secret=True, alarms=("old",))
    assert '<span class="tag">prod</span>' in html
    assert "secret is set" in html
    assert '<a class="bad" href="/s/prod-shopify/dead">2</a>' in html
    assert '<span class="bad">old</span>' in html


def test_row_says_that_it_is_paused() -> None:
    assert '<span class="warn">paused</span>' in row(signer="github")


def test_row_says_where_the_secret_is_not_filled_in() -> None:
    assert "secret is empty" in row(signer="github", has_secret=False)


@pytest.mark.parametrize(("value", "most"), [(0, 1), (1, 1), (1.5, 2), (3, 5), (7, 10), (11, 20), (4999, 5000)])
def test_charts_edge_is_a_round_number_that_nothing_exceeds(value: float, most: float) -> None:
    assert charts.bars("a", "A", "webhooks", {"stored": ("stored", [value])}).most == most


def test_bars_stand_upon_each_other_and_the_least_is_seen() -> None:
    chart = charts.bars("a", "A", "x", {"stored": ("s", [1000]), "failed": ("f", [1])}, width=10, height=20)
    stored, failed = chart.series
    assert stored.path == "M0 20h8v-10h-8z"
    assert failed.path == "M0 10h8v-1h-8z"


def test_last_hour_draws_what_was_received_over_what_became_of_it() -> None:
    window = Window(0, 60, 2)
    counts: dict[str, list[float]] = {name: [0, 0] for name in COUNTS}
    figures = Figures(window, counts | {"Received": [0, 4], "Stored": [0, 2]}, {"signature": [0, 1]}, {})
    drawn = {each.key: each for each in charts.last_hour(figures).series}
    assert drawn["stored"].path == "M60 24h48v-9.6h-48z"  # of five
    assert (drawn["received"].kind, drawn["received"].path) == ("line", "M60 4.8h60")
    assert "line-received" in row(signer="github", figures=figures)


def test_line_has_a_gap_where_nothing_is_known() -> None:
    chart = charts.lines("a", "A", "ms", {"p50": ("median", [100, None, 100])})
    assert chart.series[0].path == "M0 0h200M400 0h200"
