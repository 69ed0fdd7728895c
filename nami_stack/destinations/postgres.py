"""A PostgreSQL that exists already: RDS, Aurora, Neon, or one of the user's own."""

from collections.abc import Mapping
from typing import Any, Self

from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from nami_stack import names
from nami_stack.destinations.destination import Destination
from nami_stack.functions import PythonFunction, secret_of
from nami_stack.settings import Subscription


class Postgres(Destination):
    """A destination: the table `webhooks` of the database that a secret of Secrets Manager leads to.

    The function makes the table where it is missing. One table serves any number of subscriptions: a row's key is the
    delivery's id and the subscription.

    The caller owes: a secret of the form `{"uri": "postgresql://…"}`, which the AWS-managed key or one that the
    function may use encrypts; a user in that URI that may insert and select, and create the table where there is none;
    and a database that lets the function in, with a certificate. Without a network of yours the function comes from the
    internet, from no fixed address; with one, from the function's own security group, and its subnet needs a way to the
    database, to Secrets Manager, S3 and SQS.

    Args:
        secret: that secret, or its ARN with its random ending.
        placement: where the function stands, as `in_your_network` says it.

    Raises:
        SettingsError: the ARN lacks that ending.
    """

    kind = "postgres"
    transforms = True

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        secret: secretsmanager.ISecret | str,
        placement: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(scope, construct_id, placement=placement)
        self.secret = secret_of(self, "Secret", secret, key="postgres_secret_arn")

    @classmethod
    def of(cls, scope: Construct, subscription: Subscription, placement: dict[str, Any]) -> Self:
        """The database behind the subscription's secret."""
        return cls(scope, cls.__name__, secret=subscription.postgres_secret_arn or "", placement=placement)

    @property
    def outputs(self) -> dict[str, str]:
        """What a user needs of it after a deployment."""
        return {names.POSTGRES_SECRET_ARN: self.secret.secret_arn}

    def environment(self, name: str) -> dict[str, str]:
        """What a function must know to write the webhooks of the subscription `name`."""
        return {"POSTGRES_SECRET_ARN": self.secret.secret_arn}

    def grant_write(self, function: PythonFunction) -> None:
        """Let the function read the URI."""
        function.allow_secret(self.secret)
