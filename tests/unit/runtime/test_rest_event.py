"""A webhook that came through a REST API is the same webhook."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from nami_runtime.request import GatewayRequest, Refused
from tests.unit.runtime.conftest import EVENTS, FakeAws

Handler = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture
def event() -> dict[str, Any]:
    return dict(json.loads((EVENTS / "rest_api_post.json").read_text()))


def test_body_is_the_exact_bytes(event: dict[str, Any]) -> None:
    assert GatewayRequest(event).body == b'{"id":820982911946154508,"email":"jon@example.com"}'


def test_delivery_id_is_the_one_that_no_client_can_choose(event: dict[str, Any]) -> None:
    assert GatewayRequest(event).delivery_id == "JKJaXFPLvHcEJPw="


def test_repeated_header_keeps_all_its_values(event: dict[str, Any]) -> None:
    headers = GatewayRequest(event).headers
    assert headers["x-tag"] == "first,second"
    assert headers["x-shopify-topic"] == "orders/create"


def test_cookies_are_joined_as_cookies(event: dict[str, Any]) -> None:
    event["multiValueHeaders"]["Cookie"] = ["a=1", "b=2"]
    assert GatewayRequest(event).headers["cookie"] == "a=1; b=2"


def test_query_is_encoded_again_with_all_its_values(event: dict[str, Any]) -> None:
    assert GatewayRequest(event).query == "shop=first%20one&shop=second&empty="


def test_path_is_what_the_producer_called(event: dict[str, Any]) -> None:
    request = GatewayRequest(event)
    assert (request.method, request.path, request.source_ip) == ("POST", "/live/nami/shopify", "203.0.113.7")
    assert (request.received_at, request.domain.partition(".")[0]) == (1700000000000, "a1b2c3d4e5")


def test_body_may_be_absent(event: dict[str, Any]) -> None:
    event |= {"body": None, "isBase64Encoded": False}
    assert GatewayRequest(event).body == b""


def test_webhook_is_queued_and_answered(event: dict[str, Any], pre_queue: Handler, cloud: FakeAws) -> None:
    answer = pre_queue(event)
    assert (answer["statusCode"], answer["headers"]["nami-delivery-id"]) == (200, "JKJaXFPLvHcEJPw=")
    assert json.loads(cloud.messages[0])["body"].startswith('{"id":82098')


@pytest.mark.parametrize("missing", ["path", "httpMethod", "identity", "extendedRequestId"])
def test_event_that_lacks_something_is_400(event: dict[str, Any], missing: str) -> None:
    event = copy.deepcopy(event)
    del event["requestContext"][missing]
    with pytest.raises(Refused) as refused:
        GatewayRequest(event)
    assert refused.value.status == 400
