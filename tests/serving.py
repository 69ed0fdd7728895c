"""An HTTP server in a thread, which ends at once."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Answers from its making until `end`, on the loopback.

    `serve_forever` looks only every so often whether it should end: half of what thousands of tests take, each with a
    server of its own.
    """

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self._ended = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._ended:
            self.handle_request()

    def end(self) -> None:
        """Listen no longer; what is being answered goes on. A second time nothing happens."""
        if self._ended:
            return
        self._ended = True
        self.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for a connection
        self._thread.join()
        self.server_close()
