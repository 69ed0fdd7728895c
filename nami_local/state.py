"""What is up on this machine, as the folder `.nami` remembers it."""

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nami_control import home
from nami_control.processes import Identity

DATABASE = "nami"  # the database that the functions write to, here as on AWS


@dataclass
class State:
    """One local AWS and everything in it."""

    aws: Identity
    port: int
    mongo_uri: str
    token: str = ""
    """The session token that every request bears but webhooks, as tools and functions have it."""
    bootstrapped: bool = False
    subscriptions: dict[str, bool] = field(default_factory=dict)
    """By label, whether each is up; else it is on its way."""

    @property
    def endpoint_url(self) -> str:
        """AWS_ENDPOINT_URL of this local AWS."""
        return f"http://127.0.0.1:{self.port}"


class Home:
    """The folder that holds state, logs and the database's files."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or home.folder()).absolute()
        self.temporary = self.folder / "tmp"
        self.aws_log = self.folder / "aws.log"
        self._file = self.folder / "state.json"

    def prepare(self) -> None:
        """Make the folder."""
        home.prepare(self.folder)

    @contextlib.contextmanager
    def lock(self, name: str = "state") -> Iterator[None]:
        """Keep other commands out while the state changes; the system lets go of it however this one ends."""
        with (self.folder / f"{name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def load(self) -> State | None:
        """Return what was up when a command last looked; its processes may be gone since."""
        try:
            saved = json.loads(self._file.read_text())
            return State(
                aws=Identity(**saved["aws"]),
                port=saved["port"],
                token=saved.get("token", ""),  # of an earlier version, which asks for none
                mongo_uri=saved["mongo_uri"],
                bootstrapped=saved["bootstrapped"],
                # Of an earlier version, which can still be running, each has an entry that also says who held it.
                subscriptions={
                    name: up if isinstance(up, bool) else bool(up["ready"])
                    for name, up in saved["subscriptions"].items()
                },
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            # Half a file, or one of another version: nothing in it can be relied on.
            return None

    def save(self, state: State) -> None:
        """Replace the file at once, readable by its owner alone: the database's URI may hold a password."""
        new = self._file.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(asdict(state), indent=2))
        new.replace(self._file)

    def forget(self) -> None:
        """Remove the state and what only its processes used; the documents and the logs stay."""
        self._file.unlink(missing_ok=True)
        shutil.rmtree(self.temporary, ignore_errors=True)
