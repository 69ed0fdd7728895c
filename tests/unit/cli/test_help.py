"""The help is the manual: every command has an example, and docs/commands.md holds it as it is."""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from nami_cli.main import FIRST_WEBHOOK, app
from nami_control.errors import NamiError
from tests.unit.pages import page_is_behind

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "commands.md"
WIDTH = 96


def contexts(context: Any) -> Iterator[Any]:
    """The command of a context, and all that lie below it."""
    yield context
    for name, command in getattr(context.command, "commands", {}).items():
        yield from contexts(command.context_class(command, info_name=name, parent=context))


def all_commands() -> list[Any]:
    root: Any = typer.main.get_command(app)
    return list(contexts(root.context_class(root, info_name="nami", terminal_width=WIDTH)))


def leaves() -> list[Any]:
    return [context for context in all_commands() if not hasattr(context.command, "commands")]


def page() -> str:
    codes = {1: "another failure, or a question answered with no"}
    codes |= {kind.exit_code: " ".join((kind.__doc__ or "").split()) for kind in NamiError.__subclasses__()}
    lines = [
        "# Commands\n",
        "What `nami --help` and `nami COMMAND --help` say; a test keeps this page equal to them.",
        "`nami --local COMMAND` works on the AWS of this machine, and so does any command where `AWS_ENDPOINT_URL`",
        "points there; `--env` or `NAMI_ENV` names an environment of cdk.json. Data goes to standard output, all else",
        "to standard error.\n",
        "| exit code | |\n|---|---|\n| 0 | all went well |",
        *(f"| {code} | {text} |" for code, text in sorted(codes.items())),
        "| 128 + n | ended by the signal n |",
    ]
    for context in all_commands():
        lines.append(f"\n## {context.command_path}\n\n```text\n{context.get_help().rstrip()}\n```")
    return "\n".join(line.rstrip() for line in "\n".join(lines).splitlines()) + "\n"


@pytest.mark.docs
def test_page_of_commands_is_the_real_help() -> None:
    if page_is_behind(PAGE, page()):
        pytest.fail("docs/commands.md is behind the commands' help: run `make docs`")


@pytest.mark.parametrize("context", leaves(), ids=lambda context: context.command_path)
def test_every_command_ends_its_help_with_an_example(context: Any) -> None:
    assert context.command.epilog.startswith("Example: ")
    assert "nami " in context.get_help().rstrip().splitlines()[-1]


def test_help_shows_what_dash_dash_help_shows() -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["help", "deploy"]).output == runner.invoke(app, ["deploy", "--help"]).output


def test_help_reaches_commands_below_others() -> None:
    assert "Usage: nami local up" in CliRunner().invoke(app, ["help", "local", "up"], prog_name="nami").output


def test_help_of_a_misspelt_command_names_the_near_one() -> None:
    error = CliRunner().invoke(app, ["help", "delpoy"]).exception
    assert str(error) == "delpoy: is not a command; did you mean deploy?"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["help"]])
def test_a_first_time_user_is_led_to_a_stored_webhook(arguments: list[str]) -> None:
    output = CliRunner().invoke(app, arguments).output
    steps = ["nami local up shopify --detach", "nami local send shopify", "nami local events shopify"]
    places = [output.index(step) for step in steps]
    assert places == sorted(places)


def test_every_command_of_the_first_steps_exists() -> None:
    known = {context.command_path for context in all_commands()}
    typed = [line.strip().split("  ")[0] for line in FIRST_WEBHOOK.splitlines() if line.startswith("  nami ")]
    assert typed
    for line in typed:
        words = line.split()
        assert " ".join(words[:2]) in known
        assert words[1] != "local" or " ".join(words[:3]) in known


def test_version_is_the_wheels() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output.strip()) == (0, version("nami-webhooks"))
