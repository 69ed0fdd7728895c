"""What `nami plan` says, and that it is what the settings, the functions and the constructs say."""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks.parts import order
from nami_cli.main import app
from nami_control.errors import MissingToolError, UsageError
from nami_control.planning import plan as planning
from nami_control.planning.advice import advise
from nami_control.planning.arrivals import PROFILES, Arrivals
from nami_control.planning.assumptions import Times, vcpus
from nami_control.planning.models import ASSUMED
from nami_control.planning.plan import Plan, plan
from nami_control.times import duration, spell
from nami_runtime.destinations import dynamodb
from nami_runtime.log import METRICS
from nami_stack.settings import Subscription
from tests.unit.pages import block_is_behind

PAGE = Path(__file__).parents[3] / "docs" / "plan.md"
BACKEND = {"destination": "http", "backend_url": "https://shop.example.com/webhooks"}
EXAMPLE = "nami plan shopify --rate 5000 --burst 60s"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(arguments: str) -> str:
    result = CliRunner().invoke(app, ["plan", *shlex.split(arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def read(arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(planned(f"{arguments} --json"))
    return found


def of(rate: float = 5000, seconds: float = 60, times: Times | None = None, **settings: Any) -> Plan:
    subscription = Subscription.from_context({"name": "shopify", **settings})
    return plan(subscription, Arrivals(rate, seconds), times or Times())


# ---- what is said


def test_each_webhook_is_refused_stored_or_still_there() -> None:
    found = read("--rate 5000 --burst 60s --destination mongo-host,dynamodb")
    refused = sum(found["throttled"].values())
    assert found["taken"] + refused == pytest.approx(found["arrivals"]["webhooks"]) == pytest.approx(300_000)
    for destination in found["destinations"].values():
        assert destination["stored"] + destination["expired"] == pytest.approx(found["taken"], abs=0.1)


def test_course_is_of_the_same_webhooks() -> None:
    found = read("--rate 1000 --burst 60s")
    course = found["course"]
    width = course["seconds_per_point"]
    for series in ("arriving", "taken", "stored"):
        assert sum(course[series]) * width == pytest.approx(60_000, rel=0.01)
    assert max(course["concurrent_executions"]) == pytest.approx(found["concurrency"]["peak"], rel=0.01)


def test_cost_is_the_sum_of_its_lines() -> None:
    found = read("--rate 100")
    assert sum(found["cost"]["burst"].values()) == pytest.approx(found["burst_dollars"])
    assert sum(found["cost"]["idle_month"].values()) == pytest.approx(found["idle_month_dollars"])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("--rate 12000", "get 429: over the gateway's 10,000 a second"),
        ("--rate 900 --gateway-rate 500", "get 429: over the gateway's 500 a second"),
        ("--rate 5000", "get 503: all 995 environments that the account leaves are busy"),
        ("--rate 12000", "get 503: over ten a second for each of 995 concurrent executions"),
        (
            "--rate 5000 --account-concurrency 5000",
            "get 503: Lambda starts 1,000 environments at once, then 100 a second",
        ),
    ],
)
def test_report_names_what_producers_get_and_why(arguments: str, why: str) -> None:
    assert why in " ".join(planned(arguments).split())


def test_what_arrives_stores_and_waits_is_drawn_in_characters() -> None:
    said = planned("--rate 5000")
    assert said.index("arriving a second") < said.index("stored a second") < said.index("waiting in the queue")
    assert said.count("█") > 500
    assert max(map(len, said.splitlines())) <= 80


def test_quiet_day_has_no_queue_to_draw() -> None:
    said = planned("--profile steady-day")
    assert "waiting in the queue" not in said
    assert "Nothing needs to change" in said


def test_settings_kept_in_cdk_json_count_and_flags_win(folder: Path) -> None:
    (folder / "cdk.json").write_text(
        json.dumps({"context": {"subscriptions": {"shop": {"destination": "dynamodb", "maximum_concurrency": 40}}}})
    )
    assert list(read("shop --rate 5000")["destinations"]) == ["dynamodb"]
    assert read("shop --rate 5000")["destinations"]["dynamodb"]["peak_batches"] == pytest.approx(40)
    assert read("shop --rate 5000 --maximum-concurrency 20")["destinations"]["dynamodb"]["peak_batches"] == (
        pytest.approx(20)
    )
    assert list(read("--rate 5000")["destinations"]) == ["mongo-host"]


def test_own_times_take_the_place_of_the_assumed() -> None:
    said = " ".join(planned("--rate 100 --handler-ms 140 --cold-start-ms 500 --write-ms 4").split())
    assert "your 140 ms before the queue" in said
    assert "your 500 ms to start" in said
    assert "your 4 ms a write to mongo-host" in said
    assert "assumed" not in said


def test_published_load_test_is_met_by_the_command() -> None:
    found = read("--rate 4800 --burst 5m --handler-ms 140 --cold-start-ms 0")
    assert found["concurrency"]["peak"] == pytest.approx(670, rel=0.01)


# ---- what to change first


def changed(found: Plan) -> dict[str, Any]:
    best = advise(found).best
    assert best
    return {**best.settings, **best.quotas}


def test_refused_webhooks_come_first() -> None:
    advice = advise(of(5000))
    assert (advice.goal, advice.needed) == ("refused", True)
    assert advice.best
    assert advice.best.settings == {"gateway": "rest", "ingest": "direct"}


def test_a_quota_that_is_too_small_is_named() -> None:
    assert changed(of(100, times=Times(account_concurrency=10), reserved_concurrency=0)) == {"account_concurrency": 50}


def test_two_quotas_that_only_help_together_are_named_together() -> None:
    assert set(changed(of(20_000))) == {"account_concurrency", "gateway_rate"}


def test_own_throttle_is_lifted_where_it_refuses() -> None:
    throttled = of(2000, gateway="rest", throttle_rate=1000, throttle_burst=100)
    assert changed(throttled) == {"throttle_rate": 2000, "throttle_burst": 200}


def test_where_the_function_is_slower_than_the_database_it_gets_more_memory_or_more_batches() -> None:
    assert set(changed(of(2500, 1200))) < {"post_queue_memory", "maximum_concurrency"}


def test_where_the_database_is_the_limit_it_gets_bigger() -> None:
    found = changed(of(2500, 600, Times(write_ms=3), post_queue_memory=1769, maximum_concurrency=20))
    assert set(found) == {"instance_type"}
    assert vcpus(found["instance_type"]) > vcpus("t4g.micro")


def test_a_backend_that_answers_slowly_gets_more_requests_at_once() -> None:
    assert set(changed(of(500, 600, Times(write_ms=1000), **BACKEND))) < {"maximum_concurrency", "backend_concurrency"}


def test_batches_that_take_too_long_get_fewer_or_smaller() -> None:
    found = of(2500, 300, Times(account_concurrency=5000), maximum_concurrency=500)
    assert found.too_long
    advice = advise(found)
    assert advice.goal == "too long"
    assert advice.best
    assert not advice.best.plan.too_long


def test_what_expires_comes_before_what_waits() -> None:
    slow = of(900, 36_000, Times(write_ms=2000), queue_retention_days=1)
    assert slow.left > 1
    advice = advise(slow)
    assert advice.goal == "expired"


def test_nothing_is_changed_where_nothing_is_wrong() -> None:
    advice = advise(of(100))
    assert (advice.needed, advice.best, advice.tried) == (False, None, [])


def test_advice_says_what_the_plan_with_that_setting_says() -> None:
    now = read("--rate 1000 --burst 5m --destination dynamodb")
    first = now["advice"]["first"]
    flags = " ".join(f"--{key.replace('_', '-')} {value}" for key, value in first["settings"].items())
    then = read(f"--rate 1000 --burst 5m --destination dynamodb {flags}")
    assert then["destinations"] == first["destinations"]
    assert then["destinations"]["dynamodb"]["oldest_seconds"] < now["destinations"]["dynamodb"]["oldest_seconds"]


def test_no_change_is_advised_that_cannot_be_deployed() -> None:
    """With two destinations nothing is direct, and 100 executions stay unreserved."""
    advice = advise(of(5000, times=Times(account_concurrency=120), maximum_concurrency=5))
    assert all(not change.plan.reserves_too_much for change in advice.tried)
    two = advise(of(5000, destination="mongo-host,dynamodb"))
    assert all("ingest" not in change.settings for change in two.tried)


def test_a_reservation_that_aws_refuses_is_told() -> None:
    said = " ".join(planned("--rate 10 --account-concurrency 10").split())
    assert "AWS keeps 100 executions unreserved and this account has 10" in said
    assert "give --reserved-concurrency 0" in said
    assert "AWS keeps" not in planned("--rate 10 --account-concurrency 10 --reserved-concurrency 0")


def test_a_host_without_a_known_price_is_told() -> None:
    assert "The price of r8g.large is not known here" in planned("--rate 10 --instance-type r8g.large")


# ---- what can't be


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "how do they come? Give --rate 5000 --burst 60s, or --profile (shopify-bulk, flash-sale"),
        ("--rate 5 --burst soon", "'soon' is no duration: give it as 60s, 5m or 2h"),
        ("--rate 5 --burst 0.5s", "--burst 0.5s: must be from 1s to 24h"),
        ("--rate 5 --burst 2d", "--burst 2d: must be from 1s to 24h"),
        ("--profile christmas", "--profile christmas: is not known; there are shopify-bulk"),
        ("--rate 5 --groups 3", "--groups 3: there are groups only with --order-by"),
        ("--rate 5 --batch-size 0", "batch_size='0': must be greater than or equal to 1"),
        ("--rate 5 --picture plan.gif", "--picture plan.gif: must end with .png, .svg or .pdf"),
        ("--rate 5 --picture none/plan.png", "--picture none/plan.png: there is no folder none; make it first"),
        ("Shop --rate 5", "try name=shop"),
    ],
)
def test_what_does_not_fit_is_one_line(arguments: str, said: str) -> None:
    error = CliRunner().invoke(app, ["plan", *shlex.split(arguments)]).exception
    assert isinstance(error, UsageError)
    assert said in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("arguments", ["--rate 0", "--rate -4", "--rate nan", "--rate 5 --write-ms 0", "--rate x"])
