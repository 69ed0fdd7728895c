"""What the command prints of a deployed subscription: never a secret's value."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.iam.conftest import ROOT, SECRET, Aws, Resources

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
    environment = aws.environment | {"SSL_CERT_FILE": str(aws.certificate), "NAMI_HOME": str(tmp_path / "home")}
    result = subprocess.run(
        [sys.executable, "-m", "nami_cli.main", *arguments],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
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
