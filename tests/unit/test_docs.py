"""What the docs say of the code is read from the code."""

import contextlib
import re
import shlex
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
import typer
from aws_cdk.assertions import Template
from typer.testing import CliRunner

from nami_cli.flags import GROUPS
from nami_cli.main import app
from nami_control.providers import FACTS, READ
from nami_control.scheme_words import described
from nami_local.differences import DIFFERENCES
from nami_stack import DynamoTable, ScalableWebhook, Watching, WatchingSettings
from nami_stack.destinations.destination import Destination
from nami_stack.destinations.table import DESTINATIONS as DESTINATION_KINDS
from nami_stack.settings import Environment, SettingsError, Subscription, as_typed, read_settings
from nami_stack.signature import SCHEMES
from proofs.aws.proofs import PROOFS
from tests.unit.pages import WRITES, block_is_behind

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])
WRITTEN_BY_HAND = [page for page in PAGES if page.name not in ("CHANGELOG.md", "commands.md")]


COMMANDS = typer.main.get_command(app)


def by_page(pages: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", pages, ids=lambda page: page.name)


def settings_tables() -> str:
    """Every setting, its default, and its docstring, in the order of the code."""
    lines = []
    for title, model in {**GROUPS, "Of an environment alone": Environment}.items():
        lines += [f"## {title}\n", "| setting | default | |", "|---|---|---|"]
        for key in (key for key in model.model_fields if key != "name"):
            field = model.model_fields[key]
            default = "" if field.default in (None, "", ()) else f"`{as_typed(field.default)}`"
            lines.append(f"| `{key}` | {default} | {' '.join((field.description or '').split())} |")
        lines.append("")
    return "\n".join(lines)


def test_block_without_its_place_in_the_page_is_no_block(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- other: by a test -->\n\nold\n\n<!-- /other -->\n")
    with pytest.raises(AssertionError, match=r"page\.md has 0 places for table"):
        block_is_behind(page, "table", "new\n")


def test_page_is_written_where_it_is_behind_and_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n<!-- table: by a test -->\n\nold\n\n<!-- /table -->\n")
    monkeypatch.delenv(WRITES, raising=False)
    assert block_is_behind(page, "table", "new\n")
    monkeypatch.setenv(WRITES, "1")
    assert not block_is_behind(page, "table", "new\n")
    assert page.read_text() == "# Page\n\n<!-- table: by a test -->\n\nnew\n\n<!-- /table -->\n"
    written = page.stat().st_ino
    assert not block_is_behind(page, "table", "new\n")
    assert page.stat().st_ino == written


@pytest.mark.docs
def test_every_setting_is_documented_as_it_is() -> None:
    if block_is_behind(DOCS / "settings.md", "settings", settings_tables()):
        pytest.fail("docs/settings.md is behind nami_stack/settings.py: run `make docs`")


@pytest.mark.docs
def test_differences_from_aws_are_documented_as_they_are_shown() -> None:
    listed = "".join(f"- {difference}\n" for difference in DIFFERENCES)
    if block_is_behind(DOCS / "local.md", "differences", listed):
        pytest.fail("docs/local.md is behind nami_local/differences.py: run `make docs`")


@pytest.mark.docs
def test_what_was_never_run_on_aws_is_what_its_test_tries() -> None:
    if block_is_behind(DOCS / "aws.md", "never run", "".join(f"- {proof.what}\n" for proof in PROOFS)):
        pytest.fail("docs/aws.md is behind proofs/aws/proofs.py: run `make docs`")


# What chooses each gateway and each destination, beside the name.
GATEWAYS = {
    "`gateway=http`": {"gateway": "http"},
    "`gateway=rest`": {"gateway": "rest"},
    "`gateway=rest`, `ingest=direct`": {"gateway": "rest", "ingest": "direct"},
    "`gateway=shared`": {"gateway": "shared"},
}
URL = {"backend_url": "https://shop.example.com/hooks"}
SECRET = {"database_secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:atlas-AbCdEf"}
POSTGRES = {"postgres_secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:neon-AbCdEf"}
DESTINATIONS: dict[str, dict[str, str]] = {"http": URL, "mongo-database": SECRET, "postgres": POSTGRES}


def works(**context: str) -> bool:
    try:
        Subscription.from_context({"name": "shopify", **context})
    except SettingsError:
        return False
    return True


def what_works(context: dict[str, str]) -> str:
    signed = {**context, "signature": "shopify"}
    if works(**signed, order_by="$.order.id"):
        return "in order"
    return "yes" if works(**signed) else "unsigned" if works(**context) else "no"


def combinations() -> str:
    """Gateways against destinations."""
    names = [*DESTINATION_KINDS, "several"]
    lines = [
        f"| | {' | '.join(f'`{name}`' for name in names[:-1])} | several |",
        "|---|" + "---|" * len(names),
    ]
    chosen = {name: "dynamodb,http" if name == "several" else name for name in names}
    for title, gateway in GATEWAYS.items():
        cells = [
            what_works({**gateway, "destination": which, **DESTINATIONS.get(which.split(",")[-1], {})})
            for which in chosen.values()
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


@pytest.mark.docs
def test_what_goes_with_what_is_as_the_settings_rule() -> None:
    if block_is_behind(DOCS / "settings.md", "combinations", combinations()):
        pytest.fail("docs/settings.md is behind what the settings allow: run `make docs`")


NOTHING = "–"  # noqa: RUF001 - the docs' own sign


def providers_table() -> str:
    """Each provider with what its secret holds, what it signs, and where that was read."""
    lines = ["| scheme | whose | the secret, and where it is | signed | age | delivery id | see |", "|" + "---|" * 7]
    for name, facts in FACTS.items():
        words = described(name)
        secret = ": ".join(part for part in (facts.secret, facts.found) if part)
        signed = f"`{words.signed}`" if words.signed else NOTHING
        age = f"{words.tolerance} s" if words.tolerance else NOTHING
        id_ = (words.id + ("" if words.id_is_signed else ", not signed")) if words.id else NOTHING
        source = facts.source + (f" ({READ[name]})" if name in READ else "")
        lines.append(f"| `{name}` | {facts.title} | {secret} | {signed} | {age} | {id_} | {source} |")
    return "\n".join(lines) + "\n"


def handshakes_list() -> str:
    """Who asks before the first webhook, and for what."""
    asking: dict[str, list[str]] = {}
    for name in FACTS:
        if handshake := described(name).handshake:
            asking.setdefault(handshake, []).append(f"`{name}`")
    return "".join(f"- {', '.join(names)}: {handshake}\n" for handshake, names in asking.items())


@pytest.mark.docs
def test_every_provider_is_documented_as_it_is() -> None:
    behind = block_is_behind(DOCS / "signatures.md", "providers", providers_table())
    if block_is_behind(DOCS / "signatures.md", "handshakes", handshakes_list()) or behind:
        pytest.fail("docs/signatures.md is behind nami_control/providers.toml: run `make docs`")


def test_every_scheme_has_its_facts() -> None:
    assert sorted(FACTS) == sorted(SCHEMES)


def test_what_was_read_is_of_providers_that_there_are() -> None:
    assert READ.keys() <= FACTS.keys()


def test_the_number_of_providers_is_what_there_are() -> None:
    named = len(FACTS.keys() - {"basic", "hmac", "none", "token"})
    assert f"[{named} schemes](docs/signatures.md) by name" in (DOCS.parent / "README.md").read_text()
    assert f"- Signatures: {named} providers by name" in (DOCS.parent / "CHANGELOG.md").read_text()


def test_no_cell_of_the_providers_table_breaks_it() -> None:
    assert {re.sub(r"`[^`]*`", "", row).count("|") for row in providers_table().splitlines()} == {8}


def test_example_of_a_401_is_told_as_the_page_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (DOCS / "signatures.md").read_text()
    request = re.search(r"```http\n(.*?)```", page, re.DOTALL)
    shown = re.search(r"\$ (nami signatures check --provider .*?)\n(.*?)```", page, re.DOTALL)
    assert request
    assert shown
    monkeypatch.chdir(tmp_path)
    Path("request.http").write_text(request[1])
    Path("secret.txt").write_text("It's a Secret to Everybody")
    assert CliRunner().invoke(app, shlex.split(shown[1])[1:]).stdout == shown[2]


def python_of(page: Path) -> str:
    code = re.search(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    assert code
    return code[1]


def test_readmes_construct_is_code_that_runs(app_factory: Callable[[], cdk.App]) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    exec(python_of(ROOT / "README.md"), {"self": stack})
    assert stack.node.children


def test_librarys_watching_is_code_that_runs(app_factory: Callable[[], cdk.App]) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    webhook = ScalableWebhook(stack, "Shopify", name="shopify", destination=DynamoTable(stack, "Table"))
    names: dict[str, Any] = {"self": stack, "webhook": webhook, "Watching": Watching}
    exec(python_of(DOCS / "library.md"), {**names, "WatchingSettings": WatchingSettings})
    Template.from_stack(stack).has_resource_properties("AWS::SNS::Subscription", {"Endpoint": "ops@example.com"})


def test_construct_has_what_the_library_page_says_it_has(app_factory: Callable[[], cdk.App]) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    webhook = ScalableWebhook(stack, "Shopify", name="shopify", destination=DynamoTable(stack, "Table"))
    said = re.search(r"It has (`endpoint_url`.*?)\n\n", (DOCS / "library.md").read_text(), re.DOTALL)
    assert said
    assert [name for name in re.findall(r"`(\w+)`", said[1]) if not hasattr(webhook, name)] == []


def test_a_destination_has_what_its_page_says_that_one_has() -> None:
    said = re.search(r"says\n?\s*\((`kind`.*?)\)", (DOCS / "destinations.md").read_text(), re.DOTALL)
    assert said
    members = {*vars(Destination), *Destination.__annotations__}
    assert set(re.findall(r"`(\w+)`", said[1])) == {name for name in members if not name.startswith("_")}


def test_every_example_is_in_the_library_page() -> None:
    page = (DOCS / "library.md").read_text()
    assert [path.name for path in (ROOT / "examples").glob("*.py") if f"(../examples/{path.name})" not in page] == []


@by_page([ROOT / "README.md", DOCS / "alternatives.md"])
def test_page_counts_the_named_schemes(page: Path) -> None:
    named = set(SCHEMES) - {"hmac", "token", "basic", "none"}
    assert set(re.findall(r"(\d+) schemes\b", page.read_text())) == {str(len(named))}


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


def test_readme_has_its_pictures() -> None:
    pictures = re.findall(r'(?:src|srcset)="(\S+)"', (ROOT / "README.md").read_text())
    assert len(pictures) == 2
    assert all((ROOT / each).is_file() for each in pictures)


def test_every_page_is_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [page.name for page in DOCS.glob("*.md") if f"(docs/{page.name})" not in readme] == []


@by_page(PAGES)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def typed(page: str) -> list[str]:
    """What stands behind a prompt."""
    blocks = "".join(re.findall(r"```console\n(.*?)```", page, re.DOTALL))
    lines = re.sub(r"\\\n\s*", "", blocks).splitlines()
    return [line.removeprefix("$ ").partition("  #")[0] for line in lines if line.startswith("$ ")]


def understood(command: str) -> dict[str, Any]:
    """What the last word of a `nami` command is given. Raises for one that there is not, or that does not fit it."""
    current: Any = COMMANDS
    context = current.make_context("nami", shlex.split(command)[1:])
    while hasattr(current, "commands") and (words := [*context._protected_args, *context.args]):
        name, current, rest = current.resolve_command(context, words)
        context = current.make_context(name, rest, parent=context)
    return dict(context.params)


@by_page(WRITTEN_BY_HAND)
def test_every_command_of_a_page_can_be_typed_so(page: Path) -> None:
    for command in typed(page.read_text()):
        if command.startswith("nami "):
            understood(command)


@by_page(WRITTEN_BY_HAND)
def test_every_command_in_a_pages_text_is_there(page: Path) -> None:
    for code in re.findall(r"`(nami [^`…]+)`", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)):
        with contextlib.suppress(typer.BadParameter):  # the text need not say of which subscription
            understood(" ".join(code.split()))


@by_page(WRITTEN_BY_HAND)
def test_settings_of_a_pages_commands_go_together(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if described := re.search(r"```json\n(\{\n  \"header\".*?)```", page.read_text(), re.DOTALL):
        (tmp_path / "acme.json").write_text(described[1])
    monkeypatch.chdir(tmp_path)
    for command in typed(page.read_text()):
        given: dict[str, Any] = {}
        if command.startswith("nami "):
            given = {key: value for key, value in understood(command).items() if key in Subscription.model_fields}
        elif command.startswith("cdk "):
            given = dict(value.split("=", 1) for flag, value in pairwise(shlex.split(command)) if flag == "-c")
        if given and "…" not in command:
            read_settings({"name": "shopify", **{key: value for key, value in given.items() if value is not None}})


VARIANTS: list[dict[str, Any]] = [
    {"signature": "shopify", "backup_days": 7, "alarm_silence": 60},
    {"signature": "shopify", "gateway": "rest", "ingest": "direct"},
    {"gateway": "shared", "destination": "dynamodb"},
    {"destination": "http", **URL},
    {"destination": "eventbridge"},
    {"destination": "postgres", **POSTGRES},
    {"destination": "s3"},
    {"destination": "sns"},
    {"destination": "queue"},
]


@pytest.mark.parametrize("settings", VARIANTS)
def test_every_output_is_in_the_docs(synth: Callable[..., Template], settings: dict[str, Any]) -> None:
    said = "".join(page.read_text() for page in PAGES)
    assert [output for output in synth(**settings).to_json()["Outputs"] if f"`{output}`" not in said] == []


@pytest.mark.parametrize("settings", VARIANTS)
def test_every_alarm_is_in_the_page_on_watching(synth: Callable[..., Template], settings: dict[str, Any]) -> None:
    said = tuple(re.findall(r"`…(-[a-z0-9-]+)`", (DOCS / "watching.md").read_text()))
    alarms = synth(**settings).find_resources("AWS::CloudWatch::Alarm").values()
    names = [alarm["Properties"]["AlarmName"] for alarm in alarms]
    assert names
    assert [name for name in names if not name.endswith(said)] == []
