"""The local AWS of one folder: started by the first `up`, joined by others, stopped with the last."""

import http.client
import json
import secrets
import shutil
import sys
import time
from pathlib import Path

import nami_local
from nami_control import processes
from nami_control.errors import (
    CheckError,
    LocalAwsError,
    NotRunningError,
    PortInUseError,
    UsageError,
    last_line,
)
from nami_control.processes import Identity
from nami_control.stacks import Target
from nami_local import database, environment
from nami_local.state import Home, State

DEFAULT_PORT = 4566

_STOP_IDLE = 0.2


def running(home: Home) -> State | None:
    """What is up, its processes included; None where nothing is, or what was is gone."""
    state = home.load()
    return state if state and state.aws.find() else None


def require(home: Home) -> State:
    """What is up.

    Raises:
        NotRunningError: nothing is.
    """
    if state := running(home):
        return state
    ended = " (it was up, and has ended)" if home.load() else ""
    raise NotRunningError(f"local AWS is not running{ended}; start it with nami local up NAME")


def join(home: Home, label: str, *, port: int | None, mongo_uri: str | None) -> tuple[State, bool]:
    """Add a subscription to the local AWS of this folder, and start that where it does not run.

    Returns the state and whether the subscription was up before.
    """
    home.prepare()
    with home.lock():
        state = running(home)
        if state is None:
            _clear_remains(home)
            state = _start(home, port=port, mongo_uri=mongo_uri)
        _check_same(state, port=port, mongo_uri=mongo_uri)
        was_up = state.subscriptions.setdefault(label, False)
        home.save(state)
    return state, was_up


def _check_same(state: State, *, port: int | None, mongo_uri: str | None) -> None:
    if port and port != state.port:
        raise UsageError(f"local AWS is up on port {state.port}; leave --port out, or end it with nami local down")
    if mongo_uri and mongo_uri != state.mongo_uri:
        raise UsageError("local AWS is up with another database; leave --mongo-uri out, or end it with nami local down")


def _start(home: Home, *, port: int | None, mongo_uri: str | None) -> State:
    port = port or DEFAULT_PORT
    if not processes.is_free(port):
        raise PortInUseError(f"port {port} is in use by another program; choose another with --port")
    shutil.rmtree(home.temporary, ignore_errors=True)
    home.temporary.mkdir()
    if mongo_uri:
        database.ping(mongo_uri)
    chosen = database.choose(home, mongo_uri, usual_port=port == DEFAULT_PORT)
    token = secrets.token_urlsafe(32)
    env = environment.of_aws(home, port, token) | {
        "NAMI_MONGO_URI": chosen.uri,
        "NAMI_DATABASE_COMMAND": json.dumps(chosen.command),
    }
    # `-m` finds nami_local from its folder, without a PYTHONPATH that the functions would inherit.
    package = Path(nami_local.__file__).parent.parent
    command = [sys.executable, "-m", "nami_local.aws"]
    # The database's files are its child's.
    process = processes.spawn(command, env=env, cwd=package, log=home.aws_log, umask=0o077)
    return State(aws=Identity.of(process.pid), port=port, token=token, mongo_uri=chosen.uri)


def is_ready(home: Home, state: State) -> bool:
    """Whether local AWS answers by now.

    Raises:
        LocalAwsError: it has ended.
    """
    if not state.aws.find():
        said = home.aws_log.read_text(errors="replace") if home.aws_log.exists() else ""
        raise LocalAwsError(f"local AWS ended by itself: {last_line(said)} (all of it: {home.aws_log})")
    connection = http.client.HTTPConnection("127.0.0.1", state.port, timeout=2)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def leave(home: Home, target: Target) -> list[str]:
    """Take a subscription down; with the last one, stop everything. Returns the labels that stay up."""
    with home.lock():
        state = running(home)
        if state is None:
            _clear_remains(home)
            return []
        state.subscriptions.pop(target.label, None)
        if not state.subscriptions:
            _stop(home, state)
            return []
        home.save(state)
    _delete_stack(target)
    return sorted(state.subscriptions)


def forget(home: Home, target: Target) -> None:
    """Note that the stack is gone, where it was up here. A command that holds it in the foreground ends then."""
    state = running(home)
    if state is None or state.endpoint_url != target.aws.endpoint_url:
        return
    with home.lock():
        if (state := running(home)) and state.subscriptions.pop(target.label, None):
            home.save(state)


def stop_unused(home: Home) -> None:
    """Stop everything where no subscription is left."""
    with home.lock():
        if (state := running(home)) and not state.subscriptions:
            _stop(home, state)


def shut_down(home: Home) -> list[str]:
    """Stop everything. Returns the names that were up."""
    if not home.folder.exists():
        return []
    with home.lock():
        state = home.load()
        names = sorted(state.subscriptions) if state and state.aws.find() else []
        _clear_remains(home)
        return names


def mark_ready(home: Home, label: str) -> None:
    """Note that a subscription's deployment is done."""
    with home.lock():
        if (state := running(home)) and label in state.subscriptions:
            state.subscriptions[label] = True
            home.save(state)


def mark_bootstrapped(home: Home) -> None:
    """Note that CDK can deploy into this local AWS."""
    with home.lock():
        if state := running(home):
            state.bootstrapped = True
            home.save(state)


def _delete_stack(target: Target) -> None:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        stack = target.describe()
        if stack is None:
            return
        client = target.aws.client("cloudformation")
        client.delete_stack(StackName=stack.id)
        waiter = client.get_waiter("stack_delete_complete")
        waiter.wait(StackName=stack.id, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    except CheckError:
        return  # another subscription's, which the name that goes never became
    except (BotoCoreError, ClientError) as error:
        raise LocalAwsError(
            f"{target.label} could not be taken down ({error}); nami local down stops everything"
        ) from None


def _clear_remains(home: Home) -> None:
    if state := home.load():
        _stop(home, state)
    else:
        home.forget()


def _stop(home: Home, state: State) -> None:
    processes.stop(state.aws)
    deadline = time.monotonic() + 5
    # The host and the functions end by themselves when local AWS was killed; what follows must find the port free.
    while not processes.is_free(state.port) and time.monotonic() < deadline:
        time.sleep(_STOP_IDLE)
    home.forget()
