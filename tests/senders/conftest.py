"""A Python with the providers' libraries, apart from nami's own: they agree with none of its pins."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
Ask = Callable[..., Any]


@pytest.fixture(scope="session")
def senders_python() -> Path:
    """Made once for each state of the lock, in .venv."""
    pins = HERE / "requirements.txt"
    folder = HERE.parents[1] / ".venv" / f"senders-{sha256(pins.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if not (folder / "whole").exists():
        for command in (
            ["uv", "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
            [
                "uv",
                "pip",
                "install",
                "--quiet",
                "--python",
                str(python),
                "--require-hashes",
                "--requirement",
                str(pins),
            ],
        ):
            subprocess.run(command, check=True)
        (folder / "whole").touch()
    return python


@pytest.fixture(scope="session")
def ask(senders_python: Path) -> Iterator[Ask]:
    """What a provider's library says of a request, or signs."""
    with subprocess.Popen(
        [senders_python, HERE / "libraries.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def asked(
            provider: str, *, secret: str, url: str, headers: dict[str, str], body: bytes, sign: bool = False
        ) -> Any:
            assert process.stdin
            assert process.stdout
            question = {"provider": provider, "secret": secret, "url": url, "headers": headers, "sign": sign}
            process.stdin.write(json.dumps({**question, "body": base64.b64encode(body).decode()}) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield asked
        process.stdin.close() if process.stdin else None
