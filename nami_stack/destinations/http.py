"""Webhooks forwarded to an HTTP backend of the user's own."""

import string
from collections.abc import Mapping
from typing import Any, Self

import aws_cdk as cdk
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from nami_stack import names
from nami_stack.acknowledge import acknowledge
from nami_stack.destinations.destination import Destination
from nami_stack.destinations.http_settings import (
    Signature,
    backend_batch,
    check_backend_rate,
    check_backend_timeouts,
    check_backend_url,
)
from nami_stack.destinations.tries import tries_table
from nami_stack.functions import PythonFunction, secret_of
from nami_stack.pipeline_settings import Method
from nami_stack.settings import Subscription


class HttpBackend(Destination):
    """A destination: a URL that gets each webhook as it came in, and signed by nami.

    Method, query, headers and the exact body are forwarded; any answer but 2xx, and none in time, is a failed try. The
    backend knows nami by a Standard Webhooks signature with a generated secret, and a repeat by its id: deliveries
    arrive at least once. A table tells how the last try of each delivery went, for 14 days.

    Private, loopback and link-local addresses are refused unless `allow_private` is set, judged by the address that is
    connected to, so that no name can lead the function into a network. Redirects are failures.

    Args:
        url: https, with or without a query of its own; not checked where it is known at deployment alone.
        allow_private: take addresses that are not of the internet, and plain http.
        connect_timeout: seconds to reach the backend, TLS included.
        read_timeout: seconds for its whole answer.
        concurrency: requests at once for each batch; `maximum_concurrency` batches are under way at once.
        method: of every request, in place of the webhook's own.
        headers_secret: a secret of the form `{"authorization": "Bearer …"}`, or its ARN with its random ending: headers
            that are added, and take the place of the webhook's own.
        rate: requests a second at the most, of all batches together.
        signature: "none" makes no secret and signs nothing, for a backend that checks another thing, or the producer's
            own signature, whose `webhook-*` headers then go through.
        placement: where the function stands, as `in_your_network` says it; its subnet needs a way to the backend, to
            Secrets Manager, DynamoDB and S3.

    Raises:
        SettingsError: webhooks can't be forwarded to this URL, or the ARN lacks its ending.
    """

    kind = "http"
    transforms = True

    def __init__(  # noqa: PLR0913 - each is a setting, and all but the URL have a good default
        self,
        scope: Construct,
        construct_id: str,
        *,
        url: str,
        allow_private: bool = False,
        connect_timeout: int = 3,
        read_timeout: int = 10,
        concurrency: int = 5,
        method: Method | None = None,
        headers_secret: secretsmanager.ISecret | str | None = None,
        rate: float | None = None,
        signature: Signature = "standard-webhooks",
        placement: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(scope, construct_id, placement=placement)
        self.url = url if cdk.Token.is_unresolved(url) else check_backend_url(url, allow_private=allow_private)
        self._allow_private = allow_private
        self._timeouts = connect_timeout, read_timeout
        self._concurrency, self._method, self._rate = concurrency, method, rate
        self.secret = self._key() if signature == "standard-webhooks" else None
        self.headers_secret = (
            secret_of(self, "Headers", headers_secret, key="backend_headers_secret_arn") if headers_secret else None
        )
        self.attempts = tries_table(self)

    def _key(self) -> secretsmanager.Secret:
        key = secretsmanager.Secret(
            self,
            "Secret",
            description="What nami signs forwarded webhooks with (Standard Webhooks); base64",
            # 64 letters and digits are base64 as they stand: 48 bytes, where the standard asks for 24 to 64.
            generate_secret_string=secretsmanager.SecretStringGenerator(
                exclude_characters=string.punctuation, include_space=False, password_length=64
            ),
        )
        acknowledge(key, "the backend knows it too, so both are changed together", "SMG4")
        return key

    @classmethod
    def of(cls, scope: Construct, subscription: Subscription, placement: dict[str, Any]) -> Self:
        """The backend behind the subscription's URL."""
        return cls(
            scope,
            cls.__name__,
            url=subscription.backend_url or "",
            allow_private=subscription.backend_allow_private,
            connect_timeout=subscription.backend_connect_timeout,
            read_timeout=subscription.backend_read_timeout,
            concurrency=subscription.backend_concurrency,
            method=subscription.backend_method,
            headers_secret=subscription.backend_headers_secret_arn,
            rate=subscription.backend_rate,
            signature=subscription.backend_signature,
            placement=placement,
        )

    @property
    def outputs(self) -> dict[str, str]:
        """What a user needs of it after a deployment."""
        key = {names.BACKEND_SECRET_ARN: self.secret.secret_arn} if self.secret else {names.BACKEND_SIGNATURE: "none"}
        return {**key, names.ATTEMPTS_TABLE: self.attempts.table_name}

    def batch_limit(self, timeout: int, *, ordered: bool, batches: int) -> int | None:
        """So many that a function of `timeout` seconds tries each, even where each waits as long as it may.

        Raises:
            SettingsError: it could not even wait for one.
        """
        connect, read = self._timeouts
        check_backend_timeouts(connect, read, timeout)
        check_backend_rate(self._rate, connect + read, timeout, batches)
        return backend_batch(
            connect=connect,
            read=read,
            concurrency=self._concurrency,
            function=timeout,
            ordered=ordered,
            rate=self._rate,
            batches=batches,
        )

    def environment(self, name: str) -> dict[str, str]:
        """What a function must know to forward webhooks."""
        connect, read = self._timeouts
        where_set = {
            "BACKEND_SECRET_ARN": self.secret and self.secret.secret_arn,
            "BACKEND_METHOD": self._method,
            "BACKEND_HEADERS_SECRET_ARN": self.headers_secret and self.headers_secret.secret_arn,
            "BACKEND_RATE": self._rate and f"{self._rate:g}",
            "BACKEND_ALLOW_PRIVATE": "1" if self._allow_private else None,
        }
        return {
            "BACKEND_URL": self.url,
            "BACKEND_ATTEMPTS_TABLE": self.attempts.table_name,
            "BACKEND_CONNECT_TIMEOUT": str(connect),
            "BACKEND_READ_TIMEOUT": str(read),
            "BACKEND_CONCURRENCY": str(self._concurrency),
            **{name: value for name, value in where_set.items() if value},
        }

    def grant_write(self, function: PythonFunction) -> None:
        """Let the function read its secrets, note its tries, take ids and turns."""
        for secret in filter(None, (self.secret, self.headers_secret)):
            function.allow_secret(secret)
        turns = ["dynamodb:UpdateItem"] if self._rate else []
        self.attempts.grant(function, "dynamodb:BatchWriteItem", "dynamodb:PutItem", *turns)
