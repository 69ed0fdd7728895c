"""`nami local up`: from nothing to an endpoint, and back to nothing when it fails."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType

from nami_cli import cdk, deployment, environments, shared, stacks
from nami_cli.errors import DatabaseError, DeployError, LocalAwsError
from nami_cli.local import cdk as local_cdk
from nami_cli.local import database, environment, machine
from nami_cli.local.state import Home, State
from nami_stack.settings import SHARED

# Told what happens, and how far it is (done, of so many) where that is known.
Report = Callable[[str, tuple[int, int] | None], None]

_READY_WITHIN = 60  # seconds for local AWS and the database; they take about one, and more where the machine is busy
# Seconds without a word from CloudFormation, which here answers at once: something waits for what will not come.
_STALLED = 120
_PAUSE = 0.05


class Interrupted(KeyboardInterrupt):
    """SIGINT, SIGTERM or SIGHUP: stop what was started, then end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turn the signals that end a command into an exception; the first one is enough."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        if _starting.depth:
            _starting.interrupted_by = number
        else:
            raise Interrupted(number)

    before = {each: signal.signal(each, interrupt) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


class _Starting:
    depth = 0
    interrupted_by: int | None = None


_starting = _Starting()


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """Put an interrupt off until what is started here is known to those who stop it."""
    _starting.depth += 1
    try:
        yield
    finally:
        _starting.depth -= 1
        number, _starting.interrupted_by = _starting.interrupted_by, None
    if number is not None:
        raise Interrupted(number)


def bring_up(home: Home, name: str, context: Mapping[str, str], state: State, report: Report) -> str:
    """Deploy one subscription into the local AWS that `machine.join` returned. Returns its endpoint.

    Raises:
        CliError: one line on what failed.
    """
    env = environment.of_tools(home, state)
    with contextlib.ExitStack() as tasks:
        report("synthesising", None)
        folder, synthesis = _synthesise(home, name, context, env, tasks)
        # Meanwhile, on the other core:
        _wait_for_machine(home, state, synthesis)
        _bootstrap(home, env, state, synthesis)
        _finish(home, state, synthesis)
        machine.point_tools_at(home, state)
        stacks.describe(name)
        if shared.is_missing_for(folder):
            _share_first(home, state, env, report)
        _deploy(home, state, env, folder, lambda done: report("deploying", done))
    return deployment.find(name).endpoint


def _share_first(home: Home, state: State, env: Mapping[str, str], report: Report) -> None:
    """Deploy what subscriptions share; another command may be about to do the same."""
    with home.lock("shared"), contextlib.ExitStack() as tasks:
        stack = stacks.describe(SHARED)
        if stack and shared.is_complete(stack):
            return
        step = f"deploying {stacks.name_of(SHARED)}, the gateway and the MongoDB host that subscriptions share"
        report(step, None)
        folder, synthesis = _synthesise(home, SHARED, {}, env, tasks)
        _finish(home, state, synthesis)
        _deploy(home, state, env, folder, lambda done: report(step, done))


def _synthesise(
    home: Home, name: str, context: Mapping[str, str], env: Mapping[str, str], tasks: contextlib.ExitStack
) -> tuple[Path, cdk.Task]:
    folder = home.folder / "stacks" / stacks.label(name)
    folder.mkdir(parents=True, exist_ok=True)
    with starting():
        task = cdk.synth(name, {**context, **environments.context_of(env)}, env, folder)
        tasks.callback(task.stop)
    return folder, task


def _deploy(
    home: Home, state: State, env: Mapping[str, str], folder: Path, told: Callable[[tuple[int, int] | None], None]
) -> None:
    with contextlib.ExitStack() as tasks:
        with starting():
            task = cdk.deploy(env, folder)
            tasks.callback(task.stop)
        _finish(home, state, task, lambda: _follow(task, told))


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


def _wait_for_machine(home: Home, state: State, synthesis: cdk.Task) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while not machine.is_ready(home, state):
        _fail_early(synthesis)
        if time.monotonic() > deadline:
            raise LocalAwsError(f"local AWS did not answer within {_READY_WITHIN} s; see {home.aws_log}")
        time.sleep(_PAUSE)
    try:
        database.ping(state.mongo_uri, timeout=_READY_WITHIN / 3)
    except DatabaseError as error:
        raise DatabaseError(f"{error}; see {home.aws_log}") from None


def _bootstrap(home: Home, env: dict[str, str], state: State, synthesis: cdk.Task) -> None:
    folder = home.folder / "bootstrap"
    folder.mkdir(exist_ok=True)
    with home.lock("bootstrap"):
        now = machine.running(home)
        if now and now.bootstrapped:
            return
        with contextlib.ExitStack() as tasks:
            with starting():
                task = local_cdk.bootstrap(env, folder)
                tasks.callback(task.stop)
            _finish(home, state, task, lambda: _fail_early(synthesis))
        machine.mark_bootstrapped(home)


def _finish(home: Home, state: State, task: cdk.Task, meanwhile: Callable[[], None] = lambda: None) -> None:
    while (status := task.poll()) is None:
        machine.is_ready(home, state)
        meanwhile()
        time.sleep(_PAUSE)
    if status:
        _raise(task)


def _follow(deployment: cdk.Task, told: Callable[[tuple[int, int] | None], None]) -> None:
    told(deployment.progress())
    if deployment.silent_for() > _STALLED:
        raise DeployError(f"no progress for {_STALLED} s after: {deployment.last_line()}; see {deployment.log}")


def _fail_early(task: cdk.Task) -> None:
    if task.poll():
        _raise(task)


def _raise(task: cdk.Task) -> None:
    raise DeployError(f"{task.reason()} ({task.name} failed; all of it: {cdk.short(task.log)})")
