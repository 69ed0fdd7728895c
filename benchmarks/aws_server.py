"""Answers as AWS does where all is well, as cheaply as Python can; prints its port and serves until killed.

SQS, Secrets Manager, DynamoDB and EventBridge, as far as the functions call them; whatever names none of their actions
is a webhook that a backend takes. `GET /requests` tells how often each was called since the last time that was asked.

While a client is connected it polls without sleeping: in a virtual machine, waking a sleeping process on another core
can cost the sender a tenth of a millisecond, and that is no part of what a client of AWS pays.

Usage: python -m benchmarks.aws_server [certificate.pem key.pem]
"""

import contextlib
import hashlib
import json
import select
import socket
import ssl
import sys
from collections import Counter
from typing import Any

SECRET = "benchmark-secret"
secrets = {"signature": SECRET, "backend": "whsec_YmVuY2htYXJrLWJlbmNobWFyay1iZW5jaG1hcms="}
"""What Secrets Manager has, by the last part of the ARN; a URI is its own."""
calls: Counter[str] = Counter()


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
    if len(body) < int(fields.get(b"content-length", 0)):
        return data
    action = fields.get(b"x-amz-target", b"").rpartition(b".")[2].decode()
    if head.startswith(b"GET /requests "):
        answer = json.dumps(calls).encode()
        calls.clear()
    else:
        calls[action or "backend"] += 1
        answer = json.dumps(_answer(action, json.loads(body))).encode() if action else b"{}"
    connected.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(answer), answer))
    return b""


def _answer(action: str, asked: dict[str, Any]) -> dict[str, Any]:  # lower-cased, as the header is
    if action == "getsecretvalue":
        name = asked["SecretId"].rpartition(":")[2]
        return {"SecretString": secrets.get(name) or json.dumps({"uri": bytes.fromhex(name).decode()})}
    if action == "sendmessage":
        digest = hashlib.md5(asked["MessageBody"].encode(), usedforsecurity=False).hexdigest()
        return {"MessageId": "6f0f8d3e-6e3c-4f4f-9a55-0f5f4d5f9a11", "MD5OfMessageBody": digest}
    if action == "putevents":
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}] * len(asked["Entries"])}
    return {"UnprocessedItems": {}} if action == "batchwriteitem" else {}


if __name__ == "__main__":
    main()
