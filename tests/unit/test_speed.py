"""docs/speed.md has every cell, and the bench that writes them runs."""

import re
import sys
from pathlib import Path

import pytest

from benchmarks import handlers
from benchmarks.growth import STEPS
from benchmarks.tables import Table, cell, fill

PAGE = Path(__file__).parents[2] / "docs" / "speed.md"
ROWS = {
    "send": [*handlers.SEND.values()],
    "send over TLS": [label for name, label in handlers.SEND.items() if name != "socket"],
    "goals before the queue": 5,
    "store": [label for label, _ in handlers.STORE.values()],
    "goals behind the queue": 2,
    "drain": [*handlers.KINDS],
    "growth by size": [f"{3 * step} KB" for step in STEPS],
    "growth by load": [f"{2 * step} a second" for step in STEPS],
    "plan": ["handler", *handlers.KINDS],
    "whole": 4,
    "console": [f"{step} times" for step in STEPS],
}


@pytest.mark.parametrize("name", ROWS)
def test_page_has_every_cell_of_the_table(name: str) -> None:
    block = re.search(rf"<!-- {name}: .*? -->\n(.*?)<!-- /{name} -->", PAGE.read_text(), re.DOTALL)
    assert block
    lines = block[1].strip().splitlines()
    head, _, *rows = [[each.strip() for each in line.strip("|").split("|")] for line in lines]
    wanted = ROWS[name]
    assert (len(rows) if isinstance(wanted, int) else [row[0] for row in rows]) == wanted
    assert {len(row) for row in rows} == {len(head)}
    assert all(all(row) for row in rows)


def test_page_says_on_what_it_was_measured() -> None:
    assert re.search(r"<!-- machine: .*? -->\n\n\d{4}-\d\d-\d\d, \d+ cores .* Node v\d", PAGE.read_text())


@pytest.mark.skipif(sys.platform != "linux", reason="what a process spends and takes is read as Linux tells it")
def test_bench_measures_with_a_tiny_count(tmp_path: Path) -> None:
    table, over_tls, goals = handlers.send(tmp_path, rounds=1, calls=2, names=("send_nami", "socket"))
    assert [*table.rows] == [handlers.SEND["send_nami"], handlers.SEND["socket"]]
    assert [*over_tls.rows] == [handlers.SEND["send_nami"]]
    assert all(value.startswith("1 (") for value in table.rows[handlers.SEND["send_nami"]])
    assert len(goals.rows) == 2


def test_cell_says_first_how_many_times_ours_it_is() -> None:
    assert cell([2.0, 9.0, 4.0], [1.0, 3.0, 2.0], lambda value: f"{value:.0f} s") == "2.0 (4 s)"


def test_table_stands_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n<!-- one: by a run -->\n\nold\n\n<!-- /one -->\n")
    fill(page, {"one": Table("one", ["value"], {"row": ["1"]}).markdown()})
    assert "old" not in page.read_text()
    assert "| row | 1 |" in page.read_text()
    with pytest.raises(SystemExit, match="0 places for two"):
        fill(page, {"two": ""})
