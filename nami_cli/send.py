"""`nami send`: a webhook to the deployed endpoint, signed as its provider would sign it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from nami_cli.flags import Name, nami
from nami_cli.terminal import print_text, progress, say
from nami_control.deployment import find
from nami_control.errors import Command, UsageError, WebhookError
from nami_control.sending import FORM, Answer, Sender

_TYPES = {
    ".json": "application/json",
    ".xml": "application/xml",
    ".txt": "text/plain",
    ".form": FORM,
}

Provider = Annotated[
    str | None, typer.Option(help="Whose webhook it is; must be the scheme that the subscription is deployed with.")
]
Headers = Annotated[
    list[str] | None, typer.Option("--header", "-H", metavar="NAME: VALUE", help="A header of the webhook.")
]
File = Annotated[
    str | None, typer.Argument(metavar="[FILE]", help="The body; - is standard input; a sample where not given.")
]
ContentType = Annotated[str | None, typer.Option(help="Else by the file's ending.")]
Count = Annotated[int, typer.Option(min=1, help="Send so many, one after the other.")]


def send_all(
    sender: Sender,
    file: str | None,
    *,
    content_type: str | None,
    headers: list[str] | None,
    count: int,
    report: Callable[[Answer], None],
) -> None:
    """Send `count` webhooks and report each answer.

    Raises:
        UsageError: the file or a header can't be used.
        WebhookError: the endpoint does not answer, or refused any of them.
    """
    given = dict(_header(each) for each in headers or [])
    body = _read(file)
    refused: list[Answer] = []
    with progress(f"sending to {sender.deployment.name}", count) as advance:
        for _ in range(count):
            content, kind = sender.sample() if body is None else (body, _TYPES.get(Path(file or "").suffix.lower()))
            kind = content_type or kind or ("application/json" if file == "-" else "application/octet-stream")
            answer = sender.send(content, {"content-type": kind, **given})
            report(answer)
            if not answer.ok:
                refused.append(answer)
            advance(1)
    if refused:
        said = refused[-1].body[:1000].decode(errors="replace").strip()
        times = f" ({len(refused)} of {count})" if count > 1 else ""
        raise WebhookError(
            f"{sender.deployment.name} answered {refused[-1].status}{times}: {said}",
            *(Command(f"logs {sender.deployment.name} --since 1m"), " says why"),
        )


def send_command(
    name: Name,
    file: File = None,
    provider: Provider = None,
    header: Headers = None,
    count: Count = 1,
    content_type: ContentType = None,
) -> None:
    """Send a webhook, signed with the subscription's own secret, to its deployed endpoint.

    Prints a line for each: status, delivery id, time. The sample has a new id each time; a file is sent as it is, so
    that the same id in it is stored once.
    """
    sender = Sender(find(name), provider, tell=say)

    def report(answer: Answer) -> None:
        print_text(str(answer))
        if answer.ok and not answer.delivery_id and answer.body:
            print_text(answer.body.decode(errors="replace"))  # a handshake's answer

    send_all(sender, file, content_type=content_type, headers=header, count=count, report=report)
    if count == 1:
        say(f"{nami()} events {name} --limit 1 shows it once it is stored")


def _read(file: str | None) -> bytes | None:
    if file is None:
        return None
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None


def _header(text: str) -> tuple[str, str]:
    key, colon, value = text.partition(":")
    if not colon or not key.strip():
        raise UsageError(f"-H {text!r}: a header is given as 'Name: value'")
    return key.strip(), value.strip()
