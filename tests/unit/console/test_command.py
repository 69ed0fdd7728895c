"""What `nami console` says before there is a page."""

import sys

import pytest
from typer.testing import CliRunner

from nami_cli.main import app
from nami_control.errors import MissingToolError


@pytest.mark.parametrize("package", ["uvicorn", "starlette", "jinja2"])
def test_without_its_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("nami_console", package)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    error = CliRunner().invoke(app, ["console"]).exception
    assert isinstance(error, MissingToolError)
    assert str(error).endswith(" is not installed; pip install 'nami-webhooks[console]'")
    assert str(error).startswith(package)
    assert "\n" not in str(error)
