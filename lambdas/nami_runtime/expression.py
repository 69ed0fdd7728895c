"""A JSONata expression, and the program that evaluates it for another process, which it can't take along.

jsonata-python bounds time and depth between two steps of an expression, and one step may be a regular expression or a
text of a gigabyte. So the time is kept by a signal and the memory by the system, and what gets past both, such as an
interpreter that hangs without a byte left, is ended by who asked.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from typing import TYPE_CHECKING

from jsonata import JException, Jsonata

from nami_runtime import piped

if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import NoReturn

MAX_CALLS = 3000
"""Python's calls within each other: about 250 of an expression's own. One that ends in its own call takes one alone."""
# The signal comes again until it is heard: what is raised within a callback of the interpreter's own is lost.
_AGAIN_SECONDS = 0.05

sys.setrecursionlimit(MAX_CALLS)  # jsonata-python sets another as it is loaded
_placeholder = re.compile(r"\{+\w+\}+")
_lone_surrogate = re.compile("[\ud800-\udfff]")
_OWN_ERRORS = ("D3137", "D3141")  # $error and $assert: the text is whatever they say


class Wrong(ValueError):
    """The text is no JSONata; says what and where."""


class _Expired(BaseException):
    """There is no time left; nothing on the way may take it for an error of its own."""


_BOUNDS = {
    _Expired: "took over {:g} seconds",
    MemoryError: "took too much memory",
    RecursionError: "calls itself too deeply",
}


class _NoResult(Exception):
    """There is none, or none that is JSON; the text says which."""


def parsed(text: str) -> Jsonata:
    """The expression. Raises Wrong."""
    try:
        return Jsonata(text)
    except JException as error:
        what, place = str(error), error.location
    except RecursionError:
        what, place = "is nested too deeply", 0
    except Exception as error:  # the parser's own faults with what is no JSONata
        what, place = f"can't be read ({type(error).__name__})", 0
    from nami_runtime.pattern import one_line  # noqa: PLC0415 - of what is wrong

    before = text[max(0, place - 20) : place]
    raise Wrong(one_line(f"{what}{f', at position {place}, behind {before!r}' if before else ''}")) from None


def evaluated(expression: Jsonata, given: bytes, seconds: float) -> bytes:
    """The answer: the expression's result of a value as JSON, or why there is none."""
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_SECONDS)
            # With bindings of its own, even none, it has nothing of what the one before has bound.
            if (value := expression.evaluate(json.loads(given), {})) is None:
                raise _NoResult("has no result for this webhook")
            return piped.RESULT + encoded(value)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except (Exception, _Expired) as error:
        signal.setitimer(signal.ITIMER_REAL, 0)  # it may have come before the line above
        place = _place(error.__traceback__)
        where = "" if place is None else f" at position {place}"
        said = f"{_reason(error, seconds)}{where}"
        own = str(error) if isinstance(error, JException) else f"{type(error).__name__}: {error}"
        return piped.REASON + json.dumps({"reason": said, "said": own[:300]}).encode()


def encoded(value: object) -> bytes:
    """A result as JSON, in UTF-8. Text that is no Unicode is escaped twice, since no store takes it escaped once."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_no_json)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _lone_surrogate.sub(lambda found: f"\\\\u{ord(found[0]):04x}", text).encode()


def _no_json(value: object) -> NoReturn:
    raise _NoResult("results in a function or a regular expression, which is no JSON")


def _reason(error: BaseException, seconds: float) -> str:
    """Why there is no result, without a word of the webhook: the library's own texts quote its values."""
    if isinstance(error, JException):
        if error.error in _OWN_ERRORS:
            return "calls $error, or its $assert does not hold,"
        template = JException.error_codes.get(error.error, "")
        return f"fails ({error.error}: {_placeholder.sub('…', template)})" if template else "fails"
    if isinstance(error, _NoResult):
        return str(error)
    for kind, reason in _BOUNDS.items():
        if isinstance(error, kind):
            return reason.format(seconds)
    return f"fails ({type(error).__name__})"


def _place(trace: TracebackType | None) -> int | None:
    """Where in the expression it was being evaluated; what is within `$eval` is of another text."""
    place: int | None = None
    while trace is not None and trace.tb_frame.f_code.co_name != "function_eval":
        if trace.tb_frame.f_code.co_name == "_eval":
            position = getattr(trace.tb_frame.f_locals.get("expr"), "position", None)
            place = position if isinstance(position, int) else place
        trace = trace.tb_next
    return place


def main(text: str, seconds: float, memory: int) -> None:
    """Answer each value on the standard input on the standard output, until there are no more."""
    expression = parsed(text)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = None  # the library prints here what it does not expect
    signal.signal(signal.SIGALRM, _expire)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for who asks, and then there are no more
    _bound(memory)
    piped.write(sink, piped.READY)
    while given := piped.read(source):
        piped.write(sink, evaluated(expression, given, seconds))


def _expire(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise _Expired


def _bound(memory: int) -> None:
    """Let this process take so many bytes more; a bound that Linux alone knows."""
    import resource  # noqa: PLC0415 - who but reads an expression may have none

    try:
        with open("/proc/self/statm", encoding="ascii") as told:  # noqa: PTH123 - pathlib is not loaded
            most = int(told.read().split()[5]) * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    except (OSError, ValueError):  # another system, or a bound below this one
        return


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
