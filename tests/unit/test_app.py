"""app.py as the CDK CLI runs it: a process that reads the context from its environment."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from nami_stack.assets import APP, CDK_JSON


def run_app(out: Path, *options: str, **context: Any) -> subprocess.CompletedProcess[str]:
    flags = json.loads(CDK_JSON.read_text())["context"]
    context_json = json.dumps({**flags, "aws:cdk:bundling-stacks": [], **context})
    return subprocess.run(
        [sys.executable, *options, str(APP)],
        env={**os.environ, "CDK_OUTDIR": str(out), "CDK_VALIDATION": "false", "CDK_CONTEXT_JSON": context_json},
        cwd=out,
        capture_output=True,
        text=True,
        check=False,
    )


def test_exactly_one_stack_is_synthesised(tmp_path: Path) -> None:
    result = run_app(tmp_path, name="shopify")
    assert result.returncode == 0, result.stderr
    artifacts = json.loads((tmp_path / "manifest.json").read_text())["artifacts"]
    stacks = [name for name, artifact in artifacts.items() if artifact["type"] == "aws:cloudformation:stack"]
    assert stacks == ["nami-shopify"]


def test_a_checkout_needs_what_it_requires_and_no_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without `site` no .pth file counts, by which an editable installation is found.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))
    result = run_app(tmp_path, "-S", name="shopify")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("context", "line"),
    [
        ({}, "error: name: which subscription? Give it as -c name=shopify"),
        ({"name": "shopify", "batchsize": "3"}, "error: batchsize: is not a setting; did you mean batch_size?"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_1(tmp_path: Path, context: dict[str, str], line: str) -> None:
    result = run_app(tmp_path, **context)
    assert (result.returncode, result.stderr.strip()) == (1, line)
