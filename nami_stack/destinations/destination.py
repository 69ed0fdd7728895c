"""What every destination has, with what most of them have by default."""

from collections.abc import Mapping, Sequence
from pkgutil import resolve_name
from typing import Any, Self

from constructs import Construct

from nami_stack.destinations.named_settings import OF_THE_WAY, check_function
from nami_stack.destinations.table import DESTINATIONS
from nami_stack.functions import PythonFunction
from nami_stack.names import check_destination_name
from nami_stack.placement import in_your_network
from nami_stack.settings import SettingsError, Subscription
from nami_stack.watching.alarm import Alarm
from nami_stack.watching.graph import Graph


class Destination(Construct):
    """Where a post-queue function puts webhooks.

    Args:
        placement: where the function must stand to reach it: keyword arguments of `lambda_.Function`; anywhere where
            not given.
    """

    kind: str
    """What the runtime calls it: DESTINATION in the function's environment."""
    has_function = True
    """Whether a function takes webhooks to it; else they wait in its queue for a consumer of the user's own."""
    reaches_queues = True
    """Whether its function can send to a queue of the pipeline."""
    transforms = False
    """Whether it takes what a transform makes of a document: the runtime's module reads `documents.TRANSFORMED`."""
    serves_many = False
    """Whether several subscriptions can have it; it is then watched in its own stack alone."""
    leaves_large_bodies = False
    """Whether its function leaves bodies that it can't hand on in the pipeline's bucket of such."""

    def __init__(self, scope: Construct, construct_id: str, *, placement: Mapping[str, Any] | None = None) -> None:
        super().__init__(scope, construct_id)
        self._placement = dict(placement or {})
        self.given_name: str | None = None
        self.own_settings: dict[str, Any] = {}
        self.kept_for = ""

    def called(self, name: str, **settings: Any) -> Self:
        """The destination itself, under a name, by which a subscription can have several of one kind.

        Args:
            name: what commands, metrics, alarms and outputs call it: `orders`.
            settings: of `PipelineSettings`, those of `OF_THE_WAY`, where it has them in its own way: `filter`,
                `maximum_concurrency`, `max_receives` …

        Raises:
            SettingsError: the name is none, or a setting is not for one destination alone.
        """
        for key in settings:
            if key not in OF_THE_WAY:
                raise SettingsError(f"{name}: {key}: is not for one destination; there are {', '.join(OF_THE_WAY)}")
            check_function(f"{name}: {key}", key, has_function=self.has_function)
        self.given_name, self.own_settings = check_destination_name(name), settings
        return self

    @classmethod
    def of(cls, scope: Construct, subscription: Subscription, placement: dict[str, Any]) -> Self:
        """The destination that the subscription's settings ask for.

        Args:
            placement: in the network of the user's that they name, for one that works there.
        """
        return cls(scope, cls.__name__)

    @property
    def placement(self) -> dict[str, Any]:
        """Where the function must stand to reach it: keyword arguments of `lambda_.Function`."""
        return self._placement

    @property
    def outputs(self) -> dict[str, str]:
        """What a user needs of it after a deployment: the names and values of a stack's outputs."""
        return {}

    def batch_limit(self, timeout: int, *, ordered: bool, batches: int) -> int | None:
        """Webhooks that a function can write in `timeout` seconds at the worst; None: as many as the queue gives.

        Where they are `ordered`, they may all be of one group and must be written one after the other. So many
        `batches` are under way at once.
        """
        return None

    def environment(self, name: str) -> dict[str, str]:
        """What the function must know to write the webhooks of the subscription `name`."""
        return {}

    def keep_for(self, name: str) -> None:
        """Let no other subscription than `name` have it: the ids of two can be equal, when one sender sends to both.

        Raises:
            SettingsError: it is another one's.
        """
        if self.kept_for not in ("", name):
            kind = type(self).__name__
            both = f"this {kind} is {self.kept_for}'s, and ids of two subscriptions can be equal"
            raise SettingsError(f"{name}: {both}; make another {kind}")
        self.kept_for = name

    def grant_write(self, function: PythonFunction) -> None:
        """Let the function in, and give it the rights it needs."""

    def alarms(self, which: str) -> Sequence[Alarm]:
        """What must not go unnoticed of it, beside its queue and its function.

        Args:
            which: what alarms call this destination of the subscription.
        """
        return ()

    def graphs(self) -> Sequence[Graph]:
        """What a dashboard shows of it, beside how webhooks come to it."""
        return ()


def destinations_of(scope: Construct, subscription: Subscription) -> list[Destination]:
    """The destinations that the subscription's settings ask for."""
    if subscription.destinations is None:
        placement = in_your_network(scope, subscription.vpc_id, subscription.function_subnet_id)
        return [_class_of(kind).of(scope, subscription, placement) for kind in subscription.destination]
    return [_named(scope, name, settings) for name, settings in subscription.each.items()]


def _named(scope: Construct, name: str, settings: Subscription) -> Destination:
    (kind,) = settings.destination
    made = _class_of(kind)
    # One that is called as its kind is stays what it was without a name, with all that it holds.
    within = scope if name == made.kind else Construct(scope, name)
    placement = in_your_network(within, settings.vpc_id, settings.function_subnet_id)
    return made.of(within, settings, placement).called(name)


def _class_of(kind: str) -> type[Destination]:
    found: type[Destination] = resolve_name(DESTINATIONS[kind].construct)
    return found
