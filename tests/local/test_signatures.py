"""Whoever can't prove who they are gets 401; whoever can is stored, once. The signatures here are computed anew."""

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.local.conftest import QUICK, Nami, Pipeline, pipeline, wait_for

# Four stacks of one app, so that the CDK loads once. shopify is the name of the unsigned one of the other tests.
SCHEMES = {"shopify-signed": "shopify", "stripe": "stripe", "slack": "slack", "standard-webhooks": "standard-webhooks"}
APP = f"""
import aws_cdk as cdk
from nami_stack import Subscription, WebhookStack
app = cdk.App()
for name, scheme in {SCHEMES!r}.items():
    settings = {{"name": name, "signature": scheme, **{dict(x.split("=") for x in QUICK[1::2])!r}}}
    WebhookStack(app, subscription=Subscription.from_context(settings))
app.synth()
"""


def _hmac(key: bytes, content: bytes) -> bytes:
    return hmac.new(key, content, hashlib.sha256).digest()


def sign_shopify(secret: str, body: bytes, _id: str) -> dict[str, str]:
    signature = base64.b64encode(_hmac(secret.encode(), body)).decode()
    return {"X-Shopify-Hmac-Sha256": signature, "X-Shopify-Webhook-Id": _id}


def sign_stripe(secret: str, body: bytes, _id: str) -> dict[str, str]:
    now = str(int(time.time()))
    return {"Stripe-Signature": f"t={now},v1={_hmac(secret.encode(), f'{now}.'.encode() + body).hex()}"}


