"""What the command prints of a deployed subscription, never a secret's value; and the rights that it takes."""

import contextlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.server import Backend
from tests.iam.conftest import ROOT, SECRET, Aws, Resources, signed, wait_for

# With the exit code of each. `nami connect` is left out: a password is what it is asked for.
COMMANDS = [
    (["outputs", "shopify", "--json"], 0),
    (["list", "--json"], 0),
    (["doctor", "shopify", "--json"], 0),
    (["send", "shopify", "webhook.json"], 0),
    (["events", "shopify", "--json"], 0),
    (["logs", "shopify", "--json"], 0),
    (["dlq", "list", "shopify", "--json"], 0),
    (["send", "direct", "webhook.json"], 0),
    (["doctor", "direct"], 0),
    (["send", "shopify", "no-such-file.json"], 2),
    (["events", "no-such-name", "--json"], 3),
]


@pytest.mark.parametrize(("arguments", "code"), COMMANDS, ids=[" ".join(arguments) for arguments, _ in COMMANDS])
def test_command_prints_no_secret(
    aws: Aws, resources: Resources, arguments: list[str], code: int, tmp_path: Path
) -> None:
    (tmp_path / "webhook.json").write_text('{"id": 1}')
    result = typed(aws, tmp_path, *arguments)
    said = result.stdout + result.stderr
    assert result.returncode == code, said
    assert said
    found = [value for value in secrets(aws, resources) if value in said]
    assert found == []


def secrets(aws: Aws, resources: Resources) -> list[str]:
    values = [SECRET]
    for label in ("MongoHostSecret", "HttpBackendSecret"):
        secret = aws.root("secretsmanager").get_secret_value(SecretId=resources.named(label).name)["SecretString"]
        values.append(json.loads(secret)["password"] if secret.startswith("{") else secret)
    assert all(len(value) > 8 for value in values)
    return values


def typed(aws: Aws, folder: Path, *arguments: str, **credentials: str) -> subprocess.CompletedProcess[str]:
    environment = aws.environment | {"SSL_CERT_FILE": str(aws.certificate), "NAMI_HOME": str(folder / "home")}
    return subprocess.run(
        [sys.executable, "-m", "nami_cli.main", *arguments],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT)} | credentials,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# Beside those that each command needs, as docs/day-by-day.md says.
ALWAYS = ["cloudformation:DescribeStacks", "lambda:GetFunctionConfiguration"]


def documented(command: str) -> list[str]:
    """The rights that the table of docs/day-by-day.md has for a command."""
    table = (ROOT / "docs" / "day-by-day.md").read_text().partition("## Rights")[2]
    (row,) = [line for line in table.splitlines() if line.startswith(f"| {command}")]
    return re.findall(r"`([a-z0-9]+:[A-Za-z]+)`", row)


@contextlib.contextmanager
def user(aws: Aws, rights: list[str]) -> Iterator[dict[str, str]]:
    """The credentials of somebody who may do no more than that."""
    iam, name = aws.root("iam"), "somebody"
    iam.create_user(UserName=name)
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": rights, "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    try:
        yield {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    finally:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(UserName=name, PolicyName="rights")
        iam.delete_user(UserName=name)


@pytest.mark.usefixtures("resources")
def test_documented_rights_suffice_to_pause_and_resume(aws: Aws, tmp_path: Path) -> None:
    with user(aws, ALWAYS + documented("`pause`")) as credentials:
        for command in ("pause", "resume"):
            result = typed(aws, tmp_path, command, "shopify", "--destination", "http", **credentials)
            assert result.returncode == 0, result.stderr
            assert "denied" not in result.stderr


@pytest.mark.usefixtures("resources")
@pytest.mark.parametrize("right", documented("`pause`"))
def test_right_taken_away_keeps_a_pause_from_being_made_or_told(aws: Aws, right: str, tmp_path: Path) -> None:
    with user(aws, ALWAYS + [each for each in documented("`pause`") if each != right]) as credentials:
        result = typed(aws, tmp_path, "pause", "shopify", "--destination", "http", **credentials)
        # While nothing waits, nobody asks for how long it has.
        needed = right != "cloudwatch:GetMetricData"
        assert (result.returncode != 0) is needed, result.stderr
    assert typed(aws, tmp_path, "resume", "shopify", "--destination", "http").returncode == 0


@pytest.fixture(scope="module")
def stored(aws: Aws, resources: Resources) -> str:
    """A webhook that neither the queue nor an item of the table holds; its delivery id."""
    assert resources
    body = b'{"large":"' + b"x" * 1_100_000 + b'"}'
    status, delivery_id = aws.post(aws.endpoint("shopify"), body, signed(body, "replayed"))
    assert status == 200
    get = {"TableName": aws.outputs("shopify")["DynamodbTableName"], "Key": {"id": {"S": delivery_id}}}
    wait_for(lambda: aws.root("dynamodb").get_item(**get).get("Item"), 30)
    return delivery_id


REPLAY = ["replay", "shopify", "--since", "1h", "--rate", "500", "--destination", "dynamodb"]


@pytest.mark.usefixtures("stored")
def test_documented_rights_suffice_to_replay(aws: Aws, tmp_path: Path) -> None:
    with user(aws, ALWAYS + documented("`replay`")) as credentials:
        result = typed(aws, tmp_path, *REPLAY, **credentials)
    assert result.returncode == 0, result.stderr


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("right", documented("`replay`"))
def test_right_taken_away_keeps_a_replay_from_going_on(aws: Aws, right: str, tmp_path: Path) -> None:
    with user(aws, ALWAYS + [each for each in documented("`replay`") if each != right]) as credentials:
        result = typed(aws, tmp_path, *REPLAY, **credentials)
    assert result.returncode == 10, result.stderr


def test_documented_rights_suffice_to_listen(aws: Aws, stored: str, tmp_path: Path) -> None:
    rights = [*ALWAYS, *documented("`events` of a table"), *documented("`listen`")]
    with user(aws, rights) as credentials, Backend() as backend:
        environment = aws.environment | {"NAMI_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)} | credentials
        options = ["--to", backend.url, "--last", "50", "--destination", "dynamodb"]
        command = [sys.executable, "-m", "nami_cli.main", "listen", "shopify", *options]
        with subprocess.Popen(command, cwd=tmp_path, env=environment) as process:
            wait_for(lambda: backend.of(stored), 20)
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
