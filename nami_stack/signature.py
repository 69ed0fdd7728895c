"""How the pre-queue function knows the sender of a subscription's webhooks."""

import difflib
import json
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nami_runtime import signatures
from nami_stack.assets import LAMBDAS
from nami_stack.signature_rules import check_handshake, check_sources, check_template, normal, normal_template

SCHEMES = signatures.every()

HANDSHAKES = {form.handshake: form.handshake_method for forms in SCHEMES.values() for form in forms if form.handshake}

Digest = Literal["sha1", "sha256", "sha384", "sha512"]
Encoding = Literal["hex", "base64", "base64url"]
Key = Literal["text", "hex", "base64", "nfkd"]


class Signature(BaseModel):
    """A scheme with its options: `Signature.preset("shopify")`, one of the generic ones, or a provider of your own.

    The fields are those of the functions' own table (nami_runtime.signatures.schemes), and of docs/signatures.md.

    Raises:
        pydantic.ValidationError: an unknown scheme, or an option that the scheme does not have.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scheme: str
    header: str | None = None
    also: tuple[str, ...] | None = None
    prefix: str | None = None
    part: str | None = Field(default=None, pattern=r"^[^\s=,;]+( [^\s=,;]+)*$")
    grouped: bool | None = None
    separator: str | None = Field(default=None, min_length=1, max_length=3)
    digest: Digest | None = None
    hashed: Literal["before", "after"] | None = None
    encoding: Encoding | None = None
    key: Key | None = None
    signed: str | None = None
    timestamp: str | None = None
    milliseconds: bool | None = None
    iso: bool | None = None
    digits: int | None = Field(default=None, ge=1, le=20)
    tolerance: int | None = Field(default=None, ge=0, le=86_400)
    id: str | None = None
    id_length: int | None = Field(default=None, ge=1, le=128)
    ids: tuple[str, ...] | None = None
    per_try: tuple[str, ...] | None = None
    when: tuple[str, str] | None = None
    handshake: str | None = None
    empty_answer: bool | None = None
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
        digest: Digest = "sha256",
        encoding: Encoding = "hex",
        key: Key = "text",
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
        self._check_sources()
        if self.handshake is not None:
            check_handshake(self.handshake, HANDSHAKES)
        if self.scheme == "hmac":
            self._check_hmac()
        return self

    def _check_sources(self) -> None:
        if self.header:
            check_sources("header", [self.header])
        check_sources("also", self.also or ())
        for name, sources in (("timestamp", [self.timestamp]), ("id", [self.id]), ("ids", self.ids or ())):
            check_sources(name, [source for source in sources if source], of_header=self.scheme == "hmac")

    def _check_hmac(self) -> None:
        signed = self.signed or "{body}"
        if not self.header:
            raise ValueError("signature='hmac': in which header? Give it as signature_header=x-signature")
        if self.part and (self.prefix or ":" in self.header):
            raise ValueError("signature_part: are pairs of a header, and nothing stands before them; leave prefix out")
        if self.tolerance and not self.timestamp:
            raise ValueError(
                "signature_tolerance: no timestamp to check; give its header as signature_timestamp=x-timestamp"
            )
        ends = {"timestamp": self.iso or self.digits, "id": self.id_length}
        self_ending = [name for name, there in ends.items() if there]
        check_template(signed, timestamp=self.timestamp, identity=self.id, self_ending=self_ending)
        in_body = "{body}" in signed and (self.timestamp or "").startswith(("body:", "form:"))
        if self.tolerance and "{timestamp}" not in signed and not in_body:
            raise ValueError(
                "signature_tolerance: a timestamp that is not signed can be changed by anybody; put {timestamp} into "
                "signature_signed, or leave the tolerance out"
            )
        if self.hashed == "before" and not signed.endswith("{body}"):
            raise ValueError("signature_hashed='before': more could be put behind what was hashed; end it with {body}")

    @property
    def has_secret(self) -> bool:
        """Whether there is anything to verify."""
        return self.scheme != "none"

    @property
    def handshake_methods(self) -> tuple[str, ...]:
        """What the provider's handshake needs beside the webhooks' own methods."""
        return tuple(sorted({HANDSHAKES[name] for name in self._handshakes} - {"POST"}))

    @property
    def has_handshake(self) -> bool:
        """Whether the provider asks before it sends, which takes a function that answers."""
        return bool(self._handshakes)

    @property
    def hands_over_a_secret(self) -> bool:
        """Whether the provider makes the secret and sends it once, when a webhook is made."""
        return bool(self._handshakes & {"asana", "notion"})

    @property
    def _handshakes(self) -> set[str]:
        return {self.handshake} if self.handshake else {form.handshake for form in SCHEMES[self.scheme]} - {""}

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
        given = self.model_dump(mode="json", exclude_none=True)
        for name in ("header", "timestamp", "id"):
            if name in given:
                given[name] = normal(given[name])
        for name in ("also", "ids"):
            if name in given:
                given[name] = [normal(source) for source in given[name]]
        if self.signed:
            given["signed"] = normal_template(self.signed)
        if self.when:
            given["when"] = [text.lower() for text in self.when]
        if self.handshake:
            given["handshake_method"] = HANDSHAKES[self.handshake]
        return json.dumps(given, separators=(",", ":"), ensure_ascii=False)
