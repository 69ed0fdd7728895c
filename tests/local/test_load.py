"""`make load` against local AWS: a real locust, a real queue, and every acknowledged webhook looked up."""

import json
import subprocess
import sys
from pathlib import Path

from tests import loaded
from tests.local.conftest import ROOT, Nami, Pipeline


def load(nami: Nami, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.loaded", "proofs.load", "--shape", "steady", "--seconds", "2", *arguments],
        cwd=ROOT,
        env={**nami.environment, **environment, **loaded.variables()},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def is_png(path: Path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_a_deployed_subscription_is_loaded_and_drawn(nami: Nami, shopify: Pipeline, tmp_path: Path) -> None:
    before = shopify.documents.count_documents({})
    picture = tmp_path / "load.png"
    environment = nami.status()["environment"]
    result = load(nami, "--name", "shopify", "--rate", "50", "--out", str(picture), **environment)
    assert result.returncode == 0, result.stderr
    rows = dict(line.split("\t") for line in result.stdout.splitlines())
    assert rows["200"] == "100"
    assert rows["stored"] == "100 of 100 acknowledged: none is lost"
    assert rows["picture"] == str(picture)
    assert is_png(picture)
    assert shopify.documents.count_documents({}) == before + 100


def test_without_a_target_one_of_its_own_is_loaded_with_signed_webhooks(
    nami: Nami, shopify: Pipeline, tmp_path: Path
) -> None:
    picture = tmp_path / "load.png"
    result = load(nami, "--rate", "10", "--json", "--out", str(picture))
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert (found["statuses"], found["stored"], found["lost"]) == ({"200": 20}, 20, 0)
    assert is_png(picture)
    assert "load" not in nami.status()["endpoints"]
    assert "load" not in shopify.documents.database.list_collection_names()


def test_what_is_not_on_this_machine_is_not_loaded_without_a_word(nami: Nami) -> None:
    result = load(nami, "--url", "https://hooks.example.com/nami/shopify")
    assert result.returncode == 2
    assert "hooks.example.com is not on this machine: 2 webhooks in 2 s cost less than a cent there" in result.stderr
    assert "make load YES=1" in result.stderr
