"""`make bench`: nami beside others, in one run.

Usage: python -m benchmarks [--only NAMES] [--rounds N] [--calls N] [--out PAGE]
"""

import argparse
import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import growth, handlers, whole
from benchmarks.bundles import FUNCTIONS
from benchmarks.tables import Table, fill

Section = Callable[[Path, int, int], list[Table]]
SECTIONS: Mapping[str, Section] = {
    "send": handlers.send,
    "store": handlers.store,
    "drain": handlers.drain,
    "growth": growth.growth,
    "plan": growth.planned,
    "whole": whole.whole,
}


def machine() -> str:
    """On what it was measured."""
    cpus = (
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    )
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    packages = ", ".join(f"{name} {version(name)}" for name in ("boto3", "pymongo", "psycopg", "urllib3"))
    locked = FUNCTIONS / "powertools.txt", FUNCTIONS / "runtime.txt"
    pinned = ", ".join(lock.read_text().partition("==")[0].split()[-1] + " " + _pin(lock) for lock in locked)
    modules = [json.loads(path.read_text())["dependencies"] for path in sorted(FUNCTIONS.glob("*/package.json"))]
    own = ", ".join(f"{name} {number}" for each in modules for name, number in each.items())
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({next(cpus, platform.machine())}), "
        f"{platform.system()}, load {os.getloadavg()[2]:.1f} in the last quarter of an hour. "
        f"Python {platform.python_version()}: {packages}, {pinned}. Node {node}: {own}.\n"
    )


def _pin(lock: Path) -> str:
    return lock.read_text().partition("==")[2].split()[0]


def main() -> None:
    """Runs the sections, prints their tables, and writes them into the page where one is named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"some of {', '.join(SECTIONS)}")
    parser.add_argument("--rounds", type=int, default=7, help="rounds, in each of which all take turns (default 7)")
    parser.add_argument("--calls", type=int, default=1000, help="webhooks a round and function (default 1000)")
    parser.add_argument("--out", type=Path, help="a page with a region for each table, such as docs/speed.md")
    options = parser.parse_args()
    found = {}
    for name in options.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            for table in SECTIONS[name](Path(folder), options.rounds, options.calls):
                found[table.name] = table.markdown()
                print(f"\n{table.name}\n\n{table.markdown()}", flush=True)
    if options.out:
        fill(options.out, {**found, "machine": machine()})


if __name__ == "__main__":
    main()
