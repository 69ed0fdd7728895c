"""What a function costs: runs of it in a process of its own, in which it takes turns with the others."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bundles import FUNCTIONS, Bundle, installed
from benchmarks.runtime_api import runtime_api


@dataclass(frozen=True)
class Run:
    """Which of a function's bundles is called, with which events, and how often; once is the cold start.

    `through_client`: the events come as Lambda's own runtime for Python takes them.
    """

    bundle: Bundle
    events: Path
    calls: int = 1
    compiled: bool = False
    through_client: bool = False


@dataclass(frozen=True)
class Cost:
    """CPU seconds of the whole process and of one warm call, and the most memory in MiB."""

    process: float
    call: float
    memory: float


def write(file: Path, events: Sequence[Mapping[str, Any]]) -> Path:
    """Keep events where a process finds them."""
    file.write_text(json.dumps(events))
    return file


def measure(runs: Mapping[str, Run], environment: Mapping[str, str], rounds: int) -> dict[str, list[Cost]]:
    """Every run once a round, so that what else the machine does meets all of them; the first round fills caches."""
    costs: dict[str, list[Cost]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, each in runs.items():
            with _client(each) as more:
                cost = _once(each, {**environment, **more})
            if number:
                costs[name].append(cost)
    return costs


@contextmanager
def _client(run: Run) -> Iterator[dict[str, str]]:
    if not run.through_client:
        yield {}
        return
    with runtime_api(json.loads(run.events.read_text())) as address:
        yield {"AWS_LAMBDA_RUNTIME_API": address, "PYTHONPATH": str(installed(FUNCTIONS / "runtime.txt"))}


def _once(run: Run, environment: Mapping[str, str]) -> Cost:
    name = run.bundle.name.partition("store_nami_")[2]
    process = subprocess.Popen(
        _command(run),
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environment, "DESTINATION": name or "mongo"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{run.bundle.name} failed")
    spent, peak = said.split()
    return Cost(usage.ru_utime + usage.ru_stime, float(spent), int(peak) / 1024)


def _command(run: Run) -> list[str | Path]:
    bundle = run.bundle
    if bundle.in_node:
        (handler,) = bundle.folder.glob("handler.*")
        return ["node", FUNCTIONS / "run.mjs", handler, run.events, str(run.calls)]
    folder = bundle.compiled if run.compiled else bundle.folder
    # -S and a search path instead of this environment's start-up hooks, which no function has.
    return [sys.executable, "-S", FUNCTIONS / "run.py", folder, bundle.libraries, run.events, str(run.calls)]
