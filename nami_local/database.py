"""The database of a local run: yours, or MongoDB where it is installed, or a small stand-in."""

import importlib.util
import shutil
import sys
from dataclasses import dataclass
from typing import Any

from nami_control import processes
from nami_control.errors import DatabaseError, MissingToolError
from nami_local.state import DATABASE, Home

_PORT = 27017


@dataclass(frozen=True)
class Database:
    """Where the documents go, and the command that makes it so (None: it runs already)."""

    uri: str
    command: list[str] | None


def choose(home: Home, mongo_uri: str | None, *, usual_port: bool = True) -> Database:
    """Pick the URI that was given, else a mongod on PATH, else nx-27017 (the MongoDB protocol over SQLite).

    Where several local AWSs start at once, MongoDB's usual port looks free to each of them: only one may want it.
    """
    if mongo_uri:
        return Database(mongo_uri, None)
    port = processes.free_port(_PORT if usual_port else None)
    if mongod := shutil.which("mongod"):
        folder = home.folder / "mongod"
        folder.mkdir(exist_ok=True)
        options = ["--bind_ip=127.0.0.1", f"--port={port}", "--nounixsocket", "--wiredTigerCacheSizeGB=0.25", "--quiet"]
        command = [mongod, f"--dbpath={folder}", *options]
    elif importlib.util.find_spec("nx_27017"):
        files = [f"--db={home.folder / 'nx-27017.db'}", f"--log-file={home.temporary / 'nx-27017.log'}"]
        # Its pid file would keep it from starting again after a kill, so it lies where each start begins empty.
        files.append(f"--pid-file={home.temporary / 'nx-27017.pid'}")
        command = [sys.executable, "-m", "nami_local.stand_in", "--host=127.0.0.1", f"--port={port}", *files]
    else:
        raise MissingToolError("no database: give --mongo-uri, install MongoDB, or pip install 'nami-webhooks[local]'")
    return Database(f"mongodb://127.0.0.1:{port}/", command)


def ping(uri: str, *, timeout: float = 3) -> None:
    """Raise DatabaseError where the database does not answer in time (seconds)."""
    import pymongo  # noqa: PLC0415 (a tenth of a second that other commands need not wait)
    import pymongo.errors  # noqa: PLC0415

    try:
        with pymongo.MongoClient[dict[str, Any]](
            uri, serverSelectionTimeoutMS=int(timeout * 1000), connectTimeoutMS=int(timeout * 1000)
        ) as client:
            client[DATABASE].command("ping")
    except pymongo.errors.PyMongoError as error:
        reason = str(error).split(", Timeout:")[0].split(" (configured timeouts")[0]
        raise DatabaseError(f"the database does not answer: {reason}") from None
