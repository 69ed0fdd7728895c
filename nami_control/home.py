"""The folder that commands keep their files in."""

import os
from pathlib import Path


def folder() -> Path:
    """NAMI_HOME, or .nami here."""
    return Path(os.environ.get("NAMI_HOME") or ".nami").absolute()


def prepare(home: Path) -> None:
    """Make it, unseen by git."""
    home.mkdir(parents=True, exist_ok=True)
    (home / ".gitignore").write_text("*\n")
