"""`nami pause` and `nami resume`: webhooks are taken in and wait while nothing is delivered."""

from typing import Annotated

import typer

from nami_cli.terminal import print_text, say
from nami_cli.typed import Name
from nami_control import pausing, queues
from nami_control.deployment import find

Destination = Annotated[
    str | None, typer.Option(metavar="NAME", help="To this one alone, such as mongo or http; to all where not given.")
]


def pause_command(target: Name, destination: Destination = None) -> None:
    """Deliver nothing for a while: webhooks are still taken in, and wait in the queue.

    For a backend that is deployed, or a database that is upgraded. What the function has begun it ends. The queue keeps
    what waits for queue_retention_days; nami doctor tells from when on it would be lost. Deployments leave it paused.
    """
    deployment = find(target)
    pausing.pause(deployment, destination)
    for each in pausing.pauses(deployment, tell=say):
        if destination in (None, each.destination):
            print_text(f"{each.destination} is paused: {each}")
    days = round(min(queues.retention(target.aws, drain.queue_url) for drain in deployment.drains) / 86_400)
    say(f"the queue keeps what waits for {days} days; {target.aws.nami} resume {target.name} delivers it")


def resume_command(target: Name, destination: Destination = None) -> None:
    """Deliver what waits, and again what comes."""
    deployment = find(target)
    switched = pausing.resume(deployment, destination)
    for each in deployment.drains:
        if each.destination in switched:
            print_text(f"{each.destination} delivers again: {queues.depth(target.aws, each.queue_url)} webhooks waited")
    if not switched:
        say(f"{destination or target.name} is not paused")
