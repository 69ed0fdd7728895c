"""`nami local`: what it takes, and what it says of itself."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nami_cli import local as commands
from nami_cli.main import app, main
from nami_control import stacks
from nami_control.errors import NotRunningError, UsageError
from nami_control.processes import Identity
from nami_local import database, machine
from nami_local.differences import DIFFERENCES, PAGE
from nami_local.local_aws import LocalAws
from nami_local.state import Home, State
from tests.unit.cli.conftest import Stub, target

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("NAMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "200")
    yield tmp_path / "home"
    assert Home().load() is None


@pytest.fixture
def up(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Home]:
    """Local AWS as if it ran on port 4566, with jira and nothing else."""
    made = Home()
    made.prepare()
    made.save(State(Identity.of(os.getpid()), 4566, "mongodb://127.0.0.1/", subscriptions={"jira": True}))
    monkeypatch.setattr(commands, "_endpoints", lambda *_: {"jira": "http://127.0.0.1:4566/nami/jira"})
    yield made
    made.forget()


def test_error_is_one_line_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["nami", "local", "status"])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert ended.value.code == 3
    assert out == ""
    assert err == "error: local AWS is not running; start it with nami local up NAME\n"


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("batch_size", "a setting is given as key=value"),
        ("name=jira", "the name is given once, as nami local up jira"),
        ("env=prod", "the environment is given as --env prod"),
    ],
)
def test_setting_that_is_none_is_wrong_usage(setting: str, told: str) -> None:
    error = CliRunner().invoke(app, ["local", "up", "shopify", "-c", setting]).exception
    assert isinstance(error, UsageError)
    assert str(error) == f"-c {setting}: {told}"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"port": 4567, "mongo_uri": None}, "local AWS is up on port 4566; leave --port out"),
        ({"port": None, "mongo_uri": "mongodb://other/"}, "local AWS is up with another database; leave --mongo-uri"),
    ],
)
def test_joining_with_other_options_than_it_was_started_with_is_wrong_usage(
    up: Home, given: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        machine.join(up, "shopify", **given)


@pytest.mark.parametrize("command", ["local down", "local send", "local events", "local logs", "--local events"])
def test_name_that_is_not_up_is_told_how_to_start_it(
    up: Home, aws: Stub, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(LocalAws, "_client", lambda _self, service: aws(service).client)
    monkeypatch.setattr(stacks, "endpoints", lambda _aws: {"jira": "http://127.0.0.1:4566/nami/jira"})
    if command != "local down":
        aws("cloudformation").add_client_error("describe_stacks", "ValidationError", "Stack with id … does not exist")
    error = CliRunner().invoke(app, [*command.split(), "shopify"]).exception
    assert isinstance(error, NotRunningError)
    assert str(error) == "shopify is not up; up: jira; start it with nami local up shopify"


def test_variables_are_quoted_for_the_shell(up: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "a'; echo ran; '$(echo ran)"
    up.folder.rename(folder)
    monkeypatch.setenv("NAMI_HOME", str(folder))
    printed = CliRunner().invoke(app, ["local", "env"]).output
    script = f'{printed}\nprintf %s "$CDK_HOME"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout == f"{folder}/cdk"
    folder.rename(up.folder)


def test_down_of_nothing_is_no_failure(home: Path) -> None:
    assert CliRunner().invoke(app, ["local", "down"]).exit_code == 0
    assert not home.exists()


@pytest.mark.parametrize(
    ("given", "first"),
    [({}, "curl -X POST 'http://here'"), ({"signature": "shopify"}, "nami local send shop\n")],
    ids=["unsigned", "signed"],
)
def test_what_to_try_next_is_accepted(capsys: pytest.CaptureFixture[str], given: dict[str, str], first: str) -> None:
    commands._tell_next(target("shop", **given), "http://here")
    said = capsys.readouterr().out
    assert said.startswith(f"try next   {first}")
    assert len(said.splitlines()) == 3


def test_what_waits_for_your_consumer_is_not_looked_for_among_the_events(capsys: pytest.CaptureFixture[str]) -> None:
    commands._tell_next(target("shop", destination="queue"), "http://here")
    assert capsys.readouterr().out.splitlines()[1].strip() == "nami local doctor shop"


def test_what_is_brought_up_again_keeps_its_settings(capsys: pytest.CaptureFixture[str]) -> None:
    commands._tell_next(target("shop", order_by="$.id"), "http://here")
    assert capsys.readouterr().out.endswith("then nami local up shop -c 'order_by=$.id'\n")


def test_status_names_each_place_below_its_heading(up: Home) -> None:
    said = CliRunner().invoke(app, ["local", "status"]).stdout.splitlines()
    assert said[:2] == ["what\twhere", "jira\tPOST http://127.0.0.1:4566/nami/jira"]
    assert [line.split("\t")[0] for line in said[2:]] == ["documents", "AWS", "log"]


def test_page_that_lists_the_differences_is_there() -> None:
    page, _, anchor = PAGE.partition("#")
    headings = [line for line in (ROOT / page).read_text().splitlines() if line.startswith("## ")]
    assert anchor in [re.sub(r"\W+", "-", line.removeprefix("## ").lower()) for line in headings]


def test_differences_name_what_surprises_most() -> None:
    text = " ".join(DIFFERENCES)
    assert all(word in text for word in ("IAM", "security groups", "alarms", "throttling", "down"))


def test_given_database_is_used_and_none_started(tmp_path: Path) -> None:
    chosen = database.choose(Home(tmp_path), "mongodb://example.org/")
    assert chosen == database.Database("mongodb://example.org/", None)


def test_databases_of_local_awss_that_start_at_once_have_ports_of_their_own(tmp_path: Path) -> None:
    chosen = {database.choose(Home(tmp_path / str(n)), None, usual_port=False).uri for n in range(3)}
    assert len(chosen) == 3
    assert "mongodb://127.0.0.1:27017/" not in chosen


def test_mongod_on_path_is_preferred(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mongod = tmp_path / "mongod"
    mongod.write_text("#!/bin/sh\n")
    mongod.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    home = Home(tmp_path / "home")
    home.prepare()
    command = database.choose(home, None).command
    assert command
    assert command[0] == str(mongod)
    assert "--bind_ip=127.0.0.1" in command


def test_stand_in_is_used_where_there_is_no_mongod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    command = database.choose(Home(tmp_path), None).command
    assert command
    assert "nami_local.stand_in" in command
    assert "--host=127.0.0.1" in command
