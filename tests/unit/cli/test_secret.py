"""`nami secret`: what the function verifies with is what was given, and nobody else gets to see it."""

import json
import os
import pty
import select
import sys
import textwrap
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from nami_cli.main import app
from nami_control import deployment, secret
from nami_control.deployment import Function
from nami_control.errors import NotFoundError, NotRunningError, UsageError
from nami_runtime import secret as runtime
from tests.unit.cli.conftest import Stub
from tests.unit.cli.test_deployed import OUTPUTS, QUEUES, stack, stacks

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:nami-shopify-abc"
SIGNED = {**OUTPUTS, "SignatureSecretArn": ARN}
PUBLIC_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf265eobcRXPHpfiMp6cXaMdmrDIo"
    "bTJqLYGnSVqAYqYQ7OMKzbEnNYJd5UrtXQMXJhOE9JRPpXj8pSa9qZYUGA=="
)


@pytest.fixture
def scheme(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The setting of the deployed function, to be changed by a test."""
    setting: dict[str, Any] = {"scheme": "shopify"}

    def function(_aws: object, name: str) -> Function:
        return Function(name, {"SIGNATURE": json.dumps(setting)}, "/l")

    monkeypatch.setattr(deployment, "_function", function)
    return setting


def given(text: str | bytes) -> Any:
    return CliRunner().invoke(app, ["secret", "shopify"], input=text)


def put(aws: Stub, text: str, outputs: dict[str, str] | None = None) -> None:
    """Expect this value, and no other."""
    stacks(aws, stack(outputs=outputs or SIGNED))
    aws("secretsmanager").add_response("put_secret_value", {}, {"SecretId": ARN, "SecretString": text})


@pytest.mark.usefixtures("scheme")
@pytest.mark.parametrize("typed", ["s3cret'$x", "s3cret'$x\n", "  s3cret'$x\r\n"])
def test_piped_secret_is_put_without_the_end_of_its_line(aws: Stub, typed: str) -> None:
    put(aws, "s3cret'$x")
    result = given(typed)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "s3cret" not in result.stderr


@pytest.mark.usefixtures("scheme")
def test_list_for_a_change_without_a_gap_is_put_as_it_is(aws: Stub) -> None:
    put(aws, '["new", "old"]')
    assert given('["new", "old"]').exit_code == 0
    assert runtime.parse('["new", "old"]')[0] == ("new", "old")


def test_of_a_gateway_that_queues_by_itself_the_function_behind_the_queue_knows_the_scheme(
    aws: Stub, scheme: dict[str, Any]
) -> None:
    scheme["scheme"] = "basic"
    outputs = {key: value for key, value in SIGNED.items() if key != "PreQueueFunctionName"}
    put(aws, "user:password", outputs | {"QuarantineUrl": QUEUES + "quarantine"})
    assert given("user:password").exit_code == 0


@pytest.mark.parametrize(
    ("setting", "text", "fault"),
    [
        ({"scheme": "shopify"}, " \n", "no secret was given"),
        ({"scheme": "shopify"}, "[]", "no secret was given"),
        ({"scheme": "shopify"}, '{"user": "x"}', "no secret was given"),
        ({"scheme": "shopify"}, "two\nlines", "holds a line break"),
        ({"scheme": "shopify"}, "a\u200bb", "can't be seen"),
        ({"scheme": "shopify"}, '["good", "b\\u0000d"]', "can't be seen"),
        ({"scheme": "standard-webhooks"}, "whsec_§", "must be base64"),
        ({"scheme": "hmac", "header": "x", "key": "hex"}, "xyz", "must be hex"),
        ({"scheme": "basic"}, "hunter2", "must be user:password"),
        ({"scheme": "discord"}, "ab" * 31, "64 hex digits"),
        ({"scheme": "sendgrid"}, "SG.key", "must be the verification key"),
    ],
)
def test_what_the_scheme_can_never_use_is_refused(
    aws: Stub, scheme: dict[str, Any], setting: dict[str, Any], text: str, fault: str
) -> None:
    scheme.update(setting)
    stacks(aws, stack(outputs=SIGNED))  # and nothing is put
    error = given(text).exception
    assert isinstance(error, UsageError)
    assert fault in str(error)
    assert str(error).endswith("; nothing was changed")
    assert text.strip() not in str(error) or text.strip() == ""


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ({"scheme": "shopify"}, "shpss_0123456789abcdef"),
        ({"scheme": "stripe"}, "whsec_not-base64!"),
        ({"scheme": "standard-webhooks"}, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ({"scheme": "standard-webhooks"}, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ({"scheme": "gitlab"}, "a token"),
        ({"scheme": "hmac", "header": "x", "key": "hex"}, "00ff"),
        ({"scheme": "discord"}, "ab" * 32),
        ({"scheme": "sendgrid"}, PUBLIC_KEY),
        ({"scheme": "wise"}, f"-----BEGIN PUBLIC KEY-----\n{PUBLIC_KEY}\n-----END PUBLIC KEY-----\n"),
        ({"scheme": "standard-webhooks-v1a"}, "whpk_0r0+Z02Sv1SRb1QjsKUnil6t2oqtAyhn5HHfKgbTXFs="),
        ({"scheme": "paypal"}, "8PT597110X687430LKGECATA"),
        ({"scheme": "meta"}, '{"secret": "s", "verify_token": "t"}'),
    ],
)
def test_what_the_scheme_can_use_is_taken(setting: dict[str, Any], text: str) -> None:
    lines: list[str] = []
    secret.check(setting, text, lines.append)
    assert lines == []


def test_list_that_is_no_json_is_told() -> None:
    lines: list[str] = []
    secret.check({"scheme": "shopify"}, '["new", "old]', lines.append)
    assert ["counts as one value" in line for line in lines] == [True]


def test_meta_without_its_token_is_told() -> None:
    lines: list[str] = []
    secret.check({"scheme": "meta"}, "s", lines.append)
    assert ["verify_token" in line for line in lines] == [True]


@pytest.mark.usefixtures("scheme")
def test_what_is_no_text_is_refused(aws: Stub) -> None:
    stacks(aws, stack(outputs=SIGNED))
    assert "no text" in str(given(b"\xff\xfe").exception)


@pytest.mark.usefixtures("scheme")
def test_unsigned_subscription_has_no_secret(aws: Stub) -> None:
    stacks(aws, stack())
    error = given("x").exception
    assert isinstance(error, UsageError)
    assert "nami deploy shopify --signature PROVIDER" in str(error)


def test_of_what_is_not_deployed_nothing_is_asked(aws: Stub) -> None:
    aws("cloudformation").add_client_error("describe_stacks", "ValidationError", "Stack with id … does not exist")
    assert isinstance(given("x").exception, NotRunningError)


TYPED = textwrap.dedent("""
    from nami_cli import secret
    print("got", len(secret._read("shopify secret of shopify")))
""")


def test_typed_secret_is_not_shown() -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", TYPED])
    said = b""
    for awaited, answer in ((b"secret of shopify: ", b"s3cret\n"), (b"got 6", b"")):
        while awaited not in said:
            assert select.select([terminal], [], [], 60)[0], said
            said += os.read(terminal, 1000)
        os.write(terminal, answer)
    assert os.waitpid(child, 0)[1] == 0
    os.close(terminal)
    assert b"s3cret" not in said


RECEIVED = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:nami-shopify-received"


def asked_for_received() -> Any:
    return CliRunner().invoke(app, ["secret", "shopify", "--received"])


@pytest.mark.usefixtures("scheme")
def test_what_was_handed_over_is_printed_alone_so_that_it_can_be_piped(aws: Stub) -> None:
    stacks(aws, stack(outputs={**SIGNED, "ReceivedSecretArn": RECEIVED}))
    said = {"SecretString": "secret_tMr", "CreatedDate": datetime(2026, 1, 1, tzinfo=UTC)}
    aws("secretsmanager").add_response("get_secret_value", said, {"SecretId": RECEIVED})
    result = asked_for_received()
    assert (result.exit_code, result.stdout) == (0, "secret_tMr\n")
    assert "2026-01-01" in result.stderr


@pytest.mark.usefixtures("scheme")
def test_before_anything_was_handed_over_it_says_what_to_do(aws: Stub) -> None:
    stacks(aws, stack(outputs={**SIGNED, "ReceivedSecretArn": RECEIVED}))
    aws("secretsmanager").add_client_error("get_secret_value", "ResourceNotFoundException")
    assert isinstance(asked_for_received().exception, NotFoundError)


@pytest.mark.usefixtures("scheme")
def test_a_provider_that_hands_over_nothing_is_said_to(aws: Stub) -> None:
    stacks(aws, stack(outputs=SIGNED))
    assert "shopify hands over no secret" in str(asked_for_received().exception)
