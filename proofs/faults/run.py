"""One burst through what is deployed, while all of it breaks."""

import base64
import hashlib
import json
import secrets
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from nami_runtime import envelope
from proofs.faults import logged, plan, proxy
from proofs.faults.breaking import Breaking
from proofs.faults.endings import Backend, Ending, Mongo, Table
from proofs.faults.invariants import Invariant, Seen, Sent, answers, check
from proofs.faults.producer import Producer
from proofs.faults.subscriptions import NAME, ORDERED, SETTINGS, break_into, deploy, write_handler
from tests.local.conftest import Nami, Pipeline, pipeline

# Visibility timeouts for the queue to become empty: two tries, the last batch's turn, and room for a slow machine.
_SETTLED_WITHIN = 4
_REDRIVES = 3
_TYPED_WITHIN = 900.0  # seconds, for a redrive of ten thousand while all else goes on
# Seconds after which a changed secret is known (docs/signatures.md).
_TAKEN_UP = 22.0
_DEPLOYMENT_WAITS = 15.0


@dataclass
class Part:
    """A destination of a subscription, its queue, and what is to be there."""

    subscription: str
    ending: Ending
    queue: str
    sent: dict[str, Sent]
    before: Seen = field(default_factory=lambda: Seen([], [], 0))
    after: Seen = field(default_factory=lambda: Seen([], [], 0))

    @property
    def label(self) -> str:
        return f"{self.subscription}/{self.ending.name}"


