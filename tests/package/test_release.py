"""What a tag publishes, and the workflows that do it."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def make_dist(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", "dist", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_release_holds_wheel_source_and_what_they_are_made_of() -> None:
    result = make_dist()
    assert result.returncode == 0, result.stderr
    dist = ROOT / "dist"
    assert (dist / f"nami_webhooks-{VERSION}-py3-none-any.whl").is_file()
    assert (dist / f"nami_webhooks-{VERSION}.tar.gz").is_file()
    sbom = json.loads((dist / "sbom.cdx.json").read_text())
    assert sbom["metadata"]["component"]["name"] == "nami-webhooks"
    assert {"aws-cdk-lib", "boto3", "ministack", "pydantic"} <= {part["name"] for part in sbom["components"]}


def test_tag_of_another_version_releases_nothing() -> None:
    result = make_dist("VERSION=99.0.0")
    assert result.returncode != 0
    assert "pyproject.toml has another version than 99.0.0" in result.stderr


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_runs_actions_by_their_contents_alone(workflow: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", workflow.read_text())
    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) and "# v" in comment for action, comment in used)
