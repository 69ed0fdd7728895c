"""Tries on a real account what no AWS on one machine can prove, and removes all that it made. `make aws-test`.

It says what it makes, for how long and what that costs, and asks. Each stack is deployed, tried and destroyed; after a
failure or Ctrl-C everything goes as well. Exit code 0: all holds and nothing is left; 1: not so.

Usage: python -m proofs.aws [--yes] [--clean] [--out FOLDER]
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from nami_control import checks
from nami_control.aws import Aws
from nami_control.aws_errors import told
from nami_control.destinations.tunnel import PLUGIN
from nami_control.interrupts import Interrupted, interruptible
from proofs.aws import cleaning, report
from proofs.aws.proofs import PROOFS
from proofs.aws.run import Run
from proofs.aws.stacks import ENVIRONMENT, LONGEST, STACKS

AGAIN = "make aws-test CLEAN=1"


def main() -> int:
    options = _options()
    out = options.out.absolute()
    with tempfile.TemporaryDirectory(prefix="nami-aws-test-") as folder:
        # The environment stands in a cdk.json of its own, so that no setting of anybody's is taken for the test's.
        os.chdir(folder)
        os.environ["NAMI_HOME"] = str(Path(folder) / "home")
        Path("cdk.json").write_text(json.dumps({"context": {"environments": {ENVIRONMENT: {}}}}))
        aws = Aws(ENVIRONMENT)
        try:
            account = checks.require_account(aws, _say)
            _say(f"account {account.number}, region {account.region}")
            return _clean(aws, yes=options.yes) if options.clean else _run(aws, out, yes=options.yes)
        except Interrupted as interrupted:
            return interrupted.exit_code
        except Exception as error:
            if (why := told(error)) is None:
                raise
            _say(f"error: {why}")
            return why.exit_code


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proofs.aws", description=__doc__.partition("\n")[0])
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--clean", action="store_true", help="find what a former run left, by its tag, and delete it")
    parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where the report goes; here")
    return parser.parse_args()


def _run(aws: Aws, out: Path, *, yes: bool) -> int:
    if left := cleaning.find(aws):
        _say(f"of a former run there is still: {', '.join(left)}; remove it with {AGAIN}")
        return 1
    _say(f"makes these stacks one after the other, tries {len(PROOFS)} things on them, and destroys each again:")
    for stack in STACKS:
        _say(f"  nami-{ENVIRONMENT}-{stack.name}: {stack.what}")
    dollars = sum(stack.dollars for stack in STACKS)
    _say(f"takes one to {LONGEST:.0f} hours, and costs under {max(dollars, 0.01):.2f} dollars by list prices")
    if not aws.is_local and not shutil.which(PLUGIN):
        _say(f"{PLUGIN} is not on PATH, so what goes through Session Manager will fail; docs/day-by-day.md says more")
    if not _agreed(yes, "go ahead?"):
        return 1
    run = Run(aws, STACKS, PROOFS, _say)
    try:
        with interruptible():
            run.carry_out()
    finally:
        for name, text in (("json", report.as_json(run.report)), ("md", report.as_markdown(run.report))):
            (out / f"aws-test.{name}").write_text(text)
        _say(f"report: {out / 'aws-test.md'}, {out / 'aws-test.json'}")
        for each in run.report.left:
            _say(f"could not be removed: {each}; {AGAIN} tries again")
    print(report.as_markdown(run.report))
    return 0 if run.report.holds else 1


def _clean(aws: Aws, *, yes: bool) -> int:
    left = cleaning.find(aws)
    if not left:
        _say("nothing is left")
        return 0
    for each in left:
        _say(f"is there: {each}")
    if not _agreed(yes, "delete all of it?"):
        return 1
    failed = cleaning.clean(aws, _say)
    for each in failed:
        _say(f"could not be removed: {each}")
    return 1 if failed else 0


def _agreed(yes: bool, question: str, ask: Callable[[str], str] = input) -> bool:
    if yes:
        return True
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        agreed = ask("").strip().lower() in ("y", "yes")
    except EOFError:
        _say("nobody is there to answer; YES=1 does not ask")
        return False
    if not agreed:
        _say("nothing was changed")
    return agreed


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
