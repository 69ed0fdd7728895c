#!/usr/bin/env -S python3 -IS
"""The CDK CLI, run by a process that has loaded it (cdk_cli.js): each start of its own costs two thirds of a second.

This file is a `cdk` for those whose environment names that process in VARIABLE. What neither synthesises nor deploys,
and what finds nobody there any more, has a CLI of its own.
"""

# ruff: noqa: PTH109, PTH118, PTH120, PTH123 - pathlib takes as long to load as all of this
import json
import os
import shutil
import socket
import sys

VARIABLE = "NAMI_TESTS_CDK_CLI"


def main() -> None:
    """Run `cdk …`."""
    cli = os.path.realpath(shutil.which("cdk") or "")
    if sys.argv[1:] == ["--version"]:
        with open(os.path.join(os.path.dirname(cli), "..", "package.json")) as package:
            print(json.load(package)["version"])
        return
    wanted = {
        "arguments": sys.argv[1:],
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "umask": _umask(),
        "output": f"/proc/{os.getpid()}/fd/1",
    }
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            if sys.argv[1] not in ("synth", "deploy"):
                raise OSError
            connection.connect(os.environ[VARIABLE])
        except OSError:
            os.execv(cli, [cli, *sys.argv[1:]])
        connection.sendall(json.dumps(wanted).encode() + b"\n")
        sys.exit(int(connection.recv(16) or b"1"))


def _umask() -> int:
    os.umask(mask := os.umask(0))
    return mask


if __name__ == "__main__":
    main()
