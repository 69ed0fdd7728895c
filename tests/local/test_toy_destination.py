"""A destination from outside, by the tables alone: deployed, written to, and seen by every command."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests import forked, loaded
from tests.local.conftest import ROOT, Nami, Pipeline, pipeline

NAME = "shelf"


class Shop(Nami):
    """The command of tests/toy, in a folder with its app and its handler."""

    def typed(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
        environment = self.environment | loaded.variables() | {"TOY_FOLDER": str(self.folder / "files")}
        result = forked.run(arguments, folder=self.folder, environment=environment, stdin=stdin, program="command.py")
        assert result.returncode == 0, result.stderr
        return result


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("toy") / "app"
    shutil.copytree(ROOT / "tests" / "toy", folder)
    (folder / "files").mkdir()
    (folder / "webhooks" / NAME).mkdir(parents=True)
    shutil.move(folder / "post_queue", folder / "webhooks" / NAME)
    cdk_json = json.loads((ROOT / "cdk.json").read_text())
    (folder / "cdk.json").write_text(json.dumps({**cdk_json, "app": f"{sys.executable} app.py"}))
    shop = Shop(folder.parent / "home", folder)
    shop.up(NAME, "-c", "destination=folder")
    yield shop
    shop("down")
    assert shop.left_running() == []


@pytest.fixture(scope="module")
def sent(shop: Shop) -> dict[str, Any]:
    """The document that `nami local send` shows."""
    document: dict[str, Any] = json.loads(shop("send", NAME).stdout)
    return document


@pytest.fixture(scope="module")
def shelf(shop: Shop) -> Pipeline:
    return pipeline(shop, NAME)


def test_webhook_is_stored_once(shop: Shop, sent: dict[str, Any]) -> None:
    assert [file.stem for file in (shop.folder / "files").iterdir()] == [sent["_id"]]


def test_events_shows_it(shop: Shop, sent: dict[str, Any]) -> None:
    assert json.loads(shop("events", NAME, "--json").stdout)["_id"] == sent["_id"]


def test_doctor_looks_at_it(shop: Shop, sent: dict[str, Any]) -> None:
    assert "folder            1 files" in shop.typed("--local", "doctor", NAME).stdout


def test_list_names_it(shop: Shop) -> None:
    (row,) = json.loads(shop.typed("--local", "list", "--json").stdout)
    assert row["destinations"] == ["folder"]


def test_plan_knows_its_speed_and_its_cost(shop: Shop) -> None:
    planned = json.loads(shop.typed("plan", "--destination", "folder", "--rate", "100", "--json").stdout)
    assert list(planned["destinations"]) == ["folder"]
    assert planned["cost"]["burst"]["files"] > 0


def test_dashboard_shows_it(shelf: Pipeline) -> None:
    (name,) = [entry["DashboardName"] for entry in shelf.client("cloudwatch").list_dashboards()["DashboardEntries"]]
    body = shelf.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"]
    assert "Files in the folder" in body


def test_its_output_is_the_stacks(shop: Shop, shelf: Pipeline) -> None:
    assert shelf.outputs()["FolderPath"] == str(shop.folder / "files")
