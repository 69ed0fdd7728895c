"""How often local AWS and the functions wrote something: a log of a hundred megabytes, read from end to end once."""

from collections import Counter
from pathlib import Path

WORKER_STARTED, WORKER_ENDED = "Lambda worker spawned", "killing worker"
DATABASE_AWAY = '"reason":"MongoDB'
NOT_SENT_ON = "a queue does not take what is sent on"
_COUNTED = {each: each.encode() for each in (WORKER_STARTED, WORKER_ENDED, DATABASE_AWAY, NOT_SENT_ON)}


class Log:
    """A file that others write to. For one thread at a time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._at = 0
        self._counts: Counter[str] = Counter()

    def count(self, text: str) -> int:
        """How often it is in the lines that are whole by now.

        Raises:
            ValueError: it is none of those that are counted.
        """
        if text not in _COUNTED:
            raise ValueError(text)
        with self._file.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._at += len(line)
                self._counts.update({each: line.count(written) for each, written in _COUNTED.items()})
        return self._counts[text]

    def lines(self, text: str) -> list[str]:
        """Those that have this in them."""
        with self._file.open(errors="replace") as file:
            return [line.rstrip("\n") for line in file if text in line]
