"""Which text can be the secret of a subscription's signature."""

from collections.abc import Mapping
from typing import Any

from nami_control.errors import UsageError
from nami_control.progress import Tell, silent
from nami_runtime import secret, signatures
from nami_runtime.signatures import adyen, schemes
from nami_runtime.signatures.keys import key_bytes
from nami_runtime.signatures.public_keys import Asymmetric


def check(setting: Mapping[str, Any], text: str, tell: Tell = silent) -> None:
    """Whether the functions can verify something with this text, by the scheme and options in `setting`.

    Raises:
        UsageError: they can't, and why; the secret itself is not in the message.
    """
    values, token = secret.parse(text)
    if not values:
        raise UsageError("no secret was given; nothing was changed")
    forms = signatures.configured(dict(setting))
    for value in values:
        faults = [_fault(form, value) for form in forms]
        shown = value if "-----BEGIN" not in value else "".join(value.split())
        if all(faults) or not shown.isprintable():
            fault = faults[0] if all(faults) else "holds a line break, or another character that can't be seen"
            raise UsageError(f"that is no secret of {setting['scheme']}: it {fault}; nothing was changed")
    if values == (text.strip(),) and text.strip()[0] in "[{":
        tell("it begins as JSON does and is none, so that all of it counts as one value")
    if any(form.handshake == "meta" for form in forms) and not token:
        tell('without {"secret": …, "verify_token": …} Meta can\'t subscribe: its handshake asks for that token')


def _fault(form: Any, value: str) -> str:
    """Why no request could prove this value; empty where one could."""
    match form:
        case schemes.Hmac() if not form.signature(value, b""):
            return f"must be {'base64, with or without whsec_ before it' if form.key == 'base64' else form.key}"
        case adyen.Adyen() if not adyen.signature(value, b""):
            return "must be hex"
        case schemes.Basic() if ":" not in value:
            return "must be user:password"
        case Asymmetric(algorithm="ed25519"):
            told = "must be the verification key, the public one: 64 hex digits, base64 or PEM"
            return "" if _is_key(value, 32) else told
        case Asymmetric() if not _is_key(value):
            return "must be the verification key, the public one: base64 or PEM"
    return ""


def _is_key(value: str, length: int = 0) -> bool:
    """Whether it is DER, or of that many bytes."""
    try:
        raw = key_bytes(value)
    except ValueError:
        return False
    return raw[:1] == b"\x30" or len(raw) == length
