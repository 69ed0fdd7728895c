"""What a load test sends to: a deployed subscription, any URL, or a subscription of its own on this machine."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

from nami_control import deployment, queues, stacks
from nami_control.aws import VARIABLE, Aws, is_here
from nami_control.deployment import Deployment, Function
from nami_control.destinations.mongo import collection
from nami_control.errors import NamiError, UsageError
from nami_control.planning.arrivals import Arrivals
from nami_control.planning.assumptions import Times
from nami_control.planning.plan import plan
from nami_control.sending import Sender
from nami_local import machine
from nami_local.local_aws import LocalAws
from nami_local.state import Home
from nami_runtime import signatures
from nami_stack.settings import Subscription

SECRET = "NAMI_LOAD_SECRET"
OWN = "load"
_OWN_SCHEME = "shopify"  # so that the usual load is a signed one


class Target:
    """Where webhooks go. `known` says whether its stack is known, and with it queue and database."""

    def __init__(self, found: Deployment, secret: str | None = None, *, known: bool = True) -> None:
        self.deployment = found
        self.known = known
        self.url = found.endpoint
        self._sender = Sender(found, secret=secret)
        self._sender.signed(*self._sample())  # what can't be signed is told now

    @property
    def place(self) -> str:
        """Short, for people."""
        return f"{self.deployment.name} on {urlsplit(self.url).netloc}" if self.known else urlsplit(self.url).netloc

    @property
    def is_here(self) -> bool:
        return is_here(self.url)

    def webhook(self) -> tuple[str, dict[str, str], bytes]:
        """(URL, headers, body) of a new one, signed as its provider would sign it now."""
        return self._sender.signed(*self._sample())

    def depth(self) -> int:
        """About how many messages wait, or are being processed, in the queues of all its destinations."""
        return sum(queues.depth(self.deployment.aws, url) for url in queues.waiting(self.deployment.outputs))

    def _sample(self) -> tuple[bytes, dict[str, str]]:
        body, kind = self._sender.sample()
        return body, {"content-type": kind}


@contextlib.contextmanager
def find(name: str | None, url: str | None, scheme: str | None) -> Iterator[Target]:
    """The target that was asked for; without any, one on this machine that is there for the test alone.

    Raises:
        NamiError: it is not there, or what was given does not fit.
    """
    if scheme and (name or not url):
        raise UsageError("--signature belongs to --url; a deployed subscription is signed with its own scheme")
    if url and urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(f"--url {url}: must begin with https:// or http://")
    if name:
        found = deployment.find(stacks.Target(name, Aws(os.environ.get(VARIABLE, ""))))
        yield Target(_Elsewhere(found.target, {**found.outputs, "EndpointUrl": url}) if url else found)
    elif url:
        yield _elsewhere(url, scheme)
    else:
        with _own() as found:
            yield Target(found)


class _Elsewhere(Deployment):
    @property
    def endpoint(self) -> str:
        return self.outputs["EndpointUrl"]


def _elsewhere(url: str, scheme: str | None) -> Target:
    found = _Elsewhere(stacks.Target(urlsplit(url).netloc, Aws()), {"EndpointUrl": url})
    if not scheme:
        found.pre_queue = Function("", {}, "")
        return Target(found, known=False)
    if scheme not in signatures.every() or scheme in ("hmac", "token"):
        raise UsageError(f"--signature {scheme}: must be a scheme that its name says all of, such as shopify")
    if not os.environ.get(SECRET):
        raise UsageError(f"--signature {scheme}: its secret is read from the environment; export {SECRET}='…'")
    found.pre_queue = Function("", {"SIGNATURE": json.dumps({"scheme": scheme})}, "")
    return Target(found, os.environ[SECRET], known=False)


@contextlib.contextmanager
def _own() -> Iterator[Deployment]:
    home = Home()
    state = machine.running(home)
    was_up = state is not None and OWN in state.subscriptions
    if not was_up:
        _local("up", OWN, "--detach", "-c", f"signature={_OWN_SCHEME}")
    try:
        found = deployment.find(stacks.Target(OWN, LocalAws(home)))
        yield found
        if not was_up:
            with collection(found) as documents:
                documents.drop()
    finally:
        if not was_up:
            _local("down", OWN)


def _local(*arguments: str) -> None:
    command = [sys.executable, "-m", "nami_cli.main", "local", *arguments]
    ended = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    if ended.returncode:
        failed = NamiError(f"nami local {' '.join(arguments[:2])} failed")
        failed.exit_code = ended.returncode
        raise failed


def price(count: int) -> float:
    """Dollars that so many webhooks cost a subscription as it comes, by the prices of `nami plan`."""
    unhurried = Arrivals(peak=100, seconds=count / 100)
    return plan(Subscription.from_context({"name": OWN}), unhurried, Times()).burst_dollars
