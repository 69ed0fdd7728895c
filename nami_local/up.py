"""`nami local up`: from nothing to an endpoint."""

import time

from nami_control import cdk, deploying
from nami_control.cdk_output import Progress
from nami_control.errors import DatabaseError, LocalAwsError
from nami_control.progress import Tell
from nami_control.stacks import Target
from nami_local import cdk as local_cdk
from nami_local import database, machine
from nami_local.state import Home

_READY_WITHIN = 60  # seconds for local AWS and the database; they take about one, and more where the machine is busy
_PAUSE = 0.05


def bring_up(home: Home, target: Target, show: deploying.Show, tell: Tell) -> str:
    """Deploy one subscription into the local AWS that `machine.join` started. Returns its endpoint.

    Raises:
        NamiError: one line on what failed.
    """

    def prepare(progress: Progress, synthesis: cdk.Task) -> None:
        # On the other core than the synthesis.
        progress.step("synthesising")
        _wait_for_machine(home, synthesis)
        _bootstrap(home, target, synthesis)

    return deploying.deploy(target, show, prepare, tell=tell).url


def _wait_for_machine(home: Home, synthesis: cdk.Task) -> None:
    state = machine.require(home)
    deadline = time.monotonic() + _READY_WITHIN
    while not machine.is_ready(home, state):
        synthesis.check()
        if time.monotonic() > deadline:
            raise LocalAwsError(f"local AWS did not answer within {_READY_WITHIN} s; see {home.aws_log}")
        time.sleep(_PAUSE)
    try:
        database.ping(state.mongo_uri, timeout=_READY_WITHIN / 3)
    except DatabaseError as error:
        raise DatabaseError(f"{error}; see {home.aws_log}") from None


def _bootstrap(home: Home, target: Target, synthesis: cdk.Task) -> None:
    folder = home.folder / "bootstrap"
    folder.mkdir(exist_ok=True)
    with home.lock("bootstrap"):
        now = machine.running(home)
        if now and now.bootstrapped:
            return
        local_cdk.bootstrap(target.aws, folder, synthesis.check)
        machine.mark_bootstrapped(home)


def hold(home: Home, label: str) -> str:
    """Wait, in the foreground, until somebody else takes the subscription down. Returns what happened.

    Raises:
        LocalAwsError: local AWS is gone and nobody asked for it.
    """
    while True:
        state = home.load()
        if state is None or label not in state.subscriptions:
            return f"{label} was taken down by another command"
        if not state.aws.find():
            machine.is_ready(home, state)
            raise LocalAwsError(f"local AWS ended by itself; see {home.aws_log}")
        time.sleep(0.5)
