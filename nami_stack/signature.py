"""How the pre-queue function knows the sender of a subscription's webhooks."""

import difflib
import re
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nami_runtime import signatures
from nami_stack.assets import LAMBDAS

SCHEMES = signatures.every()

# May stand beside the body without a separator: a timestamp's form shows where it ends, a URL is the gateway's own.
_ENDS_BY_ITSELF = frozenset({"{timestamp}", "{method}", "{url}", "{uri}", "{form}"})


class Signature(BaseModel):
    """A scheme with its options: `Signature.preset("shopify")`, or one of the generic ones.

    Raises:
        pydantic.ValidationError: an unknown scheme, or an option that the scheme does not have.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scheme: str
    header: str | None = None
    prefix: str | None = None
    digest: Literal["sha1", "sha256", "sha512"] | None = None
    encoding: Literal["hex", "base64"] | None = None
    key: Literal["text", "hex", "base64"] | None = None
    signed: str | None = None
    timestamp: str | None = None
    tolerance: int | None = Field(default=None, ge=0, le=86_400)
    id: str | None = None
    public_url: str | None = Field(default=None, pattern="^https?://")

    @classmethod
    def preset(cls, provider: str, *, tolerance: int | None = None, public_url: str | None = None) -> Self:
        """A provider's own scheme, such as "shopify" or "stripe".

        Args:
            provider: one of SCHEMES.
            tolerance: seconds that a signed timestamp may be off, where the scheme has one; else the provider's advice.
            public_url: the URL that the producer calls, where the scheme signs it and it is not the gateway's own.
        """
        return cls(scheme=provider, tolerance=tolerance, public_url=public_url)

    @classmethod
    def hmac(
        cls,
        header: str,
        *,
        digest: Literal["sha1", "sha256", "sha512"] = "sha256",
        encoding: Literal["hex", "base64"] = "hex",
        key: Literal["text", "hex", "base64"] = "text",
        prefix: str = "",
        signed: str = "{body}",
        timestamp: str | None = None,
        tolerance: int | None = None,
        id: str | None = None,  # noqa: A002 the field's own word
        public_url: str | None = None,
    ) -> Self:
        """An HMAC in a header.

        Args:
            header: that carries the signature, after `prefix`.
            digest: the hash function.
            encoding: of the signature.
            key: how the secret is written.
            prefix: before the signature, such as "sha256=".
            signed: template of what is signed, over {body}, {timestamp}, {id}, {method} and {url}.
            timestamp: the header that carries it, in epoch seconds or milliseconds, or ISO 8601.
            tolerance: seconds that the timestamp may be off; 0 or none: it is not checked.
            id: the header that identifies the delivery.
            public_url: the URL that the producer calls, where it is not the gateway's own.
        """
        given = {name: value for name, value in locals().items() if name not in ("cls", "__class__")}
        return cls(scheme="hmac", **given)

    @classmethod
    def token(
        cls,
        header: str = "authorization",
        *,
        prefix: str = "",
        id: str | None = None,  # noqa: A002 the field's own word
    ) -> Self:
        """A secret that the producer sends as it is.

        Args:
            header: that carries it, after `prefix`.
            prefix: before the secret, such as "Bearer ".
            id: the header that identifies the delivery.
        """
        return cls(scheme="token", header=header, prefix=prefix, id=id)

    @classmethod
    def basic(cls) -> Self:
        """HTTP basic authentication; the secret is `user:password`."""
        return cls(scheme="basic")

    @classmethod
    def none(cls) -> Self:
        """Everybody's webhooks are taken, by decision: the deployment does not warn."""
        return cls(scheme="none")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.scheme not in SCHEMES:
            near = difflib.get_close_matches(self.scheme.lower(), SCHEMES, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(SCHEMES))}"
            raise ValueError(f"signature={self.scheme!r}: is not a scheme; {remedy}")
        given = {name for name in type(self).model_fields if name != "scheme" and getattr(self, name) is not None}
        options = {option for form in SCHEMES[self.scheme] for option in form.options()}
        if unfit := sorted(given - options):
            fit = ", ".join(sorted(options)) or "nothing"
            raise ValueError(f"{unfit[0]}: can't be set for signature={self.scheme}; what can is {fit}")
        if self.scheme == "hmac" and not self.header:
            raise ValueError("signature='hmac': in which header? Give it as signature_header=x-signature")
        if self.tolerance and self.scheme == "hmac" and not self.timestamp:
            raise ValueError(
                "signature_tolerance: no timestamp to check; give its header as signature_timestamp=x-timestamp"
            )
        if self.scheme == "hmac":
            self._check_signed(self.signed or "{body}")
        return self

    def _check_signed(self, signed: str) -> None:
        """Raise ValueError where the template leaves something open to whoever has seen one signature."""
        if "{body}" not in signed and not ("{url}" in signed and "{form}" in signed):
            raise ValueError(f"signature_signed={signed!r}: any body would pass with it; put {{body}} into it")
        if self.tolerance and "{timestamp}" not in signed:
            raise ValueError(
                "signature_tolerance: a timestamp that is not signed can be changed by anybody; put {timestamp} into "
                "signature_signed, or leave the tolerance out"
            )
        for first, second in re.findall(r"(?=(\{[^{}]*\})(\{[^{}]*\}))", signed):
            ends = _ENDS_BY_ITSELF if "{body}" in (first, second) else _ENDS_BY_ITSELF - {"{timestamp}"}
            if not ends & {first, second}:
                raise ValueError(
                    f"signature_signed={signed!r}: nothing shows where {first} ends and {second} begins; put what the "
                    f"sender writes between them there, such as {first}.{second}"
                )

    @property
    def has_secret(self) -> bool:
        """Whether there is anything to verify."""
        return self.scheme != "none"

    @property
    def handshake_methods(self) -> tuple[str, ...]:
        """What the provider's handshake needs beside the webhooks' own methods."""
        return tuple(sorted({form.handshake_method for form in SCHEMES[self.scheme]} - {"POST"}))

    @property
    def has_handshake(self) -> bool:
        """Whether the provider asks before it sends, which takes a function that answers."""
        return any(form.handshake for form in SCHEMES[self.scheme])

    @property
    def hands_over_a_secret(self) -> bool:
        """Whether the provider makes the secret and sends it once, when a webhook is made."""
        return any(form.handshake in ("asana", "notion") for form in SCHEMES[self.scheme])

    @property
    def fetches(self) -> bool:
        """Whether checking it takes a key or a certificate from the sender's host."""
        return any(form.fetches for form in SCHEMES[self.scheme])

    @property
    def requirements(self) -> list[Path]:
        """Files with what must be installed to check it, beyond Python itself."""
        names = {name for form in SCHEMES[self.scheme] for name in form.requirements}
        return [LAMBDAS / "pre_queue" / f"requirements-{name}.txt" for name in sorted(names)]

    def to_json(self) -> str:
        """The form that the pre-queue function reads."""
        return self.model_dump_json(exclude_none=True)