def test_numbers_out_of_range_are_refused(arguments: str) -> None:
    result = CliRunner().invoke(app, ["plan", *shlex.split(arguments)])
    assert result.exit_code == 2
    assert "Invalid value" in result.output


# ---- the picture


@pytest.mark.parametrize(("name", "begins"), [("plan.png", b"\x89PNG"), ("plan.svg", b"<?xml"), ("plan.PDF", b"%PDF")])
def test_picture_is_drawn_as_its_name_says(folder: Path, name: str, begins: bytes) -> None:
    planned(f"--profile github-push --picture {name}")
    assert (folder / name).read_bytes().startswith(begins)


def test_without_matplotlib_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    error = CliRunner().invoke(app, ["plan", "--rate", "5", "--picture", "plan.png"]).exception
    assert isinstance(error, MissingToolError)
    assert str(error) == "--picture needs matplotlib: pip install 'nami-webhooks[plot]'"
    assert not (folder / "plan.png").exists()
    assert "arrive" in planned("--rate 5")


def test_a_picture_that_cannot_be_written_is_one_line(folder: Path) -> None:
    (folder / "plan.png").mkdir()
    error = CliRunner().invoke(app, ["plan", "--rate", "5", "--picture", "plan.png"]).exception
    assert str(error).startswith("--picture plan.png: could not be written")


