"""The command line: what it takes, and what it says of itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nami_cli.errors import (
    CliError,
    DatabaseError,
    DeployError,
    LocalAwsError,
    MissingToolError,
    NotRunningError,
    PortInUseError,
    WebhookError,
)
from nami_cli.local import database
from nami_cli.local.differences import DIFFERENCES
from nami_cli.local.state import Home
from nami_cli.main import app, main
from nami_cli.send import _header

COMMANDS = ["up", "status", "send", "events", "logs", "env", "down"]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("NAMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "200")
    yield tmp_path / "home"
    assert Home().load() is None


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example(command: str) -> None:
    result = CliRunner().invoke(app, ["local", command, "--help"])
    assert result.exit_code == 0
    assert "nami local" in result.output.split("Example:")[1]


def test_help_names_every_command() -> None:
    output = CliRunner().invoke(app, ["local", "--help"]).output
    assert all(f"  {command} " in output for command in COMMANDS)


def test_exit_codes_differ_by_cause() -> None:
    errors = [
        CliError,
        NotRunningError,
        PortInUseError,
        MissingToolError,
        DeployError,
        DatabaseError,
        LocalAwsError,
        WebhookError,
    ]
    codes = {error.exit_code for error in errors}
    assert len(codes) == len(errors)
    assert not codes & {0, 2}  # success, and what click says of bad usage


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


def test_setting_without_a_value_is_refused() -> None:
    result = CliRunner().invoke(app, ["local", "up", "shopify", "-c", "batch_size"])
    assert isinstance(result.exception, CliError)
    assert str(result.exception) == "-c batch_size: a setting is given as key=value"


def test_header_is_split_at_the_first_colon() -> None:
    assert _header("X-Url: http://example.org") == ("X-Url", "http://example.org")


def test_header_without_a_colon_is_refused() -> None:
    with pytest.raises(CliError, match="Name: value"):
        _header("X-Url")


def test_down_of_nothing_is_no_failure(home: Path) -> None:
    assert CliRunner().invoke(app, ["local", "down"]).exit_code == 0
    assert not home.exists()


def test_differences_name_what_surprises_most() -> None:
    text = " ".join(DIFFERENCES)
    assert all(word in text for word in ("IAM", "security groups", "alarms", "throttling", "down"))


def test_given_database_is_used_and_none_started(tmp_path: Path) -> None:
    chosen = database.choose(Home(tmp_path), "mongodb://example.org/")
    assert chosen == database.Database("mongodb://example.org/", None)


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
    assert "nami_cli.local.stand_in" in command
    assert "--host=127.0.0.1" in command


def test_name_given_twice_is_told_as_one() -> None:
    result = CliRunner().invoke(app, ["local", "up", "shopify", "-c", "name=jira"])
    assert "the name is given once, as nami local up jira" in str(result.exception)
