"""The settings of a MongoDB that exists already."""

from typing import Annotated

from nami_stack.destinations.mongo_host_settings import HostSettings
from nami_stack.pipeline_settings import PipelineSettings
from nami_stack.section import Section, matches


class MongoDatabaseSettings(Section):
    """Which database of it; the secret that leads to it and the network are those of `HostSettings`."""

    database_name: Annotated[str, matches(r'[^/\\. "$\0]{1,63}', 'shop, without / \\ . " $ or spaces')] = "nami"
    """mongo-database: the database in which each subscription has a collection of its name."""


def check_database(settings: HostSettings, _pipeline: PipelineSettings) -> None:
    """Raise ValueError where it is not said which database, or by the secret of another."""
    if not settings.database_secret_arn:
        raise ValueError(
            'destination=mongo-database: which one? Put {"uri": "mongodb://…"} into a secret of Secrets Manager '
            "and give its ARN as database_secret_arn"
        )
    if settings.data_volume_id:
        raise ValueError(
            "data_volume_id: database_secret_arn can't be both the adopted volume's and the existing database's; "
            "make two subscriptions of it"
        )
