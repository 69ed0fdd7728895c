"""The library as others get it: the wheel, in a clean environment, used from an empty folder."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.package.conftest import ROOT, run

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.fixture(scope="session")
def clean_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has the wheel, what it depends on, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    run("uv", "build", "--quiet", "--wheel", "--out-dir", folder, ROOT)
    wheel = next(folder.glob("*.whl"))
    run("uv", "venv", "--quiet", "--python", sys.executable, folder / "venv")
    python = folder / "venv" / "bin" / "python"
    pins = ROOT / "requirements.txt"
    run("uv", "pip", "install", "--quiet", "--python", python, "--constraints", pins, wheel)
    return python


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_synthesised_from_an_empty_folder(clean_python: Path, example: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    out = tmp_path / "cdk.out"
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    run(clean_python, "-I", example, cwd=empty, env={**environment, "CDK_OUTDIR": str(out)})
    assert list(out.glob("*.template.json"))
    handlers = {path.parent for path in out.glob("asset.*/handler.py")}
    assert len(handlers) == (1 if example.stem == "without_pre_queue" else 2)
    assert all((handler / "nami_runtime" / "__init__.py").is_file() for handler in handlers)


def test_wheel_carries_what_users_handlers_import(clean_python: Path, tmp_path: Path) -> None:
    run(clean_python, "-I", "-c", "from nami_runtime import batch, destinations, documents, intake", cwd=tmp_path)


def test_wheel_carries_the_pages_of_the_console(clean_python: Path, tmp_path: Path) -> None:
    program = (
        "import nami_console, pathlib; "
        "print(*(file.name for file in pathlib.Path(nami_console.__file__).parent.rglob('*.*')))"
    )
    there = run(clean_python, "-I", "-c", program, cwd=tmp_path).split()
    assert {"base.html", "console.css", "console.js", "icon.svg"} <= set(there)


def test_wheel_carries_the_app(clean_python: Path, tmp_path: Path) -> None:
    app = run(clean_python, "-I", "-c", "from nami_stack.assets import APP; print(APP)", cwd=tmp_path).strip()
    context = json.dumps({"name": "shopify", "aws:cdk:bundling-stacks": []})
    environment = {**os.environ, "CDK_OUTDIR": str(tmp_path / "cdk.out"), "CDK_CONTEXT_JSON": context}
    run(clean_python, "-I", app, cwd=tmp_path, env=environment)
    assert (tmp_path / "cdk.out" / "nami-shopify.template.json").is_file()
