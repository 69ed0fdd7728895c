"""Bad input by the hundred thousand: python -m tests.fuzz [TARGET …] [--minutes 5] [--seed 1] [--case FILE]."""

import argparse
import json
import secrets
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz import running
from tests.fuzz.target import timed
from tests.fuzz.targets import TARGETS


def main() -> int:
    """The exit code: 1 where something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("target", nargs="*", help=f"one of {', '.join(TARGETS)}; else all, one after the other")
    parser.add_argument("--minutes", type=float, default=10, help="in all (%(default)s)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="of what is drawn")
    parser.add_argument("--case", type=Path, help="a file of .fuzz, to see that fault again")
    given = parser.parse_args()
    if unknown := set(given.target) - set(TARGETS):
        parser.error(f"{', '.join(sorted(unknown))}: there are {', '.join(TARGETS)}")
    if given.case:
        return _again(given.case)
    names = given.target or list(TARGETS)
    is_guided = find_spec("atheris") is not None
    print(
        f"seed {given.seed}{'' if is_guided else '; atheris has no wheel for this Python here: unguided'}", flush=True
    )
    return 1 if sum([_run(name, given.seed, given.minutes * 60 / len(names), is_guided) for name in names]) else 0


def _run(name: str, seed: int, seconds: float, is_guided: bool) -> int:
    found = (
        running.guided(name, TARGETS[name], seed, seconds)
        if is_guided
        else running.unguided(name, TARGETS[name], seed, seconds=seconds)
    )
    print(f"{name}: {found.cases:,} cases, {len(found.faults)} faults", flush=True)
    return len(found.faults)


def _again(path: Path) -> int:
    kept = json.loads(path.read_text())
    name, case = (kept["target"], kept["case"]) if "target" in kept else (path.name.partition("-")[0], kept)
    with TARGETS[name].opened() as check:
        timed(check, case, len(json.dumps(case)))  # raises what it is
    print(f"{name}: it holds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
