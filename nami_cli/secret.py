"""`nami secret`: what the provider shows you goes into Secrets Manager, and nowhere else.

It is typed unseen or comes from a pipe: what stands on a command line stays in the shell's history, and every user of
the machine can see it in the list of processes.
"""

import sys
from typing import Annotated

import typer

from nami_cli.terminal import print_text, say
from nami_cli.typed import Name
from nami_control import secret
from nami_control.deployment import Deployment, find
from nami_control.errors import Command, UsageError


def secret_command(
    target: Name,
    received: Annotated[
        bool, typer.Option("--received", help="Print what the provider handed over when a webhook was made.")
    ] = False,
) -> None:
    """Fill in the signature secret of NAME: it is asked for unseen, or read from a pipe.

    What the subscription's scheme could never use is refused, and the old value stays. A JSON list, as ["new", "old"],
    holds several values, which all count: so a secret is changed without a gap. {"secret": …, "verify_token": …} holds
    the token of Meta's handshake too. Asana and Notion make the secret and send it once:
    --received prints the last one.
    """
    found, name = find(target), target.name
    if received:
        return _print_received(found)
    arn = found.outputs.get("SignatureSecretArn")
    if arn is None:
        change = Command(f"deploy {name} --signature PROVIDER")
        raise UsageError(f"{name} is deployed without a signature, so it has no secret", change)
    text = _read(f"{found.signature['scheme']} secret of {name}").strip()
    secret.check(found.signature, text, say)
    target.aws.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=text)
    say(f"{name}: its secret is filled in; functions that run take it up within 5 minutes, mostly within 20 seconds")


def _print_received(found: Deployment) -> None:
    handed = secret.received(found)
    print_text(handed.text)
    command = f"{found.aws.nami} secret {found.name}"
    say(f"received at {handed.at}; anybody who knows the endpoint can send one, so compare it with the provider's page")
    say(f"fill it in: {command} --received | {command}")


def _read(what: str) -> str:
    if sys.stdin.isatty():
        typed: str = typer.prompt(what, hide_input=True, err=True)
        return typed
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise UsageError("what was piped in is no text (UTF-8); nothing was changed") from None
