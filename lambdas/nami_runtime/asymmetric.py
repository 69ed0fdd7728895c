"""Providers that sign with a private key: SendGrid (ECDSA), Discord (Ed25519), PayPal (RSA). Needs `cryptography`.

The secret holds what is public: SendGrid's verification key, Discord's public key (hex), PayPal's webhook id.
"""

from __future__ import annotations

import binascii
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zlib import crc32

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from nami_runtime import aws
from nami_runtime.request import Refused
from nami_runtime.signatures import Asymmetric, check_age, check_ends

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nami_runtime.request import Request

_CERTIFICATE_PATH = "/v1/notifications/certs/"
_KEEP_CERTIFICATE_SECONDS = 3600.0
# The certificate's URL comes with the request, so anybody can name a new one; fetching is worth this much a process.
_FETCH_EVERY_SECONDS = 5.0
# Where the post-queue function verifies, its deadline is that of the whole batch.
_FETCH_SECONDS = 2.0

_KEEP_CERTIFICATES = 4
_certificates: dict[str, tuple[float, x509.Certificate]] = {}
_fetched_at = -_FETCH_EVERY_SECONDS


def verify(scheme: Asymmetric, request: Request, secrets: Sequence[str], now: float) -> str | None:
    """See signatures.Scheme.verify."""
    check = {"discord": _discord, "paypal": _paypal, "sendgrid": _sendgrid}[scheme.provider]
    return check(scheme, request, secrets, now)


def _discord(scheme: Asymmetric, request: Request, secrets: Sequence[str], now: float) -> str | None:
    signature = _decoded(_header(request, "x-signature-ed25519"), binascii.unhexlify)
    stamp = _timestamp(scheme, request, "x-signature-timestamp", now)
    check_ends(stamp, b"", request.body)
    message = stamp + request.body
    for secret in secrets:
        try:
            Ed25519PublicKey.from_public_bytes(binascii.unhexlify(secret)).verify(signature, message)
        except (InvalidSignature, ValueError):
            continue
        return secret
    return None


def _sendgrid(scheme: Asymmetric, request: Request, secrets: Sequence[str], now: float) -> str | None:
    signature = _decoded(_header(request, "x-twilio-email-event-webhook-signature"), binascii.a2b_base64)
    stamp = _timestamp(scheme, request, "x-twilio-email-event-webhook-timestamp", now)
    check_ends(stamp, b"", request.body)
    message = stamp + request.body
    for secret in secrets:
        try:
            key = load_der_public_key(binascii.a2b_base64(secret))
            if isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(signature, message, ec.ECDSA(SHA256()))
                return secret
        except (InvalidSignature, ValueError):
            continue
    return None


def _paypal(scheme: Asymmetric, request: Request, secrets: Sequence[str], now: float) -> str | None:
    signature = _decoded(_header(request, "paypal-transmission-sig"), binascii.a2b_base64)
    transmission = _header(request, "paypal-transmission-id")
    time = _timestamp(scheme, request, "paypal-transmission-time", now).decode()
    certificate = _certificate(_header(request, "paypal-cert-url"), request.deadline)
    moment = datetime.fromtimestamp(now, UTC)
    key = certificate.public_key()
    if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
        raise Refused(401, "PayPal's certificate is not valid now")
    if not isinstance(key, rsa.RSAPublicKey):
        raise Refused(401, "PayPal's certificate holds no RSA key")
    for secret in secrets:
        message = f"{transmission}|{time}|{secret}|{crc32(request.body)}"
        try:
            key.verify(signature, message.encode("utf-8", "replace"), padding.PKCS1v15(), SHA256())
        except InvalidSignature:
            continue
        return secret
    return None


def certificate_host(url: str) -> str:
    """The host to fetch a certificate from. Raises Refused (401) for a URL that is not PayPal's own."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    genuine = (
        parts.scheme == "https"
        and port is None
        and parts.netloc == host
        and host.endswith(".paypal.com")
        and url.isascii()
        and url.isprintable()
        and parts.path.startswith(_CERTIFICATE_PATH)
        and not (parts.query or parts.fragment or ".." in parts.path or " " in url)
    )
    if not genuine:
        raise Refused(401, "certificate URL is not PayPal's")
    return host


def _certificate(url: str, deadline: float) -> x509.Certificate:
    global _fetched_at  # noqa: PLW0603 - one process serves one subscription
    host = certificate_host(url)
    now = monotonic()
    kept = _certificates.get(url)
    if kept and now - kept[0] < _KEEP_CERTIFICATE_SECONDS:
        return kept[1]
    if now - _fetched_at < _FETCH_EVERY_SECONDS:
        if kept:
            return kept[1]
        raise aws.Unavailable("PayPal's certificate was asked for a moment ago")
    _fetched_at = now
    try:
        certificate = x509.load_pem_x509_certificate(
            fetch(host, urlsplit(url).path, min(deadline, now + _FETCH_SECONDS))
        )
    except ValueError:
        raise aws.Unavailable("what PayPal sent is no certificate") from None
    while len(_certificates) >= _KEEP_CERTIFICATES:
        _certificates.pop(next(iter(_certificates)))
    _certificates[url] = now, certificate
    return certificate


def fetch(host: str, path: str, deadline: float) -> bytes:
    """The PEM at https://host/path. Raises aws.Unavailable; redirects are not followed."""
    connection = aws.Connection(f"https://{host}")
    try:
        status, body = connection.exchange(f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n", b"", deadline)
    except OSError as error:
        raise aws.Unavailable(f"PayPal's certificate: {type(error).__name__}") from None
    finally:
        connection.close()
    if status != 200:
        raise aws.Unavailable(f"PayPal's certificate: HTTP {status}")
    return body


def _header(request: Request, name: str) -> str:
    value = request.headers.get(name, "")
    if not value:
        raise Refused(401, f"no {name}")
    return value


def _timestamp(scheme: Asymmetric, request: Request, name: str, now: float) -> bytes:
    value = _header(request, name)
    if scheme.tolerance:
        check_age(value, scheme.tolerance, now)
    return value.encode("utf-8", "replace")


def _decoded(text: str, decode: Callable[[str], bytes]) -> bytes:
    try:
        return decode(text)
    except ValueError:
        raise Refused(401, "unreadable signature") from None
