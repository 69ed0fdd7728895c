"""`nami signatures`: who signs how, and where a signature goes wrong, told without telling what would be right."""

import base64
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nami_cli import signatures as commands
from nami_cli.main import app
from nami_control import health, redrive, signature_check, signing
from nami_control.dead_letters import DeadLetters
from nami_control.deployment import Deployment, Function
from nami_control.errors import CheckError, NotFoundError, UsageError
from nami_control.letters import Filter, Letter
from nami_control.signature_check import Report
from nami_runtime import envelope, signatures
from nami_runtime.request import Request
from tests.unit.cli.conftest import Stub, target
from tests.unit.runtime.vectors import VECTORS, Vector

NOW = 1_700_000_000.0
SECRET = "shpss_0123456789abcdef"
BODY = '{"id":1,"title":"Café/Bar","lines":[1,2]}'.encode()


def signed(provider: str = "shopify", secret: str = SECRET, body: bytes = BODY, now: float = NOW) -> Request:
    headers, body = signing.sign(
        {"scheme": provider}, secret, body, now=now, url="https://shop.example.com/nami/shopify"
    )
    return Request("POST", "/nami/shopify", headers=headers, body=body, request_id="-", domain="shop.example.com")


def check(request: Request, provider: str = "shopify", secret: str = SECRET, **options: Any) -> Report:
    return signature_check.check({"scheme": provider}, secret, request, now=options.pop("now", NOW), **options)


def detail(report: Report, name: str) -> str:
    return next(step.detail for step in report.steps if step.name == name)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector.scheme}: {vector.source}")
def test_what_the_functions_take_fits(vector: Vector) -> None:
    came = Request("POST", query=vector.query, headers=vector.headers, body=vector.body, request_id="-")
    setting = {"scheme": vector.scheme, **vector.options}
    assert signature_check.check(setting, vector.secret, came, now=vector.now).fits


def parsed_and_written(**how: Any) -> Callable[[bytes], bytes]:
    return lambda body: json.dumps(json.loads(body), **how).encode()


CHANGES: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("a line end was added after the body", lambda body: body + b"\n"),
    ("a line end was added after the body", lambda body: body + b"\r\n"),
    ("pretty-printed", parsed_and_written(indent=2, ensure_ascii=False)),
    ("other blanks", parsed_and_written(ensure_ascii=False)),
    ("escapes", parsed_and_written(separators=(",", ":"))),
    ("byte order mark", lambda body: b"\xef\xbb\xbf" + body),
    ("from Latin-1 into UTF-8", lambda body: body.decode("latin-1").encode()),
    ("still base64", base64.b64encode),
]


@pytest.mark.parametrize(("cause", "change"), CHANGES)
def test_body_that_was_changed_is_told(cause: str, change: Callable[[bytes], bytes]) -> None:
    came = signed()
    came.body = change(came.body)
    report = check(came)
    assert not report.fits
    assert cause in " ".join(report.causes)


@pytest.mark.parametrize(
    ("cause", "body", "changed"),
    [
        ("after the body was taken away", b"{}\n", b"{}"),
        ("CRLF after the body was taken away", b"{}\r\n", b"{}"),
        ("from LF into CRLF", b'{"a":\n1}', b'{"a":\r\n1}'),
        ("from CRLF into LF", b'{"a":\r\n1}', b'{"a":\n1}'),
        ("form was parsed", b"a=1+2&b=%C3%A9", b"a=1%202&b=%C3%A9"),
        ("another order", b'{"a":1,"b":2}', b'{"b":2,"a":1}'),
    ],
)
def test_body_that_lost_something_is_told(cause: str, body: bytes, changed: bytes) -> None:
    came = signed(body=body)
    came.body = changed
    assert cause in " ".join(check(came).causes)


@pytest.mark.parametrize(
    ("cause", "given"),
    [
        ("quotes", f'{SECRET}"'),
        ("quotes, blanks or unseen", f"\u200b{SECRET}"),
        ("blanks or line ends in it", f"{SECRET[:9]}\n{SECRET[9:]}"),
        ("NAME=value", f"WEBHOOK_SECRET={SECRET}"),
        ("'whsec_' before it", f"whsec_{SECRET}"),
        ("'Bearer ' before it", f"Bearer {SECRET}"),
    ],
)
def test_secret_that_was_pasted_with_more_is_told(cause: str, given: str) -> None:
    report = check(signed(), secret=given)
    assert not report.fits
    assert cause in " ".join(report.causes)


