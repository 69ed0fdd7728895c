"""Whatever comes in and whatever fails: no secret in a log line, an answer, a message, an object or a document."""

import base64
import json
from collections.abc import Callable
from hashlib import sha256
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from nami_control import signing
from nami_runtime import direct, envelope, intake, signatures
from tests.unit.runtime.conftest import (
    MONGO_SECRET,
    FakeAws,
    Mongo,
    http_event,
    load_handler,
    sqs_event,
)

MARK = "m4rk-3d-s3cr3t-9f1c"
# Their secret holds what is public: the provider's key.
PUBLIC = {name for name, forms in signatures.every().items() if "asymmetric" in forms[0].requirements} | {"none"}
SCHEMES = sorted(set(signatures.every()) - PUBLIC)
OPTIONS: dict[str, dict[str, Any]] = {
    "hmac": {"header": "x-signature"},
    "token": {"header": "x-token"},
}
SECRETS = {"basic": f"user:{MARK}", "standard-webhooks": "whsec_" + base64.b64encode(MARK.encode()).decode()}
SECRETS |= dict.fromkeys(("adyen", "adyen-platforms", "close"), MARK.encode().hex())
SECRETS |= dict.fromkeys(("braintree", "chargebee", "pipedrive", "postmark"), SECRETS["basic"])
SECRETS |= {
    name: SECRETS["standard-webhooks"]
    for name, forms in signatures.every().items()
    if getattr(forms[-1], "key", "") == "base64"
}
# A message holds less here, so that what goes by the bucket is not signed, hashed and stored by the megabyte.
MESSAGE, LARGE = 20_000, 22_000
URL = "https://hooks.example.com/nami/shopify"
BODY = (
    b'{"id":"evt_1","event_id":"Ev08","value":[{"subscriptionId":"s"}],"event":"order.created",'
    b'"notificationItems":[{"NotificationRequestItem":{"pspReference":"1"}}]}'
)
# These prove themselves by a word in the body, and a body is kept byte for byte: docs/signatures.md says so.
IN_THE_BODY = {"microsoft-graph", "figma"}


def traces(secret: str) -> list[str]:
    """The secret as it could be written."""
    forms = {MARK, secret, secret.removeprefix("whsec_"), base64.b64encode(secret.encode()).decode()}
    return sorted(forms | {base64.b64encode(form.encode()).decode().rstrip("=") for form in forms})


def seen_in(text: str, secret: str) -> list[str]:
    return [trace for trace in traces(secret) if trace in text]


def requests(scheme: str, secret: str) -> dict[str, dict[str, Any]]:
    """Events by what is wrong with them."""
    setting = {"scheme": scheme, **OPTIONS.get(scheme, {})}
    form = "{form}" in getattr(signatures.every()[scheme][0], "signed", "")
    kind = {"content-type": "application/x-www-form-urlencoded" if form else "application/json"}
    plain = b"CallSid=CA12&Digits=1234" if form else BODY
    large = BODY[:-1] + b',"pad":"' + b"x" * LARGE + b'"}'
    # Twilio's forms are small; of its JSON the URL tells the hash.
    query = f"bodySHA256={sha256(large).hexdigest()}" if form else ""

    def signed(secret: str, body: bytes = plain, **changes: Any) -> tuple[dict[str, str], bytes]:
        return signing.sign(setting, secret, body, headers=kind, url=URL, **changes)

    headers, body = signed(secret)
    other = secret.replace(MARK, "another") if MARK in secret else "whsec_YW5vdGhlcg=="
    other_headers, other_body = signed(other)
    proof, other_proof = signing.query(setting, secret), signing.query(setting, other)
    old_headers, old_body = signed(secret, now=1_000_000_000.0)
    json_kind = {"content-type": "application/json"}
    large_headers, large_body = signing.sign(
        setting, secret, large, headers=json_kind, url=f"{URL}?{query}".rstrip("?")
    )
    if scheme == "braintree":  # whose forms are as large only where they carry a file
        large_headers, large_body = {"content-type": "multipart/form-data; boundary=b"}, b""
        for name, value in [*parse_qsl(body.decode()), ("pad", "x" * LARGE)]:
            large_body += f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    broken = http_event(body, headers=headers)
    broken["body"] = "!" + broken["body"]
    return {
        "good": http_event(body, headers=headers, query=proof),
        "large": http_event(large_body, headers=large_headers, query=query or proof),
        "signed by another": http_event(other_body, headers=other_headers, query=other_proof),
        "signed long ago": http_event(old_body, headers=old_headers, query=proof),
        "changed": http_event(body + b" ", headers=headers, query=proof),
        "unsigned": http_event(plain),
        "unreadable": broken,
    }


@pytest.fixture(params=SCHEMES, scope="module")
def made(request: pytest.FixtureRequest) -> SimpleNamespace:
    """Once for all tests of a scheme: a body of a megabyte is signed in it."""
    name: str = request.param
    secret = SECRETS.get(name, MARK)
    return SimpleNamespace(name=name, secret=secret, requests=requests(name, secret))


