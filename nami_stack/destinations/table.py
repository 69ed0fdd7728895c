"""The kinds of destinations: one entry each; what is added to it is taken everywhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nami_stack.destinations.dynamodb_settings import TableSettings
from nami_stack.destinations.eventbridge_settings import EventBridgeSettings
from nami_stack.destinations.http_settings import BACKEND_LATER, BackendSettings, check_backend
from nami_stack.destinations.mongo_database_settings import MongoDatabaseSettings, check_database
from nami_stack.destinations.mongo_host_settings import HostSettings, check_host
from nami_stack.destinations.postgres_settings import PostgresSettings, check_postgres
from nami_stack.names import SHARED
from nami_stack.pipeline_settings import PipelineSettings
from nami_stack.section import SettingsError

# In the settings of the host, for functions that stand in a network of the user's for another reason.
_NETWORK = ("vpc_id", "function_subnet_id")


@dataclass(frozen=True)
class DestinationKind:
    """A kind of destination, known by its name in `DESTINATIONS`.

    Args:
        construct: where its class is, as in `package.module:Class`; a `Destination`, imported when one is made.
        keys: the settings that it reads.
        check: raises ValueError where its settings, or the pipeline's with it, can't be.
        prefix: what its own settings begin with, and lack where the destination has a name.
        alone: whether a subscription can have one of it at the most.
        longest_delay: seconds by which it can put off the next try of a webhook, at the most.
        reaches_queues: whether its function can send to a queue of the pipeline.
        has_function: whether a function takes webhooks to it.
        transforms: whether it takes what a transform makes of a document.
    """

    construct: str
    keys: tuple[str, ...] = ()
    check: Callable[[Any, PipelineSettings], None] | None = None
    prefix: str = ""
    alone: bool = False
    longest_delay: int = 0
    reaches_queues: bool = True
    has_function: bool = True
    transforms: bool = False


DESTINATIONS: dict[str, DestinationKind] = {
    "mongo-host": DestinationKind(
        "nami_stack.destinations.mongo_host:MongoHost",
        keys=tuple(HostSettings.model_fields),
        check=check_host,
        alone=True,
    ),
    "shared-mongo": DestinationKind(
        "nami_stack.destinations.shared_mongo:SharedMongo", alone=True, reaches_queues=False
    ),
    "mongo-database": DestinationKind(
        "nami_stack.destinations.mongo_database:MongoDatabase",
        keys=("database_secret_arn", *MongoDatabaseSettings.model_fields, *_NETWORK),
        check=check_database,
    ),
    "dynamodb": DestinationKind("nami_stack.destinations.dynamodb:DynamoTable", keys=tuple(TableSettings.model_fields)),
    "http": DestinationKind(
        "nami_stack.destinations.http:HttpBackend",
        keys=(*BackendSettings.model_fields, *_NETWORK),
        check=check_backend,
        prefix="backend_",
        longest_delay=BACKEND_LATER,
        transforms=True,
    ),
    "eventbridge": DestinationKind(
        "nami_stack.destinations.eventbridge:EventBridge",
        keys=tuple(EventBridgeSettings.model_fields),
        prefix="event_",
        transforms=True,
    ),
    "postgres": DestinationKind(
        "nami_stack.destinations.postgres:Postgres",
        keys=(*PostgresSettings.model_fields, *_NETWORK),
        check=check_postgres,
        prefix="postgres_",
        transforms=True,
    ),
    "s3": DestinationKind("nami_stack.destinations.s3:S3Archive"),
    "sns": DestinationKind("nami_stack.destinations.sns:SnsTopic"),
    "queue": DestinationKind("nami_stack.destinations.queue:QueueOnly", reaches_queues=False, has_function=False),
}


def check_transform(destination: str, *, transforms: bool) -> None:
    """Raise SettingsError where a destination takes none."""
    if not transforms:
        *others, last = (name for name, kind in DESTINATIONS.items() if kind.transforms)
        raise SettingsError(
            f"transform: {destination} takes none, because what it holds is read again by the fields of a document; "
            f"leave transform out, or give it in destinations to those that are {', '.join(others)} or {last}"
        )


def check_destinations(chosen: Sequence[str], settings: HostSettings, pipeline: PipelineSettings) -> None:
    """Raise ValueError where the settings do not go with the chosen destinations.

    Args:
        settings: of every destination; those of a subscription.
    """
    read = {key for name in chosen for key in DESTINATIONS[name].keys}
    for name, kind in DESTINATIONS.items():
        for key in kind.keys:
            if key not in read and getattr(settings, key) != type(settings).model_fields[key].default:
                if "shared-mongo" in chosen and name == "mongo-host":
                    raise ValueError(f"{key}: is for the shared host; give it to name={SHARED}, or leave {key} out")
                raise ValueError(
                    f"{key}: belongs to destination={name}; give that too, or leave {key} out "
                    f"(destination={','.join(chosen)})"
                )
    network = [key for key in _NETWORK if getattr(settings, key)]
    if len(network) == 1:
        missing = next(key for key in _NETWORK if key not in network)
        raise ValueError(f"{network[0]}: names a network of yours together with {missing}; give that too")
    for name in chosen:
        if pipeline.transform is not None:
            check_transform(f"destination={name}", transforms=DESTINATIONS[name].transforms)
        if check := DESTINATIONS[name].check:
            check(settings, pipeline)
