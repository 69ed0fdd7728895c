"""Every setting is a flag, and what a flag says is what the CDK app gets."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from nami_cli import flags
from nami_cli.main import app
from nami_control import cdk, settings
from nami_control.errors import UsageError
from nami_stack.settings import Subscription
from tests.unit.cli.conftest import target

SETTINGS = [key for key in Subscription.model_fields if key not in ("name", "environment")]


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def records(command: str) -> dict[str, tuple[str, str]]:
    """What the help says of each option of a command, by the option's name."""
    root: Any = typer.main.get_command(app)
    found = root.commands[command]
    context = found.context_class(found, info_name=command)
    return {param.name: record for param in found.get_params(context) if (record := param.get_help_record(context))}


@pytest.mark.parametrize("command", ["deploy", "diff"])
@pytest.mark.parametrize("key", SETTINGS)
def test_every_setting_is_a_flag_with_its_own_description(command: str, key: str) -> None:
    names, text = records(command)[key]
    assert names.startswith("--" + key.replace("_", "-"))
    assert text.startswith(" ".join((Subscription.model_fields[key].description or "").replace("`", "").split()))


def test_default_is_shown() -> None:
    assert records("deploy")["batch_size"][1].endswith("[default: 100]")
    assert "[default" not in records("deploy")["vpc_id"][1]


def test_flags_are_grouped_in_the_help() -> None:
    output = CliRunner().invoke(app, ["deploy", "--help"]).output
    places = [output.index(f"\n{title}:\n") for title in ("Options", *flags.GROUPS)]
    assert places == sorted(places)


def test_given_settings_become_context_of_the_cdk_cli(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(cdk, "Task", lambda _name, arguments, **_: started.append(arguments))
    cdk.synth(target(batch_size="5"), ExitStack())
    assert {"--context=name=shopify", "--context=batch_size=5"} <= set(started[0])


def test_app_of_the_installed_package_runs_in_the_users_folder_with_its_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cdk, "Task", lambda *_, **where: where["cwd"])
    (tmp_path / "cdk.json").write_text('{"context": {"subscriptions": {"shopify": {"batch_size": 7}}}}')
    cwd: Any = cdk.synth(target(), ExitStack())
    written = json.loads((cwd / "cdk.json").read_text())
    assert written["app"].startswith(f"cd {tmp_path} && ")
    assert written["context"]["subscriptions"] == {"shopify": {"batch_size": 7}}
    assert written["context"]["@aws-cdk/core:checkSecretUsage"]


def test_app_of_the_users_own_runs_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cdk, "Task", lambda *_, **where: where["cwd"])
    (tmp_path / "cdk.json").write_text('{"app": "python3 mine.py"}')
    cwd: Any = cdk.synth(target(), ExitStack())
    assert cwd == tmp_path


def test_flag_wins_over_cdk_json_and_that_over_the_default(folder: Path) -> None:
    kept = {"context": {"subscriptions": {"shopify": {"batch_size": 7, "max_receives": 9}}}}
    (folder / "cdk.json").write_text(json.dumps(kept))
    read = target(batch_size="5").subscription
    assert (read.batch_size, read.max_receives, read.batch_window) == (5, 9, 1)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["Shop"], "name='Shop': must be 1 to 63 lower-case letters"),
        (["shared", "--batch-size", "3"], "batch_size: is a setting of subscriptions, not of what they share"),
        (["shopify", "--batch-size", "many"], "batch_size='many': must be a valid integer"),
        (["shopify", "--batch-window", "0"], "batch_size=100: more than 10 needs batch_window"),
    ],
)
def test_bad_setting_is_one_line_before_anything_starts(arguments: list[str], line: str, folder: Path) -> None:
    error = CliRunner().invoke(app, ["deploy", *arguments]).exception
    assert isinstance(error, UsageError)
    assert str(error).startswith(line)
    assert error.exit_code == 2
    assert not (folder / ".nami").exists()


def test_broken_cdk_json_is_one_line(folder: Path) -> None:
    (folder / "cdk.json").write_text("{")
    with pytest.raises(UsageError, match=r"^cdk\.json: is not JSON"):
        _ = target().settings


def test_saved_settings_join_those_that_are_there(folder: Path) -> None:
    before = {"app": "x", "context": {"subscriptions": {"jira": {}, "shopify": {"egress": "nat", "batch_size": 7}}}}
    (folder / "cdk.json").write_text(json.dumps(before))
    settings.save(target(batch_size="5", methods="get,post"))
    assert json.loads((folder / "cdk.json").read_text()) == {
        "app": "x",
        "context": {
            "subscriptions": {"jira": {}, "shopify": {"egress": "nat", "batch_size": 5, "methods": ["GET", "POST"]}}
        },
    }


def test_saved_settings_are_read_again(folder: Path) -> None:
    settings.save(target(batch_size="5", methods="get,post"))
    read = target().subscription
    assert (read.batch_size, read.methods) == (5, ("GET", "POST"))
