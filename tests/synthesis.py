"""app.py, run by a process that has loaded the CDK: the first synthesis takes two seconds of a core, another a fifth.

`python -m tests.synthesis` is that process: it prints where it listens, and ends when its standard input does. Where
VARIABLE names that place, this file is an app for the CDK CLI, which asks there.
"""

import contextlib
import json
import os
import socket
import sys
from collections.abc import Mapping

VARIABLE = "NAMI_TESTS_SYNTHESIS"


def ask(path: str) -> str:
    """Have the app run here, as the CDK CLI wants it; what it ended with, empty where it went well."""
    folder = os.getcwd()  # noqa: PTH109 - pathlib takes as long to load as all of this
    outdir = os.path.join(folder, os.environ["CDK_OUTDIR"])  # noqa: PTH118
    wanted = {"folder": folder, "outdir": outdir, "context": json.loads(os.environ["CDK_CONTEXT_JSON"])}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(json.dumps(wanted).encode() + b"\n")
        with connection.makefile() as said:
            return str(json.loads(said.readline()))


def serve() -> None:
    """Run the app for those who ask, one after the other."""
    import tempfile  # noqa: PLC0415 - who asks needs none of it
    import threading  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="nami-") as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{folder}/socket")
        server.listen()
        print(f"{folder}/socket", flush=True)

        def end() -> None:
            sys.stdin.read()
            server.shutdown(socket.SHUT_RDWR)  # nobody is accepted any more

        threading.Thread(target=end, daemon=True).start()
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):  # who asked is gone
                _answer(connection)


def _answer(connection: socket.socket) -> None:
    with connection, connection.makefile("rw") as asked:
        asked.write(json.dumps(here(**json.loads(asked.readline()))) + "\n")
        asked.flush()


def here(folder: str, outdir: str, context: Mapping[str, object]) -> str:
    """The app in this process, as from that folder; what it ended with, empty where it went well."""
    import runpy  # noqa: PLC0415
    import traceback  # noqa: PLC0415
    from unittest import mock  # noqa: PLC0415

    import aws_cdk  # noqa: PLC0415

    from nami_stack.assets import APP  # noqa: PLC0415

    with contextlib.chdir(folder):
        app = aws_cdk.App(context=context, outdir=outdir)
        try:
            with mock.patch.object(aws_cdk, "App", return_value=app):
                runpy.run_path(str(APP), run_name="__main__")
        except SystemExit as ended:
            return str(ended.code or "")
        except Exception:
            return traceback.format_exc()
    return ""


if __name__ == "__main__":
    if socket_of_another := os.environ.get(VARIABLE):
        sys.exit(ask(socket_of_another) or 0)
    serve()
