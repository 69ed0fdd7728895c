"""`nami replay` and `nami listen`: stored webhooks go through again, and those that come reach one's own server."""

import contextlib
import time
from typing import Annotated

import typer

from nami_cli.events import Destination, Query, parse_query
from nami_cli.terminal import print_line, print_text, progress, say, until_interrupted
from nami_cli.typed import Name
from nami_control import listening, replaying, times
from nami_control.deployment import find
from nami_control.errors import UsageError, WebhookError
from nami_control.posting import Posted
from nami_control.replaying import Asked, Replay
from nami_control.stacks import Target

Filter = Annotated[
    str | None, typer.Option("--filter", metavar="PATTERN", help="Only those that fit this event pattern.")
]


def replay_command(
    target: Name,
    since: Annotated[
        str | None, typer.Option(help="Those received since: 30s, 10m, 2h or 3d ago, or an ISO time.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="And before; as --since. Now where not given.")] = None,
    query: Query = None,
    filter_: Filter = None,
    destination: Annotated[
        str | None, typer.Option(metavar="NAME", help="To this one; to that whose store is read where not given.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="URL", help="To this URL in its place, as they came: http://localhost:3000/hook"),
    ] = None,
    rate: Annotated[int, typer.Option(min=1, max=3000, help="So many a second.")] = replaying.RATE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell how many.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last one that was interrupted.")] = False,
) -> None:
    """Send stored webhooks of NAME through processing and to the destination again.

    In the order in which they came, under their delivery ids, with the field replayed_at. In MongoDB, PostgreSQL and a
    table the document is renewed and keeps its first stored_at; a backend gets the header nami-replayed-at. After
    Ctrl-C, --resume goes on.
    """
    deployment = find(target)
    if resume:
        asked = replaying.kept(deployment, tell=say)
    else:
        if since is None:
            raise UsageError("--since is missing: those received since when, as in --since 2h; or --resume")
        span = (times.moment(since), times.moment(until) if until else time.time())
        wanted = Asked(*span, parse_query(query), filter_, destination, to, rate)
        asked = Replay(deployment, wanted, replayed_at=int(time.time() * 1000), tell=say)
    where = asked.asked.to or asked.drain.destination
    if dry_run:
        count = asked.count()
        print_text(str(count))
        say(f"{count} would go to {where} again")
        return
    _run(target, asked, where)


def listen_command(
    target: Name,
    to: Annotated[str, typer.Option(metavar="URL", help="Your server: http://localhost:3000/webhooks")],
    filter_: Filter = None,
    last: Annotated[int, typer.Option(min=0, help="So many of those that are there first.")] = 0,
    destination: Destination = None,
) -> None:
    """Post each webhook that NAME stores to your own server, as it came, until Ctrl-C.

    One line each: time, delivery id, type, status, milliseconds. Nothing is taken from the destinations, and nothing
    is left behind. It reads what is stored, so a destination that keeps webhooks must be there.
    """
    taken = 0
    with until_interrupted(True):
        deployment = find(target)
        told = listening.listen(deployment, to, filter=filter_, last=last, destination=destination, listening=say)
        with contextlib.closing(told) as posts:  # type: ignore[type-var] # a generator
            for posted in posts:
                taken += posted.ok
                print_line(_line(posted))


def _run(target: Target, asked: Replay, where: str) -> None:
    sent, refused = asked.begun.sent, 0
    try:
        with progress("replaying", None) as advance:
            advance(sent)
            for step in replaying.run_kept(asked):
                advance(step.sent - sent)
                sent = step.sent
                if step.posted:
                    refused += not step.posted.ok
                    print_line(_line(step.posted))
    except KeyboardInterrupt:
        say(f"stopped after {sent}; {target.aws.nami} replay {target.name} --resume goes on")
        raise typer.Exit(130) from None
    if not asked.asked.to:
        print_text(str(sent))
    say(f"{sent} went to {where} again")
    if refused:
        raise WebhookError(f"{where} did not take {refused} of {sent}")


def _line(posted: Posted) -> str:
    told = "-" if posted.status is None else str(posted.status)
    told += f" {posted.reason}" if posted.reason else ""
    at, kind = times.clock(posted.at * 1000), posted.type or "-"
    return f"{at}  {posted.delivery_id}  {kind}  {told}  {posted.milliseconds:.0f} ms"
