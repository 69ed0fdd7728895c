"""The library as others get it: the wheel, in a clean environment, used from an empty folder."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run(*command: str | Path, **options: object) -> str:
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert result.returncode == 0, result.stderr
    return str(result.stdout)


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


def test_wheel_carries_the_app(clean_python: Path, tmp_path: Path) -> None:
    app = run(clean_python, "-I", "-c", "from nami_stack.assets import APP; print(APP)", cwd=tmp_path).strip()
    context = json.dumps({"name": "shopify", "aws:cdk:bundling-stacks": []})
    environment = {**os.environ, "CDK_OUTDIR": str(tmp_path / "cdk.out"), "CDK_CONTEXT_JSON": context}
    run(clean_python, "-I", app, cwd=tmp_path, env=environment)
    assert (tmp_path / "cdk.out" / "nami-shopify.template.json").is_file()


def test_one_command_without_a_clone_stores_a_webhook(tmp_path: Path) -> None:
    run("uv", "build", "--quiet", "--wheel", "--out-dir", tmp_path / "dist", ROOT)
    wheel = next((tmp_path / "dist").glob("*.whl"))
    # What a newcomer's machine has: uv and a Python, neither node nor the CDK CLI.
    bare = tmp_path / "bin"
    bare.mkdir()
    for tool in ("uv", "uvx"):
        (bare / tool).symlink_to(str(shutil.which(tool)))
    home = tmp_path / "home"
    environment = {
        **{k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")},
        "PATH": f"{bare}:/usr/bin:/bin",
        "XDG_CACHE_HOME": str(home / ".cache"),
        "UV_CACHE_DIR": run("uv", "cache", "dir").strip(),
    }
    tool = ["uvx", "--python", sys.executable, "--constraints", ROOT / "requirements.txt"]
    nami = [*tool, "--from", f"nami-webhooks[local] @ {wheel.as_uri()}", "nami"]
    try:
        run(*nami, "local", "up", "shopify", "--sample", "--detach", cwd=tmp_path, env=environment)
        events = run(*nami, "local", "events", "shopify", "--json", cwd=tmp_path, env=environment)
    finally:
        run(*nami, "local", "down", cwd=tmp_path, env=environment)
    assert json.loads(events.splitlines()[0])["subscription"] == "shopify"
    assert list((home / ".cache").glob("nami/aws-cdk-*/.bin/cdk"))
