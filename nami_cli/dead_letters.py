"""`nami dlq`: the webhooks that were given up. Looked at without harm, sent back without loss."""

from typing import Annotated

import typer

from nami_cli.terminal import print_json, print_line, print_table, print_text, progress, say
from nami_cli.typed import Name, command
from nami_control import redrive, times
from nami_control.dead_letters import DeadLetters
from nami_control.deployment import find
from nami_control.errors import NotFoundError, word
from nami_control.letters import Filter, Letter
from nami_control.stacks import Target

app = typer.Typer(
    help="Dead letters: webhooks that failed until the queue gave them up.", no_args_is_help=True, rich_markup_mode=None
)

_NO_REASON = "no log line says why: the function ended early (timeout, memory), or the log is older than it is kept"

Ids = Annotated[
    list[str] | None, typer.Option("--id", metavar="ID", help="Only this delivery (or message); may be repeated.")
]
Since = Annotated[str | None, typer.Option(help="Only received after: 30s, 10m, 2h or 3d ago, or an ISO time.")]
Until = Annotated[str | None, typer.Option(help="Only received before; as --since.")]
WithText = Annotated[str | None, typer.Option("--text", help="Only with this text in the body or the headers.")]
Destination = Annotated[
    str | None, typer.Option(metavar="NAME", help="Such as mongo or http; the first where not given.")
]
Quarantine = Annotated[
    bool,
    typer.Option("--quarantine", help="With ingest=direct: those that were not genuine, in place of the dead letters."),
]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many.")]


@app.command("list", epilog="Example: nami dlq list shopify --since 2h")
@command
def list_command(
    target: Name,
    ids: Ids = None,
    since: Since = None,
    until: Until = None,
    text: WithText = None,
    destination: Destination = None,
    quarantine: Quarantine = False,
    limit: Limit = 100,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list.")] = False,
) -> None:
    """Show the dead letters of NAME, how often each was tried, and why it failed last. They stay where they are."""
    letters = _open(target, destination, quarantine)
    chosen, more = redrive.look(letters, _filter(ids, since, until, text), limit, progress)
    chosen.sort(key=lambda letter: letter.received_at)
    reasons = letters.reasons(chosen)
    told = [
        letter.as_dict()
        | {
            "tries": len(reasons[letter.id]) or letters.tries_before_giving_up,
            "reason": reasons[letter.id][-1].reason if reasons[letter.id] else None,
        }
        for letter in chosen
    ]
    if as_json:
        print_json(told)
    elif told:
        rows = [
            [each["id"], times.clock(letter.received_at), str(each["tries"]), each["reason"] or _NO_REASON]
            for each, letter in zip(told, chosen, strict=True)
        ]
        print_table(["delivery", "received", "tries", "reason"], rows)
    if not told:
        say(letters.none + (" that match" if letters.count() else ""))
    elif more:
        rest = "an ordered queue shows the first of each group" if letters.is_fifo else "--limit shows more"
        say(f"{len(told)} of about {letters.count()}; {rest}, {_typed(letters, 'redrive')} sends them back")
    else:
        show, send_back = _typed(letters, "show") + " ID", _typed(letters, "redrive")
        say(f"{show} tells more, {send_back} sends them back")


@app.command("show", epilog="Example: nami dlq show shopify b54557e4-5c29-4e3c-9d83-e1a5d0e0e0a1")
@command
def show_command(
    target: Name,
    wanted: Annotated[str, typer.Argument(metavar="ID", help="Of the delivery, or of the message.")],
    destination: Destination = None,
    quarantine: Quarantine = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with the message as it lies in the queue.")] = False,
) -> None:
    """Show one dead letter: its tries, its headers and its body. It stays where it is."""
    letters = _open(target, destination, quarantine)
    chosen, _ = redrive.look(letters, Filter(ids=frozenset({wanted})), 1, progress)
    if not chosen:
        there = "in quarantine" if quarantine else f"among the dead letters of {target.name}"
        shows = "shows what is" if quarantine else "shows them"
        raise NotFoundError(f"{wanted} is not {there}; {_typed(letters, 'list')} {shows}")
    letter = chosen[0]
    tries = letters.reasons(chosen)[letter.id]
    if as_json:
        told = [{"at": times.iso(each.at), "reason": each.reason} for each in tries]
        print_json(letter.as_dict() | {"tries": told, "message": letter.content})
        return
    print_line(f"delivery  {letter.id}")
    print_line(f"message   {letter.message_id}")
    print_line(f"received  {times.iso(letter.received_at)}")
    for number, each in enumerate(tries, 1):
        print_line(f"try {number:<4}  {times.clock(each.at)}  {each.reason}")
    if not tries:
        print_line(f"tries     {letters.tries_before_giving_up}; {_NO_REASON}")
    _show_webhook(letter)


