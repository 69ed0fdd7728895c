"""HTTP/1.1 bodies that end otherwise than by a length (RFC 9112, section 6), such as S3's chunked errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def read(status: int, data: bytes, receive: Callable[[], bytes], *, chunked: bool, limit: int) -> tuple[bytes, bool]:
    """(body, whether the connection can be used again). `data` is what came after the head.

    Raises OSError for what is broken, or longer than `limit` bytes.
    """
    if chunked:
        return _chunks(data, receive, limit), True
    if status in (204, 304):
        return b"", True
    parts = [data]
    while received := receive():
        parts.append(received)
        if sum(map(len, parts)) > limit:
            raise OSError("answer too long")
    return b"".join(parts), False


def _chunks(data: bytes, receive: Callable[[], bytes], limit: int) -> bytes:
    def more() -> bytes:
        if not (received := receive()):
            raise ConnectionResetError("connection closed before the answer was complete")
        return data + received

    parts: list[bytes] = []
    total = 0
    while True:
        while (end := data.find(b"\r\n")) < 0:
            data = more()
        digits = data[:end].partition(b";")[0].strip()
        if not digits.isalnum():
            raise OSError("broken chunk")
        try:
            length = int(digits, 16)
        except ValueError:
            raise OSError("broken chunk") from None
        total += length
        if total > limit:
            raise OSError("answer too long")
        data = data[end + 2 :]
        if length == 0:
            while b"\r\n" not in data:  # no trailers come from AWS; the empty line ends the answer
                data = more()
            return b"".join(parts)
        while len(data) < length + 2:
            data = more()
        parts.append(data[:length])
        data = data[length + 2 :]
