"""A deployment, on AWS and on this machine alike: synthesised while what it needs is looked at, then deployed."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import cached_property

from nami_control import cdk, checks, destinations, leftovers, pausing, queues, shared, stacks, volumes
from nami_control.cdk_output import Progress
from nami_control.checks import look
from nami_control.deployment import find
from nami_control.leftovers import Leftover
from nami_control.progress import Tell, silent
from nami_control.stacks import Stack, Target
from nami_control.times import took
from nami_stack.settings import Subscription

SETTINGS = frozenset(Subscription.model_fields)

Show = Callable[[Target], AbstractContextManager[Progress]]
"""Opened for each stack that is worked on; what it gives is told how that goes."""
Prepare = Callable[[Progress, cdk.Task], object]
"""Sees to it, while the synthesis runs, that a deployment can succeed."""


@dataclass(frozen=True)
class Deployed:
    """What a deployment did, or with a dry run would do; what it left is looked at when it is asked for."""

    target: Target
    before: Mapping[str, str]
    """The outputs of the stack that was there; empty where there was none."""
    former_queues: list[str]
    """URLs of queues that have left the stack, and are kept."""
    former: Sequence[Leftover] = ()
    """What else has left the stack, and is kept."""
    changes: str = ""
    """With a dry run: what the CDK CLI says of it."""
    paused: Sequence[str] = ()
    """The destinations to which nothing is delivered, before and after it."""

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """Those that it has now."""
        stack = self.target.describe()
        return stack.outputs if stack else {}

    @property
    def url(self) -> str:
        """Where webhooks are posted; of what subscriptions share, its gateway."""
        return next(stacks.reachable(self.target.aws, self.outputs[key]) for key in stacks.URLS if key in self.outputs)

    @property
    def arrived_late(self) -> dict[str, int]:
        """By the URL of each former queue, how many webhooks it holds."""
        return {url: queues.depth(self.target.aws, url) for url in self.former_queues}

    @property
    def waits_for_secret(self) -> bool:
        """Whether every webhook gets 401, since the signature's secret is empty."""
        if not (secret := self.outputs.get("SignatureSecretArn")):
            return False
        return look("signature", lambda: checks.filled(self.target, secret)).status != "ok"

    @property
    def users(self) -> list[str]:
        """The subscriptions that use it."""
        return shared.users(self.target.aws, self.target.stack_name)


def deploy(
    target: Target,
    show: Show,
    prepare: Prepare | None = None,
    *,
    tell: Tell = silent,
    reset: bool = False,
    dry_run: bool = False,
    coloured: bool = False,
) -> Deployed:
    """Deploy a target, and before it what it shares with others, where that is not there.

    Args:
        prepare: in the place of all the checks.
        reset: settings of the last deployment may go back to their defaults where they are not given again.

    Raises:
        NamiError: it can't succeed, and nothing was changed; or it failed.
    """
    with ExitStack() as tasks:
        with show(target) as progress:
            # Begun before anything is looked at: it takes seconds and changes nothing.
            synthesis = cdk.synth(target, tasks)
            if prepare:
                prepare(progress, synthesis)
            else:
                progress.step("checking")
                require(target, tell, reset=reset, tell_all=dry_run)
            progress.step("synthesising")
            synthesis.finish()
        templates = list(cdk.templates(target.folder))
        needs_shared = cdk.reads(target.folder, f"/{target.shared.stack_name}/")
        stack = target.describe()
        resources = target.resources() if stack else []
        volumes.require_kept(target, stack, templates)
        changed = queues.changes(target.aws, resources, templates)
        queues.require_empty(target.aws, target.name, changed)
        paused = _paused(target, stack)
        pausing.require_same_queues(target.name, paused, changed)
        if needs_shared:
            _share_first(target.shared, show, tell, dry_run=dry_run)
        before = stack.outputs if stack else {}
        former = [change.url for change in changed if change.leaves]
        kept = leftovers.of_templates(target.aws, resources, templates)
        with show(target) as progress:
            if dry_run:
                progress.step("comparing")
                return Deployed(target, before, former, kept, cdk.diff(target, tasks, coloured=coloured))
            progress.step("deploying")
            task = cdk.deploy(target, tasks)
            try:
                task.finish(lambda: task.show(progress))
            finally:
                if paused:
                    pausing.keep(find(target), paused, tell)
    return Deployed(target, before, former, kept, paused=paused)


def diff(target: Target, show: Show, *, tell: Tell = silent, coloured: bool = False) -> str:
    """What a deployment would change, as the CDK CLI says it."""
    with show(target) as progress, ExitStack() as tasks:
        synthesis = cdk.synth(target, tasks)
        progress.step("synthesising")
        checks.require_account(target.aws, tell)
        target.describe()
        synthesis.finish()
        progress.step("comparing")
        return cdk.diff(target, tasks, coloured=coloured)


def require(target: Target, tell: Tell = silent, *, reset: bool = False, tell_all: bool = False) -> None:
    """Look whether a deployment can succeed.

    Raises:
        NamiError: it can't.
    """
    aws, asked = target.aws, target.settings
    account = checks.require_account(aws, tell, tell_all=tell_all)
    stack = target.describe()
    kept = SETTINGS if reset else target.given_anywhere
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
    tell(f"{target.name}: account {account.number}, region {account.region}")


def _paused(target: Target, stack: Stack | None) -> list[str]:
    """The destinations to which nothing is delivered."""
    if stack is None or not stack.is_whole or target.is_shared:
        return []
    return pausing.paused(find(target))


def _share_first(target: Target, show: Show, tell: Tell, *, dry_run: bool) -> None:
    """Deploy what subscriptions share, where it is not there; another command may be about to do the same."""
    asked = target.settings  # what is wrong with them is told before anything is said
    with target.aws.alone():
        stack = target.describe()
        if stack and stack.is_whole:
            return
        before = [look(label, check) for label, check in destinations.looks_before(target.aws, asked, stack).items()]
        checks.require(target.aws, [checks.stack_is_settled(target.name, stack), *before], tell)
        what = f"{target.stack_name}, the gateway and the MongoDB host that subscriptions share, is not there"
        if dry_run:
            tell(f"{what}: it would come first")
            return
        started = time.monotonic()
        tell(f"{what} yet: it comes first")
        deploy(target, show, lambda *_: None, tell=tell)
        tell(f"{target.name}: deployed in {took(started)}")
