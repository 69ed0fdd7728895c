"""`nami create` gives the user handlers to change, and takes none away."""

import ast
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nami_cli.main import app
from nami_control.errors import UsageError
from nami_stack.assets import LAMBDAS

FILES = [
    f"{function}/{file}" for function in ("pre_queue", "post_queue") for file in ("handler.py", "requirements.txt")
]


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "webhooks" / "shopify"


def create(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["create", *arguments])


@pytest.mark.parametrize("file", FILES)
def test_handlers_do_what_namis_own_do(folder: Path, file: str) -> None:
    create("shopify")
    assert (folder / file).read_text() == (LAMBDAS / file).read_text()


@pytest.mark.parametrize(("function", "place"), [("pre_queue", "authenticate"), ("post_queue", "process")])
def test_places_to_edit_are_named_and_there(folder: Path, function: str, place: str) -> None:
    result = create("shopify")
    tree = ast.parse((folder / function / "handler.py").read_text())
    assert place in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert f"{function}/handler.py: {place}()" in result.stderr
    assert "nami deploy shopify" in result.stderr


def test_changed_handler_is_not_overwritten(folder: Path) -> None:
    create("shopify")
    (folder / "post_queue" / "handler.py").write_text("mine")
    (folder / "pre_queue" / "handler.py").unlink()
    error = create("shopify").exception
    assert isinstance(error, UsageError)
    assert "--force" in str(error)
    assert (folder / "post_queue" / "handler.py").read_text() == "mine"
    assert not (folder / "pre_queue" / "handler.py").exists()


def test_force_overwrites(folder: Path) -> None:
    create("shopify")
    (folder / "post_queue" / "handler.py").write_text("mine")
    assert create("shopify", "--force").exit_code == 0
    assert (folder / "post_queue" / "handler.py").read_text() == (LAMBDAS / "post_queue" / "handler.py").read_text()


def test_name_that_can_be_none_writes_nothing(folder: Path) -> None:
    assert isinstance(create("../shopify").exception, UsageError)
    assert not folder.parent.exists()
