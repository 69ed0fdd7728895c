"""Which text can be the secret of a subscription's signature."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from nami_control.errors import Command, NotFoundError, UsageError
from nami_control.progress import Tell, silent
from nami_control.times import iso
from nami_runtime import secret, signatures
from nami_runtime.signatures import adyen, schemes
from nami_runtime.signatures.keys import key_bytes
from nami_runtime.signatures.public_keys import Asymmetric, Sns

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
        case Asymmetric():
            return _key_fault(form.algorithm, value)
        case Sns() if not re.fullmatch(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w.-]+", value):
            return "must be the topic's ARN, arn:aws:sns:REGION:ACCOUNT:NAME"
    return ""


def _key_fault(algorithm: str, value: str) -> str:
    """As _fault, of a public key: DER, or the 32 bytes of an Ed25519 key."""
    bare = algorithm == "ed25519"
    try:
        raw = key_bytes(value)
    except ValueError:
        raw = b""
    if raw[:1] == b"\x30" or (bare and len(raw) == 32):
        return ""
    return f"must be the verification key, the public one: {'64 hex digits, ' if bare else ''}base64 or PEM"
