"""Amazon SNS: signed as its document says, with a key of ours behind a certificate where SNS has its own."""

import base64
import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from nami_runtime import aws, envelope, signatures
from nami_runtime.request import Refused, Request
from nami_runtime.signatures import fetched, sns
from nami_runtime.signatures.certificates import Certificates
from nami_runtime.signatures.fetched import Fetched
from tests.unit.runtime.conftest import FakeAws, http_event

Handler = Callable[[dict[str, Any]], dict[str, Any]]

TOPIC = "arn:aws:sns:eu-west-1:123456789012:orders"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
CONFIRM = f"/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37f"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key()).serial_number(1)
    made = made.not_valid_before(now - datetime.timedelta(days=60)).not_valid_after(now + datetime.timedelta(days=30))
    return made.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


PEM = certificate()


class Sns:
    """SNS's host: what was asked for, and the answer."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.confirms: bytes | None = b"<ConfirmSubscriptionResponse/>"

    def fetch(self, what: str, host: str, path: str, deadline: float) -> bytes:
        self.asked.append((host, path))
        if path.endswith(".pem"):
            return PEM
        if self.confirms is None:
            raise aws.Unavailable(f"{what}: HTTP 500")
        return self.confirms


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, signed_by: Callable[..., None]) -> Sns:
    made = Sns()
    monkeypatch.setattr(sns, "certificates", Certificates("SNS"))
    monkeypatch.setattr(sns, "confirmations", Fetched("confirming the subscription at SNS", bytes))
    monkeypatch.setattr(fetched, "fetch", made.fetch)
    signed_by("aws-sns", json.dumps(["arn:aws:sns:eu-west-1:123456789012:other", TOPIC]))
    return made


def signed(version: str = "2", **fields: Any) -> dict[str, Any]:
    """A message with its signature; the lines are put together here as the document tells, apart from nami."""
    message: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "My First Message",
        "Message": "Hello world!\nMessageId\nnone",
        "Timestamp": "2012-05-02T00:54:06.655Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=a",
        **fields,
    }
    order = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    if message["Type"] != "Notification":
        order = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{name}\n{message[name]}\n" for name in order if message[name] is not None)
    digest = hashes.SHA1() if version == "1" else hashes.SHA256()
    message["Signature"] = base64.b64encode(KEY.sign(text.encode(), padding.PKCS1v15(), digest)).decode()
    return {name: value for name, value in message.items() if value is not None}


def confirmation(**fields: Any) -> dict[str, Any]:
    url = f"https://sns.eu-west-1.amazonaws.com{CONFIRM}"
    return signed(Type="SubscriptionConfirmation", Token="2336412f37f", SubscribeURL=url, Subject=None, **fields)


def event(message: dict[str, Any]) -> dict[str, Any]:
    kind = {"content-type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": str(message.get("Type"))}
    return http_event(json.dumps(message).encode(), headers=kind)


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [None, "My First Message"])
@pytest.mark.usefixtures("host")
def test_notification_is_accepted_and_stored_by_its_id(
    pre_queue: Handler, cloud: FakeAws, version: str, subject: str | None
) -> None:
    answer = pre_queue(event(signed(version, Subject=subject)))
    assert answer["statusCode"] == 200
    assert answer["headers"]["nami-delivery-id"] == "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324"
    assert envelope.read(cloud.messages[0]).verified == "aws-sns"


def test_certificate_is_fetched_once(pre_queue: Handler, host: Sns) -> None:
    for _ in range(3):
        assert pre_queue(event(signed()))["statusCode"] == 200
    assert host.asked == [("sns.eu-west-1.amazonaws.com", CERTIFICATE_URL.partition(".com")[2])]


@pytest.mark.usefixtures("host")
def test_topic_that_the_secret_does_not_name_gets_401(pre_queue: Handler, cloud: FakeAws) -> None:
    other = "arn:aws:sns:eu-west-1:123456789012:another"
    assert pre_queue(event(signed(TopicArn=other)))["statusCode"] == 401
    assert pre_queue(event(confirmation(TopicArn=other)))["statusCode"] == 401
    assert cloud.messages == []


def test_subscription_is_confirmed_and_not_stored(pre_queue: Handler, cloud: FakeAws, host: Sns) -> None:
    answer = pre_queue(event(confirmation()))
    assert answer["statusCode"] == 200
    assert host.asked[-1] == ("sns.eu-west-1.amazonaws.com", CONFIRM)
    assert cloud.messages == []


def test_confirmation_that_fails_is_503_so_that_sns_asks_again(pre_queue: Handler, host: Sns) -> None:
    host.confirms = None
    assert pre_queue(event(confirmation()))["statusCode"] == 503


def test_unsigned_confirmation_confirms_nothing(pre_queue: Handler, host: Sns) -> None:
    forged = {**confirmation(), "Token": "ff"}
    assert pre_queue(event(forged))["statusCode"] == 401
    assert [path for _, path in host.asked if "Confirm" in path] == []


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/?Action=ConfirmSubscription&TopicArn=a&Token=ff",
        "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=a&Token=ff",
        "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe&TopicArn=a&Token=ff",
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=a&Token=ff HTTP/1.1",
    ],
)
def test_even_a_signed_confirmation_calls_no_other_url(pre_queue: Handler, host: Sns, url: str) -> None:
    message = signed(Type="SubscriptionConfirmation", Token="ff", SubscribeURL=url, Subject=None)
    assert pre_queue(event(message))["statusCode"] == 401
    assert len(host.asked) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
        "https://sns.eu-west-1.amazonaws.com.cn/a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
        "https://evil@sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.s3-eu-west-1.amazonaws.com/a.pem",  # a bucket of that name may be anybody's
        "https://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com/../a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.pem?x=y",
        "https://sns.eu-west-1.amazonaws.com/a.pem\r\nx: y",
        "https://sns.eu-west-1.amazonaws.com/a",
        "",
        None,
        7,
    ],
)
def test_certificate_from_elsewhere_is_never_fetched(pre_queue: Handler, host: Sns, url: object) -> None:
    assert pre_queue(event({**signed(), "SigningCertURL": url}))["statusCode"] == 401
    assert host.asked == []


def verified(message: object) -> bool:
    (form,) = signatures.configured({"scheme": "aws-sns"})
    body = json.dumps(message).encode()
    request = Request("POST", headers={}, body=body, request_id="-", deadline=1e12)
    try:
        return form.verify(request, [TOPIC], datetime.datetime.now().timestamp()) == TOPIC
    except Refused:
        return False


GENUINE = signed()
COVERED = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type", "Signature", "SignatureVersion"]


@given(st.sampled_from(COVERED), st.none() | st.text(max_size=20) | st.integers() | st.lists(st.text(), max_size=1))
def test_any_signed_field_changed_is_refused(name: str, value: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetched, "fetch", Sns().fetch)
        patch.setattr(sns, "certificates", Certificates("SNS"))
        assert verified(GENUINE)
        if value != GENUINE[name]:
            assert not verified({**GENUINE, name: value})
        assert not verified({key: text for key, text in GENUINE.items() if key != name})


@pytest.mark.usefixtures("host")
def test_no_line_moves_between_the_fields() -> None:
    genuine = signed(Message="A\nMessageId\nother\nSubject\nB", Subject=None)
    assert verified(genuine)
    moved = {**genuine, "Message": "A", "MessageId": "other", "Subject": f"B\nMessageId\n{genuine['MessageId']}"}
    assert not verified(moved)


@pytest.mark.parametrize("body", [[], {}, "x", 7, None, {"TopicArn": TOPIC}, {**GENUINE, "Type": "Other"}])
@pytest.mark.usefixtures("host")
def test_what_is_no_message_is_refused(body: object) -> None:
    assert not verified(body)


def test_host_in_china_has_its_own_domain(host: Sns, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = TOPIC.replace("aws:sns:eu-west-1", "aws-cn:sns:cn-north-1")
    url = "https://sns.cn-north-1.amazonaws.com.cn/a.pem"
    monkeypatch.setattr("tests.unit.runtime.test_sns.TOPIC", topic)
    assert verified(signed(TopicArn=topic, SigningCertURL=url))
    assert host.asked == [("sns.cn-north-1.amazonaws.com.cn", "/a.pem")]
