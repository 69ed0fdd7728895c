"""The settings of all destinations together."""

from typing import Annotated

from pydantic import field_validator

from nami_stack.destinations.dynamodb_settings import TableSettings
from nami_stack.destinations.eventbridge_settings import EventBridgeSettings
from nami_stack.destinations.http_settings import BackendSettings
from nami_stack.destinations.mongo_database_settings import MongoDatabaseSettings
from nami_stack.destinations.table import DESTINATIONS
from nami_stack.section import NamedIn, Section, separated

DestinationName = Annotated[str, NamedIn(DESTINATIONS)]


class _Choice(Section):
    # The first of the settings below, since a base's own come before those of the classes that are named before it.
    destination: Annotated[tuple[DestinationName, ...], separated(str.lower)] = ("mongo-host",)
    """Where webhooks end; several, as in `dynamodb,http`, get a queue and dead letters each. shared-mongo: the host of
    `name=shared`."""

    @field_validator("destination")
    @classmethod
    def _destinations(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError("must name at least one destination")
        if len(set(names)) < len(names):
            raise ValueError("names a destination twice")
        return names

    @property
    def has_host(self) -> bool:
        """Whether the MongoDB host is among the destinations."""
        return "mongo-host" in self.destination

    @property
    def has_database(self) -> bool:
        """Whether an existing database is among the destinations."""
        return "mongo-database" in self.destination


class DestinationSettings(EventBridgeSettings, BackendSettings, TableSettings, MongoDatabaseSettings, _Choice):
    """Where webhooks end."""
