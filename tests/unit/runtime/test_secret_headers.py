"""A secret that travels in a header is proven once, and goes no further."""

import base64
from typing import Any

import pytest

from nami_control import signing
from nami_runtime.request import GatewayRequest, Request
from nami_runtime.signatures import verification


class Filled:
    def values(self, deadline: float) -> tuple[str, ...]:
        return ("user:s3cret", "s3cret")

    def reread(self, deadline: float) -> bool:
        return False


def verified(setting: dict[str, Any], headers: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Request:
    monkeypatch.setattr(verification, "Secret", lambda arn: Filled())
    event = {
        "requestContext": {"http": {"method": "POST"}, "requestId": "gateway-id", "timeEpoch": 1},
        "headers": headers,
        "body": "{}",
    }
    request = GatewayRequest(event)
    assert verification.Verification(setting, "arn").check(request) is None
    return request


@pytest.mark.parametrize(
    ("setting", "header", "value"),
    [
        ({"scheme": "token", "header": "x-token"}, "x-token", "s3cret"),
        ({"scheme": "token", "prefix": "Bearer "}, "authorization", "Bearer s3cret"),
        ({"scheme": "okta"}, "authorization", "s3cret"),
        ({"scheme": "gitlab"}, "x-gitlab-token", "s3cret"),
        ({"scheme": "basic"}, "authorization", "Basic dXNlcjpzM2NyZXQ="),
    ],
    ids=lambda value: value.get("scheme") if isinstance(value, dict) else None,
)
def test_proven_secret_is_taken_out_of_the_headers(
    setting: dict[str, Any], header: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = verified(setting, {header: value, "x-other": "stays"}, monkeypatch)
    assert request.headers == {header: "(taken out)", "x-other": "stays"}
    assert request.verified == setting["scheme"]


def test_gitlabs_old_token_is_taken_out_beside_the_new_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a secret changes, GitLab sends both."""
    key = "whsec_" + base64.b64encode(b"k" * 24).decode()
    headers, _ = signing.sign({"scheme": "gitlab"}, key, b"{}")
    monkeypatch.setattr(Filled, "values", lambda *_: (key, "s3cret"))
    request = verified({"scheme": "gitlab"}, {**headers, "x-gitlab-token": "s3cret"}, monkeypatch)
    assert request.headers == {**headers, "x-gitlab-token": "(taken out)"}
