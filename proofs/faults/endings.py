"""What has become of webhooks at each destination, seen from outside."""

import base64
import hashlib
import json
import random
import threading
import time
from collections.abc import Collection, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

# Of its answers: one in so many goes wrong.
_FAULTS = ("500", "429", "reset before", "reset after", "late")
_SHARE = 0.02
_LATE_SECONDS = 1.5


class Ending(Protocol):
    """A destination: its name as commands take it, and what it has."""

    name: str

    def documents(self) -> Iterator[tuple[str, str]]:
        """(id, SHA-256 of the bytes) of each, in the order of arrival where it has one."""
        ...


class Mongo:
    """A collection of pymongo's."""

    name = "mongo"

    def __init__(self, collection: Any) -> None:
        self._collection = collection

    def documents(self) -> Iterator[tuple[str, str]]:
        for each in self._collection.find({}, {"raw": 1}):
            yield str(each["_id"]), hashlib.sha256(each["raw"]).hexdigest()


class Table:
    """A table of DynamoDB, and the bucket that has what its items have no room for."""

    name = "dynamodb"

    def __init__(self, dynamodb: Any, s3: Any, table: str) -> None:
        self._dynamodb, self._s3, self._table = dynamodb, s3, table

    def documents(self) -> Iterator[tuple[str, str]]:
        names = {"#raw": "raw"}
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table, ProjectionExpression="id, #raw, body_ref", ExpressionAttributeNames=names
        )
        for page in pages:
            for item in page["Items"]:
                yield item["id"]["S"], hashlib.sha256(self._raw(item)).hexdigest()

    def _raw(self, item: dict[str, Any]) -> bytes:
        if "raw" in item:
            return bytes(item["raw"]["B"])
        place = {name: next(iter(value.values())) for name, value in item["body_ref"]["M"].items()}
        return bytes(self._s3.get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read())


class Backend:
    """A backend of the user's, which fails now and then, and may be told of a webhook more than once.

    Args:
        seed: decides which requests it fails.
        transformed: whether it gets what a transform made, which has the bytes that came as `exact`.
        refused: the ids that it answers 500 for so many `seconds` after the first try, whatever becomes of others.
    """

    name = "http"

    def __init__(
        self, seed: int, *, transformed: bool = False, refused: Collection[str] = (), seconds: float = 0.0
    ) -> None:
        self._seed, self._transformed = seed, transformed
        self._refused, self._seconds = frozenset(refused), seconds
        self._first_tries: dict[str, float] = {}
        self._lock = threading.Lock()
        self._requests = 0
        self._arrived: dict[tuple[str, str], None] = {}
        self.faults = self.refusals = 0
        self.calm = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def documents(self) -> Iterator[tuple[str, str]]:
        with self._lock:
            yield from list(self._arrived)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fault(self, delivery_id: str) -> str:
        """What goes wrong with the next request, which is for this webhook; empty: nothing."""
        with self._lock:
            self._requests += 1
            now = time.monotonic()
            if delivery_id in self._refused and now < self._first_tries.setdefault(delivery_id, now) + self._seconds:
                self.refusals += 1
                return "500"
            chance = random.Random(f"backend {self._seed}/{self._requests}")
            if self.calm or chance.random() >= _SHARE:
                return ""
            self.faults += 1
            return chance.choice(_FAULTS)

    def take(self, delivery_id: str, body: bytes) -> None:
        """Remember that it came; of a repeat the first counts."""
        came = base64.b64decode(json.loads(body)["exact"]) if self._transformed else body
        with self._lock:
            self._arrived.setdefault((delivery_id, hashlib.sha256(came).hexdigest()))


def _handler(backend: Backend) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            fault = backend.fault(self.headers["nami-delivery-id"])
            if fault in ("500", "429"):
                self._answer(int(fault))
                return
            if fault != "reset before":
                backend.take(self.headers["nami-delivery-id"], body)
            if fault == "late":
                time.sleep(_LATE_SECONDS)
            if fault.startswith("reset"):
                self.close_connection = True
                return
            self._answer(200)

        def _answer(self, status: int) -> None:
            self.send_response_only(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the function had enough, or was ended
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return Handler
