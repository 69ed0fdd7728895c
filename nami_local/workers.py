"""The processes that run functions on this machine: ministack's workers, one for each invocation at a time."""

import hashlib
import queue
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# Imports botocore into each worker, three quarters of its start, so that a function which calls itself by boto3 again
# and again is stopped.
_WATCH_FOR_LOOPS = "    _ms_install_invoke_depth()\n"
# What an invocation printed ends with this, which is written before its answer. ministack waits for a pause instead:
# for 50 ms where nothing is printed, and under load it misses what is.
_ANSWER = "        _real_stdout.flush()\n\nrun()"
_MARK = "\0end of invocation"
_MARK_WITHIN = 5.0  # seconds, where a process that the function left behind keeps the pipe open
_CODE = "code"  # the folder of a worker that has its function's


def register() -> None:
    """Put this in ministack's place.

    Raises:
        AttributeError: ministack's internals have moved.
    """
    from ministack.core import lambda_runtime  # noqa: PLC0415 (the CLI runs without ministack)

    script, invoke = lambda_runtime._PYTHON_WORKER_SCRIPT, lambda_runtime.Worker.invoke
    drain = lambda_runtime.Worker._drain_stderr_bounded
    if _WATCH_FOR_LOOPS not in script or _ANSWER not in script:
        raise AttributeError("ministack's workers watch for loops or answer in another way")
    marked = f"        sys.stderr.write({_MARK!r} + chr(10))\n        sys.stderr.flush()\n{_ANSWER}"
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_WATCH_FOR_LOOPS, "").replace(_ANSWER, marked)

    def invoke_alone(worker: Any, *args: Any, **kwargs: Any) -> Any:
        """On AWS an environment that dies while it starts takes no other with it; ministack ends all of the function's.

        Under load the others are starting too, and each of them that is ended so ends all of them again, without end.
        """
        try:
            return invoke(worker, *args, **kwargs)
        except Exception as error:
            lambda_runtime.kill_workers([worker])
            return {"status": "error", "error": str(error)}

    def printed(worker: Any, *args: Any, **kwargs: Any) -> Any:
        """What the invocation printed, all of it and as soon as it is there."""
        if not worker.config["Runtime"].startswith("python"):
            return drain(worker, *args, **kwargs)
        lines: list[str] = []
        until = time.monotonic() + _MARK_WITHIN
        while time.monotonic() < until:
            try:
                line = worker._stderr_queue.get(timeout=0.05)
            except queue.Empty:
                if worker._stderr_thread.is_alive():
                    continue
                break
            text, mark, _ = line.partition(_MARK)
            if text or not mark:
                lines.append(text)
            if mark:
                break
        return "\n".join(lines)

    lambda_runtime.zipfile = SimpleNamespace(**vars(zipfile) | {"ZipFile": _unpacking_once()})
    lambda_runtime.Worker.invoke = invoke_alone
    lambda_runtime.Worker._drain_stderr_bounded = printed


def _unpacking_once() -> type[zipfile.ZipFile]:
    """A function's code is unpacked once for all of its workers, which so share what Python compiles of it as well.

    ministack unpacks it for each one, and each one compiles it anew.
    """
    folders: dict[bytes, Path] = {}
    unpacking = threading.Lock()

    class Once(zipfile.ZipFile):
        def extractall(self, path: Any = None, *args: Any, **kwargs: Any) -> None:
            if Path(path).name != _CODE or not any(name.endswith(".py") for name in self.namelist()):
                super().extractall(path, *args, **kwargs)  # Node's gets links to its layers put into it
                return
            digest = hashlib.sha256(Path(str(self.filename)).read_bytes()).digest()
            with unpacking:
                if digest not in folders or not folders[digest].is_dir():
                    folder = Path(tempfile.mkdtemp(prefix="nami-code-"))
                    super().extractall(folder, *args, **kwargs)
                    folders[digest] = folder
            Path(path).rmdir()
            Path(path).symlink_to(folders[digest])

    return Once
