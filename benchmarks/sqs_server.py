"""Answers as SQS and Secrets Manager do, as cheaply as Python can; prints its port and serves until killed.

While a client is connected it polls without sleeping: in a virtual machine, waking a sleeping process on another core
can cost the sender a tenth of a millisecond, and that is no part of what a client of AWS pays.

Usage: python -m benchmarks.sqs_server [certificate.pem key.pem]
"""

import contextlib
import hashlib
import json
import select
import socket
import ssl
import sys

SECRET = "benchmark-secret"


def main() -> None:
    """Serves all connections in one thread."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    context = None
    if sys.argv[1:]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[1:])
    print(listener.getsockname()[1], flush=True)
    connections: dict[int, socket.socket] = {}
    received: dict[int, bytes] = {}
    poller = select.poll()
    poller.register(listener, select.POLLIN)
    while True:
        for number, _ in poller.poll(0 if connections else None):
            if number == listener.fileno():
                connected = _accept(listener, context)
                if connected:
                    connections[connected.fileno()], received[connected.fileno()] = connected, b""
                    poller.register(connected, select.POLLIN)
                continue
            data = _read(connections[number])
            if data:
                received[number] = _serve(connections[number], received[number] + data)
            elif data is not None:
                poller.unregister(number)
                connections.pop(number).close()


def _accept(listener: socket.socket, context: ssl.SSLContext | None) -> socket.socket | None:
    connected, _ = listener.accept()
    connected.setblocking(True)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        secured = context.wrap_socket(connected, server_side=True) if context else connected
    except OSError:
        return None
    secured.setblocking(False)
    return secured


def _read(connected: socket.socket) -> bytes | None:
    """What has come, empty at the end, None where it is not whole yet."""
    data = b""
    with contextlib.suppress(ssl.SSLWantReadError, BlockingIOError):
        try:
            while part := connected.recv(65536):
                data += part
        except ConnectionError:
            return b""
        return data
    return data or None


def _serve(connected: socket.socket, data: bytes) -> bytes:
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return data
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    if len(body) < int(fields[b"content-length"]):
        return data
    answer = json.dumps(_answer(json.loads(body))).encode()
    connected.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(answer), answer))
    return b""


def _answer(asked: dict[str, str]) -> dict[str, str]:
    if "SecretId" in asked:
        return {"SecretString": SECRET}
    digest = hashlib.md5(asked["MessageBody"].encode(), usedforsecurity=False).hexdigest()
    return {"MessageId": "6f0f8d3e-6e3c-4f4f-9a55-0f5f4d5f9a11", "MD5OfMessageBody": digest}


if __name__ == "__main__":
    main()