def sign_slack(secret: str, body: bytes, _id: str) -> dict[str, str]:
    now = str(int(time.time()))
    signature = _hmac(secret.encode(), f"v0:{now}:".encode() + body).hex()
    return {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": f"v0={signature}"}


def sign_standard(secret: str, body: bytes, _id: str) -> dict[str, str]:
    now = str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(_hmac(key, f"{_id}.{now}.".encode() + body)).decode()
    return {"webhook-id": _id, "webhook-timestamp": now, "webhook-signature": f"v1,{signature}"}


SIGN: dict[str, Callable[[str, bytes, str], dict[str, str]]] = {
    "shopify-signed": sign_shopify,
    "stripe": sign_stripe,
    "slack": sign_slack,
    "standard-webhooks": sign_standard,
}


@dataclass
class Signed:
    """A deployed subscription and the secret that its provider signs with."""

    pipeline: Pipeline
    secret: str

    def event(self) -> tuple[bytes, str]:
        """A body that no other test sends, and the id of its delivery."""
        event = f"evt_{secrets.token_hex(8)}"
        return json.dumps({"id": event, "event_id": event, "type": "event_callback"}).encode(), event

    def post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str | None, bytes]:
        connection = self.pipeline.connect()
        try:
            path = urlsplit(self.pipeline.endpoint).path
            connection.request("POST", path, body=body, headers={"content-type": "application/json", **headers})
            response = connection.getresponse()
            return response.status, response.getheader("nami-delivery-id"), response.read()
        finally:
            connection.close()

    def sign(self, body: bytes, event: str) -> dict[str, str]:
        return SIGN[self.pipeline.name](self.secret, body, event)

    def waiting(self) -> int:
        """Messages in the queue, seen or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        outputs = self.pipeline.outputs()
        said = self.pipeline.client("sqs").get_queue_attributes(QueueUrl=outputs["QueueUrl"], AttributeNames=names)
        return sum(map(int, said["Attributes"].values()))


@pytest.fixture(scope="module")
def deployed(nami: Nami, tmp_path_factory: pytest.TempPathFactory) -> Nami:
    folder = tmp_path_factory.mktemp("signed")
    (folder / "app.py").write_text(APP)
    (folder / "cdk.json").write_text('{"app": "python3 app.py"}')
    command = Nami(nami.home, folder, nami.port)
    command.up("slack")
    return command


@pytest.fixture(scope="module")
def shopify_order(deployed: Nami, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Any]:
    """What `nami local send` does at its first time, when the secret is still empty."""
    file = tmp_path_factory.mktemp("order") / "order.json"
    file.write_bytes(b'{ "order":\t1001 }\n')
    return file.read_bytes(), deployed("send", "shopify-signed", "--provider", "shopify", str(file))


@pytest.fixture(scope="module")
def every(deployed: Nami, shopify_order: object) -> dict[str, Signed]:
    """Each subscription; its secret is filled in where it was not yet."""
    found = {name: pipeline(deployed, name) for name in SCHEMES}
    return {name: Signed(each, filled(deployed, each)) for name, each in found.items()}


def filled(command: Nami, subscription: Pipeline) -> str:
    manager, arn = subscription.client("secretsmanager"), subscription.outputs()["SignatureSecretArn"]
    secret: str = manager.get_secret_value(SecretId=arn)["SecretString"]
    if not secret:
        secret = "whsec_" + base64.b64encode(os.urandom(24)).decode()
        result = command.typed("--local", "secret", subscription.name, stdin=f"{secret}\n".encode())
        assert result.returncode == 0, result.stderr
        assert manager.get_secret_value(SecretId=arn)["SecretString"] == secret
    return secret


@pytest.fixture(params=SIGN)
def signed(every: dict[str, Signed], request: pytest.FixtureRequest) -> Signed:
    return every[request.param]


def test_local_send_fills_the_secret_and_signs_with_it(shopify_order: tuple[bytes, Any]) -> None:
    body, result = shopify_order
    assert result.returncode == 0, result.stderr
    assert "was empty" in result.stderr
    document = json.loads(result.stdout)
    assert document["verified"] == "shopify"
    assert document["raw"] == f"{len(body)} bytes"


def test_send_of_another_provider_is_code_2(deployed: Nami) -> None:
    result = deployed("send", "stripe", "--provider", "shopify")
    assert result.returncode == 2
    assert "stripe" in result.stderr


def test_signed_webhook_is_stored_once_however_often_it_is_sent(signed: Signed) -> None:
    body, event = signed.event()
    answers = {signed.post(body, signed.sign(body, event))[:2] for _ in range(3)}
    ((status, delivery_id),) = answers
    assert status == 200
    document = signed.pipeline.document(delivery_id)
    assert document["verified"] == SCHEMES[signed.pipeline.name]
    assert document["raw"] == body
    wait_for(lambda: signed.waiting() == 0, 20)
    assert signed.pipeline.documents.count_documents({"raw": body}) == 1


@pytest.mark.parametrize("fault", ["other secret", "changed body", "no signature"])
def test_unproven_webhook_gets_401_and_is_not_stored(signed: Signed, fault: str) -> None:
    body, event = signed.event()
    headers = signed.sign(body, event)
    if fault == "other secret":
        headers = Signed(signed.pipeline, "whsec_" + base64.b64encode(b"x" * 24).decode()).sign(body, event)
    elif fault == "changed body":
        body = body.replace(b"event_callback", b"event_Callback")
    else:
        headers = {}
    status, delivery_id, _ = signed.post(body, headers)
    assert status == 401
    assert delivery_id is None
    assert signed.waiting() == 0
    assert signed.pipeline.documents.find_one({"raw": body}) is None


def test_three_megabytes_come_back_byte_equal(every: dict[str, Signed]) -> None:
    signed = every["shopify-signed"]
    body = os.urandom(3 * 1024 * 1024)
    headers = {**signed.sign(body, secrets.token_hex(8)), "content-type": "application/octet-stream"}
    status, delivery_id, _ = signed.post(body, headers)
    assert status == 200
    assert signed.pipeline.document(delivery_id)["raw"] == body


def test_slack_handshake_is_answered_and_not_queued(every: dict[str, Signed]) -> None:
    signed = every["slack"]
    challenge = secrets.token_hex(16)
    body = json.dumps({"type": "url_verification", "challenge": challenge}).encode()
    status, _, said = signed.post(body, signed.sign(body, ""))
    assert status == 200
    assert challenge in said.decode()
    assert signed.waiting() == 0
    assert signed.pipeline.documents.find_one({"raw": body}) is None


def test_smoke_of_a_signed_subscription_passes(deployed: Nami, every: dict[str, Signed]) -> None:
    result = deployed.typed("--local", "smoke", "standard-webhooks", "--json")
    assert {each["outcome"] for each in json.loads(result.stdout)} == {"ok"}
    assert result.returncode == 0
