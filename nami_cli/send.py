"""`nami send`: a webhook to the deployed endpoint, signed as its provider would sign it."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from nami_cli.events import print_document
from nami_cli.terminal import print_text, progress, say
from nami_cli.typed import Name
from nami_control import destinations, events
from nami_control.deployment import Deployment, find
from nami_control.errors import Command, UsageError, WebhookError
from nami_control.samples import FORM
from nami_control.sending import Answer, Sender
from nami_control.signature_check import read_file
from nami_control.stacks import Target

_TYPES = {
    ".json": "application/json",
    ".xml": "application/xml",
    ".txt": "text/plain",
    ".form": FORM,
}

_FILE, _UNKNOWN = "application/json", "application/octet-stream"
_STORED_WITHIN = 20  # seconds


def send_command(
    target: Name,
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="The body; - is standard input; a sample where not given.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="Whose webhook it is; must be the scheme that the subscription is deployed with.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", metavar="NAME: VALUE", help="A header of the webhook.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Send so many, one after the other.")] = 1,
    content_type: Annotated[str | None, typer.Option(help="Else by the file's ending.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait for the document and print it.")] = False,
    handshake: Annotated[
        bool, typer.Option("--handshake", help="Ask what the provider asks before its first webhook.")
    ] = False,
) -> None:
    """Send a webhook, signed with the subscription's own secret, to its deployed endpoint.

    Prints a line for each: status, delivery id, time. The sample has a new id each time; a file is sent as it is, so
    that the same id in it is stored once. On local AWS an empty secret is filled in with one that is made up.
    """
    deployment = find(target)
    sender = Sender(deployment, provider, tell=say)
    if handshake:
        answer = sender.ask()
        print_text(str(answer))
        print_text(answer.body.decode(errors="replace"))
        return require_accepted(target, [answer])
    given = dict(_header(each) for each in header or [])
    body = _read(file)
    kind = content_type or _TYPES.get(Path(file or "").suffix.lower())
    answers: list[Answer] = []
    with progress(f"sending to {target.name}", count) as advance:
        for _ in range(count):
            content, usual = sender.sample() if body is None else (body, _FILE if file == "-" else _UNKNOWN)
            answer = sender.send(content, {"content-type": kind or usual, **given})
            (say if wait else print_text)(str(answer))
            if answer.ok and not answer.delivery_id and answer.body and not wait:
                print_text(answer.body.decode(errors="replace"))  # a handshake's answer
            answers.append(answer)
            advance(1)
    require_accepted(target, answers)
    if wait:
        show_stored(deployment, answers, partial(print_document, as_json=False))
    elif count == 1:
        unread = unread_at(deployment)
        say(unread or f"{target.aws.nami} events {target.name} --limit 1 shows it once it is stored")


def require_accepted(target: Target, answers: list[Answer]) -> None:
    """Raise WebhookError where one was refused."""
    if refused := [answer for answer in answers if not answer.ok]:
        said = refused[-1].body[:1000].decode(errors="replace").strip()
        times = f" ({len(refused)} of {len(answers)})" if len(answers) > 1 else ""
        raise WebhookError(
            f"{target.name} answered {refused[-1].status}{times}: {said}",
            *(Command(f"logs {target.name} --since 1m"), " says why"),
        )


def unread_at(deployment: Deployment) -> str:
    """What becomes of webhooks where nothing of them can be read here; else empty."""
    if any(destinations.of(deployment, each).is_read() for each in deployment.drains):
        return ""
    nami, name = deployment.aws.nami, deployment.name
    if urls := " and ".join(each.queue_url for each in deployment.drains if not each.has_function):
        return f"it waits in {urls} for your consumer; {nami} doctor {name} says how many do"
    return f"nothing of it is kept here; {nami} logs {name} says when it was handed on"


def show_stored(deployment: Deployment, answers: list[Answer], show: Callable[[dict[str, Any]], None]) -> None:
    """Wait for what became of webhooks that were taken, and show it; where none is read, say what becomes of them.

    Raises:
        WebhookError: one is not stored in time.
    """
    if unread := unread_at(deployment):
        say(unread)
        return
    ids = [answer.delivery_id for answer in answers if answer.delivery_id]
    documents = events.wait_for(deployment, ids, timeout=_STORED_WITHIN, tell=say)
    for document in documents:
        show(document)
    if missing := set(ids) - {document["_id"] for document in documents}:
        raise WebhookError(
            f"{', '.join(sorted(missing))} was accepted and not stored within {_STORED_WITHIN} s",
            *(Command(f"doctor {deployment.name}"), " tells whether it is paused, "),
            *(Command(f"logs {deployment.name}"), " what failed"),
        )


def _read(file: str | None) -> bytes | None:
    if file is None:
        return None
    return sys.stdin.buffer.read() if file == "-" else read_file(file)


def _header(text: str) -> tuple[str, str]:
    key, colon, value = text.partition(":")
    if not colon or not key.strip():
        raise UsageError(f"-H {text!r}: a header is given as 'Name: value'")
    return key.strip(), value.strip()
