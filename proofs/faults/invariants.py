"""What must hold whatever goes wrong, checked on what was seen from outside."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sent:
    """What the producer knows of a webhook: SHA-256 of its bytes, its id, and what must become of it."""

    digest: str
    shared_id: str = ""
    """The id that it has in common with another webhook; else its name is its id."""
    forged: bool = False
    poison: bool = False
    unwanted: bool = False
    """By the filter: it is acknowledged, and goes nowhere."""
    group: str = ""
    """Whose order it is in, as it comes in the mapping of all that was sent."""


@dataclass(frozen=True)
class Seen:
    documents: Collection[tuple[str, str]]
    """(`_id`, SHA-256 of `raw`) of each stored document."""
    dead: Collection[str]
    """The name of the webhook in each dead letter."""
    waiting: int
    """Messages that are in the queue."""


@dataclass(frozen=True)
class Invariant:
    """A rule, and the ids of the webhooks that break it."""

    rule: str
    offending: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.offending


def answers(sent: Mapping[str, Sent], acknowledged: set[str], refused: set[str]) -> list[Invariant]:
    """What the producer must have been told in the end."""
    forged = {each for each, webhook in sent.items() if webhook.forged}
    return [
        _invariant("every genuine webhook is acknowledged, in the end", (set(sent) - forged) - acknowledged),
        _invariant("every forged webhook is refused, and no other", (forged ^ refused) | (forged & acknowledged)),
    ]


def check(
    sent: Mapping[str, Sent], acknowledged: set[str], refused: set[str], before: Seen, after: Seen
) -> list[Invariant]:
    """What must be at a destination, before and after the redrive of all dead letters but the poison.

    A document is counted for the webhook whose bytes it holds, whatever its `_id`: that is how one that is stored under
    two ids is found. Of two webhooks with one id, one has it as its `_id`, and the other what begins with it.
    """
    forged = {each for each, webhook in sent.items() if webhook.forged}
    poison = {each for each, webhook in sent.items() if webhook.poison}
    unwanted = {each for each, webhook in sent.items() if webhook.unwanted}
    by_digest = {webhook.digest: each for each, webhook in sent.items()}
    stored_before, stored_after = (Counter(_owners(seen.documents, by_digest)) for seen in (before, after))
    # Neither acknowledged nor refused: the producer gave up, and whether the queue has it is not known.
    unsure = set(sent) - acknowledged - refused
    wanted = acknowledged - unwanted
    must_be_stored = wanted - poison
    anywhere = set(stored_before) | set(stored_after) | set(before.dead) | set(after.dead)
    return [
        _invariant(
            "every acknowledged webhook is stored exactly once, or a dead letter",
            {each for each in wanted if stored_before[each] == 0 and each not in set(before.dead)}
            | {each for each, times in stored_before.items() if times > 1},
        ),
        _invariant("none that was refused is stored, or a dead letter", (forged | refused) & anywhere),
        _invariant("none that the filter does not want is stored, or a dead letter", unwanted & anywhere),
        _invariant(
            "what is stored is what was sent, byte for byte",
            _changed([*before.documents, *after.documents], by_digest, sent),
        ),
        _invariant(
            "after the redrive, stored = acknowledged - poison, each once",
            (must_be_stored ^ (set(stored_after) - (unsure - poison)))
            | {each for each, times in stored_after.items() if times > 1},
        ),
        _invariant(
            "after the redrive, the dead letters are the poison, all of it and nothing else",
            (wanted & poison) ^ (set(after.dead) - (unsure & poison)),
        ),
        _invariant(
            "nothing is left in the queue",
            [
                f"{seen.waiting} messages {when} the redrive"
                for when, seen in (("before", before), ("after", after))
                if seen.waiting
            ],
        ),
        _invariant("each group arrived in its order", _overtaken(sent, before)),
    ]


def _overtaken(sent: Mapping[str, Sent], seen: Seen) -> Iterator[str]:
    """Those of a group that came after a later one of it."""
    place = {each: at for at, each in enumerate(sent)}
    last: dict[str, int] = {}
    for each, _ in seen.documents:
        if (webhook := sent.get(each)) and webhook.group:
            if place[each] < last.get(webhook.group, -1):
                yield each
            last[webhook.group] = max(place[each], last.get(webhook.group, -1))


def _changed(documents: Iterable[tuple[str, str]], by_digest: Mapping[str, str], sent: Mapping[str, Sent]) -> set[str]:
    """Those that hold other bytes than were sent under their ids."""
    return {each for each, digest in documents if each not in _places(by_digest.get(digest), digest, sent)}


def _places(owner: str | None, digest: str, sent: Mapping[str, Sent]) -> set[str]:
    """Under which ids a webhook may be stored: its own, or one that begins with it where another one has it too."""
    if owner is None:
        return set()
    shared = sent[owner].shared_id
    return {shared, f"{shared}~{digest[:32]}"} if shared else {owner}


def _owners(documents: Iterable[tuple[str, str]], by_digest: Mapping[str, str]) -> list[str]:
    return [by_digest.get(digest, each) for each, digest in documents]


def _invariant(rule: str, offending: Iterable[str]) -> Invariant:
    return Invariant(rule, sorted(offending))