# ---- that it is what others say


@pytest.mark.parametrize(("order_by", "size"), [(None, 10), ("x-id", 2)])
def test_a_backends_batch_is_the_event_sources(order_by: str | None, size: int) -> None:
    assert of(1, 60, order_by=order_by, **BACKEND).drains["http"][0].batch_size == size


def test_a_rate_limits_how_fast_the_queue_empties() -> None:
    drain, drained = of(100, 60, backend_rate=20, **BACKEND).drains["http"]
    assert drain.batch_size == 5
    assert drained.peak_rate == pytest.approx(20)
    assert drained.limited_by == "backend_rate"
    assert drained.drain_seconds == pytest.approx(6000 / 20 - 60, rel=0.05)


def test_a_rate_is_named_where_it_limits() -> None:
    told = planned(
        f"--rate 100 --burst 60s --destination http --backend-url {BACKEND['backend_url']} --backend-rate 20"
    )
    assert "as fast as backend_rate allows" in " ".join(told.split())


def test_a_batch_smaller_than_the_concurrency_is_no_faster_than_its_requests() -> None:
    one, many = (of(1, 60, Times(write_ms=1000), **BACKEND, batch_size=2, backend_concurrency=n) for n in (2, 100))
    assert many.drains["http"][0].webhook_seconds == pytest.approx(one.drains["http"][0].webhook_seconds)


