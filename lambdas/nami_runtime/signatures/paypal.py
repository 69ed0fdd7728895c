"""PayPal's signature (RSA), by a certificate that is fetched from PayPal's API. Needs `cryptography`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING
from zlib import crc32

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from nami_runtime import aws
from nami_runtime.connection import Connection
from nami_runtime.request import Refused
from nami_runtime.signatures.asymmetric import decoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nami_runtime.request import Request

# The hosts of PayPal's API (https://developer.paypal.com/api/rest/requests/), live and sandbox, by both their names.
_CERTIFICATE_URL = re.compile(
    r"https://(?P<host>api(-m)?(\.sandbox)?\.paypal\.com)(?P<path>/v1/notifications/certs/[A-Za-z0-9_-]{1,100})"
)
_KEEP_CERTIFICATE_SECONDS = 3600.0
# The certificate's URL comes with the request, so anybody can name a new one: so many fetches at once, and so many a
# second after that, are worth it to a process. Whoever sends less than that keeps no webhook of PayPal's out.
_FETCHES = 10.0
_FETCHES_A_SECOND = 1.0
# Where the post-queue function verifies, its deadline is that of the whole batch.
_FETCH_SECONDS = 2.0

_KEEP_CERTIFICATES = 4
_certificates: dict[str, tuple[float, x509.Certificate]] = {}
_fetches_left, _counted_at = _FETCHES, 0.0


def verify(request: Request, secrets: Sequence[str], now: float) -> str | None:
    """As PayPal.verify; raises aws.Unavailable where the certificate can't be fetched."""
    signature = decoded(request.header("paypal-transmission-sig"))
    transmission = request.header("paypal-transmission-id")
    time = request.header("paypal-transmission-time")
    certificate = _certificate(request.header("paypal-cert-url"), request.deadline)
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


def certificate_place(url: str) -> tuple[str, str]:
    """(host, path) to fetch a certificate from. Raises Refused (401) for a URL that is not PayPal's own."""
    if not (found := _CERTIFICATE_URL.fullmatch(url)):
        raise Refused(401, "certificate URL is not PayPal's")
    return found["host"], found["path"]


def _certificate(url: str, deadline: float) -> x509.Certificate:
    host, path = certificate_place(url)
    now = monotonic()
    kept = _certificates.get(url)
    if kept and now - kept[0] < _KEEP_CERTIFICATE_SECONDS:
        return kept[1]
    try:
        if not _may_fetch(now):
            raise aws.Unavailable("PayPal's certificates were asked for too often")
        certificate = x509.load_pem_x509_certificate(fetch(host, path, min(deadline, now + _FETCH_SECONDS)))
    except (aws.Unavailable, ValueError) as error:
        if kept:
            return kept[1]
        if isinstance(error, ValueError):
            raise aws.Unavailable("what PayPal sent is no certificate") from None
        raise
    while len(_certificates) >= _KEEP_CERTIFICATES:
        _certificates.pop(next(iter(_certificates)))
    _certificates[url] = now, certificate
    return certificate


def _may_fetch(now: float) -> bool:
    global _fetches_left, _counted_at  # noqa: PLW0603 - one process serves one subscription
    _fetches_left = min(_FETCHES, _fetches_left + (now - _counted_at) * _FETCHES_A_SECOND)
    _counted_at = now
    if _fetches_left < 1:
        return False
    _fetches_left -= 1
    return True


def fetch(host: str, path: str, deadline: float) -> bytes:
    """The PEM at https://host/path. Raises aws.Unavailable; redirects are not followed."""
    connection = Connection(f"https://{host}")
    try:
        status, body = connection.exchange(f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n", b"", deadline)
    except OSError as error:
        raise aws.Unavailable(f"PayPal's certificate: {type(error).__name__}") from None
    finally:
        connection.close()
    if status != 200:
        raise aws.Unavailable(f"PayPal's certificate: HTTP {status}")
    return body
