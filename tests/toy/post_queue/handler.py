"""The same destination, as the post-queue function writes to it: a user's own handler."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nami_runtime import batch


class Folder:
    """A webhook that is there already is a duplicate."""

    def write(self, documents: Sequence[dict[str, Any]], deadline: float) -> list[str]:
        return [self._write(document) for document in documents]

    def _write(self, document: dict[str, Any]) -> str:
        try:
            with (Path(os.environ["FOLDER"]) / f"{document['_id']}.json").open("x") as file:
                json.dump(document, file, default=str)
        except FileExistsError:
            return "duplicate"
        return "stored"


def handler(event: dict[str, object], context: batch.Context) -> dict[str, object]:
    return batch.drain(event, context, lambda document: document, Folder())
