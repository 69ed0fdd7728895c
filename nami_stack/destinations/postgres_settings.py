"""The settings of a PostgreSQL that exists already, and what is wrong with them."""

from nami_stack.pipeline_settings import PipelineSettings
from nami_stack.section import SecretArn, Section


class PostgresSettings(Section):
    """Which database; the network is that of `HostSettings`."""

    postgres_secret_arn: SecretArn | None = None
    """postgres: the secret with the `uri` of the database."""


def check_postgres(settings: PostgresSettings, _pipeline: PipelineSettings) -> None:
    """Raise ValueError where it is not said which database."""
    if not settings.postgres_secret_arn:
        raise ValueError(
            'destination=postgres: which one? Put {"uri": "postgresql://…"} into a secret of Secrets Manager '
            "and give its ARN as postgres_secret_arn"
        )