def test_what_is_known_of_the_functions_is_theirs() -> None:
    assert set(planning.METRICS) <= set(METRICS)


@pytest.mark.parametrize(
    ("instance_type", "cores"),
    [
        ("t4g.nano", 2),
        ("t4g.micro", 2),
        ("t4g.medium", 2),
        ("t4g.2xlarge", 8),
        ("m7g.medium", 1),
        ("c7g.large", 2),
        ("c7g.xlarge", 4),
        ("c7g.4xlarge", 16),
        ("c7g.metal", 64),
    ],
)
def test_vcpus_are_those_of_the_type(instance_type: str, cores: int) -> None:
    assert vcpus(instance_type) == cores


def test_an_item_is_as_large_as_the_function_makes_it() -> None:
    """A body of 2.8 KB, as in `make bench`: raw and parsed, with the headers beside them."""
    body = order(820982911946154508)
    raw = body.encode()
    stored = dynamodb.size({"id": "x" * 40, "body": json.loads(body), "raw": raw}) / 1024
    assert stored <= len(raw) / 1024 * 2 <= stored * 1.3


def test_profiles_have_the_size_that_is_said_of_them() -> None:
    for profile in PROFILES.values():
        assert profile.arrivals(None, None).total == pytest.approx(profile.total)
        assert max(high for _, high in profile.shape) == 1
        assert profile.arrivals(77, None).peak == 77
        assert profile.arrivals(None, 30).seconds == 30


def test_ten_thousand_in_a_minute_are_a_bulk_edit() -> None:
    found = read("--profile shopify-bulk")
    assert found["arrivals"]["webhooks"] == pytest.approx(10_000)
    assert found["arrivals"]["seconds"] == 60


@pytest.mark.parametrize(("text", "seconds"), [("60s", 60), ("5m", 300), ("2h", 7200), ("90", 90), (" 1.5H ", 5400)])
def test_durations_are_read_as_people_type_them(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.31, "0.3 s"),
        (45, "45 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (3599.7, "1 h"),
        (3700, "1 h 2 min"),
        (90_000, "1 d 1 h"),
        (345_600, "4 d"),
    ],
)
def test_durations_are_told_in_two_units(seconds: float, text: str) -> None:
    assert spell(seconds) == text


# ---- docs/plan.md


def assumptions() -> str:
    rows = [f"| {name} | {each.value:g} {each.unit} | {each.source} |" for name, each in ASSUMED.items()]
    return "\n".join(["| | | |", "|---|---|---|", *rows]) + "\n"


def profiles() -> str:
    rows = []
    for name, each in PROFILES.items():
        peak = each.arrivals(None, None).peak
        rows.append(
            f"| `{name}` | {each.total:,.0f} in {spell(each.seconds)}, up to {peak:,.0f} a second | {each.why} |"
        )
    return "\n".join(["| | | |", "|---|---|---|", *rows]) + "\n"


def example() -> str:
    return f"```console\n$ {EXAMPLE}\n{planned(EXAMPLE.removeprefix('nami plan '))}```\n"


@pytest.mark.docs
@pytest.mark.parametrize("content", [example, assumptions, profiles], ids=lambda content: content.__name__)
def test_page_says_what_the_command_says(content: Callable[[], str]) -> None:
    if block_is_behind(PAGE, content.__name__, content()):
        pytest.fail(f"docs/plan.md is behind the code ({content.__name__}): run `make docs`")


def test_what_waits_for_a_consumer_of_yours_is_told_as_such() -> None:
    said = planned("--rate 500 --burst 60s --destination queue")
    assert "all, for your consumer, of which nothing is known here" in " ".join(said.split())
    found = read("--rate 500 --burst 60s --destination queue")
    assert (found["destinations"], found["advice"]["needed"]) == ({}, False)
    assert not [what for what in found["cost"]["burst"] if what.startswith("post-queue")]


def test_a_consumer_of_yours_reserves_nothing() -> None:
    few = Times(account_concurrency=105)
    assert not of(destination="queue", times=few).reserves_too_much
    assert not of(destination="dynamodb,queue", times=few).reserves_too_much
    assert of(destination="dynamodb,s3", times=few).reserves_too_much
