"""Content encodings undone (RFC 9110, section 8.4.1), never beyond a bound: a kilobyte can become a gigabyte."""

from __future__ import annotations

import zlib
from importlib import import_module
from sys import version_info
from typing import TYPE_CHECKING

from nami_runtime.bodies import Unparsable

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_LAYERS = 3
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_WINDOW_LOG = 23  # 8 MB, the most that a sender may ask for: https://www.rfc-editor.org/rfc/rfc9659


def undo(raw: bytes, encodings: str, limit: int) -> tuple[bytes, str]:
    """(content, what was undone, as in `gzip` or `br+gzip`), of a body and its Content-Encoding header.

    What is no encoding (some send `utf-8`), and what a proxy has undone and still names, leaves the body as it is.
    Raises Unparsable for what is broken, over `limit` bytes, or of a kind that no library is there for.
    """
    undone: list[str] = []
    named = [each.strip().lower() for each in encodings.split(",")]
    for name in reversed(named):
        if not (inflate := _WAYS.get(name)):
            continue
        if len(undone) == _MAX_LAYERS:
            raise Unparsable(f"encoded more than {_MAX_LAYERS} times")
        try:
            content = inflate(raw, limit)
        except (zlib.error, EOFError) as error:
            raise Unparsable(f"it is not {name}: {error}"[:200]) from None
        if content is None:
            continue
        if len(content) > limit:
            raise Unparsable(f"inflated it is over {limit // 2**20} MB; a larger post_queue_memory takes more")
        raw = content
        undone.append(name)
    return raw, "+".join(undone)


def _gzip(raw: bytes, limit: int) -> bytes | None:
    if not raw.startswith(_GZIP):
        return None
    parts: list[bytes] = []
    left = limit + 1
    while raw.startswith(_GZIP) and left > 0:  # several members are one content
        member = zlib.decompressobj(zlib.MAX_WBITS + 16)
        parts.append(member.decompress(raw, left))
        left -= len(parts[-1])
        if not member.eof and left > 0:
            raise EOFError("it ends too early")
        raw = member.unused_data
    return b"".join(parts)


def _deflate(raw: bytes, limit: int) -> bytes | None:
    """With zlib's frame, as the standard says, or without, as some send it."""
    framed = len(raw) > 1 and raw[0] & 15 == zlib.DEFLATED and int.from_bytes(raw[:2]) % 31 == 0
    inflating = zlib.decompressobj(zlib.MAX_WBITS if framed else -zlib.MAX_WBITS)
    content = inflating.decompress(raw, limit + 1)
    if not inflating.eof and len(content) <= limit:
        raise EOFError("it ends too early")
    return content


def _brotli(raw: bytes, limit: int) -> bytes | None:
    try:
        brotli = import_module("brotli")  # the user's own, where it is installed
    except ImportError:
        raise Unparsable("br needs the package brotli in the function's requirements.txt") from None
    inflating = brotli.Decompressor()
    parts: list[bytes] = []
    try:
        # What an older version than 1.2 has not: a bound.
        parts.append(inflating.process(raw, output_buffer_limit=limit + 1))
        while not inflating.can_accept_more_data() and sum(map(len, parts)) <= limit:
            parts.append(inflating.process(b"", output_buffer_limit=limit + 1))
    except brotli.error as error:
        raise EOFError(str(error)) from None
    content = b"".join(parts)
    if not inflating.is_finished() and len(content) <= limit:
        raise EOFError("it ends too early")
    return content


def _zstd(raw: bytes, limit: int) -> bytes | None:
    try:
        zstd = import_module("compression.zstd" if version_info >= (3, 14) else "backports.zstd")
    except ImportError:
        raise Unparsable("zstd needs the package backports.zstd in the function's requirements.txt") from None
    if not raw.startswith(_ZSTD):
        return None
    inflating = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})
    try:
        content: bytes = inflating.decompress(raw, max_length=limit + 1)
    except zstd.ZstdError as error:
        raise EOFError(str(error)) from None
    if not inflating.eof and len(content) <= limit:
        raise EOFError("it ends too early")
    return content


_WAYS: dict[str, Callable[[bytes, int], bytes | None]] = {
    **{"gzip": _gzip, "x-gzip": _gzip, "deflate": _deflate, "br": _brotli, "zstd": _zstd}
}
