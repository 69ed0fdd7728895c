"""What is sent and what goes wrong meanwhile: all of it follows from one seed."""

import hashlib
import json
import random
from dataclasses import dataclass
from functools import cached_property

A_SECOND = 100
"""Webhooks that are sent at most."""
TRIES = 2
"""That a webhook has: so few that the other faults make dead letters within minutes."""
TWICE = 0.05
POISON = FORGED = UNWANTED = SAME_ID = 0.01
LARGE, SLOW, HUGE = 0.003, 0.002, 0.0002
ORDERED = 0.05
GROUPS = 8
"""Of the ordered ones: each group's are sent one after the other, and must arrive so."""
REFUSED = 0.01
"""Of the ordered ones: the backend answers each of them 500 for a while, and what comes behind it waits."""
REFUSED_FOR = 1.5
"""How long, in visibility timeouts: at the second try too, when those behind it are in the same batch."""
_LEAST = 3  # of each kind, so that a small run has them too, whatever fault meets one of them
_LEAST_REFUSED = 6
SHARES = {
    "poison": POISON,
    "forged": FORGED,
    "large": LARGE,
    "huge": HUGE,
    "slow": SLOW,
    "unwanted": UNWANTED,
    "ordered": ORDERED,
}
FORGERIES = ("other secret", "body changed", "id changed", "no signature", "an hour old")
KILL_WORKERS = "half of the functions' workers are killed"
HANG_WORKERS = "a worker of each function hangs"
WORKERS_GO_ON = "the workers that hung go on, if they were not ended"
KILL_DATABASE = "the database is killed"
HOST_AWAY = "the database's host goes away"
HOST_BACK = "the database's host comes back"
HANG_DATABASE = "the database hangs"
DATABASE_GOES_ON = "the database goes on"
OUTAGES = {HOST_AWAY: HOST_BACK, HANG_DATABASE: DATABASE_GOES_ON}
# What a function may take, and what the platform then takes to end it, and one more. Seconds.
_HUNG = 8.0
# Beyond the 1 MiB that SQS takes, by a little and by half; and as much as Lambda takes of a text.
LARGE_BYTES, HUGE_BYTES = (1_100_000, 1_500_000), (5_000_000, 5_800_000)
CONTENT_TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain; charset=utf-8",
    "application/xml",
    "application/octet-stream",
    "multipart/form-data; boundary=nami",
)
# Of ten, how many have each of the other types.
_OTHER_TYPES = 3


