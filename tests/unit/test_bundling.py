"""What functions are bundled with where local AWS runs them: for this Python, and nothing twice."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from nami_stack import bundling, names


@pytest.fixture(autouse=True)
def run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(names.RUN_HERE, "1")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "post_queue"
    folder.mkdir()
    (folder / "handler.py").write_text("handler = print\n")
    return folder


def bundled(source: Path, *requirements: str) -> Path:
    files = [source.parent / f"{number}.txt" for number in range(len(requirements))]
    for file, text in zip(files, requirements, strict=True):
        file.write_text(text)
    runtime = source.parent / "runtime"
    runtime.mkdir()
    asset = source.parent / "asset"
    bundling._LocalBundling(source, runtime, files).try_bundle(str(asset))
    return asset


def test_what_is_installed_in_the_pinned_version_is_not_installed_again(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(bundling.subprocess, "run", lambda command, **_: ran.append([*command]))
    pinned = f"# why\npymongo=={version('pymongo')} \\\n    --hash=sha256:00\ntzdata==1 ; sys_platform == 'win32'\n"
    bundled(source, pinned)
    assert [command for command in ran if "install" in command] == []


@pytest.mark.parametrize("asked", ["pymongo==1.0", "pymongo", "nothing-of-this-name==1", "-r other.txt"])
def test_anything_else_is_installed_for_this_python(source: Path, monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    ran: list[list[str]] = []

    class Done:
        returncode = 0

    monkeypatch.setattr(bundling.subprocess, "run", lambda command, **_: ran.append([*command]) or Done())
    bundled(source, asked)
    (install, _compile) = ran
    assert install[-1].startswith("--target=")
    assert [option for option in install if "platform" in option or "only-binary" in option] == []


def test_modules_are_compiled_for_this_python(source: Path) -> None:
    cached = bundled(source) / "__pycache__" / f"handler.{sys.implementation.cache_tag}.pyc"
    assert cached.read_bytes()[4:8] == b"\3\0\0\0"  # it holds as long as its source's hash: PEP 552


def test_what_runs_here_is_another_asset_than_lambdas(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = bundling._digest(source, source, [])
    monkeypatch.delenv(names.RUN_HERE)
    assert bundling._digest(source, source, []) != here
