"""The same destination, as the command knows it."""

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import toy_stack  # noqa: F401 (enters it into the table of the settings)

from nami_control.checks import ok
from nami_control.destinations import DESTINATIONS
from nami_control.destinations.base import Destination, Find, Looks
from nami_control.planning.assumptions import Assumption, Times
from nami_control.planning.bill import Line, line
from nami_stack.settings import Subscription


class Folder(Destination):
    """Its files are the documents."""

    kind = "folder"
    shown_by = "FolderPath"
    write = Assumption(2, "ms for a file", "assumed")

    def stored(self, *, query: dict[str, Any], ids: list[str], limit: int, follow: bool) -> Generator[dict[str, Any]]:
        files = sorted(self._path.glob("*.json"), key=lambda file: file.stat().st_mtime)
        yield from (json.loads(file.read_text()) for file in files[-limit:] if not ids or file.stem in ids)

    @contextmanager
    def opened(self) -> Iterator[Find]:
        yield lambda ids: [
            json.loads(file.read_text()) for each in ids if (file := self._path / f"{each}.json").exists()
        ]

    def looks(self) -> Looks:
        return {"folder": lambda: ok("folder", f"{len(list(self._path.glob('*.json')))} files")}

    @classmethod
    def burst_lines(cls, subscription: Subscription, stored: float, times: Times) -> list[Line]:
        return [line("files", "gp3-gb", stored * times.body_kb / 1e6)]

    @property
    def _path(self) -> Path:
        return Path(self.drain.post_queue.environment["FOLDER"])


DESTINATIONS["folder"] = Folder