def test_secret_in_quotes_is_used_without_them() -> None:
    assert check(signed(), secret=f'"{SECRET}"').fits


def test_secret_without_its_beginning_is_told() -> None:
    came = signed("stripe", "whsec_abc")
    assert "without 'whsec_'" in " ".join(check(came, "stripe", "abc").causes)


def test_accents_that_are_composed_otherwise_are_told() -> None:
    assert "NFKD" in " ".join(check(signed(secret="cafe\u0301"), secret="caf\u00e9").causes)


def test_changed_body_and_secret_together_are_told() -> None:
    came = signed()
    came.body += b"\n"
    (cause,) = check(came, secret=f'{SECRET}"').causes
    assert "line end" in cause
    assert "quotes" in cause


def test_fitting_one_of_several_secrets_is_named() -> None:
    assert detail(check(signed(), secret=f'["new", "{SECRET}"]'), "signature") == "fits, value 2 of the 2 in the secret"


def test_where_none_of_several_secrets_fits_that_is_told() -> None:
    assert "none of the 2" in detail(check(signed(), secret='["new", "old"]'), "signature")


def test_secret_that_is_empty_is_told() -> None:
    assert "filled in" in detail(check(signed(), secret=" \n"), "secret")


def test_secret_that_is_no_key_is_told() -> None:
    assert "must be base64" in detail(check(signed(), "standard-webhooks", "whsec_§"), "secret")


def test_stale_time_is_told_in_seconds() -> None:
    report = check(signed("stripe"), "stripe", now=NOW + 1000, came=True)
    assert not report.fits
    assert detail(report, "time") == "stale by 700 s: 1000 s from its arrival, 300 allowed"
    assert detail(report, "signature") == "fits"


def test_old_request_in_a_file_is_no_fault_of_its_own() -> None:
    assert check(signed("stripe"), "stripe", now=NOW + 1000).fits


def test_time_in_milliseconds_and_in_the_future_is_told() -> None:
    report = check(signed("hubspot"), "hubspot", now=NOW - 1000, came=True)
    assert "stale by 700 s" in detail(report, "time")


def test_missing_header_is_told() -> None:
    came = signed()
    came.headers = {}
    assert detail(check(came), "header").startswith("there is no x-shopify-hmac-sha256; nor that of any other")


def test_header_of_another_provider_is_told() -> None:
    report = check(signed("slack"))
    assert "there is x-slack-signature, which is slack's" in detail(report, "header")
    assert any("as slack signs" in cause for cause in report.causes)


def test_encoding_that_is_another_is_told() -> None:
    setting = {"scheme": "hmac", "header": "x-shopify-hmac-sha256", "encoding": "hex"}
    report = signature_check.check(setting, SECRET, signed(), now=NOW)
    assert report.causes == ["the signature is base64, and was read as hex"]


def test_prefix_that_is_missing_is_told() -> None:
    setting = {"scheme": "hmac", "header": "x-hub-signature-256"}
    report = signature_check.check(setting, SECRET, signed("github"), now=NOW)
    assert "behind 'sha256='" in " ".join(report.causes)


def test_url_that_is_another_is_told() -> None:
    came = signed("square")
    came.domain, came.headers["x-forwarded-host"] = "abc.execute-api.eu-west-1.amazonaws.com", "shop.example.com"
    assert "set public_url" in " ".join(check(came, "square").causes)


def test_token_behind_another_prefix_is_told() -> None:
    came = Request("POST", headers={"authorization": "Bearer t0ken"}, body=b"{}", request_id="-")
    assert "'Bearer '" in " ".join(check(came, "token", "t0ken").causes)


def test_changed_length_is_told() -> None:
    came = signed()
    came.headers["content-length"] = str(len(BODY))
    came.body += b"\n"
    assert (
        detail(check(came), "body")
        == f"{len(BODY) + 1} bytes, 1 more than its Content-Length says: it was changed since it was sent"
    )


