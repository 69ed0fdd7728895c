"""The first cases of each target of `make fuzz`, drawn by one seed, and what longer runs have found."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fuzz import running
from tests.fuzz.target import Case
from tests.fuzz.targets import TARGETS

CASES = 400


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_drawn_first_holds(name: str) -> None:
    found = running.unguided(name, TARGETS[name], 1, count=CASES)
    assert not found.faults


@pytest.fixture(scope="module")
def page() -> Iterator[Callable[[Case], None]]:
    """Raises where a page of the console fails."""
    with TARGETS["console"].opened() as check:
        yield check


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/s/shopify/events", {"since": "9" * 400 + "d"}),
        ("/s/shopify/events", {"until": "0001-01-01"}),
        ("/s/shopify/events", {"before": "9" * 30 + ".0"}),
        ("/s/shopify/events", {"before": "1700000000000." + "9" * 20}),
        ("/s/shopify/events", {"to": "nowhere"}),
        ("/s/shopify/event/body", {"id": "none"}),
        ("/s/shopify/dead/list", {"since": "yesterday"}),
        ("/s/nobody/events", {}),
    ],
)
def test_page_that_can_not_be_shown_is_not_called_a_fault_of_the_console(
    page: Callable[[Case], None], path: str, query: dict[str, str]
) -> None:
    page({"frozen": {"cookie": True}, "method": "GET", "path": path, "query": query})


def test_fault_that_does_not_come_again_is_none(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "FOLDER", tmp_path)
    came: list[Case] = []

    def check(case: Case) -> None:
        came.append(case)
        assert len(came) > 1

    found = running.Found()
    found.check("example", check, {"frozen": {}})
    assert (found.faults, [*tmp_path.iterdir()]) == ({}, [])


def test_fault_is_kept_as_a_case_that_brings_it_back(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(running, "FOLDER", tmp_path)
    monkeypatch.setattr(running, "ROOT", tmp_path)

    def check(case: Case) -> None:
        assert "bad" not in case["text"], "it is bad"

    found = running.Found()
    for text in ("good", "a bad one", "another bad one"):
        found.check("example", check, {"frozen": {}, "text": text})
    (kept,) = tmp_path.iterdir()
    assert (found.cases, len(found.faults)) == (3, 1)
    assert '"text": "bad"' in kept.read_text()
    assert f"python -m tests.fuzz --case {kept.name}" in capsys.readouterr().out
