"""`nami logs`: what the functions of a subscription printed, and one webhook's path through them."""

import time
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from nami_cli.terminal import print_json, say, until_interrupted
from nami_cli.typed import Name
from nami_control import logs, times
from nami_control.deployment import find
from nami_control.errors import Command, NotFoundError
from nami_control.logs import Step
from nami_control.text import visible, visible_line

_COLOURS = {"ERROR": "red", "WARNING": "yellow", "INFO": "green"}

Id = Annotated[str | None, typer.Option("--id", metavar="DELIVERY", help="Only this webhook's path.")]
Since = Annotated[
    str | None, typer.Option(help="From when: 30s, 10m, 2h or 3d ago, or an ISO time. An hour; with --id a day.")
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")]
Json = Annotated[bool, typer.Option("--json", help="Every line, the platform's too, as it was printed.")]


def logs_command(
    target: Name,
    delivery_id: Id = None,
    since: Since = None,
    follow: Follow = False,
    as_json: Json = False,
) -> None:
    """Show what the functions of NAME printed, or with --id one webhook's path through them."""
    console = Console(soft_wrap=True, highlight=False)
    last: Step | None = None
    refused = False
    pattern = logs.naming(delivery_id) if delivery_id else ""
    with until_interrupted(follow):
        deployment = find(target)
        start = times.moment(since) if since else time.time() - (86_400 if delivery_id else 3600)
        for line in logs.lines(deployment, since=start, follow=follow, pattern=pattern):
            if as_json:
                print_json({"at": times.iso(line.at), "function": line.function, "message": line.message}, None)
                continue
            for step in logs.steps(line, delivery_id):
                last, refused = step, refused or step.refused
                console.print(_rendered(step, alone=delivery_id is not None))
    nami, name = target.aws.nami, target.name
    if refused:
        say(f"{nami} signatures check {name} --request FILE tells why a signature is refused (docs/signatures.md)")
    if delivery_id and last is None and not as_json:
        raise NotFoundError(
            f"no log line names {delivery_id}",
            *("look further back with --since 7d, and among ", Command(f"dlq list {name}")),
        )
    if delivery_id and last and last.function == "pre-queue" and last.level == "INFO":
        say(
            "not processed yet, or the post-queue function ended before it could say so; "
            f"{nami} logs {name} shows all lines"
        )


def _rendered(step: Step, *, alone: bool) -> Text:
    text = Text(f"{times.clock(step.at)}  ", style="dim")
    text.append(f"{step.function:<10}  ", style="cyan")
    if step.delivery_id and not alone:
        text.append(f"{visible_line(step.delivery_id)}  ")
    text.append(visible(step.what), style=_COLOURS.get(step.level, "dim"))
    return text
