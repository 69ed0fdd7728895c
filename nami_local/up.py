"""`nami local up`: from nothing to an endpoint, and back to nothing when it fails."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from nami_control import cdk, deployment, environments, shared, stacks
from nami_control.errors import DatabaseError, DeployError, LocalAwsError
from nami_local import cdk as local_cdk
from nami_local import database, environment, machine
from nami_local.state import Home, State
from nami_stack.settings import SHARED

_READY_WITHIN = 60  # seconds for local AWS and the database; they take about one, and more where the machine is busy
# Seconds without a word from CloudFormation, which here answers at once: something waits for what will not come.
_STALLED = 120
_PAUSE = 0.05


def bring_up(home: Home, name: str, context: Mapping[str, str], state: State, shown: cdk.Progress) -> str:
    """Deploy one subscription into the local AWS that `machine.join` returned. Returns its endpoint.

    Raises:
        NamiError: one line on what failed.
    """
    with ExitStack() as tasks:
        run = _Run(home, state, environment.of_tools(home, state), shown, tasks)
        shown.step("synthesising")
        folder, synthesis = run.synthesise(name, context)
        # Meanwhile, on the other core:
        run.wait_for_machine(synthesis)
        run.bootstrap(synthesis)
        synthesis.finish(run.watch)
        machine.point_tools_at(home, state)
        stacks.describe(name)
        if shared.is_missing_for(folder):
            run.share_first()
        shown.step("deploying")
        run.deploy(folder)
    return deployment.find(name).endpoint


@dataclass(frozen=True)
class _Run:
    """One `up`: what the CDK CLI does for it, while local AWS is watched."""

    home: Home
    state: State
    env: Mapping[str, str]
    shown: cdk.Progress
    tasks: ExitStack

    def watch(self) -> None:
        """Raise LocalAwsError where local AWS is gone: what goes on is in vain."""
        machine.is_ready(self.home, self.state)

    def synthesise(self, name: str, context: Mapping[str, str]) -> tuple[Path, cdk.Task]:
        folder = self.home.folder / "stacks" / stacks.label(name)
        context = {**context, **environments.context_of(self.env)}
        return folder, cdk.synth(name, context, self.env, folder, self.tasks)

    def wait_for_machine(self, synthesis: cdk.Task) -> None:
        deadline = time.monotonic() + _READY_WITHIN
        while not machine.is_ready(self.home, self.state):
            synthesis.check()
            if time.monotonic() > deadline:
                raise LocalAwsError(f"local AWS did not answer within {_READY_WITHIN} s; see {self.home.aws_log}")
            time.sleep(_PAUSE)
        try:
            database.ping(self.state.mongo_uri, timeout=_READY_WITHIN / 3)
        except DatabaseError as error:
            raise DatabaseError(f"{error}; see {self.home.aws_log}") from None

    def bootstrap(self, synthesis: cdk.Task) -> None:
        def watch() -> None:
            self.watch()
            synthesis.check()

        folder = self.home.folder / "bootstrap"
        folder.mkdir(exist_ok=True)
        with self.home.lock("bootstrap"):
            now = machine.running(self.home)
            if now and now.bootstrapped:
                return
            local_cdk.bootstrap(self.env, folder, self.tasks).finish(watch)
            machine.mark_bootstrapped(self.home)

    def share_first(self) -> None:
        """Deploy what subscriptions share; another command may be about to do the same."""
        with self.home.lock("shared"):
            stack = stacks.describe(SHARED)
            if stack and shared.is_complete(stack):
                return
            name = stacks.name_of(SHARED)
            self.shown.step(f"deploying {name}, the gateway and the MongoDB host that subscriptions share")
            folder, synthesis = self.synthesise(SHARED, {})
            synthesis.finish(self.watch)
            self.deploy(folder)

    def deploy(self, folder: Path) -> None:
        def watch() -> None:
            self.watch()
            task.show(self.shown)
            if task.silent_for() > _STALLED:
                raise DeployError(f"no progress for {_STALLED} s after: {task.last_line()}; see {task.log}")

        task = cdk.deploy(self.env, folder, self.tasks)
        task.finish(watch)


def hold(home: Home, name: str) -> str:
    """Wait, in the foreground, until somebody else takes the subscription down. Returns what happened.

    Raises:
        LocalAwsError: local AWS is gone and nobody asked for it.
    """
    while True:
        state = home.load()
        if state is None or name not in state.subscriptions:
            return f"{name} was taken down by another command"
        if not state.aws.find():
            machine.is_ready(home, state)
            raise LocalAwsError(f"local AWS ended by itself; see {home.aws_log}")
        time.sleep(0.5)
