"""Programs that are run to their end."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, **options: object) -> str:
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert result.returncode == 0, result.stderr
    return str(result.stdout)
