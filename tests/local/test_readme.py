"""The commands of the README and of docs/aws.md, typed as they stand there, against local AWS.

The subscription gets a name of its own, and questions are answered with yes; `make` targets are what runs these tests.
What `nami` deploys is synthesised by what is loaded (tests/loaded.py), what `cdk` deploys by what it starts itself.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import loaded
from tests.local.conftest import ROOT, Nami, pipeline

NAME = "readme"
TAKEN = ("app.py", "cdk.json", "nami_stack", "lambdas", "ec2_userdata", "nami_cli", "tests/smoke", "pyproject.toml")


README = (ROOT / "README.md").read_text()
WITH_THE_CDK = (ROOT / "docs" / "aws.md").read_text().partition("## With the CDK CLI\n")[2].partition("\n## ")[0]


def commands(text: str) -> list[str]:
    """All that stands behind a prompt, in its order."""
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [line.partition("  #")[0].strip() for line in lines]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    for name in TAKEN:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return folder


def typed(command: str, nami: Nami, folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    # The provider of `--signature shopify` keeps its name.
    own = re.sub(r"(?<!--signature )\bshopify\b", name, command)
    own = re.sub(r"^nami\b", f"PYTHONPATH={ROOT} {sys.executable} -m tests.loaded nami_cli.main", own)
    return subprocess.run(
        own,
        shell=True,
        cwd=folder,
        env={**os.environ, "PATH": nami.environment["PATH"], **nami.status()["environment"], **loaded.variables()},
        input="y\n",
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def test_every_command_is_one_that_is_tried() -> None:
    assert [command for command in commands(README) if not command.startswith(("nami ", "make local"))] == []


def test_commands_of_every_day_work_one_after_another(nami: Nami, tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text('{"order": 1001}')
    for command in [command for command in commands(README) if command.startswith("nami ")]:
        result = typed(command, nami, tmp_path, NAME)
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"


def test_cdk_commands_work_one_after_another_and_changed_code_is_deployed(nami: Nami, checkout: Path) -> None:
    name = f"{NAME}-cdk"

    def done(command: str) -> str:
        result = typed(command, nami, checkout, name)
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
        return result.stdout + result.stderr

    deploy, diff, smoke, destroy = commands(WITH_THE_CDK)
    done(deploy)
    difference = done(diff)
    assert "[-] 256" in difference
    assert "[+] 512" in difference
    done(smoke)

    handler = checkout / "lambdas" / "post_queue" / "handler.py"
    code = handler.read_text()
    changed = code.replace("    return document\n", '    document["changed"] = True\n    return document\n')
    assert changed != code
    handler.write_text(changed)
    done(f"{deploy} -c pre_queue_memory=512")
    deployed = pipeline(nami, name)
    assert deployed.document(deployed.post(b'{"version": 2}')[1])["changed"] is True
    function = deployed.outputs()["PreQueueFunctionName"]
    assert deployed.client("lambda").get_function_configuration(FunctionName=function)["MemorySize"] == 512

    volume = deployed.outputs()["DataVolumeId"]
    done(destroy)
    assert deployed.client("ec2").describe_volumes(VolumeIds=[volume])["Volumes"], "the data volume is kept"
    assert name not in nami.status()["endpoints"]
