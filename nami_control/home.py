"""The folder that commands keep their files in."""

import contextlib
import os
from pathlib import Path

# Their modes travel into the functions' archives, where Lambda's own user must be able to read them.
_ASSETS = ("asset.", "bundling-temp-")


def folder() -> Path:
    """NAMI_HOME, or .nami here."""
    return Path(os.environ.get("NAMI_HOME") or ".nami").absolute()


def prepare(home: Path) -> None:
    """Make it, unseen by git, and its owner's alone: documents and settings lie there, perhaps from before."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    (home / ".gitignore").write_text("*\n")
    for place, folders, files in os.walk(home):
        folders[:] = [name for name in folders if not name.startswith(_ASSETS)]
        for path in (Path(place, name) for name in (*folders, *files)):
            with contextlib.suppress(OSError):  # what another command removes meanwhile
                if not path.is_symlink() and (mode := path.stat().st_mode) & 0o077:
                    path.chmod(mode & 0o700)
