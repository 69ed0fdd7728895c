"""What is installed, by whom, is pinned to its contents."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "lambdas").glob("*/requirements*.in"))
SENDERS = ROOT / "tests" / "senders" / "requirements.in"
LOCKS = [ROOT / "requirements.txt", *(path.with_suffix(".txt") for path in (*SOURCES, SENDERS))]


def pins(lock: Path) -> dict[str, str]:
    """Version by package; every line of the lock is one of a package, a hash or a comment."""
    found = {}
    for entry in lock.read_text().replace("\\\n", " ").splitlines():
        if not entry.strip() or entry.lstrip().startswith("#"):
            continue
        match = re.fullmatch(r"([a-z0-9-]+)==([^\s;]+)(\s*;[^#]+?)?((?:\s+--hash=sha256:[0-9a-f]{64})+)\s*", entry)
        assert match, f"{lock.name}: not pinned with hashes: {entry}"
        found[match[1]] = match[2]
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_package_is_pinned_with_hashes(lock: Path) -> None:
    assert pins(lock)


@pytest.mark.parametrize("source", [*SOURCES, SENDERS], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_lock_has_what_its_source_asks_for(source: Path) -> None:
    asked = re.findall(r"^([a-z0-9-]+)", source.read_text(), re.MULTILINE)
    assert asked
    assert set(asked) <= pins(source.with_suffix(".txt")).keys()


def test_functions_run_the_versions_that_the_tests_run() -> None:
    tested = pins(ROOT / "requirements.txt")
    for source in SOURCES:
        for package, version in pins(source.with_suffix(".txt")).items():
            assert tested[package] == version, f"{package} in {source.with_suffix('.txt')}: make lock"


def test_every_list_of_a_functions_packages_is_locked() -> None:
    unlocked = [path for path in (ROOT / "lambdas").glob("*/requirements*.txt") if path not in LOCKS]
    assert [path for path in unlocked if re.search(r"^[^#\s]", path.read_text(), re.MULTILINE)] == []


@pytest.mark.parametrize("package", ["aws-cdk", "@sparticuz/chromium", "axe-core"])
def test_what_npm_installs_is_pinned_to_its_contents(package: str) -> None:
    version = json.loads((ROOT / "package.json").read_text())["devDependencies"][package]
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert packages[f"node_modules/{package}"]["version"] == version
    assert all(package["integrity"] for name, package in packages.items() if name)
