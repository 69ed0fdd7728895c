"""Only allowed source addresses get further."""

from collections.abc import Callable
from typing import Any

import pytest

from nami_runtime import sources
from nami_runtime.request import Refused
from tests.unit.runtime.conftest import FakeAws, http_event

Handler = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.mark.parametrize("address", ["198.51.100.0", "198.51.100.255", "2001:db8::1"])
def test_address_of_an_allowed_network_passes(address: str) -> None:
    sources.check(address, "198.51.100.0/24,2001:db8::/32")


@pytest.mark.parametrize("address", ["198.51.101.0", "2001:db9::1", "", "not an address", "198.51.100.1, 203.0.113.7"])
def test_any_other_is_refused(address: str) -> None:
    with pytest.raises(Refused) as refused:
        sources.check(address, "198.51.100.0/24,2001:db8::/32")
    assert refused.value.status == 403


def test_refused_address_is_answered_403_and_nothing_is_queued(
    pre_queue: Handler, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOWED_SOURCES", "198.51.100.0/24")
    answer = pre_queue(http_event())
    assert (answer["statusCode"], answer["body"]) == (403, '{"error": "forbidden"}')
    assert cloud.requests == []


def test_allowed_address_is_queued(pre_queue: Handler, cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_SOURCES", "203.0.113.0/24")
    assert pre_queue(http_event())["statusCode"] == 200
    assert len(cloud.messages) == 1
