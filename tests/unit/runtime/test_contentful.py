"""What Contentful's signature covers: the headers that the request lists, each of which must end where it ends."""

import pytest

from nami_control import signing
from nami_runtime import signatures
from nami_runtime.request import GatewayRequest, Refused
from tests.unit.runtime.conftest import http_event

SECRET = "0123456789abcdef" * 4
SETTING = {"scheme": "contentful"}
NOW = 1_700_000_000.0


def _proven(changed: dict[str, str], **sent: str) -> bool:
    """Whether a request that was signed with `sent` is proven once `changed` took the place of its headers."""
    headers, body = signing.sign(SETTING, SECRET, b"{}", headers=sent, url="https://example.com/nami/x", now=NOW)
    event = http_event(body, headers={**headers, **changed}, path="/nami/x")
    (form,) = signatures.configured(SETTING)
    return form.verify(GatewayRequest(event), [SECRET], NOW) == SECRET


def test_a_header_that_is_listed_is_signed_and_another_is_not() -> None:
    sent = {"x-contentful-topic": "Entry.publish"}
    assert _proven({}, **sent)
    assert _proven({"x-other": "1"}, **sent)
    assert not _proven({"x-contentful-topic": "Entry.delete"}, **sent)


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(Refused, match="no x-contentful-signed-headers"):
        _proven({"x-contentful-signed-headers": ""}, a="1")


def test_a_value_that_could_be_two_headers_is_refused() -> None:
    with pytest.raises(ValueError, match="no telling where a header ends"):
        _proven({}, a="1;b:2", b="3")
