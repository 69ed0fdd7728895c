"""Runs a target, and keeps what does not hold: each fault once, as a file that brings it back."""

import json
import os
import re
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

from tests.fuzz.mutations import LARGEST, mutated
from tests.fuzz.target import Case, Target, timed

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".fuzz"
"""Where findings, corpora and logs are kept."""
_SMALLER_SECONDS = 5.0


@dataclass
class Found:
    """What a run found.

    Args:
        cases: that were checked.
        faults: by the place where each shows, why; `.fuzz` has a case of each.
    """

    cases: int = 0
    faults: dict[str, str] = field(default_factory=dict)

    def check(self, name: str, check: Any, case: Case) -> None:
        """Checks a case, and keeps it where something does not hold."""
        self.cases += 1
        fault = _fault(check, case)
        if fault and fault[0] not in self.faults:
            key, why = fault
            if (again := _fault(check, case)) is None or again[0] != key:
                print(f"{name}: came once and not again: {why}", flush=True)
                return
            self.faults[key] = why
            smaller = _smaller(check, case, key)
            FOLDER.mkdir(exist_ok=True)
            path = FOLDER / f"{name}-{key}.json"
            path.write_text(json.dumps({"target": name, "why": why, "case": smaller}, indent=1))
            print(f"{name}: {why.splitlines()[0]}\n  python -m tests.fuzz --case {path.relative_to(ROOT)}", flush=True)


def changed(case: Case, random: Random) -> Case:
    """Another case of the same target: what is frozen stays."""
    frozen = case["frozen"]
    made = mutated({name: value for name, value in case.items() if name != "frozen"}, random)
    return {**(made if isinstance(made, dict) else {"all": made}), "frozen": frozen}


def unguided(name: str, target: Target, seed: int, *, count: int = 0, seconds: float = 0) -> Found:
    """Checks so many cases, or for so long."""
    random, found, seeds = Random(f"{name} {seed}"), Found(), target.seeds()
    until = monotonic() + seconds
    with target.opened() as check:
        while found.cases < count or monotonic() < until:
            case = random.choice(seeds)
            for _ in range(random.choice((1, 1, 2, 4))):
                case = changed(case, random)
            found.check(name, check, case)
    return found


def guided(name: str, target: Target, seed: int, seconds: float) -> Found:
    """As `unguided`, in a process in which atheris prefers what reaches new code; the log says how far it came.

    What reached it stays for the next run, as long as the seeds are the same.
    """
    seeds = sha256(json.dumps(target.seeds()).encode()).hexdigest()[:10]
    corpus, log = FOLDER / "corpus" / f"{name}-{seeds}", FOLDER / f"{name}.log"
    corpus.mkdir(parents=True, exist_ok=True)
    before = set(FOLDER.glob(f"{name}-*"))
    arguments = [sys.executable, "-m", "tests.fuzz.guided", name, str(seed), str(max(1, int(seconds))), str(corpus)]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            arguments,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(),
            start_new_session=True,
        ) as process,
    ):
        try:
            code = process.wait()
        finally:  # it ends without a word to what it has started, such as a database
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    told = log.read_text(errors="replace")
    executed = re.search(r"number_of_executed_units:\s*(\d+)", told)
    found = Found(int(executed[1]) if executed else 0)
    for path in sorted(set(FOLDER.glob(f"{name}-*")) - before):
        why = json.loads(path.read_text()).get("why", "took two minutes, or the process ended").splitlines()[0]
        print(f"{name}: {why}\n  python -m tests.fuzz --case {path.relative_to(ROOT)}", flush=True)
        found.faults[path.stem] = path.name
    if code and not found.faults:
        found.faults["ended"] = f"it ended with {code}: {log.relative_to(ROOT)}"
    return found


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "lambdas")))}


def _fault(check: Any, case: Case) -> tuple[str, str] | None:
    size = len(json.dumps(case))
    if size > LARGEST * 4:
        return None
    try:
        timed(check, case, size)
    except Exception as error:  # whatever it is, it is what is looked for
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "/nami_" in frame.filename or "/tests/fuzz/" in frame.filename]
        last = (own or frames)[-1]
        kind, said = type(error).__name__, next(iter(str(error).splitlines()), "")
        key = f"{kind} {Path(last.filename).name} {last.line} {said[:80] if kind == 'AssertionError' else ''}"
        trace = "".join(traceback.format_exception(error))[-4000:]
        return sha256(key.encode(errors="replace")).hexdigest()[:10], f"{kind}: {said[:300]}\n\n{trace}"
    return None


def _smaller(check: Any, case: Case, key: str) -> Case:
    """The case with what can be left out left out."""
    until, again = monotonic() + _SMALLER_SECONDS, True
    while again and monotonic() < until:
        again = False
        for smaller in _steps(case):
            if monotonic() > until:
                break
            if (fault := _fault(check, smaller)) and fault[0] == key:
                case, again = smaller, True
                break
    return case


def _steps(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for name in value:
            if name != "frozen":
                yield {other: each for other, each in value.items() if other != name}
        for name, each in value.items():
            if name != "frozen":
                yield from ({**value, name: smaller} for smaller in _steps(each))
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield value[:at] + value[at + 1 :]
            yield from ([*value[:at], smaller, *value[at + 1 :]] for smaller in _steps(each))
    elif isinstance(value, str) and value:
        half = len(value) // 2
        yield from (value[half:], value[:half], value[1:], value[:-1])
