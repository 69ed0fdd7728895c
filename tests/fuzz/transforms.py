"""A transform: an expression as it may be typed, and documents as they may come to one that is set."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.fuzz.target import Case, Target

_EXPRESSIONS = (
    '{"key": id, "topic": headers."x-topic", "total": $sum(body.lines.(price * count)), "at": received_at}',
    "body.lines[count > 1]^(>price).{'sku': $uppercase(sku), 'n': $string(count)}",
    "($f := function($x) { $x.price ~> $round(1) }; $map(body.lines, $f))",
    "$merge([$, {'note': $replace(body.note, /[a-z]+@/i, ''), 'at': $toMillis(received_at) ~> $fromMillis('[Y]')}])",
    "body.lines{sku: $sum(count)} ~> |$|{}, 'hidden'|",
    "$split($join(body.lines.sku, ','), ',') ~> $filter(function($v, $i) { $i % 2 = 0 }) ~> $distinct ~> $count",
    "$base64decode($base64encode($string(body))) & $formatNumber($number(body.n), '#,##0.00')",
)
_HIDDEN = "m4rk-3d-w0rd"
_DOCUMENT = {
    "id": "evt_1",
    "received_at": "2026-09-21T14:13:20.123Z",
    "headers": {"x-topic": "orders", "x-hidden": _HIDDEN},
    "body": {
        **{"note": f"{_HIDDEN}@example.com", "n": 12345.678, "hidden": _HIDDEN},
        "lines": [{"sku": _HIDDEN, "price": 1.55, "count": 2}, {"sku": "b", "price": 4, "count": 1}],
    },
}


def _seeds() -> list[Case]:
    read = [{"frozen": {"expression": None}, "text": text} for text in _EXPRESSIONS]
    return [*read, *({"frozen": {"expression": text}, "document": _DOCUMENT} for text in _EXPRESSIONS)]


@contextmanager
def _opened() -> Iterator[Callable[[Case], None]]:
    limit, printing = sys.getrecursionlimit(), sys.stdout
    from nami_runtime import expression, piped  # noqa: PLC0415 (it sets the limit for its own process)

    before = signal.signal(signal.SIGALRM, expression._expire)

    def check(case: Case) -> None:
        sys.setrecursionlimit(expression.MAX_CALLS)
        sys.stdout = None  # type: ignore[assignment] # as in its process
        try:
            if (text := case["frozen"]["expression"]) is None:
                expression.parsed(str(case.get("text", "")))
                return
            answer = expression.evaluated(expression.parsed(text), json.dumps(case.get("document")).encode(), 2.0)
        except expression.Wrong as wrong:
            assert len(str(wrong).splitlines()) <= 1, "an error of more than one line"  # noqa: PT017
            return
        finally:
            sys.setrecursionlimit(limit)
            sys.stdout = printing
        told = json.loads(answer[1:])
        if answer[:1] != piped.RESULT:
            assert _HIDDEN not in told["reason"], "a word of the webhook is told"
            assert told["reason"].isprintable(), "a reason of more than one line"

    try:
        yield check
    finally:
        signal.signal(signal.SIGALRM, before)
        sys.setrecursionlimit(limit)


TARGET = Target(_seeds, _opened)
