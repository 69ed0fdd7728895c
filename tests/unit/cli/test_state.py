"""What is remembered about running processes holds after a crash, a reboot and a half-written file."""

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from nami_control.errors import NotRunningError
from nami_control.processes import Identity
from nami_local import machine
from nami_local.state import Home, State

SAVED = '{"aws": {"pid": 1, "started": 1}, "port": 1, "mongo_uri": "", "bootstrapped": true, "subscriptions": %s}'


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


def a_state(aws: Identity | None = None) -> State:
    me = Identity.of(os.getpid())
    return State(aws or me, 4566, "mongodb://u:p@127.0.0.1/", subscriptions={"shopify": True, "jira": False})


def test_state_is_read_as_it_was_saved(home: Home) -> None:
    home.save(a_state())
    assert home.load() == a_state()


def test_state_of_an_earlier_version_is_still_known(home: Home) -> None:
    home.save(a_state())
    file = home.folder / "state.json"
    saved = json.loads(file.read_text())
    holder = {"pid": 1, "started": 1.0}
    earlier = {"shopify": {"ready": True, "holder": holder}, "jira": {"ready": False, "holder": None}}
    file.write_text(json.dumps(saved | {"subscriptions": earlier}))
    assert home.load() == a_state()


def test_state_is_readable_by_its_owner_alone(home: Home) -> None:
    home.save(a_state())
    assert stat.S_IMODE((home.folder / "state.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "{", "[]", '{"aws": {"pid": 1}}', SAVED % '{"shopify": 1}'])
def test_unreadable_state_is_no_state(home: Home, content: str) -> None:
    (home.folder / "state.json").write_text(content)
    assert home.load() is None


def test_process_that_has_only_the_number_is_another() -> None:
    me = Identity.of(os.getpid())
    assert me.find()
    assert replace(me, started=me.started - 3600).find() is None


def test_state_of_before_a_reboot_is_not_running(home: Home) -> None:
    me = Identity.of(os.getpid())
    home.save(a_state(replace(me, started=me.started - 3600)))
    assert machine.running(home) is None
    with pytest.raises(NotRunningError, match="has ended"):
        machine.require(home)


def test_shutting_down_spares_a_stranger_with_the_same_number(home: Home) -> None:
    me = Identity.of(os.getpid())
    home.save(a_state(replace(me, started=me.started - 3600)))
    machine.shut_down(home)
    assert me.find()
    assert home.load() is None


def test_home_is_unseen_by_git(home: Home) -> None:
    assert (home.folder / ".gitignore").read_text() == "*\n"


def test_home_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NAMI_HOME", str(tmp_path / "elsewhere"))
    assert Home().folder == tmp_path / "elsewhere"
