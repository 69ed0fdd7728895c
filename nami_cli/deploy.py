"""`nami deploy` and `nami diff`: the CDK CLI, with the checks before it and the next steps after it."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import typer

from nami_cli.leftovers import told_after_failure
from nami_cli.resources import Verbose, display
from nami_cli.terminal import print_exact, print_text, say
from nami_cli.typed import Configured
from nami_control import deploying, destinations, queues, settings, shared
from nami_control.deploying import Deployed
from nami_control.interrupts import Interrupted, interruptible
from nami_control.stacks import Target
from nami_control.times import took
from nami_stack.settings import Subscription


def deploy(
    target: Configured,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check, show what would change, and deploy nothing.")
    ] = False,
    save: Annotated[
        bool, typer.Option("--save", help="Keep the given settings in the cdk.json here, for later deployments.")
    ] = False,
    reset: Annotated[
        bool, typer.Option("--reset", help="Let settings that are not given again go back to their defaults.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Deploy a subscription, or bring a deployed one up to date.

    Checks first whether it can succeed. A setting holds for this deployment, over the one in cdk.json, over the
    default; --save keeps it in cdk.json. One that the last deployment had and that is not given again stops the
    command. Handlers in webhooks/NAME (see nami create) take the place of nami's own.

    NAME may be shared: the gateway and the MongoDB host that subscriptions with --gateway shared or --destination
    shared-mongo use. They are deployed first where they are not there.
    """
    started = time.monotonic()
    asked = target.settings
    with _ends_at_once(target), told_after_failure(target):
        show = partial(display, verbose=verbose)
        coloured = sys.stdout.isatty()
        done = deploying.deploy(target, show, tell=say, reset=reset, dry_run=dry_run, coloured=coloured)
    if dry_run:
        print_exact(done.changes)
        say("nothing was deployed; the same without --dry-run does it")
        return
    if save and target.given:
        # Only what could be deployed is worth keeping.
        say(f"{target.name}: settings kept in {settings.save(target)}")
    say(f"{target.name}: {'updated' if done.before else 'deployed'} in {took(started)}")
    if done.paused:
        still = f"{', '.join(done.paused)} is paused as before"
        say(f"{target.name}: {still}; {target.aws.nami} resume {target.name} delivers again")
    _tell_what_left(done)
    lines = _next_steps(done, asked) if isinstance(asked, Subscription) else _to_join(done)
    if target.given and not save:
        kept = json.dumps({"context": settings.placed(target)})
        lines["settings"] = f"hold for this deployment alone; --save, or in cdk.json: {kept}"
    for label, text in lines.items():
        print_text(f"{label:<10} {text}")


def diff(target: Configured) -> None:
    """Show what a deployment would change, and change nothing."""
    _ = target.settings  # what is wrong with them is told before anything begins
    with _ends_at_once(target):
        changes = deploying.diff(target, display, tell=say, coloured=sys.stdout.isatty())
    print_exact(changes)


@contextmanager
def _ends_at_once(target: Target) -> Iterator[None]:
    """Ctrl-C ends the command, while CloudFormation, once begun, goes on by itself."""
    try:
        with interruptible():
            yield
    except Interrupted as interrupted:
        say(f"stopped; what CloudFormation has begun it ends by itself: {target.aws.nami} list shows {target.name}")
        raise typer.Exit(interrupted.exit_code) from None


def _tell_what_left(done: Deployed) -> None:
    for url, count in done.arrived_late.items():
        if count:
            say(f"is kept: the former queue {url}, in which {count} webhooks arrived meanwhile")
        else:
            say(f"is kept: the former queue {url}, which is empty; `aws sqs delete-queue --queue-url {url}`")
    for each in done.former:
        say(f"is kept: {each.by_hand}")


def _next_steps(done: Deployed, subscription: Subscription) -> dict[str, str]:
    name, nami = done.target.name, done.target.aws.nami
    lines = {"endpoint": f"{'|'.join(subscription.methods)} {done.url}"}
    if "SignatureSecretArn" in done.outputs:
        # On local AWS, `nami send` fills it.
        if not done.target.aws.is_local and done.waits_for_secret:
            lines["first"] = f"{nami} secret {name}   (until then every webhook gets 401)"
        by_name = (subscription.signature or "").replace("-", "").isalnum()  # not one that a file describes
        known = f" --provider {subscription.signature}" if by_name else ""
        lines["try it"] = f"{nami} send {name}{known}"
    else:
        lines["try it"] = f"curl -X POST '{done.url}' -H 'content-type: application/json' -d '{{\"hello\": \"world\"}}'"
    if destinations.any_is_read(subscription):
        lines["documents"] = f"{nami} events {name}"
    elif subscription.with_function:
        lines["logs"] = f"{nami} logs {name}"
    else:
        lines["webhooks"] = f"wait for your consumer in {' and '.join(queues.waiting(done.outputs))}"
    return lines | {
        "health": f"{nami} doctor {name}",
        "change": f"{nami} create {name}, edit webhooks/{name}, then deploy again",
    }


def _to_join(done: Deployed) -> dict[str, str]:
    """How subscriptions use what is shared, and which of those that do must be told of a change."""
    nami, using, before = done.target.aws.nami, done.users, done.before
    changed = [key for key in shared.READ_AT_DEPLOYMENT if key in before and before[key] != done.outputs.get(key)]
    lines = {
        "gateway": f"{done.url}/nami/<name>",
        "join it": f"{nami} deploy shopify --gateway shared --destination shared-mongo",
        "used by": ", ".join(using) or "nobody yet",
        "health": f"{nami} doctor {done.target.name}",
    }
    if using and changed:
        again = ", ".join(f"{nami} deploy {name}" for name in using)
        lines["now"] = f"{again}: {' and '.join(changed)} changed, which they read when they are deployed"
    return lines
