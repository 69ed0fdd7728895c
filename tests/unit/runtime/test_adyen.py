"""Adyen's standard webhooks: published signatures, and those that its own library makes and takes."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from Adyen.util import generate_notification_sig, is_valid_hmac_notification
from hypothesis import given
from hypothesis import strategies as st

from nami_control import samples, signing
from nami_runtime import envelope, signatures
from nami_runtime.request import Refused, Request
from nami_runtime.signatures import adyen
from tests.unit.runtime.conftest import FakeAws, http_event
from tests.unit.runtime.own_vectors import ADYEN as PUBLISHED
from tests.unit.runtime.own_vectors import ADYEN_KEY as KEY

Handler = Callable[[dict[str, Any]], dict[str, Any]]


def body(*items: dict[str, Any]) -> bytes:
    listed = [{"NotificationRequestItem": item} for item in items]
    return json.dumps({"live": "false", "notificationItems": listed}).encode()


def signed(**fields: Any) -> dict[str, Any]:
    """A notification, signed by Adyen's library."""
    item = {**copy.deepcopy(PUBLISHED["plain"][1]), **fields}
    item["additionalData"] = {"hmacSignature": generate_notification_sig(item, KEY).decode()}
    return item


def verified(content: bytes, *secrets: str) -> str | None:
    (form,) = signatures.configured({"scheme": "adyen"})
    request = Request("POST", headers={}, body=content, request_id="-")
    try:
        return form.verify(request, secrets or (KEY,), 0)
    except Refused:
        return None


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_signature_is_accepted(
    pre_queue: Handler, cloud: FakeAws, signed_by: Callable[..., None], name: str
) -> None:
    key, item = PUBLISHED[name]
    signed_by("adyen", key)
    answer = pre_queue(http_event(body(item)))
    assert answer["statusCode"] == 200
    assert answer["headers"]["nami-delivery-id"].startswith(item["pspReference"])
    assert envelope.read(cloud.messages[0]).verified == "adyen"


def test_what_its_library_signs_is_accepted() -> None:
    assert verified(body(signed(originalReference="8313547924770610", eventCode="CAPTURE"))) == KEY


def test_its_library_takes_what_nami_signs() -> None:
    _, sent = signing.sign({"scheme": "adyen"}, KEY, json.dumps(samples.sample("adyen")).encode())
    assert is_valid_hmac_notification(json.loads(sent), KEY)
    assert verified(sent) == KEY


def test_each_of_several_notifications_must_fit() -> None:
    first, second = signed(), signed(eventCode="CAPTURE")
    assert verified(body(first, second)) == KEY
    assert verified(body(first, {**second, "success": "false"})) is None
    assert verified(body(first, {**second, "additionalData": {}})) is None
    assert verified(json.dumps({"notificationItems": [{"NotificationRequestItem": first}, {}]}).encode()) is None


def test_any_secret_of_a_list_fits() -> None:
    assert verified(body(signed()), "no hex", "00ff", KEY) == KEY
    assert verified(body(signed()), "no hex", "00ff") is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"1", b'{"notificationItems":7}', b'{"notificationItems":"x"}'])
def test_what_is_no_notification_is_refused(content: bytes) -> None:
    assert verified(content) is None


@given(st.sampled_from(adyen.FIELDS), st.text(max_size=20) | st.integers())
def test_any_signed_field_changed_is_refused(name: str, value: str | int) -> None:
    item = signed(originalReference="8313547924770610")
    parent, _, last = name.rpartition(".")
    target = item[parent] if parent else item
    if str(value) != str(target[last]):
        target[last] = value
        assert verified(body(item)) is None


def test_no_colon_moves_between_the_fields() -> None:
    genuine = signed(merchantReference="a:1:EUR:CANCELLATION:true")
    assert verified(body(genuine)) == KEY
    moved = {**genuine, "merchantReference": "a", "amount": {"value": 1, "currency": "EUR"}}
    moved |= {"eventCode": "CANCELLATION", "success": "true:1130:EUR:AUTHORISATION:true"}
    assert verified(body(moved)) is None


def test_other_body_under_the_same_reference_is_another_delivery() -> None:
    (form,) = signatures.configured({"scheme": "adyen"})
    ids = {
        form.delivery_id(Request("POST", headers={}, body=body(signed(reason=reason)), request_id="-"))
        for reason in ("1", "2")
    }
    assert len(ids) == 2
