"""`nami deploy` and `nami diff`: the CDK CLI, with the checks before it and the next steps after it."""

import json
import os
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nami_cli import flags
from nami_cli.doctor import say_check
from nami_cli.resources import Display, display
from nami_cli.terminal import print_exact, print_text, say
from nami_control import cdk, checks, destination_checks, environments, home, queues, shared, stacks
from nami_control.environments import is_local
from nami_control.errors import word
from nami_control.interrupts import Interrupted, interruptible
from nami_control.times import took
from nami_stack.settings import SHARED, SharedSettings, Subscription

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

SETTINGS = frozenset(Subscription.model_fields)


@flags.with_settings
def deploy(
    name: flags.Name,
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
    **settings: str | None,
) -> None:
    """Deploy a subscription, or bring a deployed one up to date.

    Checks first whether it can succeed. A setting holds for this deployment, over the one in cdk.json, over the
    default; --save keeps it in cdk.json. One that the last deployment had and that is not given again stops the
    command. Handlers in webhooks/NAME (see nami create) take the place of nami's own.

    NAME may be shared: the gateway and the MongoDB host that subscriptions with --gateway shared or --destination
    shared-mongo use. They are deployed first where they are not there.
    """
    started = time.monotonic()
    given = flags.given(settings)
    asked = flags.read_stack(name, given)
    kept = SETTINGS if reset else flags.given_anywhere(name, given)
    with _ends_at_once(name), ExitStack() as tasks:
        with display(name) as shown:
            folder, synthesis = _synthesise(name, given, tasks)
            shown.step("checking")
            stack = _check(name, asked, kept, tell_all=dry_run)
            shown.step("synthesising")
            synthesis.finish()
        if shared.is_missing_for(folder):
            _share_first(tasks, dry_run)
        former = queues.leaving(stack["StackId"], cdk.templates(folder)) if stack else []
        queues.require_empty(name, former)
        with display(name) as shown:
            if dry_run:
                shown.step("comparing")
                changes = _diff(folder, tasks)
            else:
                _deploy(folder, shown, tasks)
    if dry_run:
        print_exact(changes)
        say("nothing was deployed; the same without --dry-run does it")
        return
    if save and given:
        # Only what could be deployed is worth keeping.
        say(f"{name}: settings kept in {flags.save(name, given)}")
    before = stacks.outputs_of(stack) if stack else {}
    say(f"{name}: {'updated' if before else 'deployed'} in {took(started)}")
    _tell_what_left(former)
    _introduce(name, asked, before, {} if save else given)


@flags.with_settings
def diff(name: flags.Name, **settings: str | None) -> None:
    """Show what a deployment would change, and change nothing."""
    given = flags.given(settings)
    flags.read_stack(name, given)
    with _ends_at_once(name), display(name) as shown, ExitStack() as tasks:
        folder, synthesis = _synthesise(name, given, tasks)
        shown.step("synthesising")
        found: list[checks.Account] = []
        checks.require([checks.look("credentials", lambda: checks.credentials(found))], say_check)
        checks.require([checks.environment(found[0])], say_check)
        stacks.describe(name)
        synthesis.finish()
        shown.step("comparing")
        changes = _diff(folder, tasks)
    print_exact(changes)


def _synthesise(name: str, given: dict[str, str], tasks: ExitStack) -> tuple[Path, cdk.Task]:
    home.prepare(home.folder())
    folder = home.folder() / "deployments" / stacks.label(name)
    context = {**given, **environments.context_of(os.environ)}
    # Begun before the checks: it takes seconds and changes nothing.
    return folder, cdk.synth(name, context, cdk.environment(), folder, tasks)


def _share_first(tasks: ExitStack, dry_run: bool) -> None:
    """Deploy what subscriptions share, where one of them needs it and it is not there."""
    started = time.monotonic()
    stack = stacks.name_of(SHARED)
    flags.read_stack(SHARED, {})
    checks.require([checks.stack_is_settled(SHARED, stacks.describe(SHARED))], say_check)
    if dry_run:
        say(f"{stack}, the gateway and the MongoDB host that subscriptions share, is not there: it would come first")
        return
    say(f"{stack}, the gateway and the MongoDB host that subscriptions share, is not there yet: it comes first")
    with display(SHARED) as shown:
        shown.step("synthesising")
        folder, synthesis = _synthesise(SHARED, {}, tasks)
        synthesis.finish()
        _deploy(folder, shown, tasks)
    say(f"{SHARED}: deployed in {took(started)}")


def _deploy(folder: Path, shown: Display, tasks: ExitStack) -> None:
    shown.step("deploying")
    task = cdk.deploy(cdk.environment(), folder, tasks)
    task.finish(lambda: task.show(shown))


