"""Signatures by a provider's private key: ECDSA and Ed25519. Needs `cryptography`."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from nami_runtime.request import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

_DECODE = {"base64": binascii.a2b_base64, "hex": binascii.unhexlify}


def verify(algorithm: str, encoding: str, signature: str, message: bytes, secrets: Sequence[str]) -> str | None:
    """The one of `secrets`, public keys in the same encoding, that the signature fits; raises Refused (401)."""
    raw = decoded(signature, encoding)
    check = {"ecdsa": _ecdsa, "ed25519": _ed25519}[algorithm]
    for secret in secrets:
        try:
            check(_DECODE[encoding](secret), raw, message)
        except (InvalidSignature, ValueError):
            continue
        return secret
    return None


def _ed25519(key: bytes, signature: bytes, message: bytes) -> None:
    Ed25519PublicKey.from_public_bytes(key).verify(signature, message)


def _ecdsa(key: bytes, signature: bytes, message: bytes) -> None:
    public = load_der_public_key(key)
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise ValueError("no key of an elliptic curve")
    public.verify(signature, message, ec.ECDSA(SHA256()))


def decoded(text: str, encoding: str) -> bytes:
    """A signature's bytes. Raises Refused (401)."""
    try:
        return _DECODE[encoding](text)
    except ValueError:
        raise Refused(401, "unreadable signature") from None
