"""A first deployment that fails, by the real CDK CLI: what it leaves is named, and goes where one says so."""

from typing import Any

import boto3
import pytest

from tests.local.conftest import TINY_APP, Nami

FAILING = TINY_APP.replace(
    '"Resources": {',
    """"Resources": {
        "Queue": {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain"},
        "Secret": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {"GenerateSecretString": {}},
            "DeletionPolicy": "Retain",
        },
        "Bad": {
            "Type": "Custom::Bad",
            "Properties": {"ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:not-there"},
            "DependsOn": ["Queue", "Secret"],
        },
        """,
)


@pytest.fixture
def failed(tiny: Nami) -> Nami:
    tiny.up("jira")
    (tiny.folder / "app.py").write_text(FAILING)
    result = tiny.typed("--local", "deploy", "shopify")
    assert result.returncode == 6, result.stderr
    assert "is kept: the queue http" in result.stderr, result.stderr
    assert "is kept: the secret arn:" in result.stderr
    assert "nami --local destroy shopify offers to remove it" in result.stderr
    return tiny


def there(command: Nami) -> list[str]:
    """Queues and secrets that are there."""
    known = command.status()["environment"]

    def client(service: str) -> Any:
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=known["AWS_ENDPOINT_URL"],
            region_name=known["AWS_REGION"],
            aws_access_key_id=known["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=known["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=known["AWS_SESSION_TOKEN"],
        )

    secrets = [each["ARN"] for each in client("secretsmanager").list_secrets()["SecretList"]]
    return [*client("sqs").list_queues().get("QueueUrls", []), *secrets]


def test_what_a_failed_deployment_left_goes_with_its_stack_where_one_says_so(failed: Nami) -> None:
    assert len(there(failed)) == 2
    result = failed.typed("--local", "destroy", "shopify", stdin=b"y\ny\n")
    assert result.returncode == 0, result.stderr
    assert there(failed) == []


def test_what_was_left_is_offered_again_when_the_stack_is_gone(failed: Nami) -> None:
    assert failed.typed("--local", "destroy", "shopify", "--yes").returncode == 0
    assert len(there(failed)) == 2
    result = failed.typed("--local", "destroy", "shopify", stdin=b"y\n")
    assert result.returncode == 0, result.stderr
    assert there(failed) == []
    assert failed.typed("--local", "destroy", "shopify", "--yes").returncode == 3
