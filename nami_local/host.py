"""Keeps the local database running, as Docker does on the real host. `python -m nami_local.host COMMAND…`.

It stops, and the database with it, on SIGTERM and when its standard input closes: its parent holds the other end.
"""

import os
import signal
import subprocess
import sys
import threading

_FIRST_PAUSE = 0.5  # seconds before a database that went away is started again; doubled up to the last
_LAST_PAUSE = 8.0
_GRACE = 10  # seconds that the database gets to close its files


def main(command: list[str]) -> None:
    """Run the database's command, again and again, until told to stop."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threading.Thread(target=_wait_for_parent, args=(stop,), daemon=True).start()
    pause = _FIRST_PAUSE
    while not stop.is_set():
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        runs = 0
        while not stop.wait(0.1) and process.poll() is None:
            runs += 1
        if stop.is_set():
            _end(process)
            return
        pause = _FIRST_PAUSE if runs > 100 else min(pause * 2, _LAST_PAUSE)
        sys.stderr.write(f"the database ended with status {process.returncode}; next start in {pause} s\n")
        stop.wait(pause)


def _wait_for_parent(stop: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    stop.set()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