@app.command("redrive", epilog="Example: nami dlq redrive shopify --text order.created --rate 20")
@command
def redrive_command(
    target: Name,
    ids: Ids = None,
    since: Since = None,
    until: Until = None,
    text: WithText = None,
    destination: Destination = None,
    quarantine: Quarantine = False,
    limit: Limit = None,
    rate: Annotated[int | None, typer.Option(min=1, max=500, help="So many a second.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show which.")] = False,
) -> None:
    """Send the dead letters of NAME back to its queue: all of them, or those that match.

    Each is on the queue before it is no longer a dead letter, so nothing is lost when this is interrupted; run it again
    for the rest. What is sent twice is stored once.
    """
    wanted = _filter(ids, since, until, text)
    letters = _open(target, destination, quarantine)
    if dry_run:
        chosen, _ = redrive.look(letters, wanted, limit, progress)
        print_table(["delivery", "received"], [[each.id, times.iso(each.received_at)] for each in chosen])
        say(f"{len(chosen)} would be sent back to the queue")
        return
    redriven = redrive.Count()
    try:
        redrive.redrive(letters, wanted, limit=limit, rate=rate, redriven=redriven, progress=progress)
    except KeyboardInterrupt:
        say(f"stopped; {redriven.value} were sent back, the others are still dead letters: run it again")
        raise typer.Exit(130) from None
    print_text(str(redriven.value))
    if redriven.value:
        say(f"{redriven.value} sent back to the queue; {_typed(letters, 'list')} shows those that fail again")
    elif wanted.takes_all:
        say(letters.none)
    else:
        raise NotFoundError(f"none of {target.name} matches; {_typed(letters, 'list')} shows them")


@app.command("purge", epilog="Example: nami dlq purge shopify --text test --yes")
@command
def purge_command(
    target: Name,
    ids: Ids = None,
    since: Since = None,
    until: Until = None,
    text: WithText = None,
    destination: Destination = None,
    quarantine: Quarantine = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete the dead letters of NAME for good: all of them, or those that match."""
    wanted = _filter(ids, since, until, text)
    letters = _open(target, destination, quarantine)
    if wanted.takes_all:
        if number := letters.count():
            _ask(yes, f"Delete all of about {number} webhooks of {target.name} for good?")
            letters.purge()
        print_text(str(number))
        say("SQS removes them within a minute" if number else letters.none)
        return
    with letters.opened() as found:
        chosen = [letter for letter in found if wanted.takes(letter)]
        if not chosen:
            raise NotFoundError(f"none of {target.name} matches; {_typed(letters, 'list')} shows them")
        _ask(yes, f"Delete {len(chosen)} webhooks of {target.name} for good?")
        redrive.purge(letters, chosen, progress)
    print_text(str(len(chosen)))
    say(f"{len(chosen)} deleted")


def _ask(yes: bool, question: str) -> None:
    if not yes and not typer.confirm(question, err=True):
        raise typer.Exit(1)


def _filter(ids: list[str] | None, since: str | None, until: str | None, text: str | None) -> Filter:
    """From the options; UsageError where a time is none."""
    return Filter(
        frozenset(ids or ()), times.moment(since) if since else None, times.moment(until) if until else None, text
    )


def _typed(letters: DeadLetters, verb: str) -> str:
    return word((letters.command(verb),), letters.deployment.aws.nami)


def _open(target: Target, destination: str | None, quarantine: bool) -> DeadLetters:
    found = find(target)
    letters = DeadLetters(found, destination, quarantine=quarantine, tell=say)
    others = [each.destination for each in found.drains if each is not letters.drain]
    if destination is None and others and not quarantine:
        say(f"of {letters.drain.destination} alone; --destination {' or '.join(others)} for the others")
    return letters


def _show_webhook(letter: Letter) -> None:
    delivery = letter.delivery
    if delivery is None:
        print_text(f"\nno webhook: {letter.unreadable}\n{letter.content}")
        return
    query = f"?{delivery.query}" if delivery.query else ""
    print_line(f"from      {delivery.source_ip}, {delivery.verified or 'not'} verified")
    print_text("")
    print_line(f"{delivery.method} {delivery.path}{query}")
    for key, value in delivery.headers.items():
        print_line(f"{key}: {value}")
    print_text("")
    if reference := delivery.body_ref:
        print_line(f"{reference['size']} bytes, in s3://{reference['bucket']}/{reference['key']}")
        return
    try:
        print_text(delivery.body.decode())
    except UnicodeDecodeError:
        print_text(f"{len(delivery.body)} bytes of no text; --json has them in base64")
