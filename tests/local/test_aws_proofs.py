"""The test that a real account runs, rehearsed: the same program against local AWS."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from nami_control.aws import Aws
from nami_control.client import Subscription
from proofs.aws import cleaning
from proofs.aws.proofs import PROOFS, Proof
from proofs.aws.run import FAILED, HELD, NOT_REACHED, SKIPPED, Run
from proofs.aws.stacks import ENVIRONMENT, STACKS
from tests import loaded
from tests.local.conftest import ROOT, Nami

CHEAP = next(stack for stack in STACKS if stack.name == "ordered")


@pytest.fixture
def environment(nami: Nami) -> dict[str, str]:
    return {**nami.environment, **nami.status()["environment"], **loaded.variables()}


def run(environment: dict[str, str], *options: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.loaded", "proofs.aws", *options]
    return subprocess.run(
        command, cwd=ROOT, env=environment, input=answer, capture_output=True, text=True, timeout=400, check=False
    )


@pytest.fixture
def aws(environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.chdir(tmp_path)
    for key, value in {**environment, "NAMI_HOME": str(tmp_path / "home")}.items():
        monkeypatch.setenv(key, value)
    loaded.use(monkeypatch.setattr)
    (tmp_path / "cdk.json").write_text(json.dumps({"context": {"environments": {ENVIRONMENT: {}}}}))
    made = Aws(ENVIRONMENT)
    yield made
    cleaning.clean(made, print)


def there_is(environment: dict[str, str]) -> set[str]:
    """What is in the account that a stack could leave."""

    def client(service: str) -> Any:
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            region_name=environment["AWS_REGION"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=environment["AWS_SESSION_TOKEN"],
        )

    found = {
        *client("sqs").list_queues().get("QueueUrls", []),
        *client("dynamodb").list_tables()["TableNames"],
        *(bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]),
        *(secret["ARN"] for secret in client("secretsmanager").list_secrets()["SecretList"]),
        *(stack["StackName"] for stack in client("cloudformation").describe_stacks()["Stacks"]),
    }
    return {each for each in found if "awstest" in each.lower()}


def test_without_a_yes_nothing_is_made(environment: dict[str, str]) -> None:
    for answer, said in (("n\n", "nothing was changed"), ("", "YES=1 does not ask")):
        result = run(environment, answer=answer)
        assert result.returncode == 1
        assert f"nami-{ENVIRONMENT}-host" in result.stderr
        assert "dollars by list prices" in result.stderr
        assert said in result.stderr
    assert there_is(environment) == set()


def test_all_that_local_aws_can_do_holds_and_nothing_is_left(environment: dict[str, str], tmp_path: Path) -> None:
    result = run(environment, "--yes", "--out", str(tmp_path))
    said = json.loads((tmp_path / "aws-test.json").read_text())
    outcomes = {each["what"]: each["outcome"] for each in said["proofs"]}
    assert outcomes == {each.what: SKIPPED if each.not_local else HELD for each in PROOFS}, result.stderr
    assert [each["detail"] for each in said["proofs"] if each["outcome"] == SKIPPED] == [
        f"local AWS: {each.not_local}" for each in PROOFS if each.not_local
    ]
    assert (result.returncode, said["holds"], said["left"]) == (0, True, [])
    assert (tmp_path / "aws-test.md").read_text() == result.stdout.removesuffix("\n")
    assert there_is(environment) == set()


def interrupt(_deployed: Subscription) -> str:
    raise KeyboardInterrupt


def test_interrupt_in_the_middle_leaves_nothing(aws: Aws) -> None:
    proofs = [Proof("it goes on", "ordered", interrupt), Proof("it gets there", "ordered", interrupt)]
    interrupted = Run(aws, [CHEAP], proofs, print)
    with pytest.raises(KeyboardInterrupt):
        interrupted.carry_out()
    assert [each.outcome for each in interrupted.report.proofs] == [FAILED, NOT_REACHED]
    assert interrupted.report.left == []
    assert there_is(dict(os.environ)) == set()


def test_clean_finds_by_tag_what_an_ended_run_left(aws: Aws, environment: dict[str, str]) -> None:
    ended = Run(aws, [CHEAP], [], print)
    target = ended.deploy(CHEAP)
    assert target.describe()
    kept = target.resources()
    cleaning.destroy(target)  # as `nami destroy`: the table and its bucket stay
    table = next(each["PhysicalResourceId"] for each in kept if each["ResourceType"] == "AWS::DynamoDB::Table")
    assert ("AWS::DynamoDB::Table", table) in cleaning.find(aws).kept
    assert table in run(environment, "--yes").stderr  # a new run does not begin beside it
    assert run(environment, "--clean", "--yes").returncode == 0
    assert not cleaning.find(aws)
    assert run(environment, "--clean").stderr.endswith("nothing is left\n")
