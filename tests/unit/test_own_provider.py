"""A provider that is not in the table is described by a file with the table's fields, and by the table's rules."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from nami_control import signature_check, signing
from nami_control.errors import UsageError
from nami_runtime import signatures
from nami_runtime.request import GatewayRequest, Refused
from nami_runtime.signatures.schemes import Hmac
from nami_stack import SettingsError, Signature, Subscription
from tests.unit.runtime.conftest import http_event

KEY, BODY, NOW = b"s3cret", b'{"id":"e-1","sent":{"at":1700000000000}}', 1_700_000_000.0
FORM = {"content-type": "application/x-www-form-urlencoded"}


def mac(content: bytes, digest: str = "sha256", key: bytes = KEY) -> bytes:
    return hmac.digest(key, content, digest)


def url_safe(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def described(fields: dict[str, Any]) -> Signature:
    built = Subscription.from_context({"name": "acme", "signature": fields}).build_signature()
    assert built
    return built


def fits(
    fields: dict[str, Any], headers: dict[str, str], body: bytes = BODY, *, query: str = "", secret: str = KEY.decode()
) -> bool:
    forms = signatures.configured(json.loads(described(fields).to_json()))
    request = GatewayRequest(http_event(body, headers=headers, query=query))
    try:
        return forms[0].verify(request, [secret], NOW) == secret
    except Refused:
        return False


HEX = mac(BODY).hex()
CASES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "prefix with a blank, in any case": ({"header": "X-Sig", "prefix": "Sha256 "}, {"x-sig": f"sha256  {HEX}"}),
    "sha384": ({"header": "x-sig", "digest": "sha384"}, {"x-sig": mac(BODY, "sha384").hex()}),
    "base64url without padding": ({"header": "x-sig", "encoding": "base64url"}, {"x-sig": url_safe(mac(BODY))}),
    "base64url with padding": ({"header": "x-sig", "encoding": "base64url"}, {"x-sig": url_safe(mac(BODY)) + "="}),
    "several signatures": ({"header": "x-sig", "prefix": "v1="}, {"x-sig": f"v1={'0' * 64},v1={HEX}"}),
    "several headers": ({"header": "x-one", "also": ["X-Two"]}, {"x-one": "0" * 64, "x-two": HEX}),
    "pairs, their time in seconds": (
        {"header": "X-Sig", "part": "v1", "timestamp": "part:t", "signed": "{timestamp}.{body}", "tolerance": 60},
        {"x-sig": f"t=1700000000,v1={mac(b'1700000000.' + BODY).hex()}"},
    ),
    "pairs with another separator": (
        {"header": "x-sig", "part": "v1", "separator": "|", "timestamp": "part:t", "signed": "{body}.{timestamp}"},
        {"x-sig": f"t=1700000000|v1={mac(BODY + b'.1700000000').hex()}"},
    ),
    "pairs of two names": ({"header": "x-sig", "part": "s0 s1"}, {"x-sig": f"s0={'0' * 64}, s1={HEX}"}),
    "time in milliseconds, from the body": (
        {
            "header": "x-sig",
            "timestamp": "body:sent.at",
            "milliseconds": True,
            "tolerance": 60,
            "signed": "{timestamp}.{body}",
        },
        {"x-sig": mac(b"1700000000000." + BODY).hex()},
    ),
    "id and ISO time with nothing between": (
        {
            **{"header": "x-sig", "id": "X-Id", "timestamp": "X-Time", "iso": True, "tolerance": 60},
            "signed": "{id}{timestamp}{body}",
        },
        {"x-id": "m-1", "x-time": "2023-11-14T22:13:20Z", "x-sig": mac(b"m-12023-11-14T22:13:20Z" + BODY).hex()},
    ),
    "header, query and method": (
        {"header": "x-sig", "signed": "{method}:{X-Nonce}:{query:shop}:{body}"},
        {"x-nonce": "n1", "x-sig": mac(b"POST:n1:A1:" + BODY).hex()},
    ),
    "path": (
        {"header": "x-sig", "signed": "{path}\n{body}"},
        {"x-sig": mac(b"/nami/shopify?shop=A1\n" + BODY).hex()},
    ),
    "public URL": (
        {"header": "x-sig", "signed": "{url}|{body}", "public_url": "https://acme.example/in?shop=A1"},
        {"x-sig": mac(b"https://acme.example/in?shop=A1|" + BODY).hex()},
    ),
    "hash of secret and body": (
        {"header": "x-sig", "hashed": "before"},
        {"x-sig": hashlib.sha256(KEY + BODY).hexdigest()},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_senders_do_can_be_said(case: str) -> None:
    fields, headers = CASES[case]
    assert fits(fields, headers, query="shop=A1")
    assert not fits(fields, headers, BODY + b" ", query="shop=A1")
    assert not fits(fields, headers, query="shop=A1", secret="other")


BYTES = b"\xfb\xff k"
STANDARD = base64.b64encode(BYTES).decode()


@pytest.mark.parametrize("key", [STANDARD, url_safe(BYTES), "v1,whsec_" + url_safe(BYTES)])
def test_a_secret_is_decoded_from_either_base64(key: str) -> None:
    assert fits({"header": "x-sig", "key": "base64"}, {"x-sig": mac(BODY, key=BYTES).hex()}, secret=key)


def test_a_signature_in_the_query_may_have_capitals() -> None:
    assert fits({"header": "query:Signature"}, {}, query=f"Signature={HEX}")


@pytest.mark.parametrize(
    ("source", "body", "query", "headers"),
    [
        ("body:passcode", b'{"passcode":"s3cret"}', "", {}),
        ("form:Token", b"Token=s3cret", "", FORM),
        ("query:Token", b"{}", "Token=s3cret", {}),
    ],
)
def test_a_token_may_be_in_body_form_or_query(source: str, body: bytes, query: str, headers: dict[str, str]) -> None:
    assert Signature.token(header=source).header == source
    assert fits({"scheme": "token", "header": source}, headers, body, query=query)
    assert not fits({"scheme": "token", "header": source}, headers, body, query=query, secret="other")


# The same fields as the table


def _fields(form: Hmac) -> dict[str, Any]:
    unsaid = ("settable", "handshake_method", "is_json")
    said = {name: value for name, value in vars(form).items() if name not in unsaid}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}


# Mailgun signs no body, Patreon makes an MD5, HubSpot's ids are made of all its events: none to be had by a file. And a
# file describes one way alone, so that `is_json` would say nothing.
_HMACS = [
    pytest.param(form, id=f"{name}-{number}")
    for name, forms in sorted(signatures.every().items())
    for number, form in enumerate(forms)
    if type(form) is Hmac and name not in ("hmac", "mailgun", "patreon", "hubspot")
]


@pytest.mark.parametrize("form", _HMACS)
def test_a_file_can_say_what_the_table_says(form: Hmac) -> None:
    (said,) = signatures.configured(json.loads(described(_fields(form)).to_json()))
    unsaid = ("settable", "is_json")
    same = {name: getattr(said, name) for name in vars(form) if name not in unsaid}
    assert same == {name: value for name, value in vars(form).items() if name not in unsaid}


# Files


def error_of(signature: object, **more: object) -> str:
    with pytest.raises(SettingsError) as caught:
        Subscription.from_context({"name": "acme", "signature": signature, **more})
    return str(caught.value)


def written(folder: Path, text: str) -> str:
    file = folder / "acme.json"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_a_file_is_read_and_its_settings_win_over_it(tmp_path: Path) -> None:
    file = written(
        tmp_path, '{"header": "x-sig", "timestamp": "x-time", "signed": "{timestamp}.{body}", "tolerance": 60}'
    )
    settings = Subscription.from_context({"name": "acme", "signature": file, "signature_tolerance": "90"})
    built = settings.build_signature()
    assert built
    assert (built.scheme, built.header, built.tolerance) == ("hmac", "x-sig", 90)
    assert settings.signature == file


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "must be a JSON object"),
        ('{"headr": "x-sig"}', "headr: is no field; did you mean header?"),
        ('{"header": "x-sig", "digest": "md4"}', "digest='md4': must be 'sha1', 'sha256', 'sha384' or 'sha512'"),
        ("{}", "in which header?"),
        ('{"scheme": "hmca", "header": "x-sig"}', "did you mean hmac?"),
        ('{"scheme": "basic", "header": "x-sig"}', "header: can't be set for signature=basic"),
        ('{"header": "x-sig", "signed": "{timestamp}.{body}"}', "where is its {timestamp}?"),
        ('{"header": "x-sig", "signed": "{id}.{body}"}', "where is its {id}?"),
        ('{"header": "x-sig", "signed": "{body"}', "has a brace that opens or ends nothing"),
        ('{"header": "x-sig", "signed": "{body}{x-nonce}"}', "nothing shows where {body} ends and {x-nonce} begins"),
        (
            '{"header": "x-sig", "signed": "{cookie:a}.{body}"}',
            "signed='cookie:a': must be a header such as",
        ),
        ('{"header": "cookie:sig"}', "header='cookie:sig': must be a header such as x-signature"),
        ('{"header": "part:v1"}', "header='part:v1': must be a header"),
        ('{"scheme": "token", "header": "path:0"}', "header='path:0': must be a header"),
        ('{"header": "x-sig", "timestamp": "x time"}', "timestamp='x time': must be a header"),
        ('{"header": "x-sig", "part": "v1", "prefix": "v1="}', "leave prefix out"),
        ('{"header": "x-sig", "hashed": "before", "signed": "{body}.{x-a}"}', "end it with {body}"),
        ('{"header": "x-sig", "handshake": "slak"}', "did you mean slack?"),
    ],
)
def test_a_bad_file_gets_one_line_that_names_it(text: str, message: str, tmp_path: Path) -> None:
    file = written(tmp_path, text)
    said = error_of(file)
    assert said.startswith(f"signature={file!r}: ") or "signature='hm" in said
    assert message in said
    assert "\n" not in said


def test_a_file_that_is_not_there_is_said_to() -> None:
    assert error_of("./nowhere.json") == "signature='./nowhere.json': No such file or directory"


def test_a_handshake_of_the_file_has_its_route() -> None:
    signature = described({"header": "x-sig", "handshake": "head"})
    assert (signature.handshake_methods, signature.has_handshake) == (("HEAD",), True)


def test_a_file_is_kept_as_it_was_named_and_inline_as_json() -> None:
    settings = Subscription.from_context({"name": "acme", "signature": {"header": "x-sig"}})
    assert settings.signature == '{"header": "x-sig"}'


def test_check_takes_a_file_in_place_of_a_name(tmp_path: Path) -> None:
    file = written(tmp_path, '{"header": "X-Sig"}')
    assert signature_check.setting_of(file) == {"scheme": "hmac", "header": "x-sig"}
    with pytest.raises(UsageError, match="No such file"):
        signature_check.setting_of("./nowhere.json")


@pytest.mark.parametrize("fields", [{"header": "query:sig"}, {"header": "x-sig", "signed": "{form:order}.{body}"}])
def test_what_can_not_be_signed_here_is_said(fields: dict[str, Any]) -> None:
    setting = json.loads(described(fields).to_json())
    with pytest.raises(ValueError, match=r"travels in|not for nami"):
        signing.sign(setting, "s3cret", BODY)
