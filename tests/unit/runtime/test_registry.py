"""Which destination the post-queue function writes to."""

import time

import pytest

from nami_runtime import destinations
from nami_runtime.destinations.mongo import Mongo
from tests.unit.runtime.conftest import MONGO_SECRET, FakeAws


@pytest.mark.parametrize("name", ["", "mysql", "../batch", "mongo.secret", "__init__x"])
def test_unknown_destination_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("DESTINATION", name)
    with pytest.raises(ValueError, match="unknown DESTINATION"):
        destinations.from_environment()


def test_mongo_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DESTINATION", raising=False)
    assert isinstance(destinations.from_environment(), Mongo)


def test_secret_of_an_existing_database_without_a_uri_is_told(cloud: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MONGO_HOST")
    cloud.secrets[MONGO_SECRET] = '{"password": "x"}'
    (reason,) = Mongo().write([{"_id": "evt_1"}], time.monotonic() + 5)
    assert reason == "MongoDB away: its secret can't be used: it has no uri"
