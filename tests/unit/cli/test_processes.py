"""What is started ends with what started it, whenever that is."""

import contextlib
import os
import sys
from pathlib import Path

import psutil

from nami_control import processes
from nami_control.processes import Identity

# A wrapper, as node's is one: asked to end, it has just started what it wraps, and is gone before that.
LATE_CHILD = """
import os, signal, subprocess, sys, time
def end(*_):
    subprocess.Popen(["sleep", "60"])
    os._exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(60)
"""


def session(leader: int) -> list[psutil.Process]:
    found = []
    for each in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # it has ended meanwhile
            if os.getsid(each.pid) == leader and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
    return found


def test_child_that_is_started_at_the_end_ends_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = processes.spawn([sys.executable, "-c", LATE_CHILD], env=os.environ, cwd=tmp_path, log=log)
    while "ready" not in log.read_text():
        assert process.poll() is None
    processes.stop(Identity.of(process.pid))
    process.wait()
    assert session(process.pid) == []


def test_other_sessions_are_left_alone(tmp_path: Path) -> None:
    first, second = (
        processes.spawn(["sleep", "60"], env=os.environ, cwd=tmp_path, log=tmp_path / f"log{number}")
        for number in range(2)
    )
    processes.stop(Identity.of(first.pid))
    assert second.poll() is None
    processes.stop(Identity.of(second.pid))
    assert (first.wait(), second.wait()) == (-15, -15)
