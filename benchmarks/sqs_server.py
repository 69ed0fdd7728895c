"""Answers as SQS and Secrets Manager do, as cheaply as Python can; prints its port and serves until killed."""

import hashlib
import json
import socket
import socketserver
import ssl
import sys

SECRET = "benchmark-secret"


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = b""
        while received := self.request.recv(1 << 20):
            data += received
            head, found, body = data.partition(b"\r\n\r\n")
            if not found:
                continue
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            if len(body) < int(fields[b"content-length"]):
                continue
            answer = json.dumps(_answer(json.loads(body))).encode()
            self.request.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(answer), answer))
            data = b""


def _answer(asked: dict[str, str]) -> dict[str, str]:
    if "SecretId" in asked:
        return {"SecretString": SECRET}
    digest = hashlib.md5(asked["MessageBody"].encode(), usedforsecurity=False).hexdigest()
    return {"MessageId": "6f0f8d3e-6e3c-4f4f-9a55-0f5f4d5f9a11", "MD5OfMessageBody": digest}


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def main() -> None:
    """Usage: python -m benchmarks.sqs_server [certificate.pem key.pem]."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if sys.argv[1:]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[1:])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
