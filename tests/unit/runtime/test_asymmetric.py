"""SendGrid's published vector is among the others; Discord's and PayPal's signatures are made with keys of our own."""

import base64
import datetime
import sys
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nami_runtime import aws, envelope
from nami_runtime.connection import Connection
from nami_runtime.request import Refused
from nami_runtime.signatures import fetched
from nami_runtime.signatures import paypal as certificates
from nami_runtime.signatures.certificates import Certificates
from tests.unit.runtime.conftest import FakeAws, http_event
from tests.unit.runtime.vectors import VECTORS

Handler = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture
def discord(pre_queue: Handler, signed_by: Callable[..., None]) -> Callable[..., int]:
    key = Ed25519PrivateKey.generate()
    signed_by("discord", key.public_key().public_bytes_raw().hex(), tolerance=300)

    def send(stamp: str, body: bytes, sent: bytes | None = None, **headers: str) -> int:
        signed = {"x-signature-timestamp": stamp, "x-signature-ed25519": key.sign(stamp.encode() + body).hex()}
        event = http_event(body if sent is None else sent, headers={**signed, **headers})
        status: int = pre_queue(event)["statusCode"]
        return status

    return send


def _now() -> str:
    return str(int(datetime.datetime.now().timestamp()))


def test_discords_signature_is_accepted(discord: Callable[..., int]) -> None:
    assert discord(_now(), b'{"type":1}') == 200


def test_discords_changed_body_stale_time_and_broken_signature_get_401(discord: Callable[..., int]) -> None:
    assert discord(_now(), b'{"type":1}', sent=b'{"type":2}') == 401
    assert discord("1600000000", b"{}") == 401
    for broken in ("", "zz", "00" * 64, "ff" * 10):
        assert discord(_now(), b"{}", **{"x-signature-ed25519": broken}) == 401


def test_no_digit_moves_between_discords_timestamp_and_the_body(
    pre_queue: Handler, signed_by: Callable[..., None]
) -> None:
    key = Ed25519PrivateKey.generate()
    signed_by("discord", key.public_key().public_bytes_raw().hex())
    signature = key.sign(b'1700000000{"type":2}').hex()

    def status(stamp: str, body: bytes) -> int:
        headers = {"x-signature-timestamp": stamp, "x-signature-ed25519": signature}
        answered: int = pre_queue(http_event(body, headers=headers))["statusCode"]
        return answered

    assert status("1700000000", b'{"type":2}') == 200
    assert status("170000000", b'0{"type":2}') == 401
    assert status("1700000000{", b'"type":2}') == 401


def test_no_digit_moves_between_sendgrids_timestamp_and_the_body(
    pre_queue: Handler, signed_by: Callable[..., None]
) -> None:
    (vector,) = [vector for vector in VECTORS if vector.scheme == "sendgrid"]
    signed_by("sendgrid", vector.secret)
    name = "x-twilio-email-event-webhook-timestamp"
    stamp = vector.headers[name]
    assert pre_queue(http_event(vector.body, headers=vector.headers))["statusCode"] == 200
    moved = http_event(stamp[-1].encode() + vector.body, headers={**vector.headers, name: stamp[:-1]})
    assert pre_queue(moved)["statusCode"] == 401


# PayPal

_WEBHOOK_ID = "3TR748995U920805P"
_URL = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77"


class PayPal:
    def __init__(self, *, days: int = 30) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "messageverificationcerts.paypal.com")])
        now = datetime.datetime.now(datetime.UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=60))
            .not_valid_after(now + datetime.timedelta(days=days))
            .sign(self.key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )
        self.fetched: list[tuple[str, str]] = []

    def fetch(self, _what: str, host: str, path: str, deadline: float) -> bytes:
        self.fetched.append((host, path))
        return self.certificate

    def headers(self, body: bytes, webhook_id: str = _WEBHOOK_ID) -> dict[str, str]:
        message = f"t-1|2026-01-01T00:00:00Z|{webhook_id}|{zlib.crc32(body)}".encode()
        return {
            "paypal-auth-algo": "SHA256withRSA",
            "paypal-cert-url": _URL,
            "paypal-transmission-id": "t-1",
            "paypal-transmission-time": "2026-01-01T00:00:00Z",
            "paypal-transmission-sig": base64.b64encode(
                self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
            ).decode(),
        }


