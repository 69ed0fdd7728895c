"""A run of the CDK CLI: it tells why it failed, and ends with who started it."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from nami_control import cdk
from nami_control.aws import Aws
from nami_control.errors import DeployError

Start = Callable[[str, ExitStack], cdk.Task]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Start:
    """Starts a Python program in the CDK CLI's place."""
    monkeypatch.setattr(cdk, "program", lambda _name: sys.executable)
    monkeypatch.chdir(tmp_path)

    def started(program: str, tasks: ExitStack) -> cdk.Task:
        (tmp_path / "deploy").write_text(program)
        return cdk.Task("deployment", ["deploy"], aws=Aws(), folder=tmp_path, tasks=tasks)

    return started


def test_failed_run_says_why_and_where_all_of_it_is(start: Start) -> None:
    with ExitStack() as tasks, pytest.raises(DeployError) as raised:
        start("print('error: batch_size: is too large\\nmore'); exit(1)", tasks).finish()
    assert str(raised.value) == "batch_size: is too large (deployment failed; all of it: deploy.log)"


def test_run_is_looked_at_while_it_works_and_once_after(start: Start, tmp_path: Path) -> None:
    goes_on = tmp_path / "goes-on"
    seen: list[str] = []

    def meanwhile() -> None:
        seen.append(task.log.read_text())
        goes_on.touch()

    program = "import os, time\nwhile not os.path.exists('goes-on'): time.sleep(0.01)\nprint('done')"
    with ExitStack() as tasks:
        task = start(program, tasks)
        task.finish(meanwhile)
    assert len(seen) > 1
    assert (seen[0], seen[-1]) == ("", "done\n")


def test_what_is_found_meanwhile_ends_the_run(start: Start) -> None:
    def meanwhile() -> None:
        raise DeployError("local AWS is gone")

    with ExitStack() as tasks:
        task = start("import time; time.sleep(60)", tasks)
        with pytest.raises(DeployError, match="local AWS is gone"):
            task.finish(meanwhile)
        assert task._identity.find()
    assert task._identity.find() is None


def test_run_that_goes_on_or_went_well_has_not_failed(start: Start) -> None:
    with ExitStack() as tasks:
        start("import time; time.sleep(60)", tasks).check()
        task = start("", tasks)
        task.finish()
        task.check()
