"""What providers ask before they send: answered as their documents say, and never queued."""

import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nami_control import signing
from nami_runtime.request import GatewayRequest
from nami_runtime.secret import Secret
from nami_runtime.signatures import every, handshakes, received
from tests.unit.runtime.conftest import FakeAws, http_event

Handler = Callable[[dict[str, Any]], dict[str, Any]]
SignedBy = Callable[..., None]


@pytest.fixture
def ask(pre_queue: Handler, cloud: FakeAws) -> Handler:
    """Calls the function and checks that nothing was queued."""

    def call(event: dict[str, Any]) -> dict[str, Any]:
        answer = pre_queue(event)
        assert cloud.messages == []
        return answer

    return call


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, cloud: FakeAws) -> FakeAws:
    """With a place for what is handed over, as a new process."""
    monkeypatch.setenv("RECEIVED_SECRET_ARN", "received")
    monkeypatch.setattr(received, "_last", ("", -received._EVERY_SECONDS))
    return cloud


def test_slack_gets_its_challenge_back(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("slack", "s3cret")
    body = b'{"type":"url_verification","challenge":"3eZbrw1aB"}'
    headers, body = signing.sign({"scheme": "slack"}, "s3cret", body)
    answer = ask(http_event(body, headers=headers))
    assert (answer["statusCode"], answer["body"]) == (200, "3eZbrw1aB")


def test_an_unsigned_slack_challenge_gets_401(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("slack", "s3cret")
    assert ask(http_event(b'{"type":"url_verification","challenge":"x"}'))["statusCode"] == 401


_META = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="


def test_meta_gets_its_challenge_back_for_the_right_verify_token(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("meta", '{"secret":"app-secret","verify_token":"mytoken"}')
    answer = ask(http_event(b"", method="GET", query=_META + "mytoken"))
    assert (answer["statusCode"], answer["body"]) == (200, "1158201444")


@pytest.mark.parametrize("query", [_META, _META + "other", "hub.mode=subscribe&hub.challenge=1"])
def test_meta_gets_403_for_a_wrong_verify_token(ask: Handler, signed_by: SignedBy, query: str) -> None:
    signed_by("meta", '{"secret":"app-secret","verify_token":"mytoken"}')
    assert ask(http_event(b"", method="GET", query=query))["statusCode"] == 403


@pytest.mark.parametrize("given", ["", "app-secret"])
def test_without_a_verify_token_no_token_is_right(ask: Handler, signed_by: SignedBy, given: str) -> None:
    signed_by("meta", "app-secret")
    assert ask(http_event(b"", method="GET", query=_META + given))["statusCode"] == 403


def test_the_verify_token_signs_nothing(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("meta", '{"secret":"app-secret","verify_token":"mytoken"}')
    headers, body = signing.sign({"scheme": "meta"}, "mytoken", b"{}")
    assert ask(http_event(body, headers=headers))["statusCode"] == 401


def test_zoom_gets_its_token_encrypted(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("zoom", '["old","secretValueTest"]')
    body = b'{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}'
    headers, body = signing.sign({"scheme": "zoom"}, "secretValueTest", body)
    answer = ask(http_event(body, headers=headers))
    assert json.loads(answer["body"]) == {
        "plainToken": "qgg8vlvZRS6UYooatFL8Aw",
        "encryptedToken": "70c1f2e2e6ca2d39297490d1f9142c7d701415ea8e6151f6562a08fa657a40ff",
    }


def test_dropbox_gets_its_challenge_back_as_text_that_no_browser_runs(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("dropbox", "s3cret")
    answer = ask(http_event(b"", method="GET", query="challenge=abc%20%3Cscript%3E"))
    assert answer["body"] == "abc <script>"
    assert answer["headers"] == {"content-type": "text/plain", "x-content-type-options": "nosniff"}


def test_microsoft_graph_gets_its_token_back_decoded(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("microsoft-graph", "state")
    answer = ask(http_event(b"", query="validationToken=Validation%3A+Testing+client+application"))
    assert (answer["statusCode"], answer["body"]) == (200, "Validation: Testing client application")
    assert answer["headers"]["content-type"] == "text/plain"


def test_x_gets_its_token_signed(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("x", "nami-secret")
    answer = ask(http_event(b"", method="GET", query="crc_token=crc-1"))
    assert json.loads(answer["body"]) == {"response_token": "sha256=R8H4Py6KkckeKQka5ifXHchm8AKCFVaKR16xsamY4dk="}


def test_x_signs_no_token_that_could_be_a_delivery(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("x", "nami-secret")
    assert ask(http_event(b"", method="GET", query="crc_token=%7B%22for_user_id%22%3A1%7D"))["statusCode"] == 400


def test_what_x_signed_as_a_token_is_no_delivery(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("x", "nami-secret")
    answer = ask(http_event(b"", method="GET", query="crc_token=forged"))
    headers = {"x-twitter-webhooks-signature": json.loads(answer["body"])["response_token"]}
    assert ask(http_event(b"forged", headers=headers))["statusCode"] == 401


def test_okta_gets_its_challenge_back_as_json(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("okta", "s3cret")
    answer = ask(http_event(b"", method="GET", headers={"x-okta-verification-challenge": "c-1"}))
    assert json.loads(answer["body"]) == {"verification": "c-1"}


def test_asana_gets_its_secret_back_in_the_header(kept: FakeAws, ask: Handler, signed_by: SignedBy) -> None:
    signed_by("asana", None)
    answer = ask(http_event(b"", headers={"x-hook-secret": "b537207f20cb"}))
    assert (answer["statusCode"], answer["headers"]["x-hook-secret"]) == (200, "b537207f20cb")


def test_ringcentral_gets_its_validation_token_back_before_there_is_a_body(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("ringcentral", "s3cret")
    answer = ask(http_event(b"", headers={"validation-token": "wtdwi2y8", "verification-token": "s3cret"}))
    assert (answer["statusCode"], answer["headers"]["validation-token"]) == (200, "wtdwi2y8")


@pytest.mark.parametrize("header", ["verification-token", "validation-token"])
@pytest.mark.parametrize(("token", "status"), [("s3cret", 200), ("another", 401)])
def test_ringcentrals_webhook_bears_its_token_in_one_of_two_headers(
    pre_queue: Handler, cloud: FakeAws, signed_by: SignedBy, header: str, token: str, status: int
) -> None:
    signed_by("ringcentral", "s3cret")
    answer = pre_queue(http_event(b'{"uuid":"u1"}', headers={header: token}))
    assert (answer["statusCode"], len(cloud.messages)) == (status, int(status == 200))
    assert "s3cret" not in str(answer) + str(cloud.messages)


def test_a_signed_delivery_of_asana_is_no_handshake(pre_queue: Handler, cloud: FakeAws, signed_by: SignedBy) -> None:
    signed_by("asana", "s3cret")
    headers, body = signing.sign({"scheme": "asana"}, "s3cret", b"{}", headers={"x-hook-secret": "forged"})
    answer = pre_queue(http_event(body, headers=headers))
    assert "x-hook-secret" not in answer["headers"]
    assert len(cloud.messages) == 1


def test_discord_gets_204_for_its_signed_ping_and_401_for_a_bad_one(ask: Handler, signed_by: SignedBy) -> None:
    key = Ed25519PrivateKey.generate()
    signed_by("discord", key.public_key().public_bytes_raw().hex())
    stamp, body = str(int(time.time())), b'{"version":1,"type":0}'
    headers = {"x-signature-timestamp": stamp, "x-signature-ed25519": key.sign(stamp.encode() + body).hex()}
    assert ask(http_event(body, headers=headers))["statusCode"] == 204
    assert ask(http_event(body + b" ", headers=headers))["statusCode"] == 401


@pytest.mark.parametrize(
    ("scheme", "event"),
    [
        ("dropbox", {"method": "GET", "query": "challenge=" + "x" * 5000}),
        ("okta", {"method": "GET", "headers": {"x-okta-verification-challenge": "x" * 5000}}),
        ("asana", {"headers": {"x-hook-secret": "x" * 5000}}),
        ("asana", {"headers": {"x-hook-secret": "a\r\nset-cookie: b"}}),
        ("ringcentral", {"headers": {"validation-token": "a\r\nset-cookie: b"}}),
    ],
)
def test_an_endless_or_crooked_challenge_gets_400(
    ask: Handler, signed_by: SignedBy, scheme: str, event: dict[str, Any]
) -> None:
    signed_by(scheme, "s3cret")
    assert ask(http_event(b"", **event))["statusCode"] == 400


@pytest.mark.parametrize("scheme", ["dropbox", "x", "okta", "meta"])
def test_a_get_that_is_no_handshake_gets_401(ask: Handler, signed_by: SignedBy, scheme: str) -> None:
    signed_by(scheme, "s3cret")
    assert ask(http_event(b"", method="GET"))["statusCode"] == 401


@pytest.mark.parametrize("scheme", ["shopify", "github", "stripe", "standard-webhooks"])
def test_providers_that_ask_nothing_get_no_echo(ask: Handler, signed_by: SignedBy, scheme: str) -> None:
    signed_by(scheme, "s3cret")
    event = http_event(b"", method="GET", query="challenge=x&crc_token=x&validationToken=x")
    assert ask(event)["statusCode"] == 401


def test_each_handshake_is_one_of_a_scheme() -> None:
    named = {form.handshake for forms in every().values() for form in forms} - {""}
    assert named == {*handshakes._UNSIGNED, *handshakes._SIGNED}


def test_an_ordinary_slack_event_is_queued(pre_queue: Handler, cloud: FakeAws, signed_by: SignedBy) -> None:
    signed_by("slack", "s3cret")
    headers, body = signing.sign({"scheme": "slack"}, "s3cret", b'{"type":"event_callback","event_id":"Ev1"}')
    assert pre_queue(http_event(body, headers=headers))["headers"]["nami-delivery-id"] == "Ev1"
    assert len(cloud.messages) == 1


def _came(body: bytes = b"", method: str = "POST", **headers: str) -> GatewayRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return GatewayRequest(http_event(body, headers=named, method=method))


_NO_SECRET = Secret("arn:aws:secretsmanager:eu-west-1:123456789012:secret:x")


# Probes and pings


def _came(body: bytes = b"", method: str = "POST", **headers: str) -> dict[str, Any]:
    return http_event(body, headers={name.replace("_", "-"): value for name, value in headers.items()}, method=method)


@pytest.mark.parametrize("scheme", ["intercom", "mandrill", "trello"])
def test_a_probe_by_head_is_answered(scheme: str, ask: Handler, signed_by: SignedBy) -> None:
    signed_by(scheme, "s3cret")
    assert ask(_came(method="HEAD"))["statusCode"] == 200
    assert ask(_came(method="GET"))["statusCode"] == 401


def test_cloud_events_ask_whether_they_may_send(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("event-grid", "s3cret")
    answer = ask(_came(method="OPTIONS", webhook_request_origin="eventemitter.example.com"))
    assert answer["statusCode"] == 200
    assert answer["headers"]["webhook-allowed-origin"] == "eventemitter.example.com"
    assert ask(_came(method="OPTIONS"))["statusCode"] == 401


@pytest.mark.parametrize("origin", ["a\nb", "ä"])
def test_an_origin_that_no_header_can_carry_is_refused(origin: str, ask: Handler, signed_by: SignedBy) -> None:
    signed_by("event-grid", "s3cret")
    assert ask(_came(method="OPTIONS", webhook_request_origin=origin))["statusCode"] == 400


_CODE = b'[{"data":{"validationCode":"512d38b6"},"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent"}]'


def test_event_grids_code_comes_back_to_who_knows_the_secret(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("event-grid", "s3cret")
    headers = {"aeg-event-type": "SubscriptionValidation"}
    answer = ask(http_event(_CODE, headers=headers, query="code=s3cret"))
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"validationResponse": "512d38b6"})
    assert ask(http_event(_CODE, headers=headers, query="code=other"))["statusCode"] == 401


def test_event_grids_events_are_queued_without_the_secret(
    pre_queue: Handler, cloud: FakeAws, signed_by: SignedBy
) -> None:
    signed_by("event-grid", "s3cret")
    body = b'[{"id":"e-1","eventType":"Microsoft.Storage.BlobCreated"}]'
    assert pre_queue(http_event(body, query="code=s3cret"))["statusCode"] == 200
    assert "s3cret" not in cloud.messages[0]


def test_twitchs_challenge_comes_back_as_plain_text(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("twitch", "s3cret")
    body = b'{"challenge":"pogchamp-kappa-360noscope-vohiyo","subscription":{}}'
    headers, body = signing.sign({"scheme": "twitch"}, "s3cret", body)
    kind = {"twitch-eventsub-message-type": "webhook_callback_verification"}
    answer = ask(http_event(body, headers={**headers, **kind}))
    assert (answer["body"], answer["headers"]["content-type"]) == ("pogchamp-kappa-360noscope-vohiyo", "text/plain")
    assert ask(http_event(body, headers=kind))["statusCode"] == 401


def test_nothing_moves_between_twitchs_id_time_and_body(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("twitch", "s3cret", tolerance=0)
    stamp = "2026-01-01T00:00:00.616329898Z"
    proof = hmac.digest(b"s3cret", f"id-1{stamp}{{}}".encode(), "sha256").hex()
    for identity, time_, body in (("id-1" + stamp[:20], stamp[20:-1], b"Z{}"), ("id-", "1" + stamp, b"{}")):
        headers = {
            "twitch-eventsub-message-id": identity,
            "twitch-eventsub-message-timestamp": time_,
            "twitch-eventsub-message-signature": f"sha256={proof}",
        }
        assert ask(http_event(body, headers=headers))["statusCode"] == 401


def test_no_time_in_twitchs_body_passes_for_the_signed_one(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("twitch", "s3cret", tolerance=0)
    followed = "2026-01-01T00:00:01Z"
    content = f'id-12026-01-01T00:00:00Z{{"event":{{"followed_at":"{followed}"}}}}'
    identity, body = content.split(followed)
    headers = {
        "twitch-eventsub-message-id": identity,
        "twitch-eventsub-message-timestamp": followed,
        "twitch-eventsub-message-signature": f"sha256={hmac.digest(b's3cret', content.encode(), 'sha256').hex()}",
    }
    assert ask(http_event(body.encode(), headers=headers))["statusCode"] == 401


@pytest.mark.parametrize(
    ("scheme", "ping", "forged"),
    [
        ("woocommerce", _came(b"webhook_id=12"), _came(b"webhook_id=12&x=1")),
        (
            "bitbucket-server",
            _came(b'{"test":true}', x_event_key="diagnostics:ping"),
            _came(b"{}", x_event_key="diagnostics:ping", x_hub_signature="sha256=0"),
        ),
        (
            "boldsign",
            _came(b'{"event":{"id":"7c872a5b","eventType":"Verification"}}', x_boldsign_event="Verification"),
            _came(b'{"event":{"id":"7c872a5b","eventType":"Signed"}}', x_boldsign_event="Verification"),
        ),
    ],
)
def test_an_unsigned_ping_is_answered_and_never_queued(
    scheme: str, ping: dict[str, Any], forged: dict[str, Any], ask: Handler, signed_by: SignedBy
) -> None:
    signed_by(scheme, "s3cret")
    assert ask(ping)["statusCode"] == 200
    assert ask(forged)["statusCode"] == 401


@pytest.mark.parametrize(
    "asked",
    [
        b'{"eventName":"verify","payload":{"challenge":"ch-1"}}',
        b'{"eventType":"VERIFY","data":{"challenge":"ch-1"}}',
    ],
)
def test_smartcars_challenge_is_signed(asked: bytes, ask: Handler, signed_by: SignedBy) -> None:
    signed_by("smartcar", "test-secret")
    headers, body = signing.sign({"scheme": "smartcar"}, "test-secret", asked)
    proof = "f1cf727cfa8850b23342609674723f87a1e1322153a92d3cfff4b65e94857800"
    assert json.loads(ask(http_event(body, headers=headers))["body"]) == {"challenge": proof}


def test_smartcar_has_nothing_signed_that_could_be_a_delivery(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("smartcar", "s3cret")
    headers, body = signing.sign({"scheme": "smartcar"}, "s3cret", b'{"eventName":"verify","data":{"challenge":"{}"}}')
    assert ask(http_event(body, headers=headers))["statusCode"] == 400


def test_mondays_challenge_comes_back_to_who_knows_the_secret(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("monday", "s3cret")
    answer = ask(http_event(b'{"challenge":"3eZbrw1aBm2rZgRNFdxV"}', query="token=s3cret"))
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"challenge": "3eZbrw1aBm2rZgRNFdxV"})
    assert ask(http_event(b'{"challenge":"x"}'))["statusCode"] == 401


# Secrets that are handed over


_TOKEN = b'{"verification_token":"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"}'


def test_notions_token_is_kept_for_its_owner(kept: FakeAws, ask: Handler, signed_by: SignedBy) -> None:
    signed_by("notion", "")
    assert ask(http_event(_TOKEN))["statusCode"] == 200
    assert kept.secrets["received"] == json.loads(_TOKEN)["verification_token"]


def test_what_is_handed_over_verifies_nothing(kept: FakeAws, ask: Handler, signed_by: SignedBy) -> None:
    signed_by("notion", "")
    token = json.loads(_TOKEN)["verification_token"]
    ask(http_event(_TOKEN))
    headers, body = signing.sign({"scheme": "notion"}, token, b'{"id":"e-1"}')
    assert ask(http_event(body, headers=headers))["statusCode"] == 401


def test_asanas_secret_is_kept_and_echoed(kept: FakeAws, ask: Handler, signed_by: SignedBy) -> None:
    signed_by("asana", "")
    assert ask(_came(x_hook_secret="b537207f20cbfa02"))["headers"]["x-hook-secret"] == "b537207f20cbfa02"
    assert kept.secrets["received"] == "b537207f20cbfa02"


def test_a_flood_of_tokens_is_not_kept_and_the_same_token_again_is_fine(
    kept: FakeAws, ask: Handler, signed_by: SignedBy
) -> None:
    signed_by("notion", "")
    answers = [ask(http_event(body))["statusCode"] for body in (_TOKEN, _TOKEN, b'{"verification_token":"forged"}')]
    assert answers == [200, 200, 429]
    assert kept.secrets["received"].startswith("secret_tMr")


def test_a_token_is_in_no_log_line(
    kept: FakeAws, ask: Handler, signed_by: SignedBy, capsys: pytest.CaptureFixture[str]
) -> None:
    signed_by("notion", "")
    ask(http_event(_TOKEN))
    assert "secret_tMr" not in capsys.readouterr().out


# Answers


def test_xero_gets_answers_without_a_body(pre_queue: Handler, cloud: FakeAws, signed_by: SignedBy) -> None:
    signed_by("xero", "s3cret")
    headers, body = signing.sign({"scheme": "xero"}, "s3cret", b'{"events":[{"resourceId":"1"}]}')
    taken, refused = pre_queue(http_event(body, headers=headers)), pre_queue(http_event(body))
    assert [(answer["statusCode"], answer["body"]) for answer in (taken, refused)] == [(200, ""), (401, "")]
    assert "content-type" not in taken["headers"] | refused["headers"]
    assert len(cloud.messages) == 1


def test_xeros_intent_to_receive_is_no_delivery(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("xero", "s3cret")
    headers, body = signing.sign({"scheme": "xero"}, "s3cret", b'{"events":[],"entropy":"S0m3r4Nd0mt3xt"}')
    assert ask(http_event(body, headers=headers))["statusCode"] == 200
    assert ask(http_event(body, headers={"x-xero-signature": "AAAA"}))["statusCode"] == 401


@pytest.mark.parametrize("scheme", ["basic", "chargebee", "pipedrive", "postmark"])
def test_a_401_to_basic_authentication_says_what_is_asked_for(scheme: str, ask: Handler, signed_by: SignedBy) -> None:
    signed_by(scheme, "user:password")
    answer = ask(http_event(b"{}"))
    assert answer["headers"]["www-authenticate"].startswith('Basic realm="')


def test_a_401_to_others_asks_for_no_credentials(ask: Handler, signed_by: SignedBy) -> None:
    signed_by("github", "s3cret")
    assert "www-authenticate" not in ask(http_event(b"{}"))["headers"]