@pytest.fixture
def paypal(monkeypatch: pytest.MonkeyPatch, signed_by: Callable[..., None]) -> PayPal:
    provider = PayPal()
    monkeypatch.setattr(certificates, "certificates", Certificates("PayPal"))
    monkeypatch.setattr(fetched, "fetch", provider.fetch)
    signed_by("paypal", f'["other", "{_WEBHOOK_ID}"]')
    return provider


def test_paypals_signature_is_accepted_and_its_certificate_fetched_once(
    pre_queue: Handler, cloud: FakeAws, paypal: PayPal
) -> None:
    for _ in range(3):
        answer = pre_queue(http_event(b'{"id":"WH-1"}', headers=paypal.headers(b'{"id":"WH-1"}')))
        assert answer["statusCode"] == 200
        assert answer["headers"]["nami-delivery-id"].startswith("t-1-")
    assert paypal.fetched == [("api.paypal.com", "/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77")]
    assert envelope.read(cloud.messages[0]).verified == "paypal"


def test_paypals_changed_body_or_other_webhook_gets_401(pre_queue: Handler, paypal: PayPal) -> None:
    assert pre_queue(http_event(b"{ }", headers=paypal.headers(b"{}")))["statusCode"] == 401
    assert pre_queue(http_event(b"{}", headers=paypal.headers(b"{}", "another")))["statusCode"] == 401


def test_paypals_missing_headers_get_401(pre_queue: Handler, paypal: PayPal) -> None:
    for name in paypal.headers(b"{}"):
        if name != "paypal-auth-algo":
            headers = {key: value for key, value in paypal.headers(b"{}").items() if key != name}
            assert pre_queue(http_event(b"{}", headers=headers))["statusCode"] == 401


@pytest.mark.parametrize(
    "url",
    [
        "https://api.paypal.com.evil.example/v1/notifications/certs/C",
        "https://evilpaypal.com/v1/notifications/certs/C",
        "https://paypal.com@evil.example/v1/notifications/certs/C",
        "https://evil.example#.paypal.com/v1/notifications/certs/C",
        "https://evil.example/.paypal.com/v1/notifications/certs/C",
        "http://api.paypal.com/v1/notifications/certs/C",
        "https://api.paypal.com:8443/v1/notifications/certs/C",
        "https://api.paypal.com/elsewhere/C",
        "https://api.paypal.com/v1/notifications/certs/../../../C",
        "https://api.paypal.com/v1/notifications/certs/C?x=y",
        "https://api.paypal.com/v1/notifications/certs/C\r\nx: y",
        "https://api.paypal.com/v1/notifications/certs/",
        "https://api.paypal.com/v1/notifications/certs/C/D",
        "https://www.paypal.com/v1/notifications/certs/C",
        "https://www.api.paypal.com/v1/notifications/certs/C",
        "https://api.paypal.com/v1/notifications/certs/%2e%2e/%2E%2E/C",
        "https://api.paypal.com/v1/notifications/certs/C\n",
        "https://api.paypal.com/v1/notifications/certs/" + "C" * 101,
        "https://[::1].paypal.com/v1/notifications/certs/C",
        "https://\u0430pi.paypal.com/v1/notifications/certs/C",
        "",
    ],
)
def test_a_certificate_from_elsewhere_is_never_fetched(pre_queue: Handler, paypal: PayPal, url: str) -> None:
    headers = {**paypal.headers(b"{}"), "paypal-cert-url": url}
    assert pre_queue(http_event(b"{}", headers=headers))["statusCode"] == 401
    assert paypal.fetched == []


@pytest.mark.parametrize(
    "host", ["api.paypal.com", "api.sandbox.paypal.com", "api-m.paypal.com", "api-m.sandbox.paypal.com"]
)
def test_the_hosts_of_paypals_api_are_trusted(host: str) -> None:
    path = "/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77"
    assert certificates.certificate_place(f"https://{host}{path}") == (host, path)


