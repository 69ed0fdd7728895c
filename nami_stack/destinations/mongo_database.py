"""A MongoDB that exists already: Atlas, DocumentDB, or one of the user's own."""

from collections.abc import Mapping
from typing import Any, Self

from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from nami_stack import names
from nami_stack.destinations.destination import Destination
from nami_stack.functions import PythonFunction, secret_of
from nami_stack.settings import Subscription


class MongoDatabase(Destination):
    """A destination: the database that a secret of Secrets Manager leads to.

    One database can serve several subscriptions: each has a collection of its name.

    The caller owes: a secret of the form `{"uri": "mongodb://…"}`, which the AWS-managed key or one that the function
    may use encrypts; a user in that URI that may write; and a database that lets the function in. Without a network of
    yours the function comes from the internet, from no fixed address; with one, from the function's own security group,
    and its subnet needs a way to the database, to Secrets Manager and to S3. DocumentDB signs its certificates itself:
    docs/destinations.md says where to put them.

    Args:
        secret: that secret, or its ARN with its random ending.
        database: in which the collections are.
        placement: where the function stands, as `in_your_network` says it.

    Raises:
        SettingsError: the ARN lacks that ending, or half a network is named.
    """

    kind = "mongo"

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        secret: secretsmanager.ISecret | str,
        database: str = "nami",
        placement: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(scope, construct_id, placement=placement)
        self.secret = secret_of(self, "Secret", secret, key="database_secret_arn")
        self.database = database

    @classmethod
    def of(cls, scope: Construct, subscription: Subscription, placement: dict[str, Any]) -> Self:
        """The database behind the subscription's secret."""
        return cls(
            scope,
            cls.__name__,
            secret=subscription.database_secret_arn or "",
            database=subscription.database_name,
            placement=placement,
        )

    @property
    def outputs(self) -> dict[str, str]:
        """What a user needs of it after a deployment."""
        return {names.DATABASE_SECRET_ARN: self.secret.secret_arn}

    def environment(self, name: str) -> dict[str, str]:
        """What a function must know to write the webhooks of the subscription `name`."""
        return {
            "MONGO_SECRET_ARN": self.secret.secret_arn,
            "MONGO_DATABASE": self.database,
            "MONGO_COLLECTION": name,
        }

    def grant_write(self, function: PythonFunction) -> None:
        """Let the function read the URI."""
        function.allow_secret(self.secret)
