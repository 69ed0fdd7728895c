"""The signature secret: kept, rotated without a redeployment, and cheap to attack."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from nami_runtime import secret
from tests.unit.runtime.conftest import SIGNATURE_SECRET, FakeAws, http_event

Handler = Callable[[dict[str, Any]], dict[str, Any]]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(secret, "monotonic", clock)
    monkeypatch.setattr("nami_runtime.connection._remaining", lambda deadline: 5.0)
    return clock


@pytest.fixture
def send(pre_queue: Handler, cloud: FakeAws, signed_by: Callable[..., None], clock: Clock) -> Callable[[str], int]:
    signed_by("token", "old")

    def call(token: str) -> int:
        status: int = pre_queue(http_event(headers={"authorization": token}))["statusCode"]
        return status

    return call


Send = Callable[[str], int]


def test_the_secret_is_read_once_for_many_requests(send: Send, cloud: FakeAws, clock: Clock) -> None:
    assert [send("old") for _ in range(5)] == [200] * 5
    assert cloud.secret_reads == 1


def test_it_is_read_again_after_five_minutes(send: Send, cloud: FakeAws, clock: Clock) -> None:
    send("old")
    clock.now += 299
    send("old")
    assert cloud.secret_reads == 1
    clock.now += 2
    send("old")
    assert cloud.secret_reads == 2


def test_a_rotated_secret_works_at_its_first_request(send: Send, cloud: FakeAws, clock: Clock) -> None:
    send("old")
    cloud.secrets[SIGNATURE_SECRET] = json.dumps(["new", "old"])
    clock.now += 21
    assert [send("new"), send("old")] == [200, 200]


def test_a_withdrawn_secret_stops_within_five_minutes(send: Send, cloud: FakeAws, clock: Clock) -> None:
    send("old")
    cloud.secrets[SIGNATURE_SECRET] = "new"
    clock.now += 301
    assert send("old") == 401


def test_a_flood_of_forgeries_costs_one_read_in_twenty_seconds(send: Send, cloud: FakeAws, clock: Clock) -> None:
    send("old")
    for _ in range(200):
        clock.now += 0.5
        assert send("forged") == 401
    assert cloud.secret_reads <= 6


def test_a_secret_filled_in_later_works_soon(send: Send, cloud: FakeAws, clock: Clock) -> None:
    del cloud.secrets[SIGNATURE_SECRET]
    assert send("new") == 401
    cloud.secrets[SIGNATURE_SECRET] = "new"
    clock.now += 21
    assert send("new") == 200


def test_while_secrets_manager_is_away_the_last_value_serves(
    send: Send, cloud: FakeAws, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    send("old")
    cloud.answer = lambda service, action: (500, b"{}") if service == "secretsmanager" else None
    clock.now += 1000
    assert [send("old"), send("forged")] == [200, 503]
    (line,) = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if "secret" in line]
    assert (line["message"], line["secret"]) == ("a secret can't be read, its last value is used", SIGNATURE_SECRET)


def test_what_fits_no_value_is_to_be_sent_again_while_the_secret_cannot_be_read_anew(
    send: Send, cloud: FakeAws, clock: Clock
) -> None:
    # It may be signed with the value that a rotation has just added.
    send("old")
    cloud.secrets[SIGNATURE_SECRET] = '["new", "old"]'
    cloud.answer = lambda service, action: (500, b"{}") if service == "secretsmanager" else None
    clock.now += 30
    assert [send("new"), send("new"), send("old")] == [503, 503, 200]
    cloud.answer = lambda service, action: None
    clock.now += 30
    assert [send("new"), send("other")] == [200, 401]


@pytest.mark.parametrize(
    ("text", "values", "token"),
    [
        ("abc\n", ("abc",), ""),
        ('["a", "b"]', ("a", "b"), ""),
        ('["a", "", 7, null]', ("a",), ""),
        ("[not json", ("[not json",), ""),
        ("[" * 5000, ("[" * 5000,), ""),
        ("12345", ("12345",), ""),
        ('{"secret": "a", "verify_token": "t"}', ("a",), "t"),
        ('{"secret": ["a", "b"]}', ("a", "b"), ""),
        ('{"username": "u", "password": "p"}', (), ""),
        ("", (), ""),
    ],
)
def test_a_secret_holds_one_value_or_a_list(text: str, values: tuple[str, ...], token: str) -> None:
    assert secret.parse(text) == (values, token)


def test_no_log_line_quotes_the_secret(send: Send, capsys: pytest.CaptureFixture[str]) -> None:
    send("old")
    send("s3cret-guess")
    out = capsys.readouterr().out
    assert '"old"' not in out
    assert "s3cret-guess" not in out


@pytest.mark.parametrize(("binary", "status"), [(b"old", 200), (b"\xff\xfe", 401)])
def test_a_secret_that_was_put_as_binary_is_read_where_it_is_text(
    send: Send, cloud: FakeAws, binary: bytes, status: int
) -> None:
    held = json.dumps({"SecretBinary": base64.b64encode(binary).decode()}).encode()
    cloud.answer = lambda service, _action: (200, held) if service == "secretsmanager" else None
    assert send("old") == status
