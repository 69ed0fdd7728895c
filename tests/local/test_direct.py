"""With ingest=direct the REST gateway queues by itself; what is not genuine ends in quarantine, and nowhere else."""

import base64
import hashlib
import hmac
import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser import chromium
from tests.local.conftest import Nami, Pipeline, pipeline, wait_for

SECRET = b"hush"
BODY = bytes(range(256)) * 4


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Nami:
    return Nami(tmp_path_factory.mktemp("nami-direct") / "home")


@pytest.fixture(scope="module")
def direct(command: Nami) -> Iterator[Pipeline]:
    command.up("direct", *("-c", "gateway=rest", "-c", "ingest=direct", "-c", "signature=shopify"))
    made = pipeline(command, "direct")
    made.client("secretsmanager").put_secret_value(
        SecretId=made.outputs()["SignatureSecretArn"], SecretString=SECRET.decode()
    )
    yield made
    command("down")
    assert command.left_running() == []


def post(
    direct: Pipeline,
    body: bytes,
    *,
    secret: bytes = SECRET,
    content_type: str | None = "application/octet-stream",
    signature_of: bytes | None = None,
) -> http.client.HTTPResponse:
    signed = body if signature_of is None else signature_of
    signature = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
    headers = {
        **({"content-type": content_type} if content_type else {}),
        "x-shopify-hmac-sha256": signature,
        "X-Odd": 'it\'s "odd" \\ $input.body #end',
    }
    with closing(direct.connect()) as connection:
        connection.request("POST", urlsplit(direct.endpoint).path + "?shop=a%26b", body=body, headers=headers)
        response = connection.getresponse()
        response.read()
        return response


