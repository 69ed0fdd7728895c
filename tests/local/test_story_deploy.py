"""A subscription's life as a user types it, in a folder that holds nothing of nami: create, change, deploy, …, destroy.

Each test goes on where the one before it ended.
"""

import contextlib
import http.client
import json
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.local.conftest import Nami, Pipeline, pipeline

NAME = "story"
OWN_CHECK = """    if request.headers.get("x-story") != "once upon a time":
        raise intake.Refused(401, "not from the story")
"""


@pytest.fixture(scope="module")
def user(nami: Nami, tmp_path_factory: pytest.TempPathFactory) -> Nami:
    return Nami(nami.home, tmp_path_factory.mktemp("folder"), nami.port)


@pytest.fixture(scope="module")
def handler(user: Nami) -> Path:
    """The pre-queue handler that `create` wrote, with a check of the user's own."""
    result = user.typed("create", NAME)
    assert result.returncode == 0, result.stderr
    file = user.folder / "webhooks" / NAME / "pre_queue" / "handler.py"
    before = file.read_text()
    at = before.index("\n", before.index('goes no further."""')) + 1
    file.write_text(before[:at] + OWN_CHECK + before[at:])
    return file


@pytest.fixture(scope="module")
def deployed(user: Nami, handler: Path) -> subprocess.CompletedProcess[str]:
    settings = ("--batch-window", "0", "--batch-size", "10", "--save")
    result = user.typed("--local", "deploy", NAME, *settings, "--verbose")
    assert result.returncode == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def story(user: Nami, deployed: subprocess.CompletedProcess[str]) -> Pipeline:
    return pipeline(user, NAME)


def post(story: Pipeline, headers: dict[str, str]) -> tuple[int, str | None]:
    parts = urlsplit(story.endpoint)
    assert parts.hostname
    with contextlib.closing(http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)) as connection:
        connection.request("POST", parts.path, b'{"a": "tale"}', {"content-type": "application/json", **headers})
        response = connection.getresponse()
        return response.status, response.getheader("nami-delivery-id")


def test_deploy_ends_with_the_endpoint_and_the_time_it_took(
    deployed: subprocess.CompletedProcess[str], story: Pipeline
) -> None:
    assert f"POST {story.endpoint}" in deployed.stdout
    assert f"nami --local events {NAME}" in deployed.stdout
    assert re.search(r"story: deployed in \d[\d.]* (s|min)", deployed.stderr)


def test_deploy_tells_each_phase_with_its_time(deployed: subprocess.CompletedProcess[str]) -> None:
    phases = re.findall(r"^story: (\w+) took \d[\d.]* (?:s|min)", deployed.stderr, re.MULTILINE)
    assert phases == ["checking", "synthesising", "deploying"]


def test_verbose_deploy_tells_of_each_resource(deployed: subprocess.CompletedProcess[str]) -> None:
    assert re.search(r"story: SQS::Queue \S*Queue CREATE_COMPLETE", deployed.stderr)
    assert re.search(r"story: Lambda::Function \S*PreQueue CREATE_COMPLETE", deployed.stderr)


def test_saved_settings_are_in_cdk_json(user: Nami, story: Pipeline) -> None:
    assert json.loads((user.folder / "cdk.json").read_text()) == {
        "context": {"subscriptions": {NAME: {"batch_window": 0, "batch_size": 10}}}
    }


def test_webhook_that_fails_the_users_own_check_is_refused(story: Pipeline) -> None:
    assert post(story, {}) == (401, None)
    assert story.documents.count_documents({}) == 0


def test_webhook_that_passes_it_is_stored(story: Pipeline) -> None:
    status, delivery_id = post(story, {"x-story": "once upon a time"})
    assert status == 200
    assert story.document(delivery_id)["body"] == {"a": "tale"}


def test_diff_shows_a_changed_memory_size_alone(user: Nami, story: Pipeline) -> None:
    result = user.typed("--local", "diff", NAME, "--pre-queue-memory", "512")
    assert result.returncode == 0, result.stderr
    assert re.search(r"MemorySize\n.*\[-\] 256\n.*\[\+\] 512", result.stdout), result.stdout
    assert result.stdout.count("MemorySize") == 1
    assert "[-] AWS::" not in result.stdout


def test_dry_run_deploys_nothing(user: Nami, story: Pipeline) -> None:
    result = user.typed("--local", "deploy", NAME, "--pre-queue-memory", "512", "--dry-run")
    assert result.returncode == 0, result.stderr
    assert "MemorySize" in result.stdout
    assert "ok    bootstrap" in result.stderr
    function = story.client("lambda").get_function_configuration(FunctionName=story.outputs()["PreQueueFunctionName"])
    assert function["MemorySize"] == 256


