"""The settings of all destinations together."""

from typing import Annotated

from pydantic import BeforeValidator, field_validator

from nami_stack.destinations.dynamodb_settings import TableSettings
from nami_stack.destinations.eventbridge_settings import EventBridgeSettings
from nami_stack.destinations.http_settings import BackendSettings
from nami_stack.destinations.mongo_database_settings import MongoDatabaseSettings
from nami_stack.destinations.named_settings import Named, read
from nami_stack.destinations.postgres_settings import PostgresSettings
from nami_stack.destinations.table import DESTINATIONS
from nami_stack.section import NamedIn, Section, separated

DestinationName = Annotated[str, NamedIn(DESTINATIONS)]


class _Choice(Section):
    # The first of the settings below, since a base's own come before those of the classes that are named before it.
    destination: Annotated[tuple[DestinationName, ...], separated(str.lower)] = ("mongo-host",)
    """Where webhooks end; several, as in `dynamodb,http`, get a queue and dead letters each. shared-mongo: the host of
    `name=shared`."""
    destinations: Annotated[Named, BeforeValidator(read)] | None = None
    """In place of `destination`: several by names of your own, each with its kind, its filter and other settings, as in
    `{"orders": {"kind": "http", "url": "https://…"}}`: docs/destinations.md."""

    @field_validator("destination")
    @classmethod
    def _destinations(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError("must name at least one destination")
        if len(set(names)) < len(names):
            raise ValueError("names a destination twice")
        return names

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of all destinations."""
        if self.destinations is None:
            return self.destination
        return tuple(str(each.get("kind")) for each in self.destinations.values())

    @property
    def has_host(self) -> bool:
        """Whether the MongoDB host is among the destinations."""
        return "mongo-host" in self.kinds

    @property
    def has_database(self) -> bool:
        """Whether an existing database is among the destinations."""
        return "mongo-database" in self.kinds


class DestinationSettings(
    PostgresSettings, EventBridgeSettings, BackendSettings, TableSettings, MongoDatabaseSettings, _Choice
):
    """Where webhooks end."""
