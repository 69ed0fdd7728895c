"""`nami deploy` and `nami diff`: the CDK CLI, with the checks before it and the next steps after it."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer

from nami_cli.leftovers import tell_commands, told_after_failure
from nami_cli.resources import display
from nami_cli.terminal import print_exact, print_text, say
from nami_cli.typed import Name, Settings
from nami_control import cdk, checks, deploying, queues, settings, shared, stacks
from nami_control.deploying import Deployed
from nami_control.errors import word
from nami_control.interrupts import Interrupted, interruptible
from nami_control.stacks import Target
from nami_control.times import took
from nami_stack.settings import SharedSettings, Subscription


def deploy(
    target: Name,
    given: Settings,
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
) -> None:
    """Deploy a subscription, or bring a deployed one up to date.

    Checks first whether it can succeed. A setting holds for this deployment, over the one in cdk.json, over the
    default; --save keeps it in cdk.json. One that the last deployment had and that is not given again stops the
    command. Handlers in webhooks/NAME (see nami create) take the place of nami's own.

    NAME may be shared: the gateway and the MongoDB host that subscriptions with --gateway shared or --destination
    shared-mongo use. They are deployed first where they are not there.
    """
    started = time.monotonic()
    asked = settings.read(target, given)

    def prepare(progress: cdk.Progress, _synthesis: cdk.Task) -> None:
        progress.step("checking")
        account = deploying.require(target, given, say, reset=reset, tell_all=dry_run)
        say(f"{target.name}: account {account.number}, region {account.region}")

    with _ends_at_once(target), told_after_failure(target):
        coloured = sys.stdout.isatty()
        done = deploying.deploy(target, given, prepare, display, tell=say, dry_run=dry_run, coloured=coloured)
    if dry_run:
        print_exact(done.changes)
        say("nothing was deployed; the same without --dry-run does it")
        return
    if save and given:
        # Only what could be deployed is worth keeping.
        say(f"{target.name}: settings kept in {settings.save(target, given)}")
    say(f"{target.name}: {'updated' if done.before else 'deployed'} in {took(started)}")
    _tell_what_left(target, done.former_queues)
    tell_commands(done.former)
    _introduce(target, asked, done, {} if save else given)


def diff(target: Name, given: Settings) -> None:
    """Show what a deployment would change, and change nothing."""
    settings.read(target, given)
    with _ends_at_once(target):
        changes = deploying.diff(target, given, display, tell=say, coloured=sys.stdout.isatty())
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


def _tell_what_left(target: Target, urls: list[str]) -> None:
    """Say what became of queues that have left."""
    for url in urls:
        if count := queues.depth(target.aws, url):
            say(f"is kept: the former queue {url}, in which {count} webhooks arrived meanwhile")
        else:
            say(f"is kept: the former queue {url}, which is empty; `aws sqs delete-queue --queue-url {url}`")


def _introduce(target: Target, asked: Subscription | SharedSettings, done: Deployed, given: Mapping[str, str]) -> None:
    if isinstance(asked, Subscription):
        lines = _next_steps(target, asked, done.outputs)
    else:
        lines = _to_join(target, done.before, done.outputs)
    if given:
        kept = json.dumps({"context": settings.placed(target, given)})
        lines["settings"] = f"hold for this deployment alone; --save, or in cdk.json: {kept}"
    for label, text in lines.items():
        print_text(f"{label:<10} {text}")


def _next_steps(target: Target, subscription: Subscription, outputs: Mapping[str, str]) -> dict[str, str]:
    endpoint, name, nami = stacks.endpoint_url(target.aws, outputs), target.name, target.aws.nami
    lines = {"endpoint": f"{'|'.join(subscription.methods)} {endpoint}"}
    if secret := outputs.get("SignatureSecretArn"):
        filled = checks.look("signature", lambda: checks.filled(target, secret))
        # On local AWS, `nami send` fills it.
        if filled.status != "ok" and not target.aws.is_local:
            lines["first"] = f"{word((checks.fill(name),), nami)}   (until then every webhook gets 401)"
        lines["try it"] = f"{nami} send {name} --provider {subscription.signature}"
    else:
        lines["try it"] = f"curl -X POST '{endpoint}' -H 'content-type: application/json' -d '{{\"hello\": \"world\"}}'"
    return lines | {
        "documents": f"{nami} events {name}",
        "health": f"{nami} doctor {name}",
        "change": f"{nami} create {name}, edit webhooks/{name}, then deploy again",
    }


def _to_join(target: Target, before: Mapping[str, str], outputs: Mapping[str, str]) -> dict[str, str]:
    """How subscriptions use what is shared, and which of those that do must be told of a change."""
    nami, using = target.aws.nami, shared.users(target.aws, target.stack_name)
    changed = [key for key in shared.READ_AT_DEPLOYMENT if key in before and before[key] != outputs.get(key)]
    lines = {
        "gateway": f"{stacks.reachable(target.aws, outputs['GatewayUrl'])}/nami/<name>",
        "join it": f"{nami} deploy shopify --gateway shared --destination shared-mongo",
        "used by": ", ".join(using) or "nobody yet",
        "health": f"{nami} doctor {target.name}",
    }
    if using and changed:
        again = ", ".join(f"{nami} deploy {name}" for name in using)
        lines["now"] = f"{again}: {' and '.join(changed)} changed, which they read when they are deployed"
    return lines