@pytest.mark.parametrize("provider", ["shopify", "stripe", "slack", "standard-webhooks", "github"])
@pytest.mark.parametrize("change", [b"", b"\n", b"x"])
def test_neither_the_secret_nor_a_valid_signature_is_told(provider: str, change: bytes) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    came = signed(provider, secret)
    came.body += change
    form = signatures.configured({"scheme": provider})[0]
    said = repr(check(came, provider, secret))
    contents = [next(form.contents(each)) for each in (came, signed(provider, secret))]  # type: ignore[attr-defined]
    for hidden in (secret, *(form.signature(secret, content).decode() for content in contents)):  # type: ignore[attr-defined]
        assert hidden not in said


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_request_is_read_with_the_exact_bytes_of_its_body(end: bytes) -> None:
    raw = end.join(
        [b"POST /nami/shopify?a=%20 HTTP/1.1", b"Host: shop.example.com", b"X-A: 1", b"x-a: 2", b"", b"\r\n{}\n\n"]
    )
    came = signature_check.read_request(raw)
    assert (came.method, came.path, came.query, came.domain) == ("POST", "/nami/shopify", "a=%20", "shop.example.com")
    assert (came.headers["x-a"], came.body) == ("1,2", b"\r\n{}\n\n")


def test_header_may_hold_what_ends_a_line_of_unicode() -> None:
    raw = "POST /nami/shopify HTTP/1.1\nX-A: a\u2028b\x85c\x1cd\n\n{}".encode()
    assert signature_check.read_request(raw).headers == {"x-a": "a\u2028b\x85c\x1cd"}


@pytest.mark.parametrize("announced", ["\u00b2", "9" * 5000, "-1", "1e3"])
def test_length_that_is_none_is_no_length(announced: str) -> None:
    came = signed()
    came.headers["content-length"] = announced
    assert "Content-Length" not in detail(check(came), "body")


@pytest.mark.parametrize("raw", [b"", b'{"id": 1}', b"POST /\nno header\n\n", b"\xff\xfe", b"HTTP/1.1 200 OK\n\n"])
def test_what_is_no_request_is_refused(raw: bytes) -> None:
    with pytest.raises(UsageError):
        signature_check.read_request(raw)


def letter(**changed: Any) -> Any:
    """A dead letter of that request."""
    came = signed()
    came.delivery_id, came.verified, came.received_at = "d1", "shopify", int(NOW * 1000)
    return Letter({"MessageId": "m1", "Body": envelope.write(came, "shopify").decode(), **changed})


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A subscription with one dead letter, d1, and nothing in quarantine."""
    outputs = {
        "PostQueueFunctionName": "post",
        "QueueUrl": "q",
        "DeadLetterQueueUrl": "d",
        "PreQueueFunctionName": "pre",
    }
    found = Deployment(target(), {**outputs, "SignatureSecretArn": "arn", "QuarantineUrl": "x"})
    found.pre_queue = Function("pre", {"SIGNATURE": '{"scheme": "shopify"}'}, "/pre")
    found.drains[0].post_queue = Function("post", {}, "/post")
    monkeypatch.setattr(commands, "find", lambda _target: found)
    monkeypatch.setattr(commands, "secret_text", lambda _aws, _arn: SECRET)

    def look(letters: DeadLetters, wanted: Filter, *_: Any) -> tuple[list[Letter], bool]:
        there = [] if letters.in_quarantine else [letter()]
        return [each for each in there if wanted.takes(each)], False

    monkeypatch.setattr(redrive, "look", look)
    return found


@pytest.mark.usefixtures("deployed", "aws")
def test_dead_letter_is_checked_by_what_is_deployed() -> None:
    result = run("check", "shopify", "--id", "d1")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "ok    signature  fits"


def _logged(aws: Stub, *events: dict[str, Any]) -> None:
    """What the pre-queue function printed of late, and the post-queue function nothing."""
    lines = [{"timestamp": 1, "message": json.dumps(event), "eventId": str(at)} for at, event in enumerate(events)]
    aws("logs").add_response("filter_log_events", {"events": lines})
    aws("logs").add_response("filter_log_events", {"events": []})


@pytest.mark.usefixtures("deployed")
def test_what_is_neither_kept_nor_in_the_log_is_told(aws: Stub) -> None:
    _logged(aws)
    error = run("check", "shopify", "--id", "d2").exception
    assert isinstance(error, NotFoundError)
    assert str(error).startswith(
        "d2 is neither a dead letter of shopify nor in quarantine; what is answered with 401 is"
    )


@pytest.mark.usefixtures("deployed")
def test_of_what_was_refused_it_is_told_why_and_what_to_do(aws: Stub) -> None:
    said = {"level": "WARNING", "message": "webhook", "id": "d2", "status": 401, "ms": 1.5, "bytes": 9}
    _logged(aws, {**said, "reason": "stale timestamp", "refused": "signature"})
    error = run("check", "shopify", "--id", "d2").exception
    assert isinstance(error, NotFoundError)
    assert str(error) == (
        "d2 was answered 401 in 1.5 ms, 9 bytes: stale timestamp; what is answered with 401 is not kept: have the "
        "provider send it to a place that shows requests as they are, and give it with --request"
    )


def test_doctor_counts_what_was_refused_of_late_by_its_reason(
    aws: Stub, deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "find", lambda _target: deployed)
    lines = [json.dumps({"reason": reason}) for reason in ("wrong signature", "stale timestamp", "wrong signature")]
    events = [{"timestamp": 1, "message": line, "eventId": str(at)} for at, line in enumerate(lines)]
    aws("logs").add_response("filter_log_events", {"events": events})
    told = health._refused(target())
    assert told.status == "warn"
    assert "wrong signature (2), stale timestamp (1)" in told.line()
    assert "nami signatures check shopify --request FILE" in told.line()


def test_doctor_is_content_where_nothing_was_refused(
    aws: Stub, deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "find", lambda _target: deployed)
    aws("logs").add_response("filter_log_events", {"events": []})
    assert health._refused(target()).status == "ok"


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["signatures", *words])


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A secret and a request, as they are given to the command."""
    came = signed()
    head = "".join(f"{name}: {value}\r\n" for name, value in came.headers.items())
    (tmp_path / "request").write_bytes(f"POST /nami/shopify HTTP/1.1\r\n{head}\r\n".encode() + came.body)
    (tmp_path / "secret").write_text(SECRET + "\n")
    return ["--secret-file", str(tmp_path / "secret"), "--request", str(tmp_path / "request")]


