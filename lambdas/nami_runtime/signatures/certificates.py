"""X.509 certificates that a sender publishes, and RSA signatures by their keys. Needs `cryptography`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from nami_runtime.request import Refused
from nami_runtime.signatures.fetched import Fetched

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.hashes import HashAlgorithm


class Certificates:
    """Those of one sender; `whose` is its name, as in an error."""

    def __init__(self, whose: str) -> None:
        self._whose = f"{whose}'s certificate"
        self._fetched = Fetched(self._whose, x509.load_pem_x509_certificate)

    def key(self, host: str, path: str, now: float, deadline: float) -> rsa.RSAPublicKey:
        """The key of the certificate at https://host/path.

        Raises Refused (401) where it is not valid at `now` (epoch seconds) or holds another kind, aws.Unavailable where
        it can't be fetched.
        """
        certificate = self._fetched.get(host, path, deadline)
        if not certificate.not_valid_before_utc <= datetime.fromtimestamp(now, UTC) <= certificate.not_valid_after_utc:
            raise Refused(401, f"{self._whose} is not valid now")
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise Refused(401, f"{self._whose} holds no RSA key")
        return key


def fits(key: rsa.RSAPublicKey, signature: bytes, message: bytes, digest: HashAlgorithm | None = None) -> bool:
    """Whether it is an RSA signature (PKCS#1 v1.5) of the message, with SHA-256 where no other digest is given."""
    try:
        key.verify(signature, message, padding.PKCS1v15(), digest or SHA256())
    except InvalidSignature:
        return False
    return True
