"""Plants defects in copies of the code, one each, and sees whether the fault proof finds it. `make mutants`.

A fault that the proof can't detect is a fault of the proof. Exit code 1: one escaped.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SEEDS = (1, 2, 3)  # tried one after the other: chance may spare a defect once
_RUNTIME = "lambdas/nami_runtime/"


@dataclass(frozen=True)
class Mutant:
    """What is wrong, and the text of which file that is replaced by what."""

    defect: str
    file: str
    before: str
    after: str

    def planted(self, text: str) -> str:
        """Raises ValueError where the text is not there once: the code has changed, and so must this."""
        if text.count(self.before) != 1:
            raise ValueError(f"{self.file} holds {text.count(self.before)} times: {self.before!r}")
        return text.replace(self.before, self.after)


MUTANTS = (
    Mutant(
        "a webhook is acknowledged though the queue did not answer",
        _RUNTIME + "intake.py",
        "        said = known.queue.send_message(queue_url, message, request.deadline, order)\n",
        "        try:\n            said = known.queue.send_message(queue_url, message, request.deadline, order)\n"
        "        except (aws.Unavailable, aws.Rejected):\n            continue\n",
    ),
    Mutant(
        "the queue's 200 is trusted without its MD5",
        _RUNTIME + "intake.py",
        'if said.get("MD5OfMessageBody") != digest or not',
        "if not",
    ),
    Mutant(
        "what is sent on to a queue is trusted without its MD5",
        _RUNTIME + "queue.py",
        'if said.get("MD5OfMessageBody") == md5(message.body.encode(), usedforsecurity=False).hexdigest():',
        "if True:",
    ),
    Mutant(
        "the second of several destinations is not told",
        _RUNTIME + "intake.py",
        "for queue_url in queue_urls:",
        "for queue_url in [*queue_urls[:1], *queue_urls[2:]]:",
    ),
    Mutant(
        "a forged webhook passes",
        _RUNTIME + "signatures/verification.py",
        'raise Refused(401, "wrong signature" if values else secret.fault)',
        "return values[0]",
    ),
    Mutant(
        "a webhook gets the id of the one before",
        _RUNTIME + "signatures/verification.py",
        "request.delivery_id = form.delivery_id(request)",
        "request.delivery_id = self.__dict__.setdefault('last', form.delivery_id(request))",
    ),
    Mutant(
        "a large body is acknowledged and not put into the bucket",
        _RUNTIME + "intake.py",
        '    aws.client("s3", bucket=known.bucket).put_object(key, request.body, request.deadline)\n',
        "",
    ),
    Mutant(
        "the batch is deleted before it is written",
        "lambdas/post_queue/handler.py",
        "    return batch.drain(event, context, process, destination)\n",
        "    import threading\n"
        "    threading.Thread(target=batch.drain, args=(event, context, process, destination)).start()\n"
        '    return {"batchItemFailures": []}\n',
    ),
    Mutant(
        "an item's failure is swallowed",
        "lambdas/post_queue/handler.py",
        "    return batch.drain(event, context, process, destination)\n",
        '    batch.drain(event, context, process, destination)\n    return {"batchItemFailures": []}\n',
    ),
    Mutant(
        "a bulk that raised is taken for written",
        _RUNTIME + "destinations/mongo.py",
        "                    results[index] = not_now.reason\n",
        '                    results[index] = "stored"\n',
    ),
    Mutant(
        "a repeat is stored beside the first",
        _RUNTIME + "destinations/dynamodb.py",
        '{("id" if name == "_id" else name): value for name, value in document.items()}',
        '{("id" if name == "_id" else name): value for name, value in document.items()} | '
        '{"id": document["_id"] + ("" if document["attempts"] == 1 else "-again")}',
    ),
    Mutant(
        "a wave of a batch is dropped",
        _RUNTIME + "queue.py",
        "    while groups:\n        wave = ",
        "    if groups:\n        wave = ",
    ),
    Mutant(
        "a group goes on behind one that failed",
        _RUNTIME + "queue.py",
        "outcome.held_back += [later.id for later in groups[group]]",
        "pass",
    ),
    Mutant(
        "what the filter does not want goes to the queue",
        _RUNTIME + "intake.py",
        "queue_urls, request.unwanted = known.routes.split(request)",
        "_, request.unwanted = known.routes.split(request)",
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m proofs.faults.mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=600, help="webhooks that each is tried with")
    parser.add_argument("--only", default="", metavar="TEXT", help="those whose defect has this in it")
    options = parser.parse_args()
    print(f"{'defect':<60}{'found by':<70}{'s':>6}")
    if rules := _tell("none: this must hold", None, options.count):
        raise SystemExit(f"error: the code as it is breaks what a defect should: {'; '.join(rules)}")
    wanted = [each for each in MUTANTS if options.only in each.defect]
    escaped = [each for each in wanted if not _tell(each.defect, each, options.count)]
    return 1 if escaped else 0


def _tell(defect: str, mutant: Mutant | None, count: int) -> list[str]:
    started = time.monotonic()
    rules = _tried(mutant, count)
    more = f" and {len(rules) - 1} more" if len(rules) > 1 else ""
    found = rules[0] + more if rules else "ESCAPED" if mutant else "-"
    print(f"{defect:<60}{found:<70}{time.monotonic() - started:>6.0f}", flush=True)
    return rules


def _tried(mutant: Mutant | None, count: int) -> list[str]:
    """The rules that broke; none: it escaped, or there is no defect."""
    with tempfile.TemporaryDirectory(prefix="nami-mutant-") as folder:
        copy = _copy(Path(folder))
        if mutant:
            file = copy / mutant.file
            file.write_text(mutant.planted(file.read_text()))
        for seed in _SEEDS if mutant else _SEEDS[:1]:
            report = Path(folder) / "report.json"
            run = subprocess.run(
                [sys.executable, "-m", "proofs.faults", f"--seed={seed}", f"--count={count}", f"--json={report}"],
                cwd=copy,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(copy), str(copy / "lambdas")])},
                capture_output=True,
                text=True,
                check=False,
            )
            if not report.exists():
                raise SystemExit(f"the proof itself failed: {run.stderr[-2000:]}")
            if rules := [each["rule"] for each in json.loads(report.read_text())["invariants"] if not each["holds"]]:
                return rules
    return []


def _copy(folder: Path) -> Path:
    copy = folder / "nami"
    left = shutil.ignore_patterns(".*", "cdk.out", "dist", "node_modules", "__pycache__", "html")
    shutil.copytree(ROOT, copy, ignore=left)
    return copy


if __name__ == "__main__":
    sys.exit(main())
