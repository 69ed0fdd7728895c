"""Sends a burst of signed webhooks through local AWS while it breaks, and checks that none was lost. `make fault-test`.

The database is killed, is away, hangs; the functions' workers are killed and hang; a user's handler raises on some
webhooks and hangs on others; some are sent twice, forged, too large for the queue, or have the id of another one. What
the producer was answered, what is stored and what is dead is compared before and after `nami dlq redrive`. Exit code 1:
an invariant is broken.

Usage: python -m proofs.faults [--seed N] [--count N] [--visibility SECONDS] [--json FILE]
"""

import argparse
import base64
import hashlib
import json
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from proofs.faults import plan
from proofs.faults.breaking import Breaking
from proofs.faults.invariants import Invariant, Seen, Sent, check
from proofs.faults.producer import Producer
from tests.local.conftest import Nami, Pipeline, pipeline

NAME = "faults"
SETTINGS = {
    "signature": "standard-webhooks",
    "post_queue_timeout": 5,
    "max_receives": plan.TRIES,
}
# What a user might write into process(): it can't do with some webhooks, and hangs on others the first time.
HANDLER = """
    body = document["body"]
    if body["kind"] == "poison":
        raise ValueError("no such product")
    if body["kind"] == "slow" and document["attempts"] == 1:
        time.sleep(60)
    return document
"""
# Visibility timeouts for the queue to become empty: two tries, the last batch's turn, and room for a slow machine.
_SETTLED_WITHIN = 4
_REDRIVES = 3
_SHOWN = 50  # offending ids of an invariant


def main() -> int:
    options = _options()
    started = time.monotonic()
    with _local_aws(options.keep) as nami:
        report = Run(nami, options).report()
    report["seconds"] = round(time.monotonic() - started, 1)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    _print(report)
    return 0 if report["holds"] else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proofs.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="what is sent, and what goes wrong when")
    parser.add_argument("--count", type=int, default=5000, help="webhooks, 100 to 20000")
    parser.add_argument("--visibility", type=int, help="seconds, 10 to 60; shortens the run; else as deployed (31)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there as well")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="work there, and leave the logs and documents")
    options = parser.parse_args()
    if not 100 <= options.count <= 20_000:
        parser.error(f"--count {options.count}: must be 100 to 20000")
    if options.visibility is not None and not 10 <= options.visibility <= 60:
        parser.error(f"--visibility {options.visibility}: must be 10 to 60 seconds")
    return options


@contextmanager
def _local_aws(keep: Path | None) -> Iterator[Nami]:
    """A local AWS of its own, with the user's handler deployed, and nothing left of it afterwards."""
    folder = (keep or Path(tempfile.mkdtemp(prefix="nami-faults-"))).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    nami = Nami(folder / "home", folder)
    try:
        _say("deploying")
        _write_handler(nami)
        nami.up(NAME, *(f"--context={key}={value}" for key, value in SETTINGS.items()))
        yield nami
    finally:
        nami("down")
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _write_handler(nami: Nami) -> None:
    created = nami.typed("create", NAME)
    assert created.returncode == 0, created.stderr
    file = nami.folder / "webhooks" / NAME / "post_queue" / "handler.py"
    text = file.read_text()
    changed = text.replace("\n    return document\n", HANDLER).replace(
        "from nami_runtime", "import time\n\nfrom nami_runtime", 1
    )
    assert changed.count("\n    return document\n") == 1
    assert "time.sleep" in changed
    file.write_text(changed)


