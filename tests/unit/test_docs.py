"""What the docs say of the code is read from the code."""

import re
from pathlib import Path

import aws_cdk as cdk
import pytest

from nami_stack.settings import HostSettings, PipelineSettings, SignatureSettings, Subscription

ROOT = Path(__file__).parents[2]
SETTINGS = ROOT / "docs" / "settings.md"
BLOCK = re.compile(r"(<!-- settings: .*? -->\n).*?(<!-- /settings -->)", re.DOTALL)


def settings_tables() -> str:
    """Every setting, its default, and its docstring, in the order of the code."""
    lines = []
    groups = {
        "Pipeline": PipelineSettings,
        "Signature": SignatureSettings,
        "MongoDB host and network": HostSettings,
    }
    for title, model in groups.items():
        lines += [f"\n## {title}\n", "| setting | default | |", "|---|---|---|"]
        for key in model.model_fields:
            field = Subscription.model_fields[key]
            value = ",".join(field.default) if isinstance(field.default, tuple) else field.default
            default = "" if value in (None, "") else f"`{value}`"
            lines.append(f"| `{key}` | {default} | {' '.join((field.description or '').split())} |")
    return "\n".join(lines) + "\n\n"


def test_every_setting_is_documented_as_it_is() -> None:
    written = SETTINGS.read_text()
    current = BLOCK.sub(lambda match: match[1] + settings_tables() + match[2], written)
    if written != current:
        SETTINGS.write_text(current)
        pytest.fail("docs/settings.md was behind nami_stack/settings.py and is written anew; commit it")


def test_readmes_construct_is_code_that_runs(app_factory: object) -> None:
    readme = (ROOT / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert code
    stack = cdk.Stack(app_factory(), "Shop")  # type: ignore[operator]
    body = re.sub(r"^from .*\n", "", code[1], flags=re.MULTILINE)
    names: dict[str, object] = {"self": stack}
    exec("from nami_stack import HttpGateway, MongoHost, ScalableWebhook, Signature\n" + body, names)
    assert stack.node.children
