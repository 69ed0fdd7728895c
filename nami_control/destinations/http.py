"""An HTTP backend of the user's own, and the table in which each webhook's last try is noted."""

from collections.abc import Iterator
from typing import Any

from nami_control.checks import Check, fail, ok, secret_text
from nami_control.destinations.base import Looks, Speed
from nami_control.destinations.items import InTable
from nami_control.planning.assumptions import Assumption, Times
from nami_control.planning.bill import Line, line
from nami_stack.settings import Subscription, backend_batch


class Http(InTable):
    """Webhooks are forwarded; what can be read is how the last try of each went."""

    kind = "http"
    keeps_webhooks = False
    comes_again = True
    shown_by = ("BackendSecretArn", "BackendSignature")
    work = Assumption(0.5, "ms of a whole vCPU for a webhook of a batch", "measured, 0.3 ms; half more on Graviton")
    write = Assumption(100, "ms for the backend's answer", "assumed; yours is what counts")

    def looks(self) -> Looks:
        """At its secrets, and at how the last webhooks went."""
        environment = self.drain.post_queue.environment
        added = {"headers": self._headers} if "BACKEND_HEADERS_SECRET_ARN" in environment else {}
        return {"backend": self._backend, **added}

    @classmethod
    def speed(cls, subscription: Subscription, times: Times, batch_size: float) -> Speed:
        """As many at once as the settings say, and no more in a batch than the function has time for."""
        size = backend_batch(
            connect=subscription.backend_connect_timeout,
            read=subscription.backend_read_timeout,
            concurrency=subscription.backend_concurrency,
            function=subscription.post_queue_timeout,
            ordered=subscription.order_by is not None,
            rate=subscription.backend_rate,
            batches=subscription.maximum_concurrency,
        )
        return Speed(
            at_once=min(subscription.backend_concurrency, size, batch_size),
            batch_size=size,
            rate=subscription.backend_rate,
            rate_is="backend_rate",
        )

    @classmethod
    def faster(cls, subscription: Subscription) -> Iterator[dict[str, Any]]:
        """More requests at once."""
        for factor in (2, 4):
            yield {"backend_concurrency": subscription.backend_concurrency * factor}

    @classmethod
    def burst_lines(cls, subscription: Subscription, stored: float, times: Times) -> list[Line]:
        """A note of each, with `backend_rate` its turn as well, and the way out of AWS."""
        writes = 1 if subscription.backend_rate is None else 2
        return [
            line("DynamoDB", "dynamodb-write", stored * writes),
            line("forwarded to the backend", "internet-gb", stored * times.message_kb / 1e6),
        ]

    @classmethod
    def secrets(cls, subscription: Subscription) -> int:
        """What the webhooks are signed with."""
        return 0 if subscription.backend_signature == "none" else 1

    def _backend(self) -> Check:
        arn = self.drain.post_queue.environment.get("BACKEND_SECRET_ARN")
        if arn and not _has_key(secret_text(self.deployment.aws, arn)):
            return fail(
                "backend",
                "its secret is no key in base64, so nothing is forwarded",
                f"`openssl rand -base64 48 | aws secretsmanager put-secret-value --secret-id {arn} "
                "--secret-string file:///dev/stdin`",
            )
        return self.tries(
            "backend",
            lambda count: f"the last {count} webhooks were delivered" if count else "nothing was forwarded yet",
            failed="were not delivered",
            shows="its answers",
        )

    def _headers(self) -> Check:
        from nami_runtime import added_headers  # noqa: PLC0415

        arn = self.drain.post_queue.environment["BACKEND_HEADERS_SECRET_ARN"]
        try:
            headers = added_headers.parse(secret_text(self.deployment.aws, arn))
        except ValueError as error:
            return fail(
                "headers",
                f"the secret {arn} {error}; until then webhooks wait",
                'put {"authorization": "…"} there, from a file: '
                f"`aws secretsmanager put-secret-value --secret-id {arn} --secret-string file://…`",
            )
        return ok("headers", f"{', '.join(headers)} of {arn}")


def _has_key(text: str) -> bool:
    """Whether this secret's text is something to sign with."""
    from nami_runtime import secret  # noqa: PLC0415
    from nami_runtime.destinations import http as backend  # noqa: PLC0415

    try:
        return bool([backend.key_of(value) for value in secret.parse(text)[0]])
    except ValueError:
        return False
