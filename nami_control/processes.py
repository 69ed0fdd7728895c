"""Processes that outlive the command that started them, told apart from strangers that got their number later."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

# What a clock that is set right may shift a start time, as the system tells it.
_SAME_START = 5.0
_GRACE = 5.0  # seconds to end in


@dataclass(frozen=True)
class Identity:
    """One process, also after a reboot: its number, and when it started (epoch seconds)."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Name a process that runs now."""
        return cls(pid, psutil.Process(pid).create_time())

    def find(self) -> psutil.Process | None:
        """The process, where it is still the same and has not ended."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _SAME_START
            return process if same and _runs(process) else None
        except psutil.Error:
            return None


def spawn(
    command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, umask: int = -1
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that Ctrl-C in the terminal is this command's alone.

    `umask` is what it makes files with; -1 is this command's own. Its log is its owner's alone either way.
    """
    log.touch(mode=0o600)
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=umask,
        )


def stop(identity: Identity) -> None:
    """End a process and all that it started: asked first, killed after a while."""
    if not (process := identity.find()):
        return
    doomed = [process, *_children(process)]
    for each in doomed:
        _quietly(each.terminate)
    left = _wait(doomed)
    # What a process started while it was being asked is not in the list yet, and outlives it in its session.
    left += [*(child for each in left for child in _children(each)), *_session(identity.pid)]
    for each in left:
        _quietly(each.kill)
    _wait(left)


def _wait(doomed: list[psutil.Process]) -> list[psutil.Process]:
    """Wait for processes to end; returns those that have not. One that its parent has yet to reap has ended."""
    deadline = time.monotonic() + _GRACE
    while (left := [process for process in doomed if _runs(process)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = process.children(recursive=True)
    except psutil.Error:
        return []
    return found


def _session(leader: int) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if os.getsid(process.pid) == leader:
                yield process


def _quietly(action: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.Error):
        action()


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(preferred: int | None = None) -> int:
    """The preferred port, or any other that is free."""
    if preferred and is_free(preferred):
        return preferred
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port
