"""The signals that end a command, and what must not be left half started by them."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """SIGINT, SIGTERM or SIGHUP: stop what was started, then end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turn the signals that end a command into an exception; the first one is enough."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        if _starting.depth:
            _starting.interrupted_by = number
        else:
            raise Interrupted(number)

    before = {each: signal.signal(each, interrupt) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


class _Starting:
    depth = 0
    interrupted_by: int | None = None


_starting = _Starting()


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """Put an interrupt off until what is started here is known to those who stop it."""
    number = None
    _starting.depth += 1
    try:
        yield
    finally:
        _starting.depth -= 1
        if not _starting.depth:
            number, _starting.interrupted_by = _starting.interrupted_by, None
    if number is not None:
        raise Interrupted(number)
