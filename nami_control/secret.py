"""Which text can be the secret of a subscription's signature."""

import binascii
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from nami_control.errors import Command, NotFoundError, UsageError
from nami_control.progress import Tell, silent
from nami_control.times import iso
from nami_runtime import secret, signatures
from nami_runtime.signatures import adyen, schemes
from nami_runtime.signatures.public_keys import Asymmetric

if TYPE_CHECKING:
    from nami_control.deployment import Deployment


class Received(NamedTuple):
    """What a provider handed over when a webhook was made, and when (ISO 8601, UTC)."""

    text: str
    at: str


def received(deployment: "Deployment") -> Received:
    """The last secret that a provider handed over.

    Raises:
        UsageError: this subscription's provider hands over none.
        NotFoundError: none has come yet.
    """
    arn, name = deployment.outputs.get("ReceivedSecretArn"), deployment.name
    if arn is None:
        scheme = deployment.signature["scheme"]
        raise UsageError(f"{scheme} hands over no secret: it is found at the provider", Command(f"signatures {scheme}"))
    secrets = deployment.aws.client("secretsmanager")
    try:
        said = secrets.get_secret_value(SecretId=arn)
    except secrets.exceptions.ResourceNotFoundException:
        raise NotFoundError(f"nothing was handed over to {name} yet: make the webhook at the provider first") from None
    return Received(said["SecretString"], iso(said["CreatedDate"].timestamp() * 1000))


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
        if all(faults) or not value.isprintable():
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
        case Asymmetric(algorithm="ed25519") if not re.fullmatch("[0-9a-fA-F]{64}", value):
            return "must be the application's public key, 64 hex digits"
        case Asymmetric(algorithm="ecdsa") if not _is_der(value):
            return "must be the verification key, base64"
    return ""


def _is_der(value: str) -> bool:
    try:
        return binascii.a2b_base64(value)[:1] == b"\x30"
    except ValueError:
        return False
