"""The `nami` command in a process of its own, which is forked from one that has loaded it.

A command loads for a third of a second, and the tests type hundreds. What is started as a program of its own besides
(in the foreground, in the README's words) shows that it loads from nothing.
"""

import gc
import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import loaded

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["boto3", "nami_cli.main", "nami_local.up", "pymongo", "tests.forked"])
ENDS_WITHIN = 150.0
"""Seconds that a command has, where nothing else is said."""


def run(
    arguments: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    stdin: bytes = b"",
    timeout: float = ENDS_WITHIN,
    program: str = "nami",
) -> subprocess.CompletedProcess[str]:
    """Type `nami …` in a folder, or `python program …` with the name of a file, and wait for its end.

    Raises:
        subprocess.TimeoutExpired: it did not end in time, and was killed.
    """
    with TemporaryDirectory() as kept:
        given, said, complaints = (Path(kept, name) for name in ("stdin", "stdout", "stderr"))
        given.write_bytes(stdin)
        command = _FORKS.Process(
            target=_type, args=([program, *arguments], folder, environment, (given, said, complaints))
        )
        command.start()
        command.join(timeout)
        if command.exitcode is None:
            command.kill()
            command.join()
            raise subprocess.TimeoutExpired(list(arguments), timeout)
        return subprocess.CompletedProcess(
            [program, *arguments], command.exitcode, said.read_text(), complaints.read_text()
        )


def _type(typed: list[str], folder: Path, environment: Mapping[str, str], files: tuple[Path, Path, Path]) -> None:
    for number, file in enumerate(files):
        os.dup2(os.open(file, os.O_RDWR | os.O_CREAT), number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    gc.freeze()  # what is loaded is not looked through for garbage, which costs a command a tenth of a second
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = typed
    from nami_cli import main  # noqa: PLC0415 - loaded where this is forked from

    loaded.use()
    if typed[0] == "nami":
        main.main()
    sys.path.insert(0, str(folder))
    runpy.run_path(typed[0], run_name="__main__")
