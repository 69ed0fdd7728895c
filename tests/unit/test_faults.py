"""The fault test's own parts: it must find what is wrong, and go wrong the same way each time."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nami_stack.destinations.http_settings import backend_batch
from proofs.faults import breaking, logged, plan, subscriptions
from proofs.faults.endings import Backend
from proofs.faults.invariants import Seen, Sent, answers, check
from proofs.faults.mutants import MUTANTS, ROOT, Mutant
from proofs.faults.run import Run

GENUINE = {f"msg_{number}": Sent(f"digest of {number}") for number in range(4)}
SENT = {
    **GENUINE,
    "msg_poison": Sent("digest of poison", poison=True),
    "msg_forged": Sent("digest of forged", forged=True),
}
ACKNOWLEDGED = {*GENUINE, "msg_poison"}
REFUSED = {"msg_forged"}
STORED = [(each, webhook.digest) for each, webhook in GENUINE.items()]
# msg_3 died with the poison, and the redrive brought it home.
BEFORE = Seen(STORED[:3], ["msg_3", "msg_poison"], 0)
AFTER = Seen(STORED, ["msg_poison"], 0)


def broken(
    *,
    before: Seen = BEFORE,
    after: Seen = AFTER,
    acknowledged: set[str] = ACKNOWLEDGED,
    refused: set[str] = REFUSED,
) -> dict[str, list[str]]:
    """The offending ids of each broken invariant, by its rule."""
    found = [*answers(SENT, acknowledged, refused), *check(SENT, acknowledged, refused, before, after)]
    return {each.rule: each.offending for each in found if not each.holds}


ACKNOWLEDGED_IN_THE_END = "every genuine webhook is acknowledged, in the end"
FORGED_IS_REFUSED = "every forged webhook is refused, and no other"
ONCE_OR_DEAD = "every acknowledged webhook is stored exactly once, or a dead letter"
NOT_REFUSED = "none that was refused is stored, or a dead letter"
BYTES = "what is stored is what was sent, byte for byte"
STORED_IS = "after the redrive, stored = acknowledged - poison, each once"
DEAD_ARE = "after the redrive, the dead letters are the poison, all of it and nothing else"
UNWANTED = "none that the filter does not want is stored, or a dead letter"
IN_ORDER = "each group arrived in its order"
EMPTY = "nothing is left in the queue"


def also_stored(seen: Seen, *documents: tuple[str, str]) -> Seen:
    return replace(seen, documents=[*seen.documents, *documents])


def test_good_end_breaks_nothing() -> None:
    assert broken() == {}


@pytest.mark.parametrize("lost", ["msg_0", "msg_3"])
def test_webhook_that_is_nowhere_is_found(lost: str) -> None:
    before = replace(BEFORE, documents=[each for each in BEFORE.documents if each[0] != lost])
    before = replace(before, dead=[each for each in before.dead if each != lost])
    after = replace(AFTER, documents=[each for each in AFTER.documents if each[0] != lost])
    assert broken(before=before, after=after) == {ONCE_OR_DEAD: [lost], STORED_IS: [lost]}


def test_webhook_that_was_stored_and_is_gone_is_found() -> None:
    assert broken(after=replace(AFTER, documents=AFTER.documents[1:])) == {STORED_IS: ["msg_0"]}


def test_webhook_stored_under_two_ids_is_found() -> None:
    twice = ("some other id", GENUINE["msg_0"].digest)
    found = broken(before=also_stored(BEFORE, twice), after=also_stored(AFTER, twice))
    assert found == {ONCE_OR_DEAD: ["msg_0"], BYTES: ["some other id"], STORED_IS: ["msg_0"]}


def test_webhook_that_is_stored_and_dead_was_stored_once() -> None:
    # Its batch was written, and the function was killed before it could say so, twice.
    assert broken(before=replace(BEFORE, dead=["msg_0", *BEFORE.dead])) == {}


def test_other_bytes_are_found() -> None:
    changed = [("msg_0", "another digest"), *AFTER.documents[1:]]
    assert broken(after=replace(AFTER, documents=changed)) == {BYTES: ["msg_0"]}


def test_bytes_of_another_webhook_are_found() -> None:
    swapped = [("msg_0", GENUINE["msg_1"].digest), ("msg_1", GENUINE["msg_0"].digest), *AFTER.documents[2:]]
    assert broken(after=replace(AFTER, documents=swapped)) == {BYTES: ["msg_0", "msg_1"]}


@pytest.mark.parametrize("seen", ["before", "after"])
def test_forged_webhook_that_is_stored_is_found(seen: str) -> None:
    forged = ("msg_forged", SENT["msg_forged"].digest)
    given = {"before": BEFORE, "after": AFTER}
    assert broken(**{seen: also_stored(given[seen], forged)})[NOT_REFUSED] == ["msg_forged"]


def test_forged_webhook_that_is_a_dead_letter_is_found() -> None:
    assert broken(before=replace(BEFORE, dead=[*BEFORE.dead, "msg_forged"])) == {NOT_REFUSED: ["msg_forged"]}


def test_forged_webhook_that_is_acknowledged_is_found() -> None:
    found = broken(acknowledged=ACKNOWLEDGED | {"msg_forged"}, refused=set())
    assert found[FORGED_IS_REFUSED] == ["msg_forged"]


def test_genuine_webhook_that_is_refused_is_found() -> None:
    before = replace(BEFORE, documents=BEFORE.documents[1:])
    after = replace(AFTER, documents=AFTER.documents[1:])
    found = broken(acknowledged=ACKNOWLEDGED - {"msg_0"}, refused=REFUSED | {"msg_0"}, before=before, after=after)
    assert found == {ACKNOWLEDGED_IN_THE_END: ["msg_0"], FORGED_IS_REFUSED: ["msg_0"]}


def test_webhook_that_was_given_up_may_be_stored_or_not() -> None:
    # The queue took it, and the answer was lost, each time.
    assert broken(acknowledged=ACKNOWLEDGED - {"msg_0"}) == {ACKNOWLEDGED_IN_THE_END: ["msg_0"]}
    after = replace(AFTER, documents=AFTER.documents[1:])
    assert broken(acknowledged=ACKNOWLEDGED - {"msg_0"}, after=after) == {ACKNOWLEDGED_IN_THE_END: ["msg_0"]}


def test_poison_that_is_stored_is_found() -> None:
    after = also_stored(replace(AFTER, dead=[]), ("msg_poison", SENT["msg_poison"].digest))
    assert broken(after=after) == {STORED_IS: ["msg_poison"], DEAD_ARE: ["msg_poison"]}


def test_dead_letter_that_was_not_redriven_is_found() -> None:
    assert broken(after=BEFORE) == {STORED_IS: ["msg_3"], DEAD_ARE: ["msg_3"]}


@pytest.mark.parametrize(("seen", "when"), [("before", "before"), ("after", "after")])
def test_what_waits_in_the_queue_is_found(seen: str, when: str) -> None:
    given = {"before": BEFORE, "after": AFTER}
    found = broken(**{seen: replace(given[seen], waiting=2)})
    assert found == {EMPTY: [f"2 messages {when} the redrive"]}


@pytest.mark.parametrize("make", [lambda seed: plan.webhooks(seed, 500), lambda seed: plan.faults(seed, 31, 500)])
def test_seed_decides(make: Callable[[int], object]) -> None:
    assert make(1) == make(1)
    assert make(1) != make(2)


def test_plan_has_its_shares() -> None:
    webhooks = plan.webhooks(1, 5000)
    kinds = [each.kind for each in webhooks]
    assert {kind: kinds.count(kind) for kind in sorted(set(kinds))} == {
        "forged": 50,
        "huge": 3,
        "large": 15,
        "ordered": 250,
        "ordinary": 4572,
        "poison": 50,
        "slow": 10,
        "unwanted": 50,
    }
    twice = [each for each in webhooks if len(each.copies) == 2]
    assert len(twice) == 250
    assert sum(each.copies == (0.0, 0.0) for each in twice) == 125
    assert {each.forgery for each in webhooks if each.kind == "forged"} == set(plan.FORGERIES)
    assert len({each.key for each in webhooks}) == 5000
    assert len({each.id for each in webhooks}) == 4950


def test_two_of_one_id_have_other_content_and_half_of_them_come_one_after_the_other() -> None:
    webhooks = plan.webhooks(1, 5000)
    second = [each for each in webhooks if each.same_id_as is not None]
    first = {each.id: each for each in webhooks if each.same_id_as is None}
    assert all(first[each.id].digest != each.digest for each in second)
    ordinary = [each.number for each in webhooks if each.kind == "ordinary"]
    apart = [ordinary.index(each.number) - ordinary.index(first[each.id].number) for each in second]
    assert apart.count(1) >= len(apart) // 2 - 1
    assert max(map(abs, apart)) > 100


SHARED = {
    **SENT,
    "msg_0": replace(GENUINE["msg_0"], shared_id="msg_0"),
    "msg_1": replace(GENUINE["msg_1"], shared_id="msg_0"),
}
OWN = f"msg_0~{GENUINE['msg_1'].digest[:32]}"


def with_shared_id(*documents: tuple[str, str]) -> dict[str, list[str]]:
    seen = [replace(each, documents=[*documents, *each.documents[2:]]) for each in (BEFORE, AFTER)]
    found = check(SHARED, ACKNOWLEDGED, REFUSED, *seen)
    return {each.rule: each.offending for each in found if not each.holds}


def test_two_of_one_id_are_stored_under_the_id_and_beside_it() -> None:
    assert with_shared_id(("msg_0", GENUINE["msg_0"].digest), (OWN, GENUINE["msg_1"].digest)) == {}


def test_one_of_two_with_one_id_that_was_taken_for_a_repeat_is_found() -> None:
    found = with_shared_id(("msg_0", GENUINE["msg_0"].digest))
    assert found == {ONCE_OR_DEAD: ["msg_1"], STORED_IS: ["msg_1"]}


def test_large_bodies_do_not_fit_into_a_message() -> None:
    sizes = [len(each.body) for each in plan.webhooks(1, 500) if each.kind in ("large", "huge")]
    assert min(sizes) > 1024 * 1024
    assert 5_000_000 < max(sizes) < 6 * 1024 * 1024


def test_all_content_types_are_sent() -> None:
    assert {each.content_type for each in plan.webhooks(1, 500)} == set(plan.CONTENT_TYPES)


def test_one_webhook_that_the_filter_does_not_want_and_is_stored_is_found() -> None:
    sent = {**SENT, "msg_0": replace(GENUINE["msg_0"], unwanted=True)}
    found = check(sent, ACKNOWLEDGED, REFUSED, BEFORE, AFTER)
    assert [each.rule for each in found if not each.holds] == [UNWANTED, STORED_IS]


def test_webhook_that_overtook_an_earlier_one_of_its_group_is_found() -> None:
    sent = {**SENT, "msg_0": replace(GENUINE["msg_0"], group="a"), "msg_2": replace(GENUINE["msg_2"], group="a")}
    late = replace(BEFORE, documents=[*BEFORE.documents[1:], BEFORE.documents[0]])
    found = check(sent, ACKNOWLEDGED, REFUSED, late, AFTER)
    assert {each.rule: each.offending for each in found if not each.holds} == {IN_ORDER: ["msg_0"]}


@pytest.mark.parametrize("visibility", [10, 31, 60])
def test_first_outage_is_longer_than_all_tries_take(visibility: float) -> None:
    first, second = plan.outages(visibility)
    assert first[1] - first[0] > plan.TRIES * visibility
    assert first[1] < second[0]


@pytest.mark.parametrize("visibility", [10, 31, 60])
def test_what_is_stopped_goes_on(visibility: float) -> None:
    whats = [fault.what for fault in plan.faults(1, visibility, 500)]
    for stop, go_on in (
        (plan.HOST_AWAY, plan.HOST_BACK),
        (plan.HANG_DATABASE, plan.DATABASE_GOES_ON),
        (plan.HANG_WORKERS, plan.WORKERS_GO_ON),
    ):
        turns = [what for what in whats if what in (stop, go_on)]
        assert turns
        assert turns == [stop, go_on] * (len(turns) // 2)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.defect)
def test_defect_can_still_be_planted(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text()
    planted = mutant.planted(text)
    assert planted != text
    compile(planted, mutant.file, "exec")


class _Process:
    def __init__(self, command: str, children: tuple["_Process", ...] = ()) -> None:
        self._command, self._children = command, children
        self.signals: list[int] = []

    def cmdline(self) -> list[str]:
        return self._command.split()

    def children(self) -> tuple["_Process", ...]:
        return self._children

    def send_signal(self, number: int) -> None:
        self.signals.append(number)


def test_workers_that_a_deployment_calls_are_never_killed() -> None:
    workers = [
        _Process(f"python /tmp/ministack-lambda-nami-faults-{each}-x/_worker.py")
        for each in ("FaultsPreQueue1", "ReservationsAsk2", "FaultsMongoPostQueue3", "ReservationsAsk4")
    ]
    aws: Any = _Process("python -m nami_local.aws", (*workers, _Process("python -m nami_local.host")))
    killing = breaking.Breaking(aws, [plan.Fault(0, plan.KILL_WORKERS)] * 9, 1, lambda: 0)
    killing.run()
    assert [bool(each.signals) for each in workers] == [True, False, True, False]


def test_command_of_an_operation_that_fails_is_told() -> None:
    def typed(*arguments: str) -> str:
        raise SystemExit(f"nami {' '.join(arguments)} ended with 1")

    run: Any = object.__new__(Run)
    run.operations, run.span, run.visibility, run._typed = [], 0.0, 10, typed
    run.producer = SimpleNamespace(secret="whsec_", change=lambda _: None)
    run._write_secret = lambda *_: None
    run._operate(time.monotonic() - 3600)
    assert run.operations[-1] == "FAILED: the dead letters are redriven: nami dlq redrive faults ended with 1"


def test_log_is_counted_as_it_grows_and_a_line_only_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "aws.log"
    whole, half = f"{logged.WORKER_STARTED}\n", logged.WORKER_STARTED[:9]
    file.write_text(f"{whole}other\n{half}")
    log = logged.Log(file)
    assert log.count(logged.WORKER_STARTED) == 1
    with file.open("a") as more:
        more.write(whole.removeprefix(half) + whole)
    assert log.count(logged.WORKER_STARTED) == 3
    assert log.count(logged.WORKER_ENDED) == 0


def test_several_of_a_group_may_be_in_one_batch() -> None:
    ordered: Any = subscriptions.SETTINGS[subscriptions.ORDERED]
    connect, read = ordered["backend_connect_timeout"], ordered["backend_read_timeout"]
    function, no_rate = ordered["post_queue_timeout"], {"rate": None, "batches": 1}
    assert backend_batch(connect=connect, read=read, concurrency=1, function=function, ordered=True, **no_rate) >= 3


def test_each_of_a_group_that_the_backend_refuses_has_others_behind_it() -> None:
    webhooks = plan.webhooks(1, 600)
    groups: dict[str, list[plan.Webhook]] = defaultdict(list)
    for each in webhooks:
        groups[each.group].append(each)
    refused = [each for each in webhooks if each.refused]
    assert len(refused) >= 6
    assert all(each.group for each in refused)
    assert any(groups[each.group].index(each) < len(groups[each.group]) - 2 for each in refused)


def test_backend_refuses_a_webhook_for_a_while_and_then_takes_it() -> None:
    backend = Backend(1, refused=["a"], seconds=0.05)
    try:
        assert backend.fault("a") == "500"
        deadline = time.monotonic() + 5
        while backend.fault("a") == "500":
            assert time.monotonic() < deadline
        assert backend.refusals
    finally:
        backend.close()