def test_command_tells_each_step(files: list[str]) -> None:
    result = run("check", "--provider", "shopify", *files)
    assert result.exit_code == 0
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [
        ["ok", name] for name in ("secret", "body", "header", "signed", "signature")
    ]


def test_command_fails_where_the_webhook_would_be_refused(files: list[str], tmp_path: Path) -> None:
    with (tmp_path / "request").open("ab") as request:
        request.write(b"\n")
    result = run("check", "--provider", "shopify", *files)
    assert isinstance(result.exception, CheckError)
    assert "why   it fits if  a line end was added after the body" in result.stdout
    assert SECRET not in result.output


def test_command_tells_scripts_the_same(files: list[str]) -> None:
    told = json.loads(run("check", "--provider", "shopify", *files, "--json").stdout)
    assert (told["fits"], told["steps"][0]["name"], told["causes"]) == (True, "secret", [])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check"], "Give a subscription's NAME, or --provider"),
        (["check", "--provider", "shopify"], "Give --request FILE"),
        (["check", "--provider", "shopifi", "--request", "x"], "did you mean shopify?"),
        (["check", "--provider", "hmac", "--request", "x"], "give its NAME in place of --provider"),
        (["check", "--provider", "shopify", "--request", "x"], "Give --secret-file FILE"),
        (["check", "--provider", "shopify", "--request", "/no/such", "--secret-file", "/no/such"], "/no/such: No such"),
        (["shopifi"], "did you mean shopify?"),
    ],
)
def test_what_is_missing_is_told(words: list[str], said: str) -> None:
    error = run(*words).exception
    assert isinstance(error, UsageError)
    assert said in str(error)


def test_every_provider_is_listed() -> None:
    heading, *listed = [line.split("\t")[0] for line in run().stdout.splitlines()]
    assert heading == "provider"
    assert listed == sorted(set(signatures.every()) - {"hmac", "token", "basic", "none"})
    assert [each["provider"] for each in json.loads(run("--json").stdout)] == listed


@pytest.mark.parametrize("provider", sorted(signatures.every()))
def test_every_provider_can_be_shown(provider: str) -> None:
    assert re.search(r"^secret +\S", run(provider).stdout, re.MULTILINE)
    assert json.loads(run("show", provider, "--json").stdout)["provider"] == provider


def test_steps_in_a_providers_console_are_shown() -> None:
    assert re.search(r"^console +the project's Settings > Webhooks", run("livekit").stdout, re.MULTILINE)


def test_package_that_a_check_needs_is_named_as_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jwt", None)
    monkeypatch.delitem(sys.modules, "nami_runtime.signatures.jwt_check", raising=False)
    monkeypatch.delattr(signatures, "jwt_check", raising=False)
    request = signature_check.read_request(b"POST / HTTP/1.1\nauthorization: Bearer a.b.c\n\n{}")
    with pytest.raises(UsageError, match="pip install pyjwt"):
        signature_check.check({"scheme": "vonage"}, "secret", request)
