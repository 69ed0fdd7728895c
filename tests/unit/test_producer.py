"""The fault test's sender: it changes its secret as providers do."""

import threading
from http.server import BaseHTTPRequestHandler

from proofs.faults.plan import Webhook
from proofs.faults.producer import Producer
from tests.serving import Server


def test_secret_has_changed_once_nothing_signed_with_the_former_is_under_way() -> None:
    came, answer = threading.Event(), threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.set()
            assert answer.wait(10)
            self.send_response(401)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = Server(Slow)
    producer = Producer(server.server_port, dict.fromkeys((False, True), "/"), "whsec_b2xk", 0)
    threads = [
        threading.Thread(target=producer.send, args=([Webhook(1, 0)], lambda: None)),
        threading.Thread(target=producer.change, args=("whsec_bmV3",)),
    ]
    threads[0].start()
    assert came.wait(10)
    threads[1].start()
    threads[1].join(0.1)
    assert threads[1].is_alive()
    answer.set()
    for each in threads:
        each.join(10)
        assert not each.is_alive()
    assert producer.secret == "whsec_bmV3"
    server.end()