@dataclass(frozen=True)
class Webhook:
    """One webhook of the burst, known by its number; the id that its signature covers may be another one's as well."""

    seed: int
    number: int
    kind: str = "ordinary"
    """ordinary, large, huge, ordered, poison (the user's handler raises), slow (it hangs at the first try), unwanted
    (by the filter), or forged."""
    forgery: str = ""
    copies: tuple[float, ...] = (0.0,)
    """When each copy is sent, seconds from when the first one is due."""
    same_id_as: int | None = None
    """The number of another webhook that has this one's id, and other content."""
    refused: bool = False
    """By the backend, for a while; others of its group come meanwhile."""

    @property
    def key(self) -> str:
        return f"msg_{self.seed}_{self.number}"

    @property
    def id(self) -> str:
        return f"msg_{self.seed}_{self.number if self.same_id_as is None else self.same_id_as}"

    @property
    def group(self) -> str:
        """Of the ordered ones; empty: of none."""
        return f"group {self.number % GROUPS}" if self.kind == "ordered" else ""

    @property
    def content_type(self) -> str:
        """Most are JSON; those that the handler looks into all are."""
        if self.kind == "ordinary" and self.number % 10 < _OTHER_TYPES:
            return CONTENT_TYPES[self.number // 10 % len(CONTENT_TYPES)]
        return CONTENT_TYPES[0]

    @property
    def body(self) -> bytes:
        """What would not survive being parsed and written again: its bytes are those that must be stored."""
        own = random.Random(f"{self.seed}/{self.number}")
        lengths = {"large": LARGE_BYTES, "huge": HUGE_BYTES}
        length = own.randrange(*lengths.get(self.kind, (20, 2000)))
        padding = own.randbytes(length // 2)
        match self.content_type.partition(";")[0]:
            case "application/x-www-form-urlencoded":
                return f"number={self.number}&text=%C3%A9+%e2%98%83&padding={padding.hex()}&number=again".encode()
            case "text/plain":
                return f"{self.number} é ☃ 𝄞\r\n{padding.hex()}".encode()
            case "application/xml":
                return f'<?xml version="1.0"?><o n="{self.number}">é<!-- {padding.hex()} --></o>'.encode()
            case "application/octet-stream":
                return b"%d\x00\xff" % self.number + padding
            case "multipart/form-data":
                head = f'--nami\r\ncontent-disposition: form-data; name="number"\r\n\r\n{self.number}\r\n'
                file = '--nami\r\ncontent-disposition: form-data; name="f"; filename="f.bin"\r\n\r\n'
                return (head + file).encode() + padding + b"\r\n--nami--\r\n"
        text = json.dumps({"text": "é ☃ 𝄞", "padding": padding.hex()}, ensure_ascii=own.random() < 0.5)
        known = f'"number": {self.number},  "kind" : "{self.kind}",\n"group": "{self.group}", "price": 1.10'
        return f'{{{known}, "data":{text} }}'.encode()

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def webhooks(seed: int, count: int) -> list[Webhook]:
    """The burst, in the order in which it is sent."""
    chance = random.Random(seed)
    kinds: list[str] = []
    for kind, share in SHARES.items():
        kinds += [kind] * max(_LEAST, round(share * count))
    kinds += ["ordinary"] * (count - len(kinds))
    chance.shuffle(kinds)
    genuine = [number for number, kind in enumerate(kinds) if kind not in ("forged", "ordered", "huge")]
    twice = chance.sample(genuine, max(2, round(TWICE * count)))
    # Half of them at the same time, half of them later.
    later = {number: 0.0 if at % 2 else round(chance.uniform(0.2, 5), 2) for at, number in enumerate(twice)}
    same_id = _pairs([number for number, kind in enumerate(kinds) if kind == "ordinary"], count, chance)
    refused = _refused([number for number, kind in enumerate(kinds) if kind == "ordered"], seed)
    forgeries = 0
    planned = []
    for number, kind in enumerate(kinds):
        forgery = FORGERIES[forgeries % len(FORGERIES)] if kind == "forged" else ""
        forgeries += kind == "forged"
        copies = (0.0, later[number]) if number in later else (0.0,)
        planned.append(Webhook(seed, number, kind, forgery, copies, same_id.get(number), number in refused))
    return planned


def _refused(ordered: list[int], seed: int) -> set[int]:
    """Some of the earlier ones, so that their groups go on behind them."""
    earlier = ordered[: len(ordered) * 2 // 3]
    most = max(_LEAST_REFUSED, round(REFUSED * len(ordered)))
    return set(random.Random(f"refused of {seed}").sample(earlier, min(most, len(earlier))))


def _pairs(ordinary: list[int], count: int, chance: random.Random) -> dict[int, int]:
    """The second of each two webhooks with one id, and the first; half of them are sent one right after the other."""
    places = chance.sample(range(0, len(ordinary) - 1, 2), max(_LEAST, round(SAME_ID * count)))
    half = len(places) // 2
    first, second = [ordinary[at] for at in places], [ordinary[at + 1] for at in places]
    return dict(zip(second, first[:half] + first[half + 1 :] + first[half : half + 1], strict=True))


@dataclass(frozen=True, order=True)
class Fault:
    """Something that goes wrong `at` seconds after the first webhook."""

    at: float
    what: str


def outages(visibility: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """From when to when the database is away, seconds after the first webhook.

    The first time it is away for longer than all tries of a webhook take, the second time for longer than a function
    waits for it, which is 3 s of its 5.
    """
    # Not before the functions have started.
    first = max(0.2 * visibility, 5.0)
    back = first + (TRIES + 0.5) * visibility
    hangs = back + 0.4 * visibility
    return (first, back), (hangs, hangs + max(0.4 * visibility, 6.0))


def cycle(visibility: float) -> float:
    """Seconds after which everything that goes wrong has done so once."""
    return outages(visibility)[1][1] + 5


def span(visibility: float, count: int) -> float:
    """Seconds over which the burst is sent, so that the faults meet it, and no faster than two cores take it in."""
    return max(0.8 * outages(visibility)[1][1], count / A_SECOND)


def faults(seed: int, visibility: float, count: int) -> list[Fault]:
    """What goes wrong when, for a queue with this visibility timeout (seconds); again and again while webhooks come."""
    length = cycle(visibility)
    turns = max(1, int(span(visibility, count) / length))
    return sorted(
        Fault(turn * length + each.at, each.what)
        for turn in range(turns)
        for each in _cycle(f"{seed}/{turn}", visibility)
    )


def _cycle(seed: str, visibility: float) -> list[Fault]:
    chance = random.Random(f"faults of {seed}")
    (away, back), (hangs, end) = outages(visibility)
    planned = [
        Fault(away, HOST_AWAY),
        Fault(back, HOST_BACK),
        Fault(hangs, HANG_DATABASE),
        Fault(end, DATABASE_GOES_ON),
        # As the burst begins, and while the queue is drained; its host starts it again.
        Fault(0.5, KILL_DATABASE),
        Fault(end + 3, KILL_DATABASE),
    ]
    # Around the outages: in them, batches are to wait for the database until they fail.
    for start, stop in ((1.0, away - 1), (back, hangs - 2), (end, end + 4)):
        planned += [Fault(chance.uniform(start, stop), KILL_WORKERS) for _ in range(2)]
    turns = min(3, int(end / (_HUNG + 2)))
    gap = end / turns
    for turn in range(turns):
        at = turn * gap + chance.uniform(1, gap - _HUNG)
        planned += [Fault(at, HANG_WORKERS), Fault(at + _HUNG, WORKERS_GO_ON)]
    return planned
