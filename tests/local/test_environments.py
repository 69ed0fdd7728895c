"""One name, deployed without and within an environment: two stacks, and no command on one touches the other."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from nami_stack.assets import CDK_JSON
from tests import loaded, synthesis
from tests.local.conftest import ROOT, Nami, Pipeline, pipeline, wait_for

HERE = {"account": "123456789012", "region": "us-east-1"}
SETTINGS = {"destination": "dynamodb", "batch_window": 0, "batch_size": 10}


@dataclass
class Both:
    """The subscription cart twice."""

    command: Nami
    plain: Pipeline
    prod: Pipeline

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A program against this local AWS, in the folder with the environments."""
        env = {**self.command.environment, **self.command.status()["environment"], **loaded.variables()}
        return subprocess.run(
            arguments, cwd=self.command.folder, env=env, capture_output=True, text=True, timeout=150, check=False
        )

    def items(self, which: Pipeline) -> set[str]:
        found = which.client("dynamodb").scan(TableName=which.outputs()["TableName"])["Items"]
        return {item["id"]["S"] for item in found}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("environments")
    content = json.loads(CDK_JSON.read_text())
    content["app"] = f"{sys.executable} {synthesis.__file__}"
    content["context"] |= {"subscriptions": {"cart": SETTINGS}, "environments": {"prod": {**HERE, "max_receives": 4}}}
    (folder / "cdk.json").write_text(json.dumps(content))
    command = Nami(folder / "home", folder)
    command.up("cart")
    # The environment with its account and region, as the CDK CLI takes it without nami's command.
    both = Both(command, pipeline(command, "cart"), Pipeline("prod-cart", "", None, None))  # type: ignore[arg-type]
    result = both.run("cdk", "deploy", "-c", "name=cart", "-c", "env=prod", "--require-approval=never")
    assert result.returncode == 0, result.stderr
    both.prod = pipeline(command, "prod-cart")
    yield both
    command("down")
    assert command.left_running() == []


def test_each_has_its_own_data(both: Both) -> None:
    status, plain = both.plain.post(b'{"to": "plain"}')
    assert status == 200
    status, prod = both.prod.post(b'{"to": "prod"}')
    assert status == 200
    wait_for(lambda: plain in both.items(both.plain) and prod in both.items(both.prod), 30)
    assert plain not in both.items(both.prod)
    assert prod not in both.items(both.plain)


def test_settings_of_the_environment_are_deployed(both: Both) -> None:
    def tries(which: Pipeline) -> int:
        said = which.client("sqs").get_queue_attributes(
            QueueUrl=which.outputs()["QueueUrl"], AttributeNames=["RedrivePolicy"]
        )
        return int(json.loads(said["Attributes"]["RedrivePolicy"])["maxReceiveCount"])

    assert (tries(both.plain), tries(both.prod)) == (5, 4)


def test_list_tells_them_apart(both: Both) -> None:
    rows: list[dict[str, Any]] = json.loads(both.command.typed("--local", "list", "--json").stdout)
    assert [(row["name"], row["environment"]) for row in rows] == [("cart", None), ("cart", "prod")]
    assert [row["endpoint"] for row in rows] == [both.plain.endpoint, both.prod.endpoint]


def test_outputs_are_read_of_the_one_that_is_asked_for(both: Both) -> None:
    said = both.command.typed("--local", "outputs", "cart", "--env", "prod", "--json")
    assert json.loads(said.stdout)["TableName"] == both.prod.outputs()["TableName"]


def test_smoke_tests_of_the_environments_stack_pass(both: Both) -> None:
    before = both.items(both.plain)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/smoke", "--stack", "nami-prod-cart"],
        cwd=ROOT,
        env={**os.environ, **both.command.status()["environment"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert both.items(both.plain) == before


def test_stack_of_an_environment_is_not_taken_for_a_subscriptions(both: Both) -> None:
    result = both.command.typed("--local", "destroy", "prod-cart", "--yes")
    assert result.returncode == 12
    assert "the stack nami-prod-cart here is cart in the environment prod, not prod-cart" in result.stderr
    assert both.prod.outputs()["EndpointUrl"]


def test_command_deploys_into_local_aws_whatever_account_the_environment_has(both: Both) -> None:
    content = json.loads((both.command.folder / "cdk.json").read_text())
    content["context"]["environments"]["prod"] = {"account": "111122223333", "region": "eu-central-1"}
    (both.command.folder / "cdk.json").write_text(json.dumps(content))
    before = both.prod.outputs()["TableName"]
    result = both.command.typed("--local", "deploy", "cart", "--env", "prod", "--max-receives", "6", "--reset")
    assert result.returncode == 0, result.stderr
    assert "nami --local --env prod doctor cart" in result.stdout
    assert both.prod.outputs()["TableName"] == before


def test_local_run_that_is_refused_leaves_the_stack_that_is_there(both: Both) -> None:
    refused = both.command("up", "prod-cart")
    assert "the stack nami-prod-cart here is cart in the environment prod, not prod-cart" in refused.stderr
    assert both.prod.outputs()["EndpointUrl"]


def test_destroying_one_leaves_the_other(both: Both) -> None:
    result = both.command.typed("--local", "destroy", "cart", "--env", "prod", "--yes")
    assert result.returncode == 0, result.stderr
    rows = json.loads(both.command.typed("--local", "list", "--json").stdout)
    assert [(row["name"], row["environment"]) for row in rows] == [("cart", None)]
    _, delivery_id = both.plain.post(b'{"still": "here"}')
    wait_for(lambda: delivery_id in both.items(both.plain), 30)


def test_local_run_joins_the_same_name_in_an_environment(tiny: Nami) -> None:
    (tiny.folder / "cdk.json").write_text(
        '{"app": "python3 app.py", "context": {"environments": {"prod": {"account": "111122223333"}}}}'
    )
    tiny.up("cart")
    tiny.up("cart", "--env", "prod")
    assert tiny.status()["endpoints"].keys() == {"cart", "prod-cart"}
    refused = tiny("up", "prod-cart", "--detach")
    assert "the stack nami-prod-cart here is cart in the environment prod, not prod-cart" in refused.stderr
    assert tiny("down", "prod-cart").returncode == 12
    assert tiny.status()["endpoints"].keys() == {"cart", "prod-cart"}
    assert tiny("down", "cart", "--env", "prod").stderr.startswith("prod-cart is down; still up: cart")


def test_account_that_can_spare_too_little_is_asked_before_anything_is_made(both: Both) -> None:
    settings = ("-c", "name=tight", "-c", "destination=dynamodb", "-c", "reserved_concurrency=950")
    result = both.run("cdk", "deploy", *settings, "--require-approval=never")
    assert result.returncode != 0
    assert re.search(r"can spare 8\d\d concurrent executions: reserving 950 of 9\d\d", result.stderr), result.stderr
    assert "-c reserved_concurrency=0" in result.stderr
    # All of a stack is named after it.
    there = {
        "queues": both.plain.client("sqs").list_queues(QueueNamePrefix="nami-tight").get("QueueUrls"),
        "tables": both.plain.client("dynamodb").list_tables()["TableNames"],
        "buckets": [each["Name"] for each in both.plain.client("s3").list_buckets()["Buckets"]],
        "functions": [each["FunctionName"] for each in both.plain.client("lambda").list_functions()["Functions"]],
    }
    assert "tight" not in json.dumps(there)
