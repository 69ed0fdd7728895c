"""Public keys as people paste them."""

from __future__ import annotations

import binascii

_HEX_DIGITS = 64  # of an Ed25519 key; no DER is of that length in base64


def key_bytes(secret: str) -> bytes:
    """A public key's bytes, 32 for Ed25519, else DER, of PEM, hex or base64 (also with whpk_ before it).

    Raises ValueError for what is none.
    """
    text = secret.removeprefix("whpk_")
    if "-----BEGIN" in text:
        text = text.replace("\\n", "\n").partition("-----\n")[2].partition("-----")[0]
    elif len(text) == _HEX_DIGITS:
        return bytes.fromhex(text)
    return binascii.a2b_base64("".join(text.split()), strict_mode=True)
