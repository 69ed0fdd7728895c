"""A kept connection: what came before a request is no answer to it, and a deadline is one for all addresses."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from time import monotonic, sleep

import pytest

from nami_runtime.connection import Connection

REQUEST = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"


def answer(text: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-length: {len(text)}\r\n\r\n{text}".encode()


Serve = Callable[[Callable[[int], list[bytes]]], Connection]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server whose n-th connection answers each request with what is given for n."""
    listening = socket.create_server(("127.0.0.1", 0))
    accepted: list[socket.socket] = []

    def serve_it(answers: Callable[[int], list[bytes]]) -> Connection:
        def take() -> None:
            while True:
                try:
                    connected, _ = listening.accept()
                except OSError:
                    return
                accepted.append(connected)
                threading.Thread(target=talk, args=(connected, len(accepted)), daemon=True).start()

        def talk(connected: socket.socket, number: int) -> None:
            with contextlib.suppress(OSError):  # the test has closed it
                while connected.recv(65_536):
                    for part in answers(number):
                        connected.sendall(part)
                        sleep(0.05)

        threading.Thread(target=take, daemon=True).start()
        return Connection(f"http://127.0.0.1:{listening.getsockname()[1]}")

    yield serve_it
    listening.close()
    for each in accepted:
        each.close()


def said(connection: Connection) -> bytes:
    return connection.exchange(REQUEST, b"", monotonic() + 5)[1]


@pytest.mark.parametrize(
    "first", [[answer("of 1"), answer("stale")], [answer("of 1") + answer("stale")]], ids=["later", "at once"]
)
def test_answer_that_nobody_asked_for_is_not_taken_for_the_next(serve: Serve, first: list[bytes]) -> None:
    connection = serve(lambda number: first if number == 1 else [answer(f"of {number}")])
    assert said(connection) == b"of 1"
    sleep(0.2)
    assert said(connection) == b"of 2"


def test_quiet_connection_is_kept(serve: Serve) -> None:
    connection = serve(lambda number: [answer(f"of {number}")])
    assert [said(connection) for _ in range(3)] == [b"of 1"] * 3


@pytest.mark.parametrize("options", ["close", "Close", "keep-alive, close"])
def test_connection_is_not_used_again_once_the_other_side_said_close(serve: Serve, options: str) -> None:
    """It may well leave it open for a while, and answers nothing on it."""
    closing = f"HTTP/1.1 200 OK\r\nConnection: {options}\r\nContent-Length: 4\r\n\r\nof 1".encode()
    connection = serve(lambda number: [closing] if number == 1 else [answer(f"of {number}")])
    assert [said(connection) for _ in range(3)] == [b"of 1", b"of 2", b"of 2"]


def test_silent_addresses_share_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = ("198.51.100.1", 443)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", silent)] * 4
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    waited: list[float] = []

    class Silent(socket.socket):
        def connect(self, _address: object) -> None:
            waited.append(self.gettimeout() or 0.0)
            raise TimeoutError

    monkeypatch.setattr(socket, "socket", Silent)
    with pytest.raises(TimeoutError):
        Connection("https://sqs.eu-west-1.amazonaws.com").connect(monotonic() + 2)
    assert len(waited) == 4
    assert max(waited) <= 2.0
    assert waited[0] == pytest.approx(0.5, abs=0.1)


def test_address_behind_a_silent_one_is_reached(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = serve(lambda number: [answer(f"of {number}")])
    real = socket.getaddrinfo("127.0.0.1", connection._port, type=socket.SOCK_STREAM)
    refused = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [refused, *real])
    assert said(connection) == b"of 1"
