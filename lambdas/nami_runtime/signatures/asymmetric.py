"""Signatures by a provider's private key: ECDSA and Ed25519. Needs `cryptography`."""

from __future__ import annotations

import binascii
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from nami_runtime.request import Refused

Key = Ed25519PublicKey | ec.EllipticCurvePublicKey


def fits(algorithm: str, form: str, secret: str, message: bytes, signature: bytes) -> bool:
    """Whether the signature is of this message, by the public key in `secret`; false where that is no such key."""
    try:
        key = _key(algorithm, form, secret)
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, message)
        else:
            key.verify(signature, message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=8)  # more than a secret holds while it is rotated
def _key(algorithm: str, form: str, secret: str) -> Key:
    """Raises ValueError."""
    raw = binascii.unhexlify(secret) if form == "hex" else binascii.a2b_base64(secret)
    if algorithm == "ed25519":
        return Ed25519PublicKey.from_public_bytes(raw)
    key = load_der_public_key(raw)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("no key of an elliptic curve")
    return key


def decoded(text: str) -> bytes:
    """A signature's bytes. Raises Refused (401)."""
    try:
        return binascii.a2b_base64(text)
    except ValueError:
        raise Refused(401, "unreadable signature") from None
