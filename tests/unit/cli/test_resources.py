"""What `nami deploy` and its like say of a stack's resources where nobody watches them move."""

import time
from types import SimpleNamespace

import pytest

from nami_cli import resources
from nami_cli.resources import display
from nami_control import times
from nami_control.cdk_output import Resource
from nami_control.errors import DeployError
from tests.unit.cli.conftest import target

DONE = {"Queue": Resource("AWS::SQS::Queue", "Queue", "CREATE_COMPLETE")}
UNDER_WAY = {"Table": Resource("AWS::DynamoDB::Table", "Table", "CREATE_IN_PROGRESS")}


class Clock:
    """Seconds that go by as a test says."""

    now = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (resources, times):
        stopped = SimpleNamespace(**{**vars(time), "monotonic": lambda: made.now})
        monkeypatch.setattr(module, "time", stopped)
    return made


def test_each_phase_is_a_line_with_its_time(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with display(target()) as progress:
        progress.step("checking")
        clock.now += 2
        progress.step("synthesising")
        progress.step("synthesising")
        clock.now += 3
    assert capsys.readouterr().err == "shopify: checking took 2 s\nshopify: synthesising took 3 s\n"


def test_resources_are_told_only_where_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    for verbose in (False, True):
        with display(target(), verbose=verbose) as progress:
            for _ in range(2):
                progress.show(DONE | UNDER_WAY)
    assert capsys.readouterr().err == "shopify: SQS::Queue Queue CREATE_COMPLETE\n"


def test_a_long_phase_says_every_minute_how_far_it_is(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with display(target()) as progress:
        progress.step("deploying")
        for _ in range(13):
            progress.show(DONE | UNDER_WAY, 70)
            clock.now += 10
    assert capsys.readouterr().err.splitlines() == [
        "shopify: deploying 1/70, for 1 min 10 s",
        "shopify: deploying took 2 min 10 s",
    ]


def test_a_phase_that_fails_is_not_said_to_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    progress = display(target())
    progress.__enter__().step("deploying")
    assert not progress.__exit__(DeployError, DeployError("of AWS"), None)
    assert capsys.readouterr().err == ""