def _check(
    name: str, asked: Subscription | SharedSettings, given: Collection[str], *, tell_all: bool
) -> "StackTypeDef | None":
    """Look whether a deployment can succeed; returns the stack that there is already."""
    found: list[checks.Account] = []
    checks.require([checks.look("credentials", lambda: checks.credentials(found))], say_check, tell_all=tell_all)
    checks.require([checks.environment(found[0])], say_check, tell_all=tell_all and environments.current() is not None)
    stack = stacks.describe(name)
    looks = [checks.look("handlers", lambda: checks.handlers(name))] if isinstance(asked, Subscription) else []
    looks += [
        *checks.tools(),
        checks.look("bootstrap", lambda: checks.bootstrap(found[0])),
        checks.look("stack", lambda: checks.stack_is_settled(name, stack)),
        checks.look("settings", lambda: checks.settings_stay(name, asked, given, stack)),
    ]
    if isinstance(asked, Subscription):
        looks += [
            checks.look("reservation", lambda: checks.reservation(asked, stack)),
            checks.look("signature", lambda: checks.signature(asked)),
        ]
        if table := asked.table_name:
            expires = asked.table_ttl_days is not None
            looks.append(checks.look("table", lambda: destination_checks.table(table, expires=expires)))
    checks.require(looks, say_check, tell_all=tell_all)
    say(f"{name}: account {found[0].number}, region {found[0].region}")
    return stack


def _diff(folder: Path, tasks: ExitStack) -> str:
    env = cdk.environment()
    if sys.stdout.isatty():
        env = {key: value for key, value in env.items() if key != "NO_COLOR"} | {"FORCE_COLOR": "1"}
    task = cdk.diff(env, folder, tasks)
    task.finish()
    return task.log.read_text(errors="replace").rstrip()


@contextmanager
def _ends_at_once(name: str) -> Iterator[None]:
    """Ctrl-C ends the command, while CloudFormation, once begun, goes on by itself."""
    try:
        with interruptible():
            yield
    except Interrupted as interrupted:
        say(f"stopped; what CloudFormation has begun it ends by itself: {flags.nami()} list shows {name}")
        raise typer.Exit(interrupted.exit_code) from None


def _tell_what_left(urls: Iterable[str]) -> None:
    """Say what became of queues that have left."""
    for url in urls:
        if count := queues.depth(url):
            say(f"is kept: the former queue {url}, in which {count} webhooks arrived meanwhile")
        else:
            say(f"is kept: the former queue {url}, which is empty; `aws sqs delete-queue --queue-url {url}`")


def _introduce(name: str, asked: Subscription | SharedSettings, before: dict[str, str], given: dict[str, str]) -> None:
    stack = stacks.describe(name)
    outputs = stacks.outputs_of(stack) if stack else {}
    lines = _next_steps(name, asked, outputs) if isinstance(asked, Subscription) else _to_join(before, outputs)
    if given:
        kept = json.dumps({"context": flags.placed({"subscriptions": {name: given}})})
        lines.append(("settings", f"hold for this deployment alone; --save, or in cdk.json: {kept}"))
    for label, text in lines:
        print_text(f"{label:<10} {text}")


def _next_steps(name: str, subscription: Subscription, outputs: dict[str, str]) -> list[tuple[str, str]]:
    endpoint = stacks.endpoint_url(outputs)
    lines = [("endpoint", f"{'|'.join(subscription.methods)} {endpoint}")]
    if secret := outputs.get("SignatureSecretArn"):
        filled = checks.look("signature", lambda: checks.filled(name, secret))
        # On local AWS, `nami send` fills it.
        if filled.status != "ok" and not is_local():
            lines.append(("first", f"{word((checks.fill(name),), flags.nami())}   (until then every webhook gets 401)"))
        lines.append(("try it", f"{flags.nami()} send {name} --provider {subscription.signature}"))
    else:
        lines.append(
            ("try it", f"curl -X POST '{endpoint}' -H 'content-type: application/json' -d '{{\"hello\": \"world\"}}'")
        )
    lines += [
        ("documents", f"{flags.nami()} events {name}"),
        ("health", f"{flags.nami()} doctor {name}"),
        ("change", f"{flags.nami()} create {name}, edit webhooks/{name}, then deploy again"),
    ]
    return lines


def _to_join(before: dict[str, str], outputs: dict[str, str]) -> list[tuple[str, str]]:
    """How subscriptions use what is shared, and which of those that do must be told of a change."""
    using = shared.users(stacks.name_of(SHARED))
    changed = [key for key in shared.READ_AT_DEPLOYMENT if key in before and before[key] != outputs.get(key)]
    lines = [
        ("gateway", f"{stacks.reachable(outputs['GatewayUrl'])}/nami/<name>"),
        ("join it", f"{flags.nami()} deploy shopify --gateway shared --destination shared-mongo"),
        ("used by", ", ".join(using) or "nobody yet"),
        ("health", f"{flags.nami()} doctor {SHARED}"),
    ]
    if using and changed:
        again = ", ".join(f"{flags.nami()} deploy {name}" for name in using)
        lines.append(("now", f"{again}: {' and '.join(changed)} changed, which they read when they are deployed"))
    return lines
