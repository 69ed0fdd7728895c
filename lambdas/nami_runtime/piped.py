"""Messages between two processes, over pipes: the length in four bytes, and so many bytes."""

from __future__ import annotations

import os
import select
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

READY, RESULT, REASON = b"!", b"+", b"-"
"""How an answer begins: it may be asked; a result as JSON; {reason, said}, of which `said` may quote a webhook."""
_LENGTH_BYTES = 4


def write(sink: BinaryIO, content: bytes) -> None:
    """Sends one message. Raises OSError."""
    sink.write(len(content).to_bytes(_LENGTH_BYTES, "big") + content)
    sink.flush()


def read(source: BinaryIO) -> bytes:
    """The next message; empty once there are no more."""
    return source.read(int.from_bytes(source.read(_LENGTH_BYTES), "big"))


def read_until(source: BinaryIO, limit: float) -> bytes:
    """The next message; empty where it does not come by then (time.monotonic()), or there are no more.

    Raises OSError.
    """
    content = bytearray()
    missing = _LENGTH_BYTES
    while missing:
        if not select.select([source], [], [], max(0.0, limit - monotonic()))[0]:
            return b""
        if not (more := os.read(source.fileno(), missing)):
            return b""
        content += more
        missing -= len(more)
        if len(content) == _LENGTH_BYTES:
            missing = int.from_bytes(content, "big")
    return bytes(content[_LENGTH_BYTES:])