class Run:
    """One burst through one deployed subscription."""

    def __init__(self, nami: Nami, options: argparse.Namespace) -> None:
        self.nami = nami
        self.seed: int = options.seed
        self.deployed: Pipeline = pipeline(nami, NAME)
        self.sqs = self.deployed.client("sqs")
        outputs = self.deployed.outputs()
        self.queue, secret_arn = outputs["QueueUrl"], outputs["SignatureSecretArn"]
        if options.visibility:
            # No setting makes it less than six times the function's timeout.
            attributes = {"VisibilityTimeout": str(options.visibility)}
            self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes=attributes)
        said = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["VisibilityTimeout"])
        self.visibility = int(said["Attributes"]["VisibilityTimeout"])
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        self.deployed.client("secretsmanager").put_secret_value(SecretId=secret_arn, SecretString=secret)
        self.webhooks = plan.webhooks(self.seed, options.count)
        self.producer = Producer(self.deployed.endpoint, secret, plan.span(self.visibility))
        self.breaking = Breaking(nami.aws, plan.faults(self.seed, self.visibility), self.seed, self._failed)
        with_id = Counter(each.id for each in self.webhooks)
        self.sent = {
            each.key: Sent(
                each.digest,
                shared_id=each.id if with_id[each.id] > 1 else "",
                forged=each.kind == "forged",
                poison=each.kind == "poison",
            )
            for each in self.webhooks
        }

    def report(self) -> dict[str, Any]:
        seconds = {"burst": self._burst()}
        seconds["until the queue was empty"] = self._settle()
        before, reasons = self._look()
        redriven, seconds["until the redriven were through"] = self._redrive(before)
        after, _ = self._look()
        invariants = check(self.sent, self.producer.acknowledged, self.producer.refused, before, after)
        away = [f"{count}: {reason}" for reason, count in reasons.items() if reason.startswith("MongoDB")]
        invariants.append(
            Invariant("a database that is away, for longer than all tries take, makes no dead letter", away)
        )
        invariants.append(self._faults_happened())
        return {
            "seed": self.seed,
            "settings": {**SETTINGS, "visibility_timeout": self.visibility},
            "counts": self._counts(before, after, redriven),
            "answers": dict(self.producer.answers.most_common()),
            "dead letters by reason": reasons,
            "functions": self._functions(),
            "faults": [asdict(each) for each in self.breaking.done],
            "phases": seconds,
            "invariants": [asdict(each) | {"holds": each.holds} for each in invariants],
            "holds": all(each.holds for each in invariants),
        }

    def _burst(self) -> float:
        _say(f"sending {len(self.webhooks)} webhooks in {plan.span(self.visibility):.0f} s while things break")
        started = time.monotonic()
        self.breaking.start()
        self.producer.send(self.webhooks)
        took = round(time.monotonic() - started, 1)
        self.breaking.join()
        return took

    def _waiting(self) -> int:
        names = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
        said = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)
        return sum(map(int, said["Attributes"].values()))

    def _settle(self) -> float:
        """Wait until the queue is empty; when it does not become so, go on and let the invariants tell."""
        started = told = time.monotonic()
        while (waiting := self._waiting()) and time.monotonic() - started < _SETTLED_WITHIN * self.visibility:
            if time.monotonic() - told > 10:
                told = time.monotonic()
                _say(f"{waiting} in the queue")
            time.sleep(0.5)
        return round(time.monotonic() - started, 1)

    def _look(self) -> tuple[Seen, dict[str, int]]:
        """What is stored, dead and waiting, and the reasons that `nami dlq list` gives."""
        documents = [
            (str(each["_id"]), hashlib.sha256(each["raw"]).hexdigest())
            for each in self.deployed.documents.find({}, {"raw": 1})
        ]
        letters = json.loads(self._typed("dlq", "list", NAME, "--limit", "1000000", "--json"))
        reasons = Counter(each["reason"] or "none logged: the function was ended" for each in letters)
        return Seen(documents, list(map(self._name_of, letters)), self._waiting()), dict(reasons.most_common())

    def _name_of(self, letter: dict[str, Any]) -> str:
        """Which webhook a dead letter is: its id tells, or, where two have it, what is in it."""
        alike = [each for each, webhook in self.sent.items() if webhook.shared_id == letter["id"]]
        if not alike:
            return str(letter["id"])
        shown = json.loads(self._typed("dlq", "show", NAME, letter["message_id"], "--json"))
        digest = hashlib.sha256(json.loads(shown["message"])["body"].encode()).hexdigest()
        return next((each for each in alike if self.sent[each].digest == digest), str(letter["id"]))

    def _redrive(self, seen: Seen) -> tuple[int, float]:
        """Send the dead letters back that are no poison, as a user would; again where the second time was no better."""
        started = time.monotonic()
        poison = {each for each, webhook in self.sent.items() if webhook.poison}
        redriven = 0
        for _ in range(_REDRIVES):
            if not (wanted := sorted(set(seen.dead) - poison)):
                break
            _say(f"redriving {len(wanted)} dead letters")
            ids = sorted({self.sent[each].shared_id or each if each in self.sent else each for each in wanted})
            redriven += int(self._typed("dlq", "redrive", NAME, *(f"--id={each}" for each in ids)))
            self._settle()
            seen, _ = self._look()
        return redriven, round(time.monotonic() - started, 1)

    def _typed(self, *arguments: str) -> str:
        result = self.nami.typed("--local", *arguments)
        if result.returncode:
            raise SystemExit(f"nami {' '.join(arguments)[:200]} ended with {result.returncode}: {result.stderr}")
        return result.stdout

    def _counts(self, before: Seen, after: Seen, redriven: int) -> dict[str, int]:
        producer = self.producer
        kinds = Counter(each.kind for each in self.webhooks)
        return {
            "webhooks": len(self.webhooks),
            **{kind: kinds[kind] for kind in ("poison", "forged", "large", "slow")},
            "requests": producer.answers.total(),
            "with the id of another one": sum(each.same_id_as is not None for each in self.webhooks),
            "sent twice": sum(len(each.copies) > 1 for each in self.webhooks),
            "sent again": producer.resent,
            "acknowledged": len(producer.acknowledged),
            "refused": len(producer.refused),
            "given up": len(self.sent) - len(producer.acknowledged | producer.refused),
            "stored before the redrive": len(before.documents),
            "dead letters before the redrive": len(before.dead),
            "redriven": redriven,
            "stored": len(after.documents),
            "dead letters": len(after.dead),
        }

    def _functions(self) -> dict[str, int]:
        """What local AWS says of the functions' ends."""
        log = self._log()
        return {
            "workers started": log.count("Lambda worker spawned"),
            "invocations timed out": log.count("killing worker"),
            "batches that found the database away": self._failed(),
        }

    def _log(self) -> str:
        return (self.nami.home / "aws.log").read_text(errors="replace")

    def _failed(self) -> int:
        return self._log().count('"reason":"MongoDB')

    def _faults_happened(self) -> Invariant:
        """A run in which nothing went wrong proves nothing."""
        met = Counter({fault.what: 0 for fault in self.breaking.planned})
        for each in self.breaking.done:
            met[each.what] += each.processes
        missing = [what for what, processes in met.items() if not processes and what != plan.WORKERS_GO_ON]
        missing += [what for what, times in self._functions().items() if not times]
        return Invariant("each fault took place", missing)


def _print(report: dict[str, Any]) -> None:
    """The report for people; on standard output, like every command's data."""
    print(f"seed {report['seed']}, {', '.join(f'{key}={value}' for key, value in report['settings'].items())}\n")
    for part in ("counts", "answers", "dead letters by reason", "functions", "phases"):
        unit = " s" if part == "phases" else ""
        print(part if part != "answers" else "answers to the producer")
        for key, value in report[part].items():
            print(f"  {key:<44}{value:>8}{unit}")
        print()
    print("faults")
    for fault in report["faults"]:
        print(f"  {fault['at']:>6.1f} s  {fault['what']} ({fault['processes']})")
    print("\ninvariants")
    for each in report["invariants"]:
        print(f"  {'holds ' if each['holds'] else 'BROKEN'}  {each['rule']}")
        if not each["holds"]:
            shown = each["offending"][:_SHOWN]
            more = ", … (--json FILE has all)" if len(each["offending"]) > _SHOWN else ""
            print(f"          {len(each['offending'])}: {', '.join(shown)}{more}")
    print(f"\n{'nothing was lost' if report['holds'] else 'AN INVARIANT IS BROKEN'}; {report['seconds']} s")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
