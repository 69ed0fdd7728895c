"""The CDK CLI, used directly against local AWS as the README says: deploy, diff, deploy again, destroy."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.local.conftest import ROOT, Nami, pipeline

TAKEN = ("app.py", "cdk.json", "nami_stack", "lambdas", "ec2_userdata")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout's app, free to be changed."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in TAKEN:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


def test_cdk_deploys_shows_differences_updates_and_destroys(nami: Nami, checkout: Path) -> None:
    def cdk(command: str, *arguments: str) -> str:
        result = subprocess.run(
            ["cdk", command, "-c", "name=direct", "--no-notices", *arguments],
            cwd=checkout,
            env={**os.environ, "PATH": nami.environment["PATH"], **nami.status()["environment"]},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr

    cdk("deploy", "--require-approval", "never")
    direct = pipeline(nami, "direct")
    _, delivery_id = direct.post(b'{"version": 1}')
    assert direct.document(delivery_id)["body"] == {"version": 1}

    difference = cdk("diff", "-c", "post_queue_memory=512")
    assert "[-] 256" in difference
    assert "[+] 512" in difference

    handler = checkout / "lambdas" / "post_queue" / "handler.py"
    code = handler.read_text()
    changed = code.replace("    return document\n", '    document["changed"] = True\n    return document\n')
    assert changed != code
    handler.write_text(changed)
    cdk("deploy", "--require-approval", "never", "-c", "post_queue_memory=512")
    memory = direct.client("lambda").get_function_configuration(FunctionName=direct.outputs()["PostQueueFunctionName"])[
        "MemorySize"
    ]
    assert memory == 512
    _, delivery_id = direct.post(b'{"version": 2}')
    assert direct.document(delivery_id)["changed"] is True

    volume = direct.outputs()["DataVolumeId"]
    cdk("destroy", "--force")
    assert "direct" not in nami.status()["endpoints"]
    assert direct.client("ec2").describe_volumes(VolumeIds=[volume])["Volumes"], "the data volume is kept"
