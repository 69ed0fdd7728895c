"""What the docs say of the code is read from the code."""

import re
from pathlib import Path
from typing import get_args

import aws_cdk as cdk
import pytest

from nami_cli.local.differences import DIFFERENCES
from nami_stack.settings import (
    DestinationName,
    DestinationSettings,
    DomainSettings,
    Environment,
    GatewaySettings,
    HostSettings,
    PipelineSettings,
    SettingsError,
    SignatureSettings,
    Subscription,
    WatchingSettings,
)
from nami_stack.signature import SCHEMES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def settings_tables() -> str:
    """Every setting, its default, and its docstring, in the order of the code."""
    lines = []
    groups = {
        "Pipeline": PipelineSettings,
        "Gateway": GatewaySettings,
        "Domain": DomainSettings,
        "Signature": SignatureSettings,
        "Destination": DestinationSettings,
        "MongoDB host and network": HostSettings,
        "Watching": WatchingSettings,
        "Of an environment alone": Environment,
    }
    for title, model in groups.items():
        lines += [f"\n## {title}\n", "| setting | default | |", "|---|---|---|"]
        for key in (key for key in model.model_fields if key != "name"):
            field = model.model_fields[key]
            value = ",".join(field.default) if isinstance(field.default, tuple) else field.default
            default = "" if value in (None, "") else f"`{value}`"
            lines.append(f"| `{key}` | {default} | {' '.join((field.description or '').split())} |")
    return "\n".join(lines) + "\n\n"


def rewritten(path: Path, marker: str, content: str) -> bool:
    """Put what the code says between the page's markers; tell whether it was not there yet."""
    block = re.compile(rf"(<!-- {marker}: .*? -->\n).*?(<!-- /{marker} -->)", re.DOTALL)
    written = path.read_text()
    current = block.sub(lambda match: match[1] + content + match[2], written)
    path.write_text(current)
    return written != current


def test_every_setting_is_documented_as_it_is() -> None:
    if rewritten(DOCS / "settings.md", "settings", settings_tables()):
        pytest.fail("docs/settings.md was behind nami_stack/settings.py and is written anew; commit it")


def test_differences_from_aws_are_documented_as_they_are_shown() -> None:
    listed = "".join(f"- {difference}\n" for difference in DIFFERENCES)
    if rewritten(DOCS / "local.md", "differences", f"\n{listed}\n"):
        pytest.fail("docs/local.md was behind nami_cli/local/differences.py and is written anew; commit it")


# What chooses each gateway and each destination, beside the name.
GATEWAYS = {
    "`gateway=http`": {},
    "`gateway=rest`": {"gateway": "rest"},
    "`gateway=rest`, `ingest=direct`": {"gateway": "rest", "ingest": "direct"},
    "`gateway=shared`": {"gateway": "shared"},
}
URL = {"backend_url": "https://shop.example.com/hooks"}
SECRET = {"database_secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:atlas-AbCdEf"}
DESTINATIONS: dict[str, dict[str, str]] = {"http": URL, "mongo-database": SECRET}


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


def is_tried_here(**context: str) -> str:
    """Whether a test deploys it into local AWS; what is a default is what most of them deploy."""
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "local").glob("*.py"))
    tried = (re.search(rf"""{key}(=|": "|", ")([a-z-]+,)*{value}\b""", tests) for key, value in context.items())
    return "yes" if all(tried) else "no"


def combinations() -> str:
    """Gateways against destinations."""
    names = [*get_args(DestinationName), "several"]
    lines = [
        "",
        f"| | {' | '.join(f'`{name}`' for name in names[:-1])} | several | here |",
        "|---|" + "---|" * (len(names) + 1),
    ]
    for title, gateway in GATEWAYS.items():
        cells = []
        for name in names:
            chosen = "dynamodb,http" if name == "several" else name
            cells.append(what_works({**gateway, "destination": chosen, **DESTINATIONS.get(chosen.split(",")[-1], {})}))
        lines.append(f"| {title} | {' | '.join(cells)} | {is_tried_here(**gateway)} |")
    here = [is_tried_here(destination=name) for name in names[1:-1]]
    lines.append(f"| *here* | {' | '.join(['yes', *here, is_tried_here(destination='http,dynamodb')])} | |")
    return "\n".join(lines) + "\n\n"


def test_what_goes_with_what_is_as_the_settings_rule() -> None:
    if rewritten(ROOT / "README.md", "combinations", combinations()):
        pytest.fail("README.md was behind what the settings allow and is written anew; commit it")


def test_every_scheme_is_documented() -> None:
    documented = re.findall(r"^\| `([a-z-]+)` \|", (DOCS / "signatures.md").read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(SCHEMES)


def test_readmes_construct_is_code_that_runs(app_factory: object) -> None:
    readme = (ROOT / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert code
    stack = cdk.Stack(app_factory(), "Shop")  # type: ignore[operator]
    body = re.sub(r"^from .*\n", "", code[1], flags=re.MULTILINE)
    names: dict[str, object] = {"self": stack}
    exec("from nami_stack import HttpGateway, MongoHost, ScalableWebhook, Signature\n" + body, names)
    assert stack.node.children


def test_readme_counts_the_named_schemes() -> None:
    named = set(SCHEMES) - {"hmac", "token", "basic", "none"}
    assert f"[{len(named)} schemes]" in (ROOT / "README.md").read_text()


def test_every_page_is_linked_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [page.name for page in DOCS.glob("*.md") if f"(docs/{page.name})" not in readme] == []


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")]), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
