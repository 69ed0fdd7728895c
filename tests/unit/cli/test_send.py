"""What `nami send` sends is what the deployed scheme accepts; what it can't send it says in one line."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.stub import Stubber

from nami_cli import send
from nami_control import samples
from nami_control import sending as sending_module
from nami_control.aws import Aws
from nami_control.deployment import Deployment, Drain, Function
from nami_control.errors import SecretError, UsageError, WebhookError
from nami_runtime import signatures
from nami_runtime.request import Request
from nami_runtime.signatures import handshakes, received
from tests.unit.cli.conftest import sleep_in, target

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:nami-shopify-abc"
ASYMMETRIC = {name for name, forms in signatures.every().items() if "asymmetric" in forms[0].requirements}
SECRETS = {"basic": "user:password", "standard-webhooks": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
SECRETS |= {
    name: SECRETS["standard-webhooks"]
    for name, forms in signatures.every().items()
    if getattr(forms[-1], "key", "") == "base64"
}
SECRETS |= dict.fromkeys(("adyen", "adyen-platforms", "close"), "00ff")
SECRETS |= dict.fromkeys(("braintree", "chargebee", "pipedrive", "postmark"), SECRETS["basic"])
OPTIONS: dict[str, dict[str, Any]] = {"hmac": {"header": "x-signature"}, "token": {"header": "x-token"}}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    client = boto3.client("secretsmanager")
    monkeypatch.setattr(boto3, "client", lambda _service, **_where: client)
    with Stubber(client) as stubber:
        yield stubber
    stubber.assert_no_pending_responses()


def deployed(
    setting: dict[str, Any] | None, endpoint: str = "https://abc.execute-api.example/nami/shopify"
) -> Deployment:
    outputs = {"QueueUrl": "q", "DeadLetterQueueUrl": "d", "PostQueueFunctionName": "post"}
    found = Deployment(target(), {"EndpointUrl": endpoint, "SignatureSecretArn": ARN, **outputs})
    environment = {"SIGNATURE": json.dumps(setting)} if setting else {}
    found.pre_queue = Function("pre", environment, "/logs/pre")
    return found


def sender(secrets: Stubber, setting: dict[str, Any], text: str) -> sending_module.Sender:
    secrets.add_response("get_secret_value", {"SecretString": text}, {"SecretId": ARN})
    return sending_module.Sender(deployed(setting))


def accepted(setting: dict[str, Any], secret: str, sent: tuple[str, dict[str, str], bytes]) -> tuple[bool, str]:
    """Whether the function would take it, and as which delivery."""
    url, headers, body = sent
    host, _, rest = url.removeprefix("https://").partition("/")
    path, _, query = rest.partition("?")
    came = Request("POST", f"/{path}", query, headers=headers, body=body, request_id="from-the-gateway", domain=host)
    forms = signatures.configured(setting)
    form = next((form for form in forms if form.applies(came)), forms[0])
    return form.verify(came, [secret], time.time()) == secret, form.delivery_id(came)


@pytest.mark.parametrize(
    ("setting", "stored"),
    [
        ({"scheme": "shopify"}, "w-1-"),  # and the content's hash
        ({"scheme": "standard-webhooks"}, "w-1"),
        ({"scheme": "typeform"}, "evt_"),
        ({"scheme": "x"}, "of-the-gateway"),
    ],
)
def test_answer_of_a_gateway_that_queues_by_itself_names_the_document(
    setting: dict[str, Any], stored: str, secrets: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = {"QueueUrl": "q", "DeadLetterQueueUrl": "d", "PostQueueFunctionName": "post", "SignatureSecretArn": ARN}
    found = Deployment(target(), {**outputs, "EndpointUrl": "https://abc.execute-api.example/live/nami/shopify"})
    found.drains[0].post_queue = Function("post", {"SIGNATURE": json.dumps(setting)}, "/logs/post")
    secrets.add_response("get_secret_value", {"SecretString": "whsec_" + "A" * 32}, {"SecretId": ARN})
    sending = sending_module.Sender(found)
    sent: list[tuple[str, dict[str, str], bytes]] = []

    def request(_method: str, *what: Any) -> sending_module.Answer:
        sent.append(what)
        return sending_module.Answer(200, "of-the-gateway", b"", 1)

    monkeypatch.setattr(sending, "request", request)
    body, kind = sending.sample()
    given = {"content-type": kind, "x-shopify-webhook-id": "w-1", "webhook-id": "w-1"}
    answer = sending.send(body, given)
    assert str(answer.delivery_id).startswith(stored)
    verified, delivery_id = accepted(setting, "whsec_" + "A" * 32, sent[0])
    assert verified
    assert answer.delivery_id == delivery_id.replace("from-the-gateway", "of-the-gateway")


@pytest.mark.parametrize("scheme", ["shopify", "basic", "standard-webhooks", "token"])
def test_forged_sample_is_refused_by_its_scheme(scheme: str, secrets: Stubber) -> None:
    setting = {"scheme": scheme, **OPTIONS.get(scheme, {})}
    secret = SECRETS.get(scheme, "s3cret")
    sending = sender(secrets, setting, secret)
    body, kind = sending.sample()
    assert not accepted(setting, secret, sending.signed(body, {"content-type": kind}, forged=True))[0]


class _Known:
    """The secret, as the function has read it."""

    verify_token = "t0ken"

    def values(self, _deadline: float) -> tuple[str, ...]:
        return ("whsec_c2VjcmV0",)


ASKING = sorted(
    name for name, forms in signatures.every().items() if forms[0].handshake in samples.HANDSHAKES and name != "none"
)


@pytest.mark.parametrize("scheme", ASKING)
def test_what_the_provider_asks_first_is_answered(
    scheme: str, secrets: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending = sender(secrets, {"scheme": scheme}, json.dumps({"secret": "whsec_c2VjcmV0", "verify_token": "t0ken"}))
    asked: list[Request] = []

    def request(method: str, url: str, headers: dict[str, str], body: bytes) -> sending_module.Answer:
        came = Request(method, query=urlsplit(url).query, headers=headers, body=body, request_id="1")
        asked.append(came)
        return sending_module.Answer(200, None, b"", 1.0)

    monkeypatch.setattr(sending, "request", request)
    monkeypatch.setattr(received, "keep", lambda _value, _deadline: None)
    sending.ask()
    form, (came,) = signatures.every()[scheme][0], asked
    known: Any = _Known()
    answer = handshakes.before(form.handshake, came, known)
    if answer is None:
        assert form.verify(came, known.values(0), time.time())
        answer = handshakes.after(form.handshake, came, "whsec_c2VjcmV0")
    assert answer
    assert answer["statusCode"] == 200


@pytest.mark.parametrize(("scheme", "why"), [("shopify", "asks nothing"), ("discord", "private key")])
def test_what_can_not_be_asked_is_said(scheme: str, why: str, secrets: Stubber) -> None:
    with pytest.raises(UsageError, match=why):
        sender(secrets, {"scheme": scheme}, "00").ask()


def test_every_sample_is_of_a_scheme_and_new_each_time() -> None:
    assert set(samples.SAMPLES) <= set(signatures.every())
    assert samples.sample("stripe")["id"] != samples.sample("stripe")["id"]


SIGNED = sorted(signatures.every().keys() - ASYMMETRIC - {"none"})
# Those who are of no provider, and those whose documents, as far as we could read them, show no event.
SHAPELESS = {
    *("basic", "hmac", "token"),
    *("billit", "codoseo", "make", "mews-pos", "opensms"),
}


def test_each_provider_has_a_sample_of_its_own_shape() -> None:
    assert set(SIGNED) - SHAPELESS == (samples.SAMPLES.keys() | samples.FORMS.keys()) - SHAPELESS


def test_a_provider_of_forms_sends_a_form(secrets: Stubber) -> None:
    body, kind = sender(secrets, {"scheme": "signable"}, "s3cret").sample()
    assert kind == "application/x-www-form-urlencoded"
    assert parse_qs(body.decode())["action"] == ["send-envelope"]


@pytest.mark.parametrize("scheme", SIGNED)
def test_sample_is_accepted_by_its_scheme(scheme: str, secrets: Stubber) -> None:
    setting = {"scheme": scheme, **OPTIONS.get(scheme, {})}
    secret = SECRETS.get(scheme, "s3cret")
    sending = sender(secrets, setting, secret)
    body, kind = sending.sample()
    assert accepted(setting, secret, sending.signed(body, {"Content-Type": kind}))[0]


@pytest.mark.parametrize("scheme", [name for name in SIGNED if signatures.every()[name][-1].ids])
def test_two_samples_are_two_deliveries(scheme: str, secrets: Stubber) -> None:
    setting = {"scheme": scheme}
    secret = SECRETS.get(scheme, "s3cret")
    sending = sender(secrets, setting, secret)
    ids = set()
    for _ in range(2):
        body, kind = sending.sample()
        ids.add(accepted(setting, secret, sending.signed(body, {"content-type": kind}))[1])
    assert len(ids - {"from-the-gateway"}) == 2


def test_json_for_twilio_is_covered_by_the_url(secrets: Stubber) -> None:
    sending = sender(secrets, {"scheme": "twilio"}, "12345")
    sent = sending.signed(b'{"a": 1}', {"content-type": "application/json"})
    assert "?bodySHA256=" in sent[0]
    assert accepted({"scheme": "twilio"}, "12345", sent)[0]


def test_the_public_url_is_what_is_signed(secrets: Stubber) -> None:
    setting = {"scheme": "square", "public_url": "https://hooks.example.com/square"}
    sending = sender(secrets, setting, "s3cret")
    sent = sending.signed(b"{}", {})
    assert sent[0] == "https://abc.execute-api.example/nami/shopify"
    assert accepted(setting, "s3cret", sent)[0]


def test_of_rotated_secrets_the_first_signs(secrets: Stubber) -> None:
    sending = sender(secrets, {"scheme": "shopify"}, '["new", "old"]')
    assert accepted({"scheme": "shopify"}, "new", sending.signed(b"{}", {}))[0]


@pytest.mark.parametrize("scheme", sorted(ASYMMETRIC))
def test_a_providers_own_key_is_told_to_be_out_of_reach(scheme: str, secrets: Stubber) -> None:
    sending = sender(secrets, {"scheme": scheme}, "s3cret")
    with pytest.raises(UsageError, match="private key; trigger a webhook at the provider"):
        sending.signed(b"{}", {})


def test_body_that_cannot_hold_the_signature_is_told(secrets: Stubber) -> None:
    sending = sender(secrets, {"scheme": "mailgun"}, "s3cret")
    with pytest.raises(UsageError, match="mailgun puts its signature into the body"):
        sending.signed(b"no json", {})


def test_another_provider_than_the_deployed_is_refused() -> None:
    with pytest.raises(UsageError) as raised:
        sending_module.Sender(deployed({"scheme": "stripe"}), "shopify")
    assert str(raised.value) == (
        "shopify takes webhooks signed by stripe; leave --provider out, or change it: "
        "nami deploy shopify --signature shopify"
    )


def test_a_provider_for_an_unsigned_subscription_is_refused() -> None:
    with pytest.raises(UsageError, match="is deployed without a signature"):
        sending_module.Sender(deployed(None), "shopify")


def test_without_a_signature_no_secret_is_read() -> None:
    body, headers = b"{}", {"content-type": "application/json"}
    assert sending_module.Sender(deployed(None)).signed(body, headers)[1:] == (headers, body)


@pytest.mark.parametrize("text", [" ", '{"secret": []}'])
def test_unfilled_secret_on_aws_is_code_13_and_says_how_to_fill_it(text: str, secrets: Stubber) -> None:
    with pytest.raises(SecretError, match="nami secret shopify asks for shopify's") as raised:
        sender(secrets, {"scheme": "shopify"}, text)
    assert raised.value.exit_code == 13


def test_secret_that_never_had_a_value_is_unfilled(secrets: Stubber) -> None:
    secrets.add_client_error("get_secret_value", "ResourceNotFoundException")
    with pytest.raises(SecretError):
        sending_module.Sender(deployed({"scheme": "shopify"}))


@pytest.mark.parametrize("scheme", SIGNED)
def test_unfilled_local_secret_is_filled_with_one_that_fits(
    scheme: str, secrets: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    setting = {"scheme": scheme, **OPTIONS.get(scheme, {})}
    secrets.add_client_error("get_secret_value", "ResourceNotFoundException")
    secrets.add_response("put_secret_value", {})
    sending = sending_module.Sender(deployed(setting), tell=lines.append)
    assert ["was empty" in line for line in lines] == [True]
    body, kind = sending.sample()
    url, headers, body = sending.signed(body, {"content-type": kind})
    query = urlsplit(url).query
    sent = ("https://abc.execute-api.example/nami/shopify" + (f"?{query}" if query else ""), headers, body)
    assert accepted(setting, sending._secret, sent)[0]


@pytest.mark.parametrize("just_filled", [True, False])
def test_401_is_tried_again_only_where_the_secret_was_just_filled(
    just_filled: bool, secrets: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep_in(monkeypatch, sending_module, lambda _seconds: None)
    if just_filled:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
        secrets.add_client_error("get_secret_value", "ResourceNotFoundException")
        secrets.add_response("put_secret_value", {})
        sending = sending_module.Sender(deployed({"scheme": "shopify"}))
    else:
        sending = sender(secrets, {"scheme": "shopify"}, "s3cret")
    statuses = iter([401, 401, 200])
    monkeypatch.setattr(sending, "request", lambda *_given: sending_module.Answer(next(statuses), "d1", b"", 1))
    assert sending.send(b"{}", {}).status == (200 if just_filled else 401)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:4566", True),
        ("http://localhost:4566", True),
        ("http://[::1]:4566", True),
        ("https://vpce-1.secretsmanager.eu-west-1.vpce.amazonaws.com", False),
        ("", False),
    ],
)
def test_only_this_machine_is_local(url: str, local: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    assert Aws().is_local is local


class Endpoint(http.server.BaseHTTPRequestHandler):
    """Answers each POST with the status in its path."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(int(self.path.strip("/")))
        self.send_header("nami-delivery-id", "d-1")
        self.end_headers()
        self.wfile.write(b'{"error": "not queued"}')

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), Endpoint) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()
        thread.join()


