"""AWS's session-manager-plugin, which carries a tunnel: run with the arguments that the AWS CLI gives it."""

import contextlib
import json
import queue
import re
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

from nami_control.aws import Aws
from nami_control.errors import DatabaseError, last_line

# Later versions take the session's token from the environment, where other users of the machine can't see it.
_LAST_WITHOUT_ENVIRONMENT = (1, 2, 497, 0)
_TOKEN = "AWS_SSM_START_SESSION_RESPONSE"  # noqa: S105 (the variable's name)
_OPENS_WITHIN = 30  # seconds


@contextlib.contextmanager
def plugin_process(plugin: str, session: Any, request: Any, client: Any, aws: Aws) -> Iterator[subprocess.Popen[str]]:
    """The plugin, until it is no longer needed."""
    said = json.dumps({key: session[key] for key in ("SessionId", "TokenValue", "StreamUrl")})
    environment = {**aws.env, "SSM_PLUGIN_LOCAL_HOST": "127.0.0.1"}
    if _version(plugin) > _LAST_WITHOUT_ENVIRONMENT:
        environment[_TOKEN] = said
        said = _TOKEN
    profile = aws.env.get("AWS_PROFILE", "")
    process = subprocess.Popen(
        [plugin, said, client.region_name, "StartSession", profile, json.dumps(request), client.endpoint_url],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C is for us: the tunnel closes after what uses it
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _version(plugin: str) -> tuple[int, ...]:
    said = subprocess.run([plugin, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return tuple(map(int, said.split("."))) if re.fullmatch(r"\d+(\.\d+){0,3}", said) else ()


def opened_port(process: subprocess.Popen[str]) -> int:
    """Wait for the plugin's words "Port 54321 opened" and "Waiting for connections".

    Raises:
        DatabaseError: they did not come.
    """
    lines: queue.Queue[str | None] = queue.Queue()

    def listen() -> None:
        # To the end: a full pipe would stop the plugin.
        for line in process.stdout or ():
            lines.put(line)
        lines.put(None)

    threading.Thread(target=listen, daemon=True).start()
    told, port = "", 0
    while True:
        try:
            line = lines.get(timeout=_OPENS_WITHIN)
        except queue.Empty:
            raise DatabaseError(f"the tunnel did not open within {_OPENS_WITHIN} s: {last_line(told)}") from None
        if line is None:
            raise DatabaseError(f"the tunnel did not open: {last_line(told)}")
        told += line
        if found := re.search(r"Port (\d+) opened", line):
            port = int(found[1])
        if port and "Waiting for connections" in line:
            return port
