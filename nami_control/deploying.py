"""A deployment, on AWS and on this machine alike: synthesised while what it needs is looked at, then deployed."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import starmap
from typing import Any

from nami_control import cdk, checks, destinations, leftovers, pausing, queues, shared, stacks, volumes
from nami_control.aws import Aws
from nami_control.cdk_output import Progress
from nami_control.checks import Account, Check, look
from nami_control.deployment import Deployment
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
    stack: Stack | None
    """The one that was there."""
    templates: list[dict[str, Any]]
    """What it is deployed with now."""
    changes: str = ""
    """With a dry run: what the CDK CLI says of it."""

    @property
    def before(self) -> Mapping[str, str]:
        """The outputs of the stack that was there; empty where there was none."""
        return self.stack.outputs if self.stack else {}

    @cached_property
    def changed_queues(self) -> list[queues.Change]:
        """Those of the stack that are not as they were."""
        return queues.changes(self.target.aws, self.stack.resources if self.stack else [], self.templates)

    @cached_property
    def paused(self) -> list[str]:
        """The destinations to which nothing is delivered, before and after it."""
        return pausing.paused(Deployment(self.target, self.before))

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """Those that it has now."""
        stack = self.target.describe()
        return stack.outputs if stack else {}

    @property
    def url(self) -> str:
        """Where webhooks are posted; of what subscriptions share, its gateway."""
        return next(stacks.reachable(self.target.aws, self.outputs[key]) for key in stacks.URLS if key in self.outputs)

    @cached_property
    def former(self) -> list[Leftover]:
        """What else has left the stack, and is kept."""
        there = self.stack.resources if self.stack else []
        return leftovers.of_templates(self.target.aws, there, self.templates)

    @property
    def arrived_late(self) -> dict[str, int]:
        """By the URL of each former queue, how many webhooks it holds."""
        former = [change.url for change in self.changed_queues if change.leaves]
        return {url: queues.depth(self.target.aws, url) for url in former}

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
            account = None
            if prepare:
                prepare(progress, synthesis)
            else:
                progress.step("checking")
                account = checks.require_account(target.aws, tell, tell_all=dry_run)
            stack = target.describe()
            if account:
                may_change = SETTINGS if reset else target.given_anywhere
                require(Attempt(target, account, stack, may_change), tell, tell_all=dry_run)
                tell(f"{target.name}: account {account.number}, region {account.region}")
            progress.step("synthesising")
            synthesis.finish()
        templates = list(cdk.templates(target.folder))
        needs_shared = cdk.reads(target.folder, f"/{target.shared.stack_name}/")
        done = Deployed(target, stack, templates)
        for keeps in _NOTHING_IS_LOST:
            keeps(done)
        if needs_shared:
            _share_first(target.shared, account, show, tell, dry_run=dry_run)
        with show(target) as progress:
            if dry_run:
                progress.step("comparing")
                return replace(done, changes=cdk.diff(target, tasks, coloured=coloured))
            progress.step("deploying")
            _carry_out(done, cdk.deploy(target, tasks), progress, tell)
    return done


def _carry_out(done: Deployed, task: cdk.Task, progress: Progress, tell: Tell) -> None:
    try:
        task.finish(lambda: task.show(progress))
    finally:
        if done.paused:
            pausing.keep(Deployment(done.target, done.outputs), done.paused, tell)


_NOTHING_IS_LOST: Sequence[Callable[[Deployed], object]] = (
    lambda it: volumes.require_kept(it.target.name, it.stack, it.templates),
    lambda it: queues.require_empty(it.target.aws, it.target.name, it.changed_queues),
    lambda it: pausing.require_same_queues(it.target.name, it.paused, it.changed_queues),
)
"""What must hold before it, once the templates are there; each raises CheckError where it does not."""


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


@dataclass(frozen=True)
class Attempt:
    """What is known before a deployment, each read once: whether it can succeed is asked of this alone."""

    target: Target
    account: Account
    stack: Stack | None
    """The one that is there."""
    may_change: frozenset[str]
    """Settings that may be others than at the last deployment."""

    @property
    def aws(self) -> Aws:
        """Where it goes."""
        return self.target.aws


_OF_ALL: Mapping[str, Callable[[Attempt], Check]] = {
    "python": lambda _: checks.python(),
    "node": lambda _: checks.node(),
    "cdk": lambda _: checks.cdk_cli(),
    "bootstrap": lambda it: checks.bootstrap(it.aws, it.account),
    "stack": lambda it: checks.stack_is_settled(it.target.name, it.stack),
    "settings": lambda it: checks.settings_stay(it.target, it.may_change, it.stack),
    "leftovers": lambda it: leftovers.none_is_lost(it.target, it.stack),
}
_OF_SUBSCRIPTIONS: Mapping[str, Callable[[Attempt], Check]] = {
    "handlers": lambda it: checks.handlers(it.target.name),
    **_OF_ALL,
    "reservation": lambda it: checks.reservation(it.aws, it.target.subscription, it.stack),
    "signature": lambda it: checks.signature(it.target.subscription),
}


def require(attempt: Attempt, tell: Tell = silent, *, tell_all: bool = False) -> None:
    """Look whether a deployment can succeed.

    Raises:
        NamiError: it can't.
    """
    target = attempt.target
    table = _OF_ALL if target.is_shared else _OF_SUBSCRIPTIONS
    own = {label: partial(check, attempt) for label, check in table.items()}
    looks = own | dict(destinations.looks_before(attempt.aws, target.settings, attempt.stack))
    checks.require(attempt.aws, starmap(look, looks.items()), tell, tell_all=tell_all)


def _share_first(target: Target, account: Account | None, show: Show, tell: Tell, *, dry_run: bool) -> None:
    """Deploy what subscriptions share, where it is not there; another command may be about to do the same."""
    with target.aws.alone():
        stack = target.describe()
        if stack and stack.is_whole:
            return
        if account:  # what is wrong with its settings is told before anything is said
            require(Attempt(target, account, stack, target.given_anywhere), tell, tell_all=dry_run)
        what = f"{target.stack_name}, the gateway and the MongoDB host that subscriptions share, is not there"
        if dry_run:
            tell(f"{what}: it would come first")
            return
        started = time.monotonic()
        tell(f"{what} yet: it comes first")
        deploy(target, show, lambda *_: None, tell=tell)
        tell(f"{target.name}: deployed in {took(started)}")
