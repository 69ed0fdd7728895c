"""A real Chromium, which comes from npm (package.json), on a machine without root and without a download site."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

TOOLS = Path(sys.prefix) / "cdk"
AXE = TOOLS / "node_modules" / "axe-core" / "axe.min.js"
REBOUND = "rebound.example"  # a stranger's name that leads to this machine
_FOLDER = Path(sys.prefix) / "chromium"  # 209 MB unpacked, kept for the next run
# The package unpacks into the temporary folder; libraries and a font are for machines that have none.
_UNPACK = """
import { createReadStream, existsSync } from "node:fs";
import { createBrotliDecompress } from "node:zlib";
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { createRequire } from "node:module";
import { pipeline } from "node:stream/promises";
import { createWriteStream } from "node:fs";
import chromium from "@sparticuz/chromium";
const path = await chromium.executablePath();
const bin = join(dirname(createRequire(process.cwd() + "/").resolve("@sparticuz/chromium")), "..", "bin");
const tar = join(dirname(path), "libraries.tar");
if (!existsSync(tar)) {
  await pipeline(createReadStream(join(bin, "al2023.tar.br")), createBrotliDecompress(), createWriteStream(tar));
  spawnSync("tar", ["-xf", tar, "-C", dirname(path)]);
}
console.log(path);
"""


def executable() -> tuple[Path, dict[str, str]]:
    """The browser's program, and the variables that it needs to start."""
    _FOLDER.mkdir(exist_ok=True)
    node = shutil.which("node", path=f"{sys.prefix}/bin{os.pathsep}{os.environ['PATH']}")
    assert node, "node is not installed: make install"
    run = subprocess.run(
        [node, "--input-type=module", "--eval", _UNPACK],
        cwd=TOOLS,
        env={**os.environ, "TMPDIR": str(_FOLDER)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    program = Path(run.stdout.strip())
    needs = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    if "not found" not in needs:
        return program, {}
    fonts = _FOLDER / "fonts.conf"
    fonts.write_text(f"<fontconfig><dir>{_FOLDER / 'fonts'}</dir><cachedir>{_FOLDER / 'cache'}</cachedir></fontconfig>")
    return program, {"LD_LIBRARY_PATH": str(_FOLDER / "lib"), "FONTCONFIG_FILE": str(fonts)}


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, running."""
    program, libraries = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=[
                "--no-sandbox",
                "--headless=shell",
                "--disable-gpu",
                f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1",
            ],
            env={**os.environ, **libraries},
        )
        yield browser
        browser.close()
