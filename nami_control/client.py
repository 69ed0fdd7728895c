"""A deployed subscription, for programs: `nami_control.subscription("shopify")`."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from nami_control import deployment, events, health, listening, logs, pausing, queues, smoke
from nami_control.aws import Aws
from nami_control.checks import Check
from nami_control.dead_letters import DeadLetters
from nami_control.deployment import Deployment
from nami_control.logs import Step
from nami_control.pausing import Pause
from nami_control.planning.arrivals import Arrivals
from nami_control.planning.assumptions import Times
from nami_control.planning.plan import Plan, plan
from nami_control.posting import Posted
from nami_control.replaying import Asked, Replay
from nami_control.sending import Answer, Sender
from nami_control.stacks import Target


class Subscription:
    """What one can do with a deployed subscription.

    Everything that goes wrong is a `nami_control.errors.NamiError`, whose text names the cause and the remedy.

    Args:
        name: of the subscription, such as shopify.
        aws: where it is deployed.
    """

    def __init__(self, name: str, aws: Aws) -> None:
        self.target = Target(name, aws)

    @cached_property
    def deployed(self) -> Deployment:
        """Its stack's outputs, its functions and its queues."""
        return deployment.find(self.target)

    @property
    def endpoint(self) -> str:
        """Where to post webhooks."""
        return self.deployed.endpoint

    @cached_property
    def _sender(self) -> Sender:
        return Sender(self.deployed)

    def send(self, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a webhook, signed as its provider would sign it; without a body a sample, with a new id each time."""
        sample, kind = self._sender.sample()
        return self._sender.send(sample if body is None else body, {"content-type": kind, **(headers or {})})

    def events(
        self,
        *,
        query: Mapping[str, Any] | None = None,
        ids: Sequence[str] = (),
        limit: int = 10,
        follow: bool = False,
        destination: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """What is stored, the newest last; with `follow` then what comes, without end.

        Args:
            query: as MongoDB takes it, where that is the destination.
            ids: of deliveries; only these.
            destination: such as dynamodb; the first that keeps webhooks where not given.
        """
        found = events.destination_of(self.deployed, destination)
        return found.stored(query=dict(query or {}), ids=list(ids), limit=limit, follow=follow)

    def wait_for(self, ids: Sequence[str], timeout: float = 30) -> list[dict[str, Any]]:
        """The documents of these deliveries, as far as they are stored within `timeout` seconds."""
        return events.wait_for(self.deployed, list(ids), timeout)

    def replay(self, asked: Asked) -> Replay:
        """Stored webhooks that go through again: `count()` tells how many, and `run()` sends them."""
        return Replay(self.deployed, asked, replayed_at=int(time.time() * 1000))

    def listen(self, to: str, **options: Any) -> Iterator[Posted]:
        """Post each webhook that is stored from now on to a URL; `options` are those of `listening.listen`."""
        return listening.listen(self.deployed, to, **options)

    def dead_letters(self, destination: str | None = None, *, quarantine: bool = False) -> DeadLetters:
        """The webhooks that were given up on the way to one destination: to be looked at, sent back, or deleted."""
        return DeadLetters(self.deployed, destination, quarantine=quarantine)

    def logs(self, *, since: float, follow: bool = False) -> Iterator[Step]:
        """What the functions said since then (epoch seconds), by time; with `follow` all that comes too."""
        lines = logs.lines(self.deployed, since=since, follow=follow)
        return (step for line in lines for step in logs.steps(line))

    def path(self, delivery_id: str, *, since: float) -> list[Step]:
        """What happened to one webhook since then (epoch seconds)."""
        return logs.path(self.deployed, delivery_id, since)

    def depths(self) -> dict[str, tuple[int, int]]:
        """By destination: about how many webhooks wait in its queue, and how many are dead letters."""
        aws = self.target.aws
        return {
            drain.destination: (queues.depth(aws, drain.queue_url), queues.depth(aws, drain.dead_letter_url))
            for drain in self.deployed.drains
        }

    def pause(self, destination: str | None = None) -> list[str]:
        """Deliver nothing more to that destination, or to any: webhooks are taken in, and wait in the queue.

        Returns the destinations to which something was delivered until now.
        """
        return pausing.pause(self.deployed, destination)

    def resume(self, destination: str | None = None) -> list[str]:
        """Deliver again what waits and what comes; returns the destinations to which nothing was until now."""
        return pausing.resume(self.deployed, destination)

    def pauses(self) -> list[Pause]:
        """The destinations to which nothing is delivered now, what waits there, and until when SQS keeps it."""
        return pausing.pauses(self.deployed)

    def health(self) -> list[Check]:
        """What is well and what is not, with the remedy."""
        return health.of_subscription(self.target)

    def smoke(self) -> Iterator[smoke.Result]:
        """Try it: a webhook goes all the way, what should not get in stays out. Each check's result as it comes."""
        return smoke.run(self._sender)

    def plan(self, arrivals: Arrivals, times: Times | None = None) -> Plan:
        """What a burst would do to it, and cost, with the settings that it was deployed with."""
        return plan(
            replace(self.target, given=self.target.deployed_settings()).subscription, arrivals, times or Times()
        )
