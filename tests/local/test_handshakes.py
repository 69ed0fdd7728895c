"""What providers ask before their first webhook, through each gateway: answered, and nothing of it is stored."""

from collections.abc import Iterator

import pytest

from tests.local.conftest import QUICK, Nami, Pipeline, pipeline, wait_for

# Whose first question comes with a method of its own, or unsigned; and by which gateway.
GATEWAYS = {"trello": "rest", "event-grid": "http", "notion": "rest", "bitbucket-server": "http"}
APP = f"""
import aws_cdk as cdk
from nami_stack import Subscription, WebhookStack
app = cdk.App()
for name, gateway in {GATEWAYS!r}.items():
    settings = {{"name": name, "signature": name, "gateway": gateway, **{dict(x.split("=") for x in QUICK[1::2])!r}}}
    WebhookStack(app, subscription=Subscription.from_context(settings))
app.synth()
"""


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nami]:
    folder = tmp_path_factory.mktemp("asked")
    (folder / "app.py").write_text(APP)
    (folder / "cdk.json").write_text('{"app": "python3 app.py"}')
    made = Nami(folder / "home", folder)
    made.up("trello")
    yield made
    made("down")
    assert made.left_running() == []


def waiting(made: Pipeline) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    said = made.client("sqs").get_queue_attributes(QueueUrl=made.outputs()["QueueUrl"], AttributeNames=names)
    return sum(map(int, said["Attributes"].values()))


@pytest.mark.parametrize("name", GATEWAYS)
def test_first_question_is_answered_and_never_stored(name: str, command: Nami) -> None:
    asked = command.typed("--local", "send", name, "--handshake")
    assert (asked.returncode, asked.stdout.split()[0]) == (0, "200"), asked.stderr
    made = pipeline(command, name)
    assert waiting(made) == 0
    assert made.documents.count_documents({}) == 0


def test_what_notion_hands_over_is_read_and_filled_in(command: Nami) -> None:
    command.typed("--local", "send", "notion", "--handshake")
    received = command.typed("--local", "secret", "notion", "--received")
    assert received.stdout == "a-token-that-notion-hands-over\n", received.stderr
    filled = command.typed("--local", "secret", "notion", stdin=received.stdout.encode())
    assert filled.returncode == 0, filled.stderr
    made = pipeline(command, "notion")
    arn = made.outputs()["SignatureSecretArn"]
    found = made.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    assert found == received.stdout.strip()


def test_secret_in_the_url_proves_the_sender_and_is_not_stored(command: Nami) -> None:
    made = pipeline(command, "event-grid")
    sent = command.typed("--local", "send", "event-grid")
    assert sent.returncode == 0, sent.stderr
    wait_for(lambda: made.documents.count_documents({}) == 1, 30)
    assert made.documents.find_one({})["query"] == "code=(taken out)"
