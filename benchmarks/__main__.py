"""`make bench`: nami beside others, in one run. Usage: python -m benchmarks [--only NAMES] [--rounds N] [--out PAGE]."""

import argparse
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import growth, handlers
from benchmarks.tables import Table, fill

Section = Callable[[Path, int, int], list[Table]]
SECTIONS: Mapping[str, Section] = {
    "send": handlers.send,
    "store": handlers.store,
    "drain": handlers.drain,
    "growth": growth.growth,
    "plan": growth.planned,
}


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
        fill(options.out, found)


if __name__ == "__main__":
    main()
