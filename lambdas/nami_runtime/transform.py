"""What a destination gets in place of each document: the result of a JSONata expression. Loaded only where one is set.

The expression is evaluated by `expression` in a process of its own: where it ends that process, only the webhook fails.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from decimal import Decimal
from time import monotonic
from typing import TYPE_CHECKING, Any

from nami_runtime import contents, piped
from nami_runtime.documents import TRANSFORMED, outward, plain
from nami_runtime.results import NO_TIME, Away

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nami_runtime.documents import Document
    from nami_runtime.results import Destination

SECONDS = 2.0
"""What one webhook may take: a thousand times what most do, and a batch has time for others beside some such."""
MAX_BYTES = contents.MAX_MEMORY
"""What an expression may take beside its process; as much as documents that are written together."""
MAX_RESULT_BYTES = MAX_BYTES // 8
"""Of one result, and of those that are written together: what is parsed again takes some seven times its length."""
_PROGRAM = "nami_runtime.expression"
_START_SECONDS = 10.0
_LATE_SECONDS = 0.5  # that an answer may take beside its evaluation


class Failed(Exception):
    """There is no result for a webhook.

    Attributes:
        reason: why, without a word of the webhook; `Away` where that is not the webhook's own.
        said: what JSONata says, which may quote it.
    """

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(reason)
        self.reason, self.said = reason, said or reason


class Transform:
    """An expression, and the process that evaluates it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._start()

    def of(self, document: Document, deadline: float = math.inf) -> str:
        """The result for a document, as JSON. Raises Failed."""
        fields = outward(document)
        if "raw" in self._text and "raw" in document:  # it costs a third more than its length
            fields["raw"] = document["raw"]
        try:
            given = json.dumps(fields, default=_as_json).encode()
        except (TypeError, ValueError) as error:
            raise Failed(f"transform: the document is no JSON ({type(error).__name__})") from None
        if not self._is_ready:
            self._wait(min(deadline, monotonic() + _START_SECONDS))
        limit = monotonic() + SECONDS + _LATE_SECONDS
        answer = self._ask(given, min(limit, deadline))
        if not answer:
            if deadline < limit and monotonic() >= deadline:
                raise Failed(Away(f"transform: {NO_TIME}"))
            raise Failed(f"transform: took over {SECONDS:g} seconds or {MAX_BYTES >> 20} MB, and was ended")
        if not answer.startswith(piped.RESULT):
            told = json.loads(answer[1:])
            why = document.get("body_error")
            raise Failed(
                f"transform: {told['reason']}{f'; without a body, because {why}' if why else ''}", told["said"]
            )
        if len(answer) > MAX_RESULT_BYTES:
            more = "a larger post_queue_memory takes more"
            raise Failed(f"transform: its result has {len(answer)} bytes, over {MAX_RESULT_BYTES}; {more}")
        return answer[1:].decode()

    def close(self) -> None:
        """Ends the process; the next document has another."""
        self._process.kill()
        self._process.communicate()
        self._is_ready = False

    def _start(self) -> None:
        """Begins to, at a time when nobody waits for it."""
        # By its name, since beside it in its folder modules lie that are called like the library's own.
        program = [sys.executable, "-P", "-m", _PROGRAM, self._text, str(SECONDS), str(MAX_BYTES)]
        self._process = subprocess.Popen(
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},  # and none of our rights
        )
        self._is_ready = False

    def _wait(self, limit: float) -> None:
        """Waits until it can be asked. Raises Failed."""
        try:
            if self._process.poll() is not None:
                self._start()
            self._is_ready = self._read(limit) == piped.READY
        except OSError as error:
            raise Failed(Away(f"transform away: {type(error).__name__}")) from None
        if not self._is_ready:
            self.close()
            raise Failed(Away("transform away: its process does not start"))

    def _ask(self, given: bytes, limit: float) -> bytes:
        """The answer; empty where there is none in time, or its process has ended, and then it is done with."""
        answer = b""
        try:
            piped.write(self._process.stdin, given)  # type: ignore[arg-type] # a pipe
            answer = self._read(limit)
        except OSError:
            pass
        if not answer:
            self.close()
        return answer

    def _read(self, limit: float) -> bytes:
        return piped.read_until(self._process.stdout, limit)  # type: ignore[arg-type] # a pipe


class Transformed:
    """A destination that gets results.

    Args:
        destination: what writes them; a document has its result as TRANSFORMED.
    """

    def __init__(self, destination: Destination, text: str) -> None:
        self._destination, self._transform = destination, Transform(text)

    def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
        results: list[str] = [Away(f"transform: {NO_TIME}")] * len(documents)
        waiting: dict[int, Document] = {}
        size = 0
        # Some that take all they may must not use up what the others need to be written.
        begins_until = (monotonic() + deadline) / 2
        for index, document in enumerate(documents):
            if monotonic() >= begins_until:
                break
            try:
                text = self._transform.of(document, deadline)
            except Failed as failed:
                results[index] = failed.reason
                continue
            if waiting and size + len(text) > MAX_RESULT_BYTES:
                self._write(waiting, results, deadline)
                size = 0
            waiting[index] = {**document, TRANSFORMED: text}
            size += len(text)
        self._write(waiting, results, deadline)
        return results

    def _write(self, waiting: dict[int, Document], results: list[str], deadline: float) -> None:
        if waiting:
            said = self._destination.write(list(waiting.values()), deadline)
            for index, result in zip(waiting, said, strict=True):
                results[index] = result
            waiting.clear()


def _as_json(value: object) -> object:
    if isinstance(value, Decimal):  # JSONata's numbers are doubles
        return number if math.isfinite(number := float(value)) else str(value)
    return plain(value)
