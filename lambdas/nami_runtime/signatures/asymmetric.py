"""Signatures by a provider's private key: ECDSA, Ed25519 and RSA. Needs `cryptography`."""

from __future__ import annotations

import binascii
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from nami_runtime.request import Refused
from nami_runtime.signatures.keys import key_bytes

Key = Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_RAW_BYTES = 32
_KINDS: dict[str, type[Key]] = {
    "ed25519": Ed25519PublicKey,
    "ecdsa": ec.EllipticCurvePublicKey,
    "rsa": rsa.RSAPublicKey,
}


def fits(algorithm: str, secret: str, message: bytes, signature: bytes) -> bool:
    """Whether the signature is of this message, by the public key in `secret`; false where that is no such key."""
    try:
        key = _key(algorithm, secret)
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, message)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), SHA256())
        else:
            key.verify(signature, message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=8)  # more than a secret holds while it is rotated
def _key(algorithm: str, secret: str) -> Key:
    """Raises ValueError."""
    raw = key_bytes(secret)
    if algorithm == "ed25519" and len(raw) == _RAW_BYTES:
        return Ed25519PublicKey.from_public_bytes(raw)
    try:
        key = load_der_public_key(raw)
    except UnsupportedAlgorithm:
        key = None
    if not isinstance(key, _KINDS[algorithm]):
        raise ValueError(f"no key for {algorithm}")
    return key


def decoded(text: str) -> bytes:
    """The bytes of a signature in base64. Raises Refused (401)."""
    try:
        return binascii.a2b_base64(text)
    except ValueError:
        raise Refused(401, "unreadable signature") from None
