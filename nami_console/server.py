"""Serves the console on 127.0.0.1 until it is told to end."""

import errno
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from nami_console import app
from nami_console.site import Site
from nami_control.errors import PortInUseError

_ADDRESS = "127.0.0.1"
_PATIENCE = 1  # seconds that open pages get to end


def serve(site: Site, port: int | None, ready: Callable[[str], object]) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        port: any free one where None.
        ready: is given the URL that opens the console once.

    Raises:
        PortInUseError: another program listens on the port.
        KeyboardInterrupt: it was ended by Ctrl-C.
    """
    with _server(site, port) as (server, listening, url):
        ready(url)
        server.run([listening])


@contextmanager
def beside(site: Site, port: int | None = None) -> Iterator[str]:
    """The URL of a console that is served by a thread of its own, beside what is done meanwhile."""
    with _server(site, port) as (server, listening, url):
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield url
        finally:
            server.should_exit = True
            thread.join(_PATIENCE + 5)


@contextmanager
def _server(site: Site, port: int | None) -> Iterator[tuple[Any, socket.socket, str]]:
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((_ADDRESS, port or 0))
            listening.listen()  # from now on a browser waits, also before the server is ready
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise PortInUseError(f"port {port} is in use by another program; choose another with --port") from None
        there = listening.getsockname()[1]
        config = uvicorn.Config(
            app.make(site, there),
            log_level="error",
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=_PATIENCE,
        )
        try:
            yield uvicorn.Server(config), listening, f"http://{_ADDRESS}:{there}/?token={site.keys.entry}"
        finally:
            site.close()
