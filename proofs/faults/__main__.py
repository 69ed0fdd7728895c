"""Sends signed webhooks through local AWS while all of it breaks, and checks that none was lost. `make soak`.

The database is killed, is away, hangs; the functions' workers are killed and hang; SQS, S3, Secrets Manager, DynamoDB,
the gateway and the backend fail in every way that they have; a user's handler raises on some webhooks and hangs on
others; some are sent twice, forged, unwanted, too large for the queue, have the id of another one, or are to stay in
order. In the middle of it the secret changes, new code is deployed, and dead letters are redriven. What the producer
was answered, what is stored at each destination and what is dead is compared before and after `nami dlq redrive`. Exit
code 1: an invariant is broken.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from proofs.faults import plan
from proofs.faults.run import Run
from tests.local.conftest import Nami

_SHOWN = 20  # offending ids of an invariant


def main() -> int:
    options = _options()
    started = time.monotonic()
    with _local_aws(options.keep) as nami:
        only = {"visibility": options.visibility, "only": options.only}
        with closing(Run(nami, options.seed, options.count, **only, say=_say)) as run:
            report = run.report()
            if options.only:
                print(*run.log.lines(options.only), sep="\n")
    report["seconds"] = round(time.monotonic() - started, 1)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    _print(report, options)
    return 0 if report["holds"] else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proofs.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="what is sent, and what goes wrong when")
    parser.add_argument("--count", type=int, default=100_000, help="webhooks, 100 to 100000")
    parser.add_argument("--minutes", type=float, help="how long the burst lasts, in place of --count")
    parser.add_argument("--visibility", type=int, default=10, help="seconds, 10 to 60; as deployed: 31")
    parser.add_argument("--only", default="", metavar="ID", help="send this webhook alone, and show its log lines")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there as well")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="work there, and leave the logs and documents")
    options = parser.parse_args()
    if options.minutes:
        options.count = round(options.minutes * 60 * plan.A_SECOND)
    if not 100 <= options.count <= 100_000:
        parser.error(f"--count {options.count}: must be 100 to 100000")
    if not 10 <= options.visibility <= 60:
        parser.error(f"--visibility {options.visibility}: must be 10 to 60 seconds")
    return options


@contextmanager
def _local_aws(keep: Path | None) -> Iterator[Nami]:
    """A local AWS of its own, and nothing left of it afterwards."""
    folder = (keep or Path(tempfile.mkdtemp(prefix="nami-faults-"))).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    nami = Nami(folder / "home", folder)
    try:
        yield nami
    finally:
        nami("down")
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _print(report: dict[str, Any], options: argparse.Namespace) -> None:
    """The report for people; on standard output, like every command's data."""
    print(f"seed {report['seed']}, visibility timeout {report['visibility timeout']} s\n")
    for part in ("counts", "answers", "dead letters by reason", "functions", "AWS's faults", "phases"):
        unit = " s" if part == "phases" else ""
        print(part if part != "answers" else "answers to the producer")
        for key, value in report[part].items():
            print(f"  {key:<60}{value:>8}{unit}")
        print()
    print("faults")
    for fault in report["faults"]:
        print(f"  {fault['at']:>6.1f} s  {fault['what']} ({fault['processes']})")
    print("\noperations", *(f"  {each}" for each in report["operations"]), sep="\n")
    print("\ninvariants")
    for each in report["invariants"]:
        print(f"  {'holds ' if each['holds'] else 'BROKEN'}  {each['rule']}")
        if not each["holds"]:
            shown = each["offending"][:_SHOWN]
            more = ", … (--json FILE has all)" if len(each["offending"]) > _SHOWN else ""
            print(f"          {len(each['offending'])}: {', '.join(shown)}{more}")
            if single := next((one for one in shown if one.startswith("msg_")), ""):
                visibility = f" --visibility {options.visibility}" if options.visibility != 10 else ""
                again = f"--seed {options.seed} --count {options.count}{visibility} --only {single}"
                print(f"          alone: python -m proofs.faults {again}")
    print(f"\n{'nothing was lost' if report['holds'] else 'AN INVARIANT IS BROKEN'}; {report['seconds']} s")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
