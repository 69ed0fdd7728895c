"""Webhooks to a deployed endpoint, signed as their provider would sign them."""

import base64
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

from nami_control import samples, signing
from nami_control.aws import Aws
from nami_control.checks import secret_text
from nami_control.deployment import Deployment
from nami_control.errors import Command, SecretError, UsageError, WebhookError
from nami_control.progress import Tell, silent
from nami_runtime import signatures
from nami_runtime.request import Request
from nami_runtime.signatures.braintree import Braintree
from nami_runtime.signatures.schemes import Basic, Token

if TYPE_CHECKING:
    import urllib3

_TIMEOUT = 35.0  # seconds; the gateway gives up after 30


@dataclass(frozen=True)
class Answer:
    """What the producer gets back."""

    status: int
    delivery_id: str | None
    body: bytes
    milliseconds: float

    @property
    def ok(self) -> bool:
        """Whether the webhook was accepted."""
        return 200 <= self.status < 300

    def __str__(self) -> str:
        return f"{self.status}\t{self.delivery_id or '-'}\t{self.milliseconds:.0f} ms"


class Sender:
    """Sends to one subscription; the scheme is the deployed one, and so is its secret where none is given."""

    def __init__(
        self,
        deployment: Deployment,
        provider: str | None = None,
        *,
        secret: str | None = None,
        tell: Tell = silent,
    ) -> None:
        self.deployment = deployment
        self.setting = deployment.signature
        self._forms = signatures.configured(self.setting)
        self._signs_form = "{form}" in getattr(self._forms[0], "signed", "")
        self._check(provider)
        self._verify_token = ""
        self._patience = 0.0  # until when the function may not know the secret yet
        self._secret = secret or (self._read_secret(tell) if self.is_signed else "")
        self._pool = _pool(deployment.aws, deployment.endpoint)

    @property
    def scheme(self) -> str:
        """The deployed scheme; none where no signature is set."""
        return str(self.setting["scheme"])

    @property
    def is_signed(self) -> bool:
        """Whether the endpoint asks for a proof."""
        return self.scheme != "none"

    def sample(self) -> tuple[bytes, str]:
        """(body, content type) of a webhook such as the provider might send, under a new id."""
        if self._signs_form or self.scheme in samples.FORMS:
            return urlencode(samples.sample(self.scheme)).encode(), samples.FORM
        document = samples.sample(self.scheme)
        for source in self._id_sources("body:") if isinstance(document, dict) else ():
            *parents, last = source.split(".")
            target = document
            for parent in parents:
                within = target.get(parent)
                target[parent] = within if isinstance(within, dict) else {}
                target = target[parent]
            target.setdefault(last, f"evt_{uuid4().hex}")
        return json.dumps(document).encode(), "application/json"

    def signed(
        self, body: bytes, headers: Mapping[str, str], *, forged: bool = False
    ) -> tuple[str, dict[str, str], bytes]:
        """(URL, headers, body) as the provider would send them; forged: as somebody who guessed the secret.

        Raises:
            UsageError: the scheme signs with a key that only the provider has, or can't sign such a body.
        """
        given = {name.lower(): value for name, value in headers.items()}
        for source in self._id_sources(""):
            given.setdefault(source, str(uuid4()))
        secret = self._make_secret() if forged else self._secret
        query = f"?{in_query}" if (in_query := signing.query(self.setting, secret)) else ""
        if self._signs_form and body and not given.get("content-type", "").startswith(samples.FORM):
            query = f"?bodySHA256={sha256(body).hexdigest()}"
        try:
            signed_headers, body = signing.sign(self.setting, secret, body, headers=given, url=self._url() + query)
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise UsageError(f"{self.scheme} puts its signature into the body, so that must be its JSON") from None
        except ValueError as error:
            raise UsageError(f"{error}; trigger a webhook at the provider instead") from None
        return self.deployment.endpoint + query, signed_headers, body

    def send(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Sign and send one webhook.

        A gateway that queues by itself answers with an id of its own; the one here is the document's all the same.

        Raises:
            UsageError: see `signed`.
            WebhookError: the endpoint does not answer.
        """
        while True:
            url, sent, content = self.signed(body, headers)
            answer = self.request("POST", url, sent, content)
            if answer.ok and answer.delivery_id and self.is_signed and self.deployment.pre_queue is None:
                return replace(answer, delivery_id=self._id_of(url, sent, content, answer.delivery_id))
            if answer.status != self.deployment.unauthorized_status or time.monotonic() > self._patience:
                return answer
            # The function looked just before the secret was filled in, and looks again soon.
            time.sleep(1)

    def ask(self) -> Answer:
        """Ask what the provider asks before its first webhook.

        Raises:
            UsageError: it asks nothing, or nothing that can be asked in its place.
            WebhookError: the endpoint does not answer.
        """
        name = self._forms[0].handshake
        if name not in samples.HANDSHAKES:
            why = "signs it with the provider's private key" if name else "asks nothing before its first webhook"
            raise UsageError(f"--handshake: {self.scheme} {why}")
        question, query = samples.HANDSHAKES[name], samples.HANDSHAKES[name].query
        if query.endswith("verify_token="):
            query += quote(self._verify_token)
        url, headers, body = self.deployment.endpoint, {"content-type": "application/json"}, question.body
        if question.signed:
            url, headers, body = self.signed(body, headers)
        return self.request(question.method, f"{url}?{query}" if query else url, {**headers, **question.headers}, body)

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send what is given as it is.

        Raises:
            WebhookError: nothing answers.
        """
        import urllib3  # noqa: PLC0415

        started = time.monotonic()
        try:
            response = self._pool.request(method, url, body=body, headers=dict(headers))
        except urllib3.exceptions.HTTPError as error:
            cause = getattr(error, "reason", None) or error
            raise WebhookError(f"{url} does not answer: {cause}") from None
        took = (time.monotonic() - started) * 1000
        return Answer(response.status, response.headers.get("nami-delivery-id"), response.data, took)

    def _id_of(self, url: str, headers: dict[str, str], body: bytes, given: str) -> str:
        """What the post-queue function stores it as; `given` is the gateway's id, for schemes without any."""
        came = Request("POST", query=urlsplit(url).query, headers=headers, body=body, request_id=given)
        form = next((form for form in self._forms if form.applies(came)), self._forms[0])
        came.delivery_id, came.proven_by = form.delivery_id(came), form
        first = self.deployment.drains[0]
        if first.has_function and (sources := first.post_queue.environment.get("DEDUPLICATE_BY")):
            from nami_runtime import deduplication  # noqa: PLC0415

            deduplication.apply(came, sources)
        return came.delivery_id

    def _check(self, provider: str | None) -> None:
        if provider is None or provider == self.scheme:
            return
        name = self.deployment.name
        now = f"takes webhooks signed by {self.scheme}" if self.is_signed else "is deployed without a signature"
        change = Command(f"deploy {name} --signature {provider}")
        raise UsageError(f"{name} {now}", "leave --provider out, or change it: ", change)

    def _read_secret(self, tell: Tell) -> str:
        from nami_runtime import secret  # noqa: PLC0415

        arn = self.deployment.outputs["SignatureSecretArn"]
        values, self._verify_token = secret.parse(secret_text(self.deployment.aws, arn))
        if values:
            return values[0]
        if not self.deployment.aws.is_local:
            raise SecretError(
                f"the signature secret of {self.deployment.name} is not filled in",
                *(Command(f"secret {self.deployment.name}"), f" asks for {self.scheme}'s"),
            )
        made = self._make_secret()
        self.deployment.aws.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=made)
        self._patience = time.monotonic() + secret.RECHECK_SECONDS + 5
        tell(f"the signature secret of {self.deployment.name} was empty; filled it with one made up for this machine")
        return made

    def _make_secret(self) -> str:
        if isinstance(self._forms[0], Basic | Braintree):
            return f"nami:{secrets.token_hex(16)}"
        if getattr(self._forms[-1], "key", "text") == "base64":
            return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        return secrets.token_hex(32)

    def _id_sources(self, kind: str) -> list[str]:
        """Where the provider's id of a delivery is found: `body:` fields, or headers that the signing leaves to us."""
        form = self._forms[-1] if isinstance(self._forms[-1], Token) else self._forms[0]
        found = [source for source in form.ids if isinstance(source, str)][:1]
        if kind:
            return [source.removeprefix(kind) for source in found if source.startswith(kind) and "[" not in source]
        return [source for source in found if ":" not in source and source != getattr(form, "id", "")]

    def _url(self) -> str:
        """The URL that the provider signs: the public one, as the function knows or sees it."""
        seen = urlsplit(self.deployment.outputs["EndpointUrl"])
        return self.setting.get("public_url") or f"https://{seen.hostname}{seen.path}"


def _pool(aws: Aws, url: str) -> "urllib3.PoolManager":
    """Connections that are kept open, through the proxy that the environment names where there is one."""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415

    import urllib3  # noqa: PLC0415

    parts = urlsplit(url)
    retries: Any = False  # a webhook is sent once: what the endpoint says is what the user wants to see
    proxy = getproxies().get(parts.scheme)
    options: dict[str, Any] = {"timeout": _TIMEOUT, "retries": retries}
    if bundle := os.environ.get("AWS_CA_BUNDLE"):
        options["ca_certs"] = bundle
    if proxy and not proxy_bypass(parts.hostname or "") and not aws.is_local:
        return urllib3.ProxyManager(proxy, **options)
    return urllib3.PoolManager(**options)
