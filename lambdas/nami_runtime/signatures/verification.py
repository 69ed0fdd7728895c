"""Who sent this? The configured scheme, its secret, and the handshakes that go with it."""

from __future__ import annotations

import json
import os
from time import monotonic, time

from nami_runtime import aws, signatures
from nami_runtime.request import Refused
from nami_runtime.secret import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from nami_runtime.request import Request
    from nami_runtime.signatures.schemes import Scheme

    Answer = dict[str, Any]


class Verification:
    """Made once from SIGNATURE (JSON: scheme and its options), SIGNATURE_SECRET_ARN and DEDUPLICATE_BY (or empty)."""

    def __init__(self, setting: dict[str, Any], secret_arn: str, deduplicate_by: str = "") -> None:
        self.name: str = setting["scheme"]
        self._forms = signatures.configured(setting)
        self.empty_answer = any(form.empty_answer for form in self._forms)
        # What a 401 must say (RFC 9110, 11.6.1).
        self.challenge: str = getattr(self._forms[0], "challenge", "")
        self._secret_sources = {form.secret_source() for form in self._forms}
        if not secret_arn:
            raise ValueError("SIGNATURE_SECRET_ARN is missing")
        self._secret = Secret(secret_arn)
        self._deduplicate_by = deduplicate_by

    def check(self, request: Request, now: float | None = None, queued_at: float | None = None) -> Answer | None:
        """Marks the request as verified and gives it its delivery id, or returns the answer to a handshake.

        Where the request came in earlier, a signed timestamp is compared with `now` (epoch seconds), and a secret that
        was read before `queued_at` is read again before it is believed.
        Raises Refused (401, 403) for what the secret does not prove, aws.Unavailable where the secret can't be read,
        or what it held last does not fit and it can't be read anew.
        """
        form = next((form for form in self._forms if form.applies(request)), self._forms[0])
        if form.handshake:
            from nami_runtime.signatures import handshakes  # noqa: PLC0415 - most providers ask nothing

            if (answer := handshakes.before(form.handshake, request, self._secret)) is not None:
                return answer
        key = self._proven(form, request, now, queued_at)
        request.verified, request.proven_by = self.name, form
        request.delivery_id = form.delivery_id(request)
        # Who reads the queue, the documents or a backend's requests must not be able to send webhooks. The secret of
        # one form may come with a request that another proves.
        if secret := self._secret_sources & request.headers.keys():
            request.headers = {**request.headers, **dict.fromkeys(secret, "(taken out)")}
        if request.query:
            for source in self._secret_sources:
                if source.startswith("query:"):
                    from nami_runtime.signatures import places  # noqa: PLC0415 - few send it there

                    request.query = places.without(request.query, source.removeprefix("query:"))
        answer = handshakes.after(form.handshake, request, key) if form.handshake else None
        if self._deduplicate_by and answer is None:
            from nami_runtime import deduplication  # noqa: PLC0415 - most go by the provider's ids

            deduplication.apply(request, self._deduplicate_by)
        return answer

    def prepare(self, deadline: float) -> None:
        """Reads the secret. Raises aws.Unavailable or aws.Rejected."""
        self._secret.values(deadline)

    def _proven(self, form: Scheme, request: Request, came: float | None, queued_at: float | None) -> str:
        """The secret's value that fits."""
        secret = self._secret
        now = time() if came is None else came
        since = None if queued_at is None else monotonic() - (time() - queued_at)
        values = secret.values(request.deadline)
        key = form.verify(request, values, now) if values else None
        if key is None and secret.reread(request.deadline, since):
            values = secret.values(request.deadline)
            key = form.verify(request, values, now)
        if key is None and secret.unread:  # a rotation may have added the value that fits
            raise aws.Unavailable(f"the secret can't be read anew, and no known value fits: {secret.unread}")
        if key is None:
            raise Refused(401, "wrong signature" if values else secret.fault)
        return key


def from_environment() -> Verification | None:
    """None where no signature is set, or none by decision."""
    environ = os.environ
    setting = json.loads(environ.get("SIGNATURE") or '{"scheme": "none"}')
    if setting["scheme"] == "none":
        return None
    return Verification(setting, environ.get("SIGNATURE_SECRET_ARN", ""), environ.get("DEDUPLICATE_BY", ""))