def test_list_has_every_subscription(user: Nami, story: Pipeline, shopify: Pipeline) -> None:
    rows = {row["name"]: row for row in json.loads(user.typed("--local", "list", "--json").stdout)}
    assert rows.keys() >= {NAME, "shopify"}
    assert rows[NAME]["endpoint"] == story.endpoint
    assert (rows[NAME]["waiting"], rows[NAME]["dead_letters"], rows[NAME]["oldest_seconds"]) == (0, 0, None)


def test_outputs_are_the_stacks(user: Nami, story: Pipeline) -> None:
    said = json.loads(user.typed("--local", "outputs", NAME, "--json").stdout)
    assert said == story.outputs() | {"EndpointUrl": story.endpoint}


def test_doctor_finds_nothing_that_fails(user: Nami, story: Pipeline) -> None:
    result = user.typed("--local", "doctor", NAME, "--json")
    assert result.returncode == 0, result.stderr
    found = {check["check"]: check["status"] for check in json.loads(result.stdout)}
    assert found.pop("signature") == "warn"
    assert set(found.values()) == {"ok"}


def test_deployment_that_takes_the_queue_away_waits_for_what_is_in_it(user: Nami, story: Pipeline) -> None:
    functions = story.client("lambda")
    found = functions.list_event_source_mappings(FunctionName=story.outputs()["PostQueueFunctionName"])
    (mapping,) = found["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    _, delivery_id = post(story, {"x-story": "once upon a time"})
    result = user.typed("--local", "deploy", NAME, "--order-by", "$.a")
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    assert result.returncode == 12
    assert "story gets other queues by this deployment" in result.stderr
    assert story.document(delivery_id)["body"] == {"a": "tale"}


def test_failing_deployment_is_one_line_with_its_log(user: Nami, story: Pipeline) -> None:
    file = user.folder / "webhooks" / NAME / "post_queue" / "requirements.txt"
    before = file.read_text()
    file.write_text("this-is-no-requirement ===\n")
    result = user.typed("--local", "deploy", NAME)
    file.write_text(before)
    assert result.returncode == 6
    assert "synth.log" in result.stderr.splitlines()[-1]


def test_signature_makes_the_doctor_ask_for_its_secret(user: Nami, story: Pipeline) -> None:
    assert user.typed("--local", "deploy", NAME, "--signature", "github").returncode == 0
    result = user.typed("--local", "doctor", NAME)
    assert result.returncode == 12
    assert f"`nami --local secret {NAME}`" in result.stdout


def test_signature_is_not_lost_by_leaving_it_out(user: Nami, story: Pipeline) -> None:
    result = user.typed("--local", "deploy", NAME)
    assert result.returncode == 12
    assert "add --signature github" in result.stderr
    assert "SignatureSecretArn" in story.outputs()


def test_destroy_asks(user: Nami, story: Pipeline) -> None:
    result = user.typed("--local", "destroy", NAME, stdin=b"n\n")
    assert result.returncode == 1
    assert "nothing was changed" in result.stderr
    assert story.outputs()


def test_destroy_keeps_the_volume_and_says_how_to_adopt_it(user: Nami, story: Pipeline, shopify: Pipeline) -> None:
    outputs = story.outputs()
    result = user.typed("--local", "destroy", NAME, "--yes")
    assert result.returncode == 0, result.stderr
    command, flags = result.stdout.split()[:4], result.stdout.split()[4:]
    assert command == ["nami", "--local", "deploy", NAME]
    assert dict(zip(flags[::2], flags[1::2], strict=True)) == {
        "--data-volume-id": outputs["DataVolumeId"],
        "--availability-zone": "us-east-1a",
        "--database-secret-arn": outputs["DatabaseSecretArn"],
        "--batch-size": "10",
        "--batch-window": "0",
        "--signature": "github",
    }
    assert story.client("ec2").describe_volumes(VolumeIds=[outputs["DataVolumeId"]])["Volumes"]
    assert not story.client("sqs").list_queues(QueueNamePrefix=f"nami-{NAME}-").get("QueueUrls")
    assert "shopify" in user.status()["endpoints"]
    assert NAME not in user.status()["endpoints"]
    status, _ = shopify.post(b'{"still": "here"}')
    assert status == 200


def test_destroy_of_what_is_not_there_is_one_line_and_code_3(user: Nami, story: Pipeline) -> None:
    result = user.typed("--local", "destroy", "never-was", "--yes")
    assert result.returncode == 3
    assert "error: never-was is not deployed" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_destroy_of_what_is_gone_names_what_is_kept_of_it_and_removes_none(user: Nami, story: Pipeline) -> None:
    result = user.typed("--local", "destroy", NAME, "--yes")
    assert result.returncode == 3
    assert "is kept: the data volume vol-" in result.stderr
    assert "--data-volume-id vol-" in result.stdout
    assert story.client("ec2").describe_volumes()["Volumes"]
