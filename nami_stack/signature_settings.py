"""The settings that say how a sender is known."""

import difflib
import json
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ValidationError, model_validator

from nami_stack.section import Section, rule
from nami_stack.signature import Signature


def _as_text(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


class SignatureSettings(Section):
    """Who may send, and how."""

    signature: Annotated[str, BeforeValidator(_as_text)] | None = None
    """How the sender is known: a provider of docs/signatures.md, a file that describes another such as `./acme.json`,
    hmac, token, basic, or none by decision."""
    signature_tolerance: int | None = None
    """Seconds that a signed timestamp may be off, where the scheme has one; the provider's advice where not given."""
    public_url: str | None = None
    """The URL that the producer calls, for schemes that sign it, where it is not the gateway's own."""
    signature_header: str | None = None
    """hmac, token: the header that carries the signature or the token; or body:FIELD, form:FIELD or query:NAME."""
    signature_prefix: str | None = None
    """hmac, token: what stands before it in the header, such as `sha256=`."""
    signature_digest: str | None = None
    """hmac: sha1, sha256 (the default), sha384 or sha512."""
    signature_encoding: str | None = None
    """hmac: of the signature, hex (the default), base64 or base64url."""
    signature_key: str | None = None
    """hmac: how the secret is written: text (the default), hex, base64, or nfkd: text as Unicode decomposes it."""
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
        own = _own_provider(self.signature)
        try:
            return Signature.model_validate({**(own or {"scheme": self.signature}), **options})
        except ValidationError as error:
            raise ValueError(_told(error, self.signature if own else "", {key: keys[key] for key in options})) from None


def _own_provider(signature: str) -> dict[str, Any] | None:
    """The fields of a provider of one's own, from a file or as cdk.json holds them; None where it is a name.

    Raises ValueError where they can't be read.
    """
    text = signature
    if not text.lstrip().startswith("{"):
        if "/" not in signature and not signature.endswith(".json"):
            return None
        try:
            text = Path(signature).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is no text (UTF-8)"
            raise ValueError(f"signature={signature!r}: {reason}") from None
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"signature={signature!r}: is not JSON ({error})") from None
    if not isinstance(fields, dict):
        raise ValueError(f'signature={signature!r}: must be a JSON object, as {{"header": "x-signature"}}')
    return {"scheme": "hmac", **fields}


def _told(error: ValidationError, own: str, keys: dict[str, str]) -> str:
    """What is wrong first, by the setting that it was given as, or by the field of the provider's file `own`."""
    first = error.errors()[0]
    place = ("signature: " if own.lstrip().startswith("{") else f"signature={own!r}: ") if own else ""
    if not first["loc"]:
        words = rule(error)
        option, colon, rest = words.partition(":")
        if not place:
            setting = f"signature_{option}"
            return f"{setting if setting in SignatureSettings.model_fields else option}{colon}{rest}"
        return words if words.startswith("signature=") else place + words.replace("signature_", "")
    option = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(option, Signature.model_fields, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(Signature.model_fields)}"
        return f"{place}{option}: is no field; {remedy}"
    if option in keys or not place:
        return f"{keys.get(option, option)}={first['input']!r}: {rule(error)}"
    return f"{place}{option}={first['input']!r}: {rule(error)}"