@pytest.fixture
def send_to(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def send_it(url: str, file: str | None = None, count: int = 1) -> None:
        monkeypatch.setattr(send, "find", lambda _target: deployed(None, url))
        send.send_command(target(), file, header=["X-A: b"], count=count)

    return send_it


SendTo = Callable[..., None]


def test_each_answer_is_told_with_its_delivery(
    send_to: SendTo, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    send_to(f"{server}/202", count=3)
    assert [line.rpartition("\t")[0] for line in capsys.readouterr().out.splitlines()] == ["202\td-1"] * 3


def test_refused_webhook_is_code_9_with_what_was_said(send_to: SendTo, server: str) -> None:
    with pytest.raises(WebhookError) as raised:
        send_to(f"{server}/503")
    assert str(raised.value) == ('shopify answered 503: {"error": "not queued"}; nami logs shopify --since 1m says why')


def test_endpoint_that_is_not_there_is_code_9(send_to: SendTo) -> None:
    with pytest.raises(WebhookError, match="does not answer"):
        send_to("http://127.0.0.1:9/")


def test_missing_file_is_told(send_to: SendTo, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        send_to("http://127.0.0.1:9/", str(tmp_path / "none.json"))


def test_header_is_split_at_the_first_colon() -> None:
    assert send._header("X-Url: http://example.org") == ("X-Url", "http://example.org")


def test_header_without_a_colon_is_refused() -> None:
    with pytest.raises(UsageError, match="Name: value"):
        send._header("X-Url")


CONSUMER = {"QueueUrl": "https://sqs/mine", "DeadLetterQueueUrl": "d", "ConsumerQueueArn": "arn"}
FUNCTION = {"DynamodbQueueUrl": "q", "DynamodbDeadLetterQueueUrl": "d", "DynamodbPostQueueFunctionName": "post"}


@pytest.mark.parametrize("wait", [False, True], ids=["sent", "waited for"])
def test_webhook_for_your_own_consumer_is_said_to_wait_in_its_queue(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wait: bool
) -> None:
    found = deployed(None, f"{server}/202")
    found.outputs = {"EndpointUrl": found.outputs["EndpointUrl"], **CONSUMER}
    monkeypatch.setattr(send, "find", lambda _target: found)
    send.send_command(target(), wait=wait)
    told = "it waits in https://sqs/mine for your consumer; nami doctor shopify says how many do"
    assert capsys.readouterr().err.splitlines()[-1].endswith(told)


def test_webhook_that_a_function_takes_on_as_well_does_not_only_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Drain, "post_queue", Function("post", {"DESTINATION": "dynamodb"}, ""))
    assert send.unread_at(Deployment(target(), {**CONSUMER, **FUNCTION})) == ""


def test_webhook_for_a_topic_alone_is_said_to_be_in_the_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Deployment(target(), FUNCTION)
    monkeypatch.setattr(Drain, "post_queue", Function("post", {"DESTINATION": "sns"}, ""))
    assert send.unread_at(found) == "nothing of it is kept here; nami logs shopify says when it was handed on"
