"""A stored webhook is posted as it came, and what a developer's server does wrong is told in one line."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from nami_control import posting
from nami_control.errors import UsageError
from nami_control.posting import Poster
from tests.backend.server import Backend
from tests.unit.cli.test_replaying import document


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend() as backend:
        yield backend


def webhook(**headers: str) -> dict[str, Any]:
    return document("evt_1", body=b"exact  bytes\x00", query="a=1&b=%20") | {"headers": headers}


def test_webhook_arrives_as_it_came(backend: Backend) -> None:
    given = {"x-signature": "t=1,v1=abc", "content-type": "text/plain", "cookie": "a=ö", "accept-encoding": "br"}
    posted = Poster(backend.url).post(webhook(**given, host="shop.example", connection="x-hop", **{"x-hop": "1"}))
    (got,) = backend.received
    assert (posted.status, posted.ok, got.method, got.body) == (200, True, "POST", b"exact  bytes\x00")
    assert got.target == "/hooks?a=1&b=%20"
    assert {name: got.headers[name] for name in ("x-signature", "content-type", "accept-encoding")} == {
        name: given[name] for name in ("x-signature", "content-type", "accept-encoding")
    }
    assert got.headers["cookie"].encode("latin-1").decode() == "a=ö"
    assert got.headers["nami-delivery-id"] == "evt_1"
    assert got.headers["host"] == f"127.0.0.1:{backend.port}"
    assert "x-hop" not in got.headers


def test_header_can_not_become_another(backend: Backend) -> None:
    Poster(backend.url).post(webhook(**{"x-a": "1\r\nx-b: 2", "x c": "3"}))
    (got,) = backend.received
    assert got.headers["x-a"] == "1  x-b: 2"
    assert "x-b" not in got.headers


def test_body_of_6_mb_arrives(backend: Backend) -> None:
    body = b"x" * 6 * 1024 * 1024
    assert Poster(backend.url).post(webhook() | {"raw": body}).ok
    assert backend.received[0].body == body


def test_500_is_a_status(backend: Backend) -> None:
    posted = Poster(backend.url).post(webhook(**{"backend-status": "500"}))
    assert (posted.status, posted.ok) == (500, False)


def test_each_webhook_has_a_connection_of_its_own() -> None:
    # As of a server that ends each after its answer, says nothing of it, and is slow to.
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                connection.recv(1)
                connection.close()

        answering = threading.Thread(target=serve, daemon=True)
        answering.start()
        poster = Poster(f"http://127.0.0.1:{server.getsockname()[1]}/hook")
        assert [poster.post(webhook()).reason for _ in range(2)] == ["", ""]
        answering.join(5)
        assert not answering.is_alive()


def test_redirect_is_a_status_and_not_followed(backend: Backend) -> None:
    posted = Poster(backend.url).post(webhook(**{"backend-status": "302", "backend-location": "/elsewhere"}))
    assert posted.status == 302
    assert len(backend.received) == 1


def test_slow_server_is_waited_for_no_longer_than_a_gateway_would(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "ANSWERS_WITHIN", 0.2)
    posted = Poster(backend.url).post(webhook(**{"backend-delay": "1"}))
    assert (posted.status, posted.reason) == (None, "no answer within 0.2 s")


def test_server_that_is_away_is_told() -> None:
    with socket.socket() as taken:  # and nobody listens
        taken.bind(("127.0.0.1", 0))
        posted = Poster(f"http://127.0.0.1:{taken.getsockname()[1]}/hook").post(webhook())
    assert (posted.status, posted.reason) == (None, "nothing listens there")


def test_connection_that_ends_without_an_answer_is_told(backend: Backend) -> None:
    posted = Poster(backend.url).post(webhook(**{"backend-fault": "drop"}))
    assert posted.status is None
    assert posted.reason


@pytest.mark.parametrize("url", ["localhost:3000", "/hook", "ftp://localhost/x", "http://"])
def test_what_is_no_url_is_told(url: str) -> None:
    with pytest.raises(UsageError, match="is no URL; give one such as http://localhost:3000/webhooks"):
        Poster(url)