@pytest.fixture(autouse=True)
def small_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "MAX_BYTES", MESSAGE)


@pytest.fixture
def scheme(made: SimpleNamespace, signed_by: Callable[..., None]) -> SimpleNamespace:
    signed_by(made.name, json.dumps([made.secret, "old"]), **OPTIONS.get(made.name, {}))
    return made


def test_no_request_brings_the_signature_secret_out(
    scheme: SimpleNamespace,
    cloud: FakeAws,
    pre_queue: Callable[..., Any],
    post_queue: Callable[..., Any],
    mongo: Mongo,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers = {name: pre_queue(event) for name, event in scheme.requests.items()}
    assert answers["good"]["statusCode"] == answers["large"]["statusCode"] == 200
    assert answers["unsigned"]["statusCode"] in (400, 401)
    queued = [*cloud.messages]
    assert post_queue(sqs_event(*queued)) == {"batchItemFailures": []}
    assert cloud.objects
    documents = list(mongo.documents().values())
    assert len(documents) >= 1
    said = capsys.readouterr()
    assert seen_in(json.dumps(answers) + said.out + said.err, scheme.secret) == []
    if scheme.name not in IN_THE_BODY:
        assert seen_in("".join(queued) + repr(cloud.objects) + repr(documents), scheme.secret) == []


@pytest.mark.parametrize("failing", ["sqs", "secretsmanager", "s3"])
def test_no_failure_of_aws_brings_the_signature_secret_out(
    scheme: SimpleNamespace,
    failing: str,
    cloud: FakeAws,
    pre_queue: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    said_no = json.dumps({"__type": "AccessDeniedException", "message": f"not for {MARK}"}).encode()
    cloud.answer = lambda service, _action: (400, said_no) if service == failing else None
    answers = [pre_queue(event) for event in scheme.requests.values()]
    assert 503 in {answer["statusCode"] for answer in answers}
    said = capsys.readouterr()
    assert seen_in(json.dumps(answers) + said.out + said.err, scheme.secret) == []


def test_users_own_check_that_quotes_a_secret_does_not_bring_it_out(
    cloud: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    module = load_handler("pre_queue")

    def authenticate(request: intake.Request) -> None:
        raise ValueError(f"{MARK} is not in {request.headers}")

    module.authenticate = authenticate
    answer = module.handler(http_event(headers={"authorization": MARK}), None)
    assert answer["statusCode"] == 503
    said = capsys.readouterr()
    assert seen_in(json.dumps(answer) + said.out + said.err, MARK) == []


def test_direct_mode_stores_what_proved_the_sender_nowhere(
    scheme: SimpleNamespace,
    cloud: FakeAws,
    post_queue: Callable[..., Any],
    mongo: Mongo,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("QUARANTINE_URL", "https://sqs.eu-central-1.amazonaws.com/123456789012/quarantine")
    monkeypatch.setattr(direct, "_verification", None)
    messages = [as_the_gateway_writes(event) for name, event in scheme.requests.items() if name != "unreadable"]
    post_queue(sqs_event(*messages))
    said = capsys.readouterr()
    assert seen_in(said.out + said.err, scheme.secret) == []
    if scheme.name not in IN_THE_BODY:
        assert seen_in(repr(mongo.documents()), scheme.secret) == []


def as_the_gateway_writes(event: dict[str, Any]) -> str:
    context = event["requestContext"]
    fields = {
        "v": 1,
        "id": context["requestId"],
        "subscription": "shopify",
        "received_at": context["timeEpoch"],
        "method": context["http"]["method"],
        "path": event["rawPath"],
        "query": event["rawQueryString"],
        "headers": {**event["headers"], "host": context["domainName"]},
        "source_ip": context["http"]["sourceIp"],
        "verified": None,
        "base64": True,
        "body": event["body"],
    }
    return json.dumps(fields)


@pytest.mark.parametrize(
    "secret",
    [
        {"uri": f"mongodb://nami:{MARK}@127.0.0.1:1/"},
        {"uri": f"mongodb://nami:{MARK}@127.0.0.1:port/"},
        {"uri": f"mongodb+srv://nami:{MARK}@no-such-host.invalid/"},
        {"uri": f"nami:{MARK}@127.0.0.1"},
        {"username": "nami", "password": MARK},
        {"password": MARK},
        [MARK],
        MARK,
    ],
    ids=lambda secret: json.dumps(secret).replace(MARK, "…"),
)
def test_no_database_that_can_not_be_reached_brings_its_password_out(
    secret: object,
    cloud: FakeAws,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    post_queue: Callable[..., Any],
) -> None:
    cloud.secrets[MONGO_SECRET] = secret if isinstance(secret, str) else json.dumps(secret)
    monkeypatch.setenv("MONGO_HOST", "127.0.0.1:1")
    result = post_queue(sqs_event(as_the_gateway_writes(http_event())), 3.2)
    assert len(result["batchItemFailures"]) == 1
    said = capsys.readouterr()
    assert seen_in(json.dumps(result) + said.out + said.err, MARK) == []
