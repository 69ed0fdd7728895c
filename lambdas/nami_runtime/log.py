"""One JSON line per request or batch, for CloudWatch: never a body, never a secret."""

from __future__ import annotations

import json
import sys

_encode = json.JSONEncoder(separators=(",", ":"), default=repr).encode


def line(level: str, message: str, **fields: object) -> None:
    """Prints one line; flushed, because the platform may freeze the process right after the answer."""
    sys.stdout.write(_encode({"level": level, "message": message, **fields}) + "\n")
    sys.stdout.flush()


def place(error: BaseException) -> str:
    """Where an error was raised, for the log: its own text could quote a body or a secret."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" at {trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""