class Run:
    """One burst through two subscriptions: one into three destinations, one in order into a backend.

    Args:
        visibility: seconds that a queue waits before it gives a message out again.
        only: the id of the webhook that is sent; empty: all.
        say: called with what goes on, a line at a time.
    """

    def __init__(
        self, nami: Nami, seed: int, count: int, *, visibility: int, only: str = "", say: Callable[[str], None]
    ) -> None:
        self.nami, self.seed, self.say = nami, seed, say
        self.webhooks = [each for each in plan.webhooks(seed, count) if not only or only in (each.key, each.id)]
        refused = {each.id for each in self.webhooks if each.refused}
        seconds = plan.REFUSED_FOR * visibility
        ordered = Backend(seed + 1, transformed=True, refused=refused, seconds=seconds)
        self.backends = {NAME: Backend(seed), ORDERED: ordered}
        urls = {name: backend.url for name, backend in self.backends.items()}
        for name in SETTINGS:
            write_handler(nami, name)
            say(f"deploying {name}")
            deploy(nami, name, urls[name])
        self.deployed: Pipeline = pipeline(nami, NAME)
        self.sqs = self.deployed.client("sqs")
        self.outputs = {name: pipeline(nami, name).outputs() for name in SETTINGS}
        self.visibility = visibility
        self.aws, self.gateway = (proxy.Proxy(nami.port, seed + number) for number in range(2))
        self.span = plan.span(self.visibility, count)
        paths = {
            ordered: urlsplit(pipeline(nami, name).endpoint).path for name, ordered in ((NAME, False), (ORDERED, True))
        }
        for each in (self.aws, self.gateway):
            each.start()
        self.producer = Producer(self.gateway.port, paths, self._secret(), self.span)
        self._write_secret(self.producer.secret)
        self.log = logged.Log(nami.home / "aws.log")
        """All that local AWS and the functions wrote."""
        self.breaking = Breaking(nami.aws, plan.faults(seed, self.visibility, count), seed, self._failed)
        self.parts = self._parts()
        self.operations: list[str] = []
        self._break_into()

    def close(self) -> None:
        for each in (self.aws, self.gateway):
            each.stop()
        for backend in self.backends.values():
            backend.close()

    def _break_into(self) -> None:
        break_into(self.deployed, self.aws.url, [part.queue for part in self.parts], self.visibility)

    def _secret(self) -> str:
        return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()

    def _write_secret(self, *values: str) -> None:
        for outputs in self.outputs.values():
            self.deployed.client("secretsmanager").put_secret_value(
                SecretId=outputs["SignatureSecretArn"], SecretString=json.dumps(values)
            )

    def _parts(self) -> list[Part]:
        with_id = Counter(each.id for each in self.webhooks)
        sent: dict[str, dict[str, Sent]] = {NAME: {}, ORDERED: {}}
        for each in self.webhooks:
            sent[ORDERED if each.group else NAME][each.key] = Sent(
                each.digest,
                shared_id=each.id if with_id[each.id] > 1 else "",
                forged=each.kind == "forged",
                poison=each.kind == "poison",
                unwanted=each.kind == "unwanted",
                group=each.group,
            )
        own = self.outputs[NAME]
        table = Table(self.deployed.client("dynamodb"), self.deployed.client("s3"), own["DynamodbTableName"])
        return [
            Part(NAME, Mongo(self.deployed.documents), own["QueueUrl"], sent[NAME]),
            Part(NAME, table, own["DynamodbQueueUrl"], sent[NAME]),
            Part(NAME, self.backends[NAME], own["HttpQueueUrl"], sent[NAME]),
            Part(ORDERED, self.backends[ORDERED], self.outputs[ORDERED]["QueueUrl"], sent[ORDERED]),
        ]

    def report(self) -> dict[str, Any]:
        """Send the burst, break what is planned, and compare: counts, faults, phases (seconds), invariants."""
        seconds = {"burst": self._burst()}
        seconds["until the queues were empty"] = self._settle()
        reasons: dict[str, dict[str, int]] = {}
        for part in self.parts:
            part.before, reasons[part.label] = self._look(part)
        redriven, seconds["until the redriven were through"] = self._redrive()
        sent = self.parts[0].sent | self.parts[-1].sent
        found = answers(sent, self.producer.acknowledged, self.producer.refused)
        for part in self.parts:
            acknowledged, refused = (
                each & part.sent.keys() for each in (self.producer.acknowledged, self.producer.refused)
            )
            own = check(part.sent, acknowledged, refused, part.before, part.after)
            found += [Invariant(f"{part.label}: {each.rule}", each.offending) for each in own]
        away = [f"{count}: {reason}" for reason, count in reasons[self.parts[0].label].items() if "MongoDB" in reason]
        # What can't go back to a queue that is away as well has used up a try.
        away = [] if self.log.count(logged.NOT_SENT_ON) else away
        found.append(Invariant("a database that is away, for longer than all tries take, makes no dead letter", away))
        found.append(self._faults_happened())
        return {
            "seed": self.seed,
            "visibility timeout": self.visibility,
            "counts": self._counts(redriven),
            "answers": dict(self.producer.answers.most_common()),
            "dead letters by reason": {f"{at}: {why}": n for at, all_ in reasons.items() for why, n in all_.items()},
            "functions": self._functions(),
            "AWS's faults": self._aws_faults(),
            "faults": [asdict(each) for each in self.breaking.done],
            "operations": self.operations,
            "phases": seconds,
            "invariants": [asdict(each) | {"holds": each.holds} for each in found],
            "holds": all(each.holds for each in found),
        }

    def _burst(self) -> float:
        self.say(f"sending {len(self.webhooks)} webhooks in {self.span:.0f} s while things break")
        started = time.monotonic()
        operating = threading.Thread(target=self._operate, args=(started,), daemon=True)
        for each in (self.breaking, operating):
            each.start()
        for each in (self.aws, self.gateway):
            each.begin()
        self.producer.send(self.webhooks, self._tell_how_far)
        took = round(time.monotonic() - started, 1)
        self.breaking.join()
        operating.join()
        for each in (self.aws, self.gateway):
            each.end()
        for backend in self.backends.values():
            backend.calm = True
        return took

    def _tell_how_far(self) -> None:
        answered = len(self.producer.acknowledged) + len(self.producer.refused)
        self.say(f"{answered} answered, {sum(map(self._waiting, self.parts))} in the queues")

    def _operate(self, started: float) -> None:
        """What an operator does in the middle of the traffic, by parts of the burst."""
        old, new = self.producer.secret, self._secret()

        def add() -> None:
            self._write_secret(new, old)

        def deploy_anew() -> None:
            file = self.nami.folder / "webhooks" / NAME / "post_queue" / "handler.py"
            file.write_text(f"# changed\n{file.read_text()}")
            deploy(self.nami, NAME, self.backends[NAME].url, maximum_concurrency=3)
            self._break_into()

        changed = max(_TAKEN_UP, 0.5 * self.span)
        # It waits for the database, which comes back meanwhile.
        deployed = plan.outages(self.visibility)[0][1] - _DEPLOYMENT_WAITS
        for at, what, operation in (
            (0.0, "the new secret is added to the old one", add),
            (deployed, "new code and a concurrency of 3 are deployed", deploy_anew),
            (changed, "the producer signs with the new secret", lambda: self.producer.change(new)),
            (changed, "the old secret is removed", lambda: self._write_secret(new)),
            (
                max(changed, 0.8 * self.span),
                "the dead letters are redriven",
                lambda: self._typed("dlq", "redrive", NAME),
            ),
        ):
            time.sleep(max(0.0, started + at - time.monotonic()))
            try:
                operation()
            except (Exception, SystemExit) as error:
                self.operations.append(f"FAILED: {what}: {error}")
            else:
                self.operations.append(f"{time.monotonic() - started:.1f} s: {what}")

    def _waiting(self, part: Part) -> int:
        names = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
        said = self.sqs.get_queue_attributes(QueueUrl=part.queue, AttributeNames=names)
        return sum(map(int, said["Attributes"].values()))

    def _settle(self) -> float:
        """Wait until the queues are empty; while they become so, wait on, else let the invariants tell."""
        started = told = moved = time.monotonic()
        least = sys.maxsize
        while (
            waiting := sum(map(self._waiting, self.parts))
        ) and time.monotonic() - moved < _SETTLED_WITHIN * self.visibility:
            if waiting < least:
                least, moved = waiting, time.monotonic()
            if time.monotonic() - told > 10:
                told = time.monotonic()
                self.say(f"{waiting} in the queues")
            time.sleep(0.5)
        return round(time.monotonic() - started, 1)

    def _look(self, part: Part) -> tuple[Seen, dict[str, int]]:
        """What is stored, dead and waiting, and the reasons that `nami dlq list` gives."""
        documents = list(part.ending.documents())
        letters = json.loads(
            self._typed("dlq", "list", part.subscription, *self._at(part), "--limit", "1000000", "--json")
        )
        reasons = Counter(each["reason"] or "none logged: the function was ended" for each in letters)
        alike: dict[str, list[str]] = defaultdict(list)
        for key, sent in part.sent.items():
            if sent.shared_id:
                alike[sent.shared_id].append(key)
        bodies = self._bodies(part) if any(each["id"] in alike for each in letters) else {}
        dead = []
        for each in letters:  # the id tells which webhook it is, or, where two have it, what is in it
            digest = bodies.get(each["message_id"])
            named = (key for key in alike[each["id"]] if part.sent[key].digest == digest)
            dead.append(next(named, str(each["id"])))
        return Seen(documents, dead, self._waiting(part)), dict(reasons.most_common())

    def _at(self, part: Part) -> tuple[str, str]:
        return "--destination", part.ending.name

    def _bodies(self, part: Part) -> dict[str, str]:
        """The hash of the body of each dead letter, by its message's id; all are visible again afterwards."""
        (key,) = (key for key, url in self.outputs[part.subscription].items() if url == part.queue)
        url = self.outputs[part.subscription][key.replace("QueueUrl", "DeadLetterQueueUrl")]
        found: dict[str, str] = {}
        receipts: list[str] = []
        asked: dict[str, Any] = {"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 3600}
        while messages := self.sqs.receive_message(**asked).get("Messages"):
            for each in messages:
                found[each["MessageId"]] = _digest(envelope.read(each["Body"]))
                receipts.append(each["ReceiptHandle"])
        for start in range(0, len(receipts), 10):
            entries: Any = [
                {"Id": str(place), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for place, receipt in enumerate(receipts[start : start + 10])
            ]
            self.sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)
        return found

    def _redrive(self) -> tuple[int, float]:
        """Send the dead letters back that are no poison, as a user would; again where the second time was no better."""
        started = time.monotonic()
        redriven = 0
        for part in self.parts:
            part.after = part.before
        for _ in range(_REDRIVES):
            wanted = {part.label: self._wanted(part) for part in self.parts}
            if not any(wanted.values()):
                break
            for part in self.parts:
                if ids := wanted[part.label]:
                    self.say(f"redriving {len(ids)} dead letters of {part.label}")
                    typed = ("dlq", "redrive", part.subscription, *self._at(part), *(f"--id={each}" for each in ids))
                    redriven += int(self._typed(*typed))
            self._settle()
            for part in self.parts:
                if wanted[part.label]:
                    part.after, _ = self._look(part)
        return redriven, round(time.monotonic() - started, 1)

    def _wanted(self, part: Part) -> list[str]:
        poison = {each for each, webhook in part.sent.items() if webhook.poison}
        return sorted(
            {part.sent[each].shared_id or each if each in part.sent else each for each in set(part.after.dead) - poison}
        )

    def _typed(self, *arguments: str) -> str:
        result = self.nami.typed("--local", *arguments, timeout=_TYPED_WITHIN)
        if result.returncode:
            raise SystemExit(f"nami {' '.join(arguments)[:200]} ended with {result.returncode}: {result.stderr}")
        return result.stdout

    def _counts(self, redriven: int) -> dict[str, int]:
        producer = self.producer
        kinds = Counter(each.kind for each in self.webhooks)
        sent = {each.key for each in self.webhooks}
        return {
            "webhooks": len(self.webhooks),
            **{kind: kinds[kind] for kind in plan.SHARES},
            "requests": producer.answers.total(),
            "with the id of another one": sum(each.same_id_as is not None for each in self.webhooks),
            "sent twice": sum(len(each.copies) > 1 for each in self.webhooks),
            "sent again": producer.resent,
            "acknowledged": len(producer.acknowledged),
            "refused": len(producer.refused),
            "given up": len(sent - producer.acknowledged - producer.refused),
            **{f"stored before the redrive, {part.label}": len(part.before.documents) for part in self.parts},
            **{f"dead letters before it, {part.label}": len(part.before.dead) for part in self.parts},
            "redriven": redriven,
            **{f"stored, {part.label}": len(part.after.documents) for part in self.parts},
            **{f"dead letters, {part.label}": len(part.after.dead) for part in self.parts},
        }

    def _functions(self) -> dict[str, int]:
        """What local AWS says of the functions' ends."""
        return {
            "workers started": self.log.count(logged.WORKER_STARTED),
            "invocations timed out": self.log.count(logged.WORKER_ENDED),
            "batches that found the database away": self._failed(),
        }

    def _failed(self) -> int:
        return self.log.count(logged.DATABASE_AWAY)

    def _aws_faults(self) -> dict[str, int]:
        made = self.aws.made + self.gateway.made
        return {f"{service}: {fault}": made[service, fault] for service, fault in sorted(made)}

    def _faults_happened(self) -> Invariant:
        """A run in which nothing went wrong proves nothing."""
        met = Counter({fault.what: 0 for fault in self.breaking.planned})
        for each in self.breaking.done:
            met[each.what] += each.processes
        missing = [what for what, processes in met.items() if not processes and what != plan.WORKERS_GO_ON]
        missing += [what for what, times in self._functions().items() if not times]
        made = self.aws.made + self.gateway.made
        missing += [f"{service} fails" for service in proxy.FAULTS if not any(each[0] == service for each in made)]
        seldom = (proxy.ANOTHERS_ID,)  # where a batch goes back to a queue, of which a short run has few
        faults = [each for each in proxy.FAULTS["sqs"] if each not in seldom]
        missing += [fault for fault in faults if not any(each[1] == fault for each in made)]
        missing += ["the backend fails"] if not any(each.faults for each in self.backends.values()) else []
        missing += ["the backend refuses one of a group"] if not self.backends[ORDERED].refusals else []
        missing += [each for each in self.operations if each.startswith("FAILED")]
        return Invariant("each fault took place, and each operation succeeded", missing)


def _digest(delivery: envelope.Delivery) -> str:
    """Of the body, which may lie in S3."""
    if reference := delivery.body_ref:
        return str(reference["sha256"])
    return hashlib.sha256(delivery.body).hexdigest()
