"""A deployment, on AWS and on this machine alike: synthesised while what it needs is looked at, then deployed."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from nami_control import cdk, checks, destinations, home, leftovers, queues, settings, shared, stacks, volumes
from nami_control.checks import Account, look
from nami_control.leftovers import Leftover
from nami_control.progress import Tell, silent
from nami_control.stacks import Target
from nami_control.times import took
from nami_stack.settings import Subscription

SETTINGS = frozenset(Subscription.model_fields)

Show = Callable[[Target], AbstractContextManager[cdk.Progress]]
"""Opened for each stack that is worked on; what it gives is told how that goes."""
Prepare = Callable[[cdk.Progress, cdk.Task], object]
"""Sees to it, while the synthesis runs, that a deployment can succeed."""


@dataclass(frozen=True)
class Deployed:
    """What a deployment did, or with a dry run would do."""

    before: Mapping[str, str]
    """The outputs of the stack that was there; empty where there was none."""
    outputs: Mapping[str, str]
    """Those that it has now."""
    former_queues: list[str]
    """URLs of queues that have left the stack, and are kept."""
    former: list[Leftover]
    """What else has left the stack, and is kept."""
    changes: str = ""
    """With a dry run: what the CDK CLI says of it."""


def deploy(
    target: Target,
    given: Mapping[str, str],
    prepare: Prepare,
    show: Show,
    *,
    tell: Tell = silent,
    dry_run: bool = False,
    coloured: bool = False,
) -> Deployed:
    """Deploy a target with these settings, and before it what it shares with others, where that is not there.

    Raises:
        NamiError: it can't succeed, and nothing was changed; or it failed.
    """
    with ExitStack() as tasks:
        with show(target) as progress:
            synthesis = _synthesise(target, given, tasks)
            prepare(progress, synthesis)
            progress.step("synthesising")
            synthesis.finish(lambda: target.aws.watch(synthesis))
            stack = target.describe()
        if shared.is_missing_for(target):
            _share_first(target.shared, show, tell, dry_run=dry_run)
        volumes.require_kept(target, stack, cdk.templates(target.folder))
        changed = queues.changes(target.aws, stack["StackId"], cdk.templates(target.folder)) if stack else []
        queues.require_empty(target.aws, target.name, changed)
        former = [change.url for change in changed if change.leaves]
        kept = leftovers.of_templates(target.aws, stack, cdk.templates(target.folder)) if stack else []
        with show(target) as progress:
            if dry_run:
                progress.step("comparing")
                before = stacks.outputs_of(stack)
                return Deployed(before, before, former, kept, _compare(target, tasks, coloured))
            progress.step("deploying")
            task = cdk.deploy(target.aws.env, target.folder, tasks)

            def watch() -> None:
                target.aws.watch(task)
                task.show(progress)

            task.finish(watch)
    return Deployed(stacks.outputs_of(stack), stacks.outputs_of(target.describe()), former, kept)


def diff(
    target: Target,
    given: Mapping[str, str],
    show: Show,
    *,
    tell: Tell = silent,
    coloured: bool = False,
) -> str:
    """What a deployment would change, as the CDK CLI says it."""
    with show(target) as progress, ExitStack() as tasks:
        synthesis = _synthesise(target, given, tasks)
        progress.step("synthesising")
        checks.require_account(target.aws, tell)
        target.describe()
        synthesis.finish()
        progress.step("comparing")
        return _compare(target, tasks, coloured)


def require(
    target: Target,
    given: Mapping[str, str],
    tell: Tell = silent,
    *,
    reset: bool = False,
    tell_all: bool = False,
) -> Account:
    """Look whether a deployment can succeed; returns where it leads.

    Args:
        reset: settings of the last deployment may go back to their defaults where they are not given again.

    Raises:
        NamiError: it can't.
    """
    aws = target.aws
    account = checks.require_account(aws, tell, tell_all=tell_all)
    asked = settings.read(target, given)
    kept = SETTINGS if reset else settings.given_anywhere(target, given)
    stack = target.describe()
    looks = [look("handlers", lambda: checks.handlers(target.name))] if isinstance(asked, Subscription) else []
    looks += [
        *checks.tools(),
        look("bootstrap", lambda: checks.bootstrap(aws, account)),
        look("stack", lambda: checks.stack_is_settled(target.name, stack)),
        look("settings", lambda: checks.settings_stay(target, asked, kept, stack)),
        look("leftovers", lambda: leftovers.look(target, stack)),
    ]
    if isinstance(asked, Subscription):
        looks += [
            look("reservation", lambda: checks.reservation(aws, asked, stack)),
            look("signature", lambda: checks.signature(asked)),
        ]
    looks += [look(label, check) for label, check in destinations.looks_before(aws, asked, stack).items()]
    checks.require(aws, looks, tell, tell_all=tell_all)
    return account


def _synthesise(target: Target, given: Mapping[str, str], tasks: ExitStack) -> cdk.Task:
    home.prepare(home.folder())
    # Begun before anything is looked at: it takes seconds and changes nothing.
    return cdk.synth(target.name, {**given, **target.aws.context}, target.aws.env, target.folder, tasks)


def _share_first(target: Target, show: Show, tell: Tell, *, dry_run: bool) -> None:
    """Deploy what subscriptions share; another command may be about to do the same."""
    what = f"{target.stack_name}, the gateway and the MongoDB host that subscriptions share, is not there"
    asked = settings.read(target, {})

    def settled(*_: object) -> None:
        stack = target.describe()
        before = [look(label, check) for label, check in destinations.looks_before(target.aws, asked, stack).items()]
        checks.require(target.aws, [checks.stack_is_settled(target.name, stack), *before], tell)

    if dry_run:
        settled()
        tell(f"{what}: it would come first")
        return
    with target.aws.alone():
        if shared.is_complete(target.describe()):
            return
        started = time.monotonic()
        tell(f"{what} yet: it comes first")
        deploy(target, {}, settled, show, tell=tell)
        tell(f"{target.name}: deployed in {took(started)}")


def _compare(target: Target, tasks: ExitStack, coloured: bool) -> str:
    env = {**target.aws.env, "FORCE_COLOR": "1"} if coloured else target.aws.env
    task = cdk.diff(env, target.folder, tasks)
    task.finish()
    return task.log.read_text(errors="replace").rstrip()
