"""`nami secret`: what the provider shows you goes into Secrets Manager, and nowhere else.

It is typed unseen or comes from a pipe: what stands on a command line stays in the shell's history, and every user of
the machine can see it in the list of processes.
"""

import binascii
import re
import sys
from collections.abc import Mapping
from typing import Any

import typer

from nami_cli.flags import Name, nami
from nami_cli.terminal import say
from nami_control import aws
from nami_control.deployment import find
from nami_control.errors import UsageError


def secret_command(name: Name) -> None:
    """Fill in the signature secret of NAME: it is asked for unseen, or read from a pipe.

    What the subscription's scheme could never use is refused, and the old value stays. A JSON list, as ["new", "old"],
    holds several values, which all count: so a secret is changed without a gap. {"secret": …, "verify_token": …} holds
    the token of Meta's handshake too.
    """
    found = find(name)
    arn = found.outputs.get("SignatureSecretArn")
    if arn is None:
        raise UsageError(
            f"{name} is deployed without a signature, so it has no secret; {nami()} deploy {name} --signature PROVIDER"
        )
    text = _read(f"{found.signature['scheme']} secret of {name}").strip()
    check(found.signature, text)
    aws.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=text)
    say(f"{name}: its secret is filled in; functions that run take it up within 5 minutes, mostly within 20 seconds")


def check(setting: Mapping[str, Any], text: str) -> None:
    """Whether the functions can verify something with this text, by the scheme and options in `setting`.

    Raises:
        UsageError: they can't, and why; the secret itself is not in the message.
    """
    from nami_control.runtime import secret, signatures  # noqa: PLC0415 (`nami --help` verifies nothing)

    values, token = secret.parse(text)
    if not values:
        raise UsageError("no secret was given; nothing was changed")
    for value in values:
        faults = [_fault(form, value) for form in signatures.configured(dict(setting))]
        if all(faults) or not value.isprintable():
            fault = faults[0] if all(faults) else "holds a line break, or another character that can't be seen"
            raise UsageError(f"that is no secret of {setting['scheme']}: it {fault}; nothing was changed")
    if values == (text.strip(),) and text.strip()[0] in "[{":
        say("it begins as JSON does and is none, so that all of it counts as one value")
    if setting["scheme"] == "meta" and not token:
        say('without {"secret": …, "verify_token": …} Meta can\'t subscribe: its handshake asks for that token')


def _fault(form: Any, value: str) -> str:
    """Why no request could prove this value; empty where one could."""
    from nami_control.runtime import signatures  # noqa: PLC0415

    match form:
        case signatures.Hmac() if not form.signature(value, b""):
            return f"must be {'base64, with or without whsec_ before it' if form.key == 'base64' else form.key}"
        case signatures.Basic() if ":" not in value:
            return "must be user:password"
        case signatures.Asymmetric(provider="discord") if not re.fullmatch("[0-9a-fA-F]{64}", value):
            return "must be the application's public key, 64 hex digits"
        case signatures.Asymmetric(provider="sendgrid") if not _is_der(value):
            return "must be the verification key, base64"
    return ""


def _is_der(value: str) -> bool:
    try:
        return binascii.a2b_base64(value)[:1] == b"\x30"
    except ValueError:
        return False


def _read(what: str) -> str:
    if sys.stdin.isatty():
        typed: str = typer.prompt(what, hide_input=True, err=True)
        return typed
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise UsageError("what was piped in is no text (UTF-8); nothing was changed") from None