def waiting(direct: Pipeline, output: str) -> int:
    """Messages in one of the stack's queues, those in flight included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    queue = direct.outputs()[output]
    found = direct.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def test_genuine_webhook_is_stored_byte_by_byte_with_all_its_headers(direct: Pipeline) -> None:
    response = post(direct, BODY)
    assert response.status == 200
    document = direct.document(response.getheader("nami-delivery-id"))
    assert (document["raw"], document["verified"]) == (BODY, "shopify")
    assert document["headers"]["x-odd"] == 'it\'s "odd" \\ $input.body #end'
    assert (document["query"], document["path"]) == ("shop=a%26b", "/live/nami/direct")


def test_forged_webhook_ends_in_quarantine(direct: Pipeline) -> None:
    before = waiting(direct, "QuarantineUrl")
    response = post(direct, BODY, secret=b"guessed")
    assert response.status == 200
    wait_for(lambda: waiting(direct, "QuarantineUrl") == before + 1, 30)
    wait_for(lambda: waiting(direct, "QueueUrl") == 0, 30)
    assert waiting(direct, "DeadLetterQueueUrl") == 0
    assert direct.documents.find_one({"_id": response.getheader("nami-delivery-id")}) is None


def test_check_says_of_what_was_refused_where_it_goes_wrong(direct: Pipeline, command: Nami) -> None:
    before = waiting(direct, "QuarantineUrl")
    signed = b'{"order": 1001}'
    changed = post(direct, b'{"order":1001}', signature_of=signed).getheader("nami-delivery-id")
    wait_for(lambda: waiting(direct, "QuarantineUrl") == before + 1, 30)
    result = command.typed("--local", "signatures", "check", "direct", "--id", str(changed), "--json")
    assert result.returncode == 12, result.stderr
    report = json.loads(result.stdout)
    assert [step["name"] for step in report["steps"] if step["status"] == "fail"] == ["signature"]
    assert "written again" in report["causes"][0]
    assert SECRET.decode() not in result.stdout
    assert waiting(direct, "QuarantineUrl") == before + 1


def test_check_takes_a_dead_letter_by_its_id(direct: Pipeline, command: Nami) -> None:
    sqs, outputs, before = direct.client("sqs"), direct.outputs(), waiting(direct, "QuarantineUrl")
    dead = str(post(direct, b'{"dead": true}', secret=b"another").getheader("nami-delivery-id"))
    wait_for(lambda: waiting(direct, "QuarantineUrl") == before + 1, 30)
    caught = sqs.receive_message(
        QueueUrl=outputs["QuarantineUrl"], MaxNumberOfMessages=10, VisibilityTimeout=2, MessageAttributeNames=["All"]
    )["Messages"]
    (moved,) = [message for message in caught if dead in str(message)]
    sqs.delete_message(QueueUrl=outputs["QuarantineUrl"], ReceiptHandle=moved["ReceiptHandle"])
    attributes = {
        name: {key: value for key, value in attribute.items() if key in ("DataType", "StringValue", "BinaryValue")}
        for name, attribute in moved.get("MessageAttributes", {}).items()
    }
    queue = outputs["DeadLetterQueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody=moved["Body"], MessageAttributes=attributes)
    secret = command.home / "another"
    secret.write_text("another")
    checked = ("--local", "signatures", "check", "direct", "--id", dead)
    assert command.typed(*checked).returncode == 12
    fits = command.typed(*checked, "--secret-file", str(secret))
    assert (fits.returncode, fits.stdout.splitlines()[-1]) == (0, "ok    signature  fits"), fits.stderr
    assert command.typed("--local", "dlq", "purge", "direct", "--yes").stdout.strip() == "1"


def test_smoke_passes_and_leaves_the_quarantine_as_it_was(direct: Pipeline, command: Nami) -> None:
    before = waiting(direct, "QuarantineUrl")
    result = command.typed("--local", "smoke", "direct", "--json")
    outcomes = {each["check"]: each for each in json.loads(result.stdout)}
    assert {each["outcome"] for each in outcomes.values()} == {"ok"}, outcomes
    assert outcomes["forged webhook is refused"]["detail"] == "in quarantine: wrong signature; taken out again"
    assert waiting(direct, "QuarantineUrl") == before
    assert direct.documents.count_documents({"body.nami_smoke_test": {"$exists": True}}) == 1


def test_send_names_the_document(direct: Pipeline, command: Nami) -> None:
    sent = command.typed("--local", "send", "direct").stdout.split()
    assert sent[0] == "200"
    assert direct.document(sent[1])["verified"] == "shopify"


def test_console_shows_the_quarantine_and_takes_from_it(direct: Pipeline, command: Nami) -> None:
    before = waiting(direct, "QuarantineUrl")
    forged = [str(post(direct, b"forged", secret=b"none").getheader("nami-delivery-id")) for _ in range(2)]
    wait_for(lambda: waiting(direct, "QuarantineUrl") == before + 2, 30)
    with command.console() as (url, _), chromium() as browser:
        page = browser.new_page()
        page.goto(url)
        page.goto(f"{url.partition('/?')[0]}/s/direct/dead")
        page.get_by_role("link", name="Quarantine").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("In quarantine")
        group = page.locator("section.group").filter(has_text=forged[0])
        expect(group.get_by_role("heading")).to_contain_text("signature")
        page.get_by_role("checkbox", name=forged[0]).check()
        page.get_by_role("button", name="Delete the chosen").click()
        page.get_by_role("button", name="Delete 1").click()
        expect(page.locator("#job")).to_contain_text("1 of about 1 deleted; done")
        page.get_by_role("link", name="What is there now").click()
        page.get_by_role("checkbox", name=forged[1]).check()
        page.get_by_role("button", name="Send back the chosen").click()
        page.get_by_role("button", name="Send 1 back").click()
        expect(page.locator("#job")).to_contain_text("1 of about 1 sent back to the queue; done")
    # It is no more genuine than before.
    wait_for(lambda: waiting(direct, "QuarantineUrl") == before + 1 and waiting(direct, "QueueUrl") == 0, 30)


def test_quarantine_is_stored_once_its_secret_is_known(direct: Pipeline, command: Nami) -> None:
    caught = waiting(direct, "QuarantineUrl")
    response = post(direct, b'{"signed": "anew"}', secret=b"anew")
    wait_for(lambda: waiting(direct, "QuarantineUrl") == caught + 1, 30)
    before = direct.documents.count_documents({})
    direct.client("secretsmanager").put_secret_value(
        SecretId=direct.outputs()["SignatureSecretArn"], SecretString=json.dumps([SECRET.decode(), "anew"])
    )
    assert command.typed("--local", "dlq", "redrive", "direct", "--quarantine").returncode == 0
    assert direct.document(response.getheader("nami-delivery-id"))["body_format"] == "binary"
    assert direct.documents.count_documents({}) == before + 1


def test_body_that_the_queue_can_not_hold_is_413(direct: Pipeline) -> None:
    assert post(direct, bytes(900_000)).status == 413


def test_unknown_content_type_is_415(direct: Pipeline) -> None:
    assert post(direct, BODY, content_type="image/png").status == 415


def test_missing_content_type_is_400(direct: Pipeline) -> None:
    assert post(direct, BODY, content_type=None).status == 400
