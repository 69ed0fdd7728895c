"""PayPal's signature (RSA), by a certificate that is fetched from PayPal's API. Needs `cryptography`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zlib import crc32

from nami_runtime.request import Refused
from nami_runtime.signatures.asymmetric import decoded
from nami_runtime.signatures.certificates import Certificates, fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nami_runtime.request import Request

# The hosts of PayPal's API (https://developer.paypal.com/api/rest/requests/), live and sandbox, by both their names.
_CERTIFICATE_URL = re.compile(
    r"https://(?P<host>api(-m)?(\.sandbox)?\.paypal\.com)(?P<path>/v1/notifications/certs/[A-Za-z0-9_-]{1,100})"
)

certificates = Certificates("PayPal")


def verify(request: Request, secrets: Sequence[str], now: float) -> str | None:
    """As PayPal.verify; raises aws.Unavailable where the certificate can't be fetched."""
    signature = decoded(request.header("paypal-transmission-sig"))
    transmission = request.header("paypal-transmission-id")
    time = request.header("paypal-transmission-time")
    host, path = certificate_place(request.header("paypal-cert-url"))
    key = certificates.key(host, path, now, request.deadline)
    for secret in secrets:
        message = f"{transmission}|{time}|{secret}|{crc32(request.body)}"
        if fits(key, signature, message.encode("utf-8", "replace")):
            return secret
    return None


def certificate_place(url: str) -> tuple[str, str]:
    """(host, path) to fetch a certificate from. Raises Refused (401) for a URL that is not PayPal's own."""
    if not (found := _CERTIFICATE_URL.fullmatch(url)):
        raise Refused(401, "certificate URL is not PayPal's")
    return found["host"], found["path"]
