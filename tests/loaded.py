"""What takes seconds of a core to load, loaded once for all commands that a process of the tests types.

`python -m tests.loaded MODULE …` is `python -m MODULE …` that uses it, as its environment names it.
"""

import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests import cdk_cli, synthesis

_started: dict[str, tuple[str, subprocess.Popen[str]]] = {}


def variables() -> dict[str, str]:
    """The environment of a command that uses what is loaded: where each process listens, by the variable for it."""
    from nami_control import cdk  # noqa: PLC0415 - forked.py loads this first

    server, package = Path(cdk_cli.__file__).with_suffix(".js"), Path(cdk.program("cdk")).resolve().parents[1]
    commands = {synthesis.VARIABLE: [sys.executable, "-m", "tests.synthesis"]}
    if Path("/proc/self/fd").exists():  # by which the CLI finds where its output goes
        commands[cdk_cli.VARIABLE] = [cdk.program("node"), str(server), str(package)]
    for variable, command in commands.items():
        # A CLI ends with the command that it works for.
        if variable not in _started or _started[variable][1].poll() is not None:
            _started[variable] = _start(command)
    return {variable: place for variable, (place, _) in _started.items()}


def _start(command: Sequence[str]) -> tuple[str, subprocess.Popen[str]]:
    """Where it says that it listens, and the process, which ends with its standard input."""
    process = subprocess.Popen(
        command,
        cwd=Path(__file__).parents[1],
        env=os.environ | {"CDK_VALIDATION": "false"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    return process.stdout.readline().strip(), process


def use(put: Callable[[object, str, object], None] = setattr) -> None:
    """Have this process use what its environment names."""
    from nami_control import cdk  # noqa: PLC0415

    if synthesis.VARIABLE in os.environ:
        put(cdk, "APP", Path(synthesis.__file__))
    if cdk_cli.VARIABLE in os.environ:
        program = cdk.program
        put(cdk, "program", lambda name: cdk_cli.__file__ if name == "cdk" else program(name))


if __name__ == "__main__":
    use()
    _, module, *arguments = sys.argv
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
