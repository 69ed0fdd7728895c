"""nami on a machine that has uv and a Python, by one command."""

import json
import os
import shutil
import sys
from pathlib import Path

from tests.package.conftest import ROOT, run


def test_one_command_without_a_clone_stores_a_webhook(tmp_path: Path) -> None:
    run("uv", "build", "--quiet", "--wheel", "--out-dir", tmp_path / "dist", ROOT)
    wheel = next((tmp_path / "dist").glob("*.whl"))
    # What a newcomer's machine has: uv and a Python, neither node nor the CDK CLI.
    bare = tmp_path / "bin"
    bare.mkdir()
    for tool in ("uv", "uvx"):
        (bare / tool).symlink_to(str(shutil.which(tool)))
    home = tmp_path / "home"
    environment = {
        **{k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")},
        "PATH": f"{bare}:/usr/bin:/bin",
        "XDG_CACHE_HOME": str(home / ".cache"),
        "UV_CACHE_DIR": run("uv", "cache", "dir").strip(),
    }
    tool = ["uvx", "--python", sys.executable, "--constraints", ROOT / "requirements.txt"]
    nami = [*tool, "--from", f"nami-webhooks[local] @ {wheel.as_uri()}", "nami"]
    try:
        run(*nami, "local", "up", "shopify", "--sample", "--detach", cwd=tmp_path, env=environment)
        events = run(*nami, "local", "events", "shopify", "--json", cwd=tmp_path, env=environment)
    finally:
        run(*nami, "local", "down", cwd=tmp_path, env=environment)
    assert json.loads(events.splitlines()[0])["subscription"] == "shopify"
    assert list((home / ".cache").glob("nami/aws-cdk-*/.bin/cdk"))
