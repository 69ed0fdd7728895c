import json
import re
from typing import Any

import pytest
from pydantic import ValidationError

from nami_runtime import signatures
from nami_stack import SettingsError, Signature, Subscription


def error_of(**context: object) -> str:
    with pytest.raises(SettingsError) as caught:
        Subscription.from_context({"name": "shopify", **context})
    return str(caught.value)


@pytest.mark.parametrize("scheme", sorted(signatures.every()))
def test_every_scheme_is_read_by_the_runtime_as_it_is_written(scheme: str) -> None:
    values = {"tolerance": 60, "public_url": "https://example.com/x", "header": "X-Sig", "timestamp": "X-Time"}
    values["signed"] = "{timestamp}.{body}"
    settable = {option for form in signatures.every()[scheme] for option in form.options()}
    options = {key: value for key, value in values.items() if key in settable}
    written = Signature(scheme=scheme, **options).to_json()  # type: ignore[arg-type]
    assert signatures.configured(json.loads(written))


def test_unknown_scheme_names_the_nearest() -> None:
    assert error_of(signature="shopfy") == "signature='shopfy': is not a scheme; did you mean shopify?"


def test_option_of_another_scheme_is_refused() -> None:
    message = error_of(signature="shopify", signature_tolerance=60)
    assert message == "signature_tolerance: can't be set for signature=shopify; what can is nothing"


@pytest.mark.parametrize("scheme", ["hmac", "token"])
def test_the_deliverys_id_reaches_the_runtime(scheme: str) -> None:
    written = Signature(scheme=scheme, header="X-Sig", id="X-Delivery").to_json()
    assert signatures.configured(json.loads(written))[0].ids == ("x-delivery",)


def test_option_without_a_scheme_is_refused() -> None:
    assert error_of(signature_header="x-sig") == "signature_header: of which scheme? Give it as signature=hmac"


def test_hmac_without_a_header_is_refused() -> None:
    assert error_of(signature="hmac").endswith("Give it as signature_header=x-signature")


def test_bad_option_names_its_key() -> None:
    message = error_of(signature="hmac", signature_header="x-sig", signature_digest="md5")
    assert message == "signature_digest='md5': must be 'sha1', 'sha256', 'sha384' or 'sha512'"


def test_tolerance_without_a_timestamp_is_refused() -> None:
    message = error_of(signature="hmac", signature_header="x-sig", signature_tolerance="60")
    assert message.endswith("give its header as signature_timestamp=x-timestamp")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"timestamp": "X-Time", "tolerance": 300},
            "signature_tolerance: a timestamp that is not signed can be changed by anybody; put {timestamp} into "
            "signature_signed, or leave the tolerance out",
        ),
        (
            {"timestamp": "X-Time", "tolerance": 300, "signed": "{timestamp}"},
            "signature_signed='{timestamp}': any body would pass with it; put {body} into it",
        ),
        ({"signed": "constant"}, "signature_signed='constant': any body would pass with it; put {body} into it"),
        ({"signed": "{form}"}, "signature_signed='{form}': any body would pass with it; put {body} into it"),
        (
            {"signed": "{id}{timestamp}.{body}", "id": "X-Id", "timestamp": "X-Time"},
            "signature_signed='{id}{timestamp}.{body}': nothing shows where {id} ends and {timestamp} begins; put what "
            "the sender writes between them there, such as {id}.{timestamp}",
        ),
        (
            {"signed": "{id}{body}", "id": "X-Id"},
            "signature_signed='{id}{body}': nothing shows where {id} ends and {body} begins; put what the sender "
            "writes between them there, such as {id}.{body}",
        ),
        (
            {"signed": "{url}{body}{x-nonce}"},
            "signature_signed='{url}{body}{x-nonce}': nothing shows where {body} ends and {x-nonce} begins; put what "
            "the sender writes between them there, such as {body}.{x-nonce}",
        ),
    ],
)
def test_hmac_that_would_protect_less_than_it_says_is_refused(options: dict[str, Any], message: str) -> None:
    settings = {f"signature_{key}": value for key, value in options.items()}
    assert error_of(signature="hmac", signature_header="X-Sig", **settings) == message
    with pytest.raises(ValidationError, match=re.escape(message)):
        Signature.hmac("X-Sig", **options)


@pytest.mark.parametrize(
    "signed",
    ["{timestamp}{body}", "{id}.{timestamp}{body}", "{method}{url}{body}", "v0:{timestamp}:{body}", "{url}{form}"],
)
def test_hmac_over_what_providers_sign_is_taken(signed: str) -> None:
    assert Signature.hmac("X-Sig", signed=signed, timestamp="X-Time", id="X-Id").signed == signed


HMAC = {
    "header": "X-Sig",
    "digest": "sha512",
    "encoding": "base64",
    "key": "hex",
    "prefix": "sha512=",
    "signed": "{timestamp}.{url}.{body}",
    "timestamp": "X-Time",
    "tolerance": 60,
    "id": "X-Delivery",
}
TOKEN = {"header": "X-Token", "prefix": "Bearer ", "id": "X-Delivery"}


def understood(signature: Signature) -> list[dict[str, object]]:
    """What the functions make of it, their defaults included."""
    forms = signatures.configured(json.loads(signature.to_json()))
    every = [{name: getattr(form, name) for name in dir(form) if not name.startswith("_")} for form in forms]
    return [{name: value for name, value in form.items() if not callable(value)} for form in every]


@pytest.mark.parametrize(
    ("signature", "scheme", "options"),
    [
        (Signature.hmac("X-Sig"), "hmac", {"header": "X-Sig"}),
        (Signature.hmac(**HMAC, public_url="https://example.com/x"), "hmac", HMAC),  # type: ignore[arg-type]
        (Signature.token(), "token", {}),
        (Signature.token(**TOKEN), "token", TOKEN),
        (Signature.basic(), "basic", {}),
        (Signature.none(), "none", {}),
        (Signature.preset("stripe"), "stripe", {}),
        (Signature.preset("hubspot", tolerance=60, public_url="https://example.com/x"), "hubspot", {"tolerance": 60}),
    ],
)
def test_signature_is_the_same_from_code_and_from_settings(
    signature: Signature, scheme: str, options: dict[str, object]
) -> None:
    settings: dict[str, object] = {f"signature_{key}": value for key, value in options.items()}
    if signature.public_url:
        settings["public_url"] = signature.public_url
    built = Subscription.from_context({"name": "shopify", "signature": scheme, **settings}).build_signature()
    assert built
    assert understood(built) == understood(signature)


def test_code_is_checked_as_settings_are() -> None:
    with pytest.raises(ValidationError, match="did you mean stripe"):
        Signature.preset("strype")


def test_a_probe_by_head_is_routed_to_the_function() -> None:
    assert Signature.preset("intercom").handshake_methods == ("HEAD",)
