"""What lies on the user's machine is its owner's alone."""

from pathlib import Path

import pytest

from nami_control import home


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder as an earlier version left it."""
    folder = tmp_path / ".nami"
    for place in ("deployments/nami-shopify/cdk.out/asset.1", "mongod"):
        (folder / place).mkdir(parents=True)
    for file in ("state.json", "mongod/a.wt", "deployments/nami-shopify/cdk.json"):
        (folder / file).write_text("{}")
        (folder / file).chmod(0o644)
    handler = folder / "deployments/nami-shopify/cdk.out/asset.1/handler.py"
    handler.write_text("")
    handler.chmod(0o644)
    return folder


def test_folder_is_its_owners(tmp_path: Path) -> None:
    home.prepare(tmp_path / "new")
    assert mode(tmp_path / "new") == 0o700


@pytest.mark.parametrize("place", ["", "mongod", "deployments/nami-shopify"])
def test_folders_of_before_become_their_owners(old: Path, place: str) -> None:
    home.prepare(old)
    assert mode(old / place) == 0o700


@pytest.mark.parametrize("file", ["state.json", "mongod/a.wt", "deployments/nami-shopify/cdk.json", ".gitignore"])
def test_files_of_before_become_their_owners(old: Path, file: str) -> None:
    home.prepare(old)
    assert mode(old / file) == 0o600


def test_what_goes_into_a_functions_archive_keeps_its_mode(old: Path) -> None:
    home.prepare(old)
    assert mode(old / "deployments/nami-shopify/cdk.out/asset.1/handler.py") == 0o644


def test_what_a_link_leads_to_is_left_alone(old: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("")
    elsewhere.chmod(0o644)
    (old / "link").symlink_to(elsewhere)
    home.prepare(old)
    assert mode(elsewhere) == 0o644