def test_an_expired_certificate_gets_401(pre_queue: Handler, paypal: PayPal, monkeypatch: pytest.MonkeyPatch) -> None:
    expired = PayPal(days=-1)
    monkeypatch.setattr(fetched, "fetch", expired.fetch)
    assert pre_queue(http_event(b"{}", headers=expired.headers(b"{}")))["statusCode"] == 401


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the certificates go by; the test moves them."""
    seconds = [1000.0]
    monkeypatch.setattr(fetched, "monotonic", lambda: seconds[0])
    return seconds


def test_made_up_certificate_names_cost_few_fetches_and_a_retry_later(
    pre_queue: Handler, paypal: PayPal, clock: list[float]
) -> None:
    def statuses(count: int) -> list[int]:
        urls = [f"{_URL}-{clock[0]:.0f}-{number}" for number in range(count)]
        events = [http_event(b"{}", headers={**paypal.headers(b"{}"), "paypal-cert-url": url}) for url in urls]
        return [pre_queue(event)["statusCode"] for event in events]

    assert statuses(12) == [200] * 10 + [503] * 2
    clock[0] += 3
    assert statuses(5) == [200] * 3 + [503] * 2
    assert len(paypal.fetched) == 13


def test_a_made_up_certificate_name_every_two_seconds_keeps_no_webhook_out(
    pre_queue: Handler, paypal: PayPal, clock: list[float]
) -> None:
    for second in range(0, 60, 2):
        clock[0] += 2
        forged = {**paypal.headers(b"{}", "another"), "paypal-cert-url": f"{_URL}-{second}"}
        assert pre_queue(http_event(b"{}", headers=forged))["statusCode"] == 401
    assert pre_queue(http_event(b"{}", headers=paypal.headers(b"{}")))["statusCode"] == 200


def test_made_up_certificate_names_do_not_keep_a_known_certificate_from_serving(
    pre_queue: Handler, paypal: PayPal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pre_queue(http_event(b"{}", headers=paypal.headers(b"{}")))["statusCode"] == 200
    monkeypatch.setattr(fetched, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(fetched, "FETCHES", 0.0)
    assert pre_queue(http_event(b"{}", headers=paypal.headers(b"{}")))["statusCode"] == 200
    assert len(paypal.fetched) == 1


def test_a_known_certificate_serves_on_where_paypal_does_not_answer(
    pre_queue: Handler, paypal: PayPal, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> bytes:
        raise aws.Unavailable("PayPal's certificate: HTTP 503")

    assert pre_queue(http_event(b"{}", headers=paypal.headers(b"{}")))["statusCode"] == 200
    monkeypatch.setattr(fetched, "fetch", away)
    clock[0] += 4000
    assert pre_queue(http_event(b"{}", headers=paypal.headers(b"{}")))["statusCode"] == 200


def test_a_silent_certificate_host_does_not_use_up_a_batchs_time(
    paypal: PayPal, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadlines: list[float] = []

    def fetch(what: str, host: str, path: str, deadline: float) -> bytes:
        deadlines.append(deadline)
        return paypal.certificate

    monkeypatch.setattr(fetched, "fetch", fetch)
    host, path = certificates.certificate_place(_URL)
    certificates.certificates.key(host, path, time.time(), time.monotonic() + 28)
    assert deadlines[0] < time.monotonic() + 3


def test_what_is_fetched_and_is_no_certificate_is_neither_trusted_nor_kept(
    pre_queue: Handler, cloud: FakeAws, paypal: PayPal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetched, "fetch", lambda *_: b"<html>")
    assert pre_queue(http_event(b"{}", headers=paypal.headers(b"{}")))["statusCode"] == 503
    assert cloud.messages == []
    assert certificates.certificates._fetched._kept == {}


def test_a_certificate_that_can_not_be_fetched_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> tuple[int, bytes]:
        return 404, b""

    monkeypatch.setattr(Connection, "exchange", refuse)
    with pytest.raises(aws.Unavailable, match="404"):
        fetched.fetch("PayPal's certificate", "api.paypal.com", "/v1/notifications/certs/C", 0)


def test_a_key_that_is_none_verifies_nothing(pre_queue: Handler, signed_by: Callable[..., None]) -> None:
    for scheme, headers in {
        "discord": {"x-signature-timestamp": _now(), "x-signature-ed25519": "00" * 64},
        "sendgrid": {
            "x-twilio-email-event-webhook-timestamp": _now(),
            "x-twilio-email-event-webhook-signature": "AAAA",
        },
    }.items():
        for key in ("not a key", "00", "AAAA"):
            signed_by(scheme, key)
            assert pre_queue(http_event(b"{}", headers=headers))["statusCode"] == 401


def test_other_schemes_do_not_load_the_library() -> None:
    assert "cryptography" in sys.modules
    import subprocess  # noqa: PLC0415 - a fresh process is what is asked here

    code = "import sys; from nami_runtime.signatures import verification; print('cryptography' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.strip() == "False"


def test_a_refusal_has_a_status() -> None:
    with pytest.raises(Refused) as refused:
        certificates.certificate_place("https://evil.example/")
    assert refused.value.status == 401
