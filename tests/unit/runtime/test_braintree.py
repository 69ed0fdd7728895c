"""Braintree: a notification and the answer to a challenge as its own library makes them."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nami_control import signing
from nami_runtime import envelope, signatures
from nami_runtime.request import Refused, Request
from nami_runtime.signatures import braintree
from tests.unit.runtime.conftest import FakeAws, http_event
from tests.unit.runtime.own_vectors import BRAINTREE_PAYLOAD as PAYLOAD
from tests.unit.runtime.own_vectors import BRAINTREE_SECRET as SECRET
from tests.unit.runtime.own_vectors import BRAINTREE_SIGNATURE as SIGNATURE
from tests.unit.runtime.own_vectors import FORM

Handler = Callable[[dict[str, Any]], dict[str, Any]]

# braintree_python's own test: webhook_notification.verify(CHALLENGE)
CHALLENGE, ANSWER = (
    "20f9f8ed05f77439fe955c977e4c8a53",
    "integration_public_key|d9b899556c966b3f06945ec21311865d35df3ce4",
)


def verified(given: str = SIGNATURE, payload: str = PAYLOAD, *secrets: str, **more: str) -> bool:
    (form,) = signatures.configured({"scheme": "braintree"})
    body = urlencode({"bt_signature": given, "bt_payload": payload, **more}).encode()
    try:
        return (
            form.verify(Request("POST", headers=FORM, body=body, request_id="-"), secrets or (SECRET,), 0) is not None
        )
    except Refused:
        return False


def test_notification_of_its_library_is_accepted_and_stored_once(
    pre_queue: Handler, cloud: FakeAws, signed_by: Callable[..., None]
) -> None:
    signed_by("braintree", SECRET)
    body = urlencode({"bt_signature": SIGNATURE, "bt_payload": PAYLOAD}).encode()
    answers = [pre_queue(http_event(body, headers=FORM, query=query)) for query in ("", "a=b")]
    assert [answer["statusCode"] for answer in answers] == [200, 200]
    assert len({answer["headers"]["nami-delivery-id"] for answer in answers}) == 1
    assert envelope.read(cloud.messages[0]).verified == "braintree"


def test_end_of_the_payloads_last_line_may_be_lost() -> None:
    assert verified(payload=PAYLOAD.removesuffix("\n"))


def test_signature_of_another_of_its_readers_does_not_count() -> None:
    digest = SIGNATURE.partition("|")[2]
    assert verified(f"other|00&{SIGNATURE}")
    assert not verified(f"other|{digest}")
    assert not verified(f"integration_public_key|{digest}0")
    assert not verified(digest)
    assert not verified("")


def test_another_key_is_refused_and_one_of_several_found() -> None:
    assert verified(SIGNATURE, PAYLOAD, "a:b", SECRET)
    assert not verified(SIGNATURE, PAYLOAD, "integration_public_key:other", "integration_public_key")


def test_without_a_private_key_nothing_is_proven() -> None:
    known = braintree.signature("", PAYLOAD)
    assert not verified(f"key|{known}", PAYLOAD, "key", "key:")


@given(st.integers(0, len(PAYLOAD) - 1), st.characters(codec="ascii"))
def test_any_character_of_the_payload_changed_is_refused(place: int, other: str) -> None:
    if other != PAYLOAD[place]:
        assert not verified(payload=PAYLOAD[:place] + other + PAYLOAD[place + 1 :])


def test_what_nami_sends_is_accepted() -> None:
    headers, body = signing.sign({"scheme": "braintree"}, SECRET, b"<notification/>")
    (form,) = signatures.configured({"scheme": "braintree"})
    assert form.verify(Request("POST", headers=headers, body=body, request_id="-"), [SECRET], 0) == SECRET


def test_challenge_is_answered_as_its_library_answers(
    pre_queue: Handler, cloud: FakeAws, signed_by: Callable[..., None]
) -> None:
    signed_by("braintree", SECRET)
    answer = pre_queue(http_event(b"", method="GET", query=f"bt_challenge={CHALLENGE}"))
    assert (answer["statusCode"], answer["body"], cloud.messages) == (200, ANSWER, [])


@pytest.mark.parametrize("challenge", ["", "PG5vdGlmaWNhdGlvbi8+", "a" * 19, "a" * 33, f"{'a' * 20}%0a", "A" * 20])
def test_what_is_no_challenge_is_not_signed(pre_queue: Handler, signed_by: Callable[..., None], challenge: str) -> None:
    signed_by("braintree", SECRET)
    assert pre_queue(http_event(b"", method="GET", query=f"bt_challenge={challenge}"))["statusCode"] in (400, 401)


def test_signature_of_a_challenge_proves_no_notification() -> None:
    assert not verified(ANSWER, CHALLENGE)
    assert not verified(ANSWER, CHALLENGE + "\n")
