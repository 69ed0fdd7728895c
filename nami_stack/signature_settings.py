"""The settings that say how a sender is known."""

from typing import Self

from pydantic import ValidationError, model_validator

from nami_stack.section import Section, rule
from nami_stack.signature import Signature


class SignatureSettings(Section):
    """Who may send, and how."""

    signature: str | None = None
    """How the sender is known: a provider of docs/signatures.md, hmac, token, basic, or none by decision."""
    signature_tolerance: int | None = None
    """Seconds that a signed timestamp may be off, where the scheme has one; the provider's advice where not given."""
    public_url: str | None = None
    """The URL that the producer calls, for schemes that sign it, where it is not the gateway's own."""
    signature_header: str | None = None
    """hmac, token: the header that carries the signature or the token."""
    signature_prefix: str | None = None
    """hmac, token: what stands before it in the header, such as `sha256=`."""
    signature_digest: str | None = None
    """hmac: sha1, sha256 (the default) or sha512."""
    signature_encoding: str | None = None
    """hmac: of the signature, hex (the default) or base64."""
    signature_key: str | None = None
    """hmac: how the secret is written: text (the default), hex or base64."""
    signature_signed: str | None = None
    """hmac: template of what is signed, over {body} (the default), {timestamp}, {id}, {method} and {url}."""
    signature_timestamp: str | None = None
    """hmac: the header that carries the timestamp."""
    signature_id: str | None = None
    """hmac, token: the header that identifies the delivery."""

    @model_validator(mode="after")
    def _signature_rules(self) -> Self:
        self.build_signature()
        return self

    def build_signature(self) -> Signature | None:
        """The scheme with its options; None where no signature is set."""
        keys = {key.removeprefix("signature_"): key for key in SignatureSettings.model_fields if key != "signature"}
        options = {option: value for option, key in keys.items() if (value := getattr(self, key)) is not None}
        if self.signature is None:
            if options:
                raise ValueError(f"{keys[next(iter(options))]}: of which scheme? Give it as signature=hmac")
            return None
        try:
            return Signature.model_validate({"scheme": self.signature, **options})
        except ValidationError as error:
            first = error.errors()[0]
            if first["loc"]:
                raise ValueError(f"{keys[str(first['loc'][0])]}={first['input']!r}: {rule(error)}") from None
            option, colon, words = rule(error).partition(":")
            raise ValueError(f"{keys.get(option, option)}{colon}{words}") from None
