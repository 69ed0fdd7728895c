"""What strangers sent is seen on the operator's terminal, and does not act on it."""

import ast
import json
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

import click
import pytest
from rich.console import Console
from typer.testing import CliRunner

from nami_cli import dead_letters, doctor, events, main, send, terminal
from nami_cli import logs as logs_command
from nami_cli import smoke as smoke_command
from nami_control import checks, logs, smoke
from nami_control.deployment import Deployment, Function
from nami_control.errors import WebhookError
from nami_control.sending import Answer
from tests.unit.cli.conftest import Stub, target
from tests.unit.cli.test_dead_letters import NAME, FakeSqs, envelope, install
from tests.unit.cli.test_deployed import OUTPUTS, stack, stacks

TITLE, CLEAR, C1, TURNED = "\x1b]0;OWNED\x07", "\x1b[2J", "\x9b2J\x9d0;OWNED\x9c", "\u202eevil\u2066"
HOSTILE = f"a{TITLE}{CLEAR}{C1}{TURNED}\x7f\x85\u2028\rz"
SHOWN = r"a\x1b]0;OWNED\x07\x1b[2J\x9b2J\x9d0;OWNED\x9c\u202eevil\u2066\x7f\x85\u2028\x0dz"
TURNING = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


def acting(output: str) -> set[str]:
    """What acts on a terminal, by Unicode's own tables; nami's own colours do not count."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", output)
    return {
        char
        for char in text
        if (unicodedata.category(char) == "Cc" and char not in "\n\t") or unicodedata.bidirectional(char) in TURNING
    }


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main.app, arguments)


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> FakeSqs:
    fake = FakeSqs()
    install(fake, monkeypatch)
    fails = json.dumps({"level": "ERROR", "message": "batch", "failed": [{"id": HOSTILE, "reason": HOSTILE}]})
    monkeypatch.setattr(logs, "read", lambda *_, **__: iter([logs.Line(1, "post-queue", fails, "e")]))
    return fake


@pytest.fixture
def coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rich take standard output for a terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert Console().is_terminal


def letter(**fields: object) -> str:
    return json.dumps({**json.loads(envelope("d1")), **fields})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (HOSTILE, SHOWN),
        ("two\nlines\tand a tab\r\n", "two\nlines\tand a tab\r\n"),
        ("überall 日本語 👩‍💻 שלום", "überall 日本語 👩‍💻 שלום"),
        ("\ud800", r"\ud800"),
    ],
    ids=["what acts", "lines", "other scripts", "half a surrogate pair"],
)
def test_only_what_acts_is_escaped(text: str, shown: str) -> None:
    assert terminal.visible(text) == shown


def test_a_cell_stays_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_table(["a", "b"], [["one\ntwo", "three\tfour"]])
    assert capsys.readouterr().out == "a\tb\none\\x0atwo\tthree\\x09four\n"


def test_a_table_without_rows_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_table(["a", "b"], [])
    assert capsys.readouterr().out == ""


def test_on_a_terminal_columns_are_as_wide_as_what_is_in_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    terminal.print_table(["name", "is"], [["a", "b"], ["a longer one", "c"]])
    assert click.unstyle(capsys.readouterr().out) == "name          is\na             b\na longer one  c\n"


def test_rows_that_come_one_by_one_stand_below_each_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    table = terminal.Table(["a", "b"], [3, 0])
    table.add("one", "1")
    table.add("four", "2")
    assert click.unstyle(capsys.readouterr().out) == "a    b\none  1\nfour  2\n"


def test_escaped_json_means_the_same() -> None:
    text = json.dumps([HOSTILE, "\ud800"], ensure_ascii=False)
    assert json.loads(terminal.visible_json(text)) == [HOSTILE, "\ud800"]
    assert not acting(terminal.visible_json(text))


PRINTING = {"typer.echo", "typer.secho", "print", "sys.stdout.write"}
MODULES = sorted(set(Path(terminal.__file__).parent.glob("*.py")) - {Path(terminal.__file__)})


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.name)
def test_every_module_prints_by_the_terminals_functions(file: Path) -> None:
    tree = ast.parse(file.read_text())
    assert not PRINTING & {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["for people", "as JSON"])
@pytest.mark.parametrize("command", [("list", NAME), ("show", NAME, HOSTILE)], ids=["list", "show"])
def test_dead_letter_is_seen_and_does_not_act(sqs: FakeSqs, command: tuple[str, ...], as_json: tuple[str, ...]) -> None:
    hostile = {"path": HOSTILE, "query": HOSTILE, "source_ip": HOSTILE, "verified": HOSTILE, "method": HOSTILE}
    sqs.put("m1", letter(id=HOSTILE, headers={HOSTILE: HOSTILE}, body=HOSTILE, **hostile))
    result = run("dlq", *command, *as_json)
    assert result.exit_code == 0
    assert "OWNED" in result.stdout
    assert not acting(result.output)
    if as_json:
        told = json.loads(result.stdout)
        assert (told[0] if isinstance(told, list) else told)["id"] == HOSTILE


def test_header_of_a_dead_letter_stays_one_line(sqs: FakeSqs) -> None:
    sqs.put("m1", letter(headers={"x-topic": "a\nx-shopify-hmac-sha256: forged"}))
    assert "x-topic: a\\x0ax-shopify-hmac-sha256: forged" in run("dlq", "show", NAME, "d1").stdout.splitlines()


def test_dead_letter_that_is_no_webhook_does_not_act(sqs: FakeSqs) -> None:
    sqs.put("m1", HOSTILE)
    result = run("dlq", "show", NAME, "m1")
    assert SHOWN in result.stdout
    assert not acting(result.output)


def test_id_that_a_redrive_would_send_does_not_act(sqs: FakeSqs) -> None:
    sqs.put("m1", letter(id=HOSTILE))
    result = run("dlq", "redrive", NAME, "--dry-run")
    assert result.stdout.splitlines()[1].startswith(SHOWN)
    assert not acting(result.output)


def test_destination_named_by_a_function_does_not_act(sqs: FakeSqs, monkeypatch: pytest.MonkeyPatch) -> None:
    install(sqs, monkeypatch, several=True)
    for each in dead_letters.find(NAME).drains:
        each.post_queue = Function("post", {"DESTINATION": HOSTILE}, "/logs/post")
    assert not acting(run("dlq", "list", NAME).stderr)


DOCUMENT = {"_id": HOSTILE, "body": {HOSTILE: [HOSTILE]}, "raw": HOSTILE.encode()}


@pytest.mark.parametrize("as_json", [False, True])
def test_document_is_seen_and_does_not_act(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    events.print_document(DOCUMENT, as_json=as_json)
    output = capsys.readouterr().out
    assert json.loads(output)["body"] == DOCUMENT["body"]
    assert not acting(output)


@pytest.mark.parametrize("fields", [{}, {"delivered": False, "reason": HOSTILE}], ids=["stored", "tried"])
def test_row_of_a_document_is_seen_and_does_not_act(
    capsys: pytest.CaptureFixture[str], fields: dict[str, object]
) -> None:
    document = {**DOCUMENT, "headers": {"x-topic": HOSTILE}, **fields}
    terminal.print_table(events.HEADING, [events.event_row(document)])
    output = capsys.readouterr().out
    assert output.count("evil") == (3 if fields else 2)
    assert not acting(output)


@pytest.mark.usefixtures("coloured")
def test_document_on_a_terminal_does_not_act(capsys: pytest.CaptureFixture[str]) -> None:
    events.print_document(DOCUMENT, as_json=False)
    output = capsys.readouterr().out
    assert "\x1b[" in output, "it is in colour"
    assert not acting(output)
    assert json.loads(re.sub(r"\x1b\[[0-9;]*m", "", output))["body"] == DOCUMENT["body"]


def test_document_with_half_a_surrogate_pair_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    events.print_document({"_id": "d1", "body": "\ud800"}, as_json=True)
    assert json.loads(capsys.readouterr().out)["body"] == "\ud800"


LINES = [
    logs.Line(1, "pre-queue", json.dumps({"message": "webhook", "id": HOSTILE, "reason": HOSTILE}), "a"),
    logs.Line(2, "post-queue", json.dumps({"message": "batch", "failed": [{"id": "d", "reason": HOSTILE}]}), "b"),
    logs.Line(3, "post-queue", HOSTILE, "c"),
    logs.Line(4, "post-queue", json.dumps({"message": HOSTILE, "more": HOSTILE}), "d"),
]


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("as_json", [False, True])
def test_log_is_seen_and_does_not_act(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json: bool, colour: bool
) -> None:
    if colour:
        monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(logs, "read", lambda *_, **__: iter(LINES))
    monkeypatch.setattr(logs, "groups", lambda _: {})
    monkeypatch.setattr(logs_command, "find", lambda found: Deployment(found, {}))
    logs_command.logs_command(target(NAME), as_json=as_json)
    output = capsys.readouterr().out
    assert output.count("OWNED") >= len(LINES)
    assert not acting(output)


class Answering:
    """A sender whose endpoint says what it likes."""

    def __init__(self, deployment: Deployment, _provider: str | None = None, **_: object) -> None:
        self.deployment = deployment

    def sample(self) -> tuple[bytes, str]:
        return b"{}", "application/json"

    def send(self, *_: object) -> Answer:
        return Answer(self.deployment.status, None, HOSTILE.encode(), 1)  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", [200, 503])
def test_answer_to_a_webhook_does_not_act(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    found = Deployment(target(NAME), {})
    found.status = status  # type: ignore[attr-defined]
    monkeypatch.setattr(send, "find", lambda _: found)
    monkeypatch.setattr(send, "Sender", Answering)
    monkeypatch.setattr(sys, "argv", ["nami", "send", NAME])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == (0 if status == 200 else WebhookError.exit_code)
    said = capsys.readouterr()
    assert "OWNED" in (said.out if status == 200 else said.err)
    assert not acting(said.out + said.err)


def test_delivery_id_of_an_answer_does_not_act(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_text(str(Answer(202, HOSTILE, b"", 1)))
    assert not acting(capsys.readouterr().out)


def test_tags_and_outputs_of_stacks_do_not_act(aws: Stub) -> None:
    for _ in range(2):
        stacks(aws, stack(HOSTILE, outputs={}))
    assert not acting(run("list").output)
    assert json.loads(run("list", "--json").stdout)[0]["name"] == HOSTILE
    stacks(aws, stack(outputs={**OUTPUTS, "QueueUrl": HOSTILE}))
    assert not acting(run("outputs", "shopify").output)


def test_what_doctor_found_does_not_act(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = [checks.warn(HOSTILE, HOSTILE, HOSTILE)]
    doctor._print(found, "nami")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    doctor._print(found, "nami")
    output = capsys.readouterr().out
    assert output.count("evil") == 6
    assert not acting(output)


def test_results_of_a_smoke_test_do_not_act(monkeypatch: pytest.MonkeyPatch) -> None:
    results = [smoke.Result("a webhook is stored", "skipped", HOSTILE, 0.1)]
    monkeypatch.setattr(smoke_command, "find", lambda _: None)
    monkeypatch.setattr(smoke_command, "Sender", lambda *_, **__: None)
    monkeypatch.setattr(smoke, "run", lambda _: iter(results))
    for as_json in ((), ("--json",)):
        output = run("smoke", NAME, *as_json).output
        assert "OWNED" in output
        assert not acting(output)


def test_message_of_aws_does_not_act(
    aws: Stub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    aws("cloudformation").add_client_error("describe_stacks", "Throttling", HOSTILE)
    monkeypatch.setattr(sys, "argv", ["nami", "outputs", "shopify"])
    with pytest.raises(SystemExit):
        main.main()
    error = capsys.readouterr().err
    assert SHOWN in error.replace("\n", "")
    assert not acting(error)
