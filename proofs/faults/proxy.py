"""Stands before an HTTP server of this machine, local AWS or its gateway, and fails as AWS may, by a seed.

What fails depends on the seed and on how many requests of a service came before; each service's faults come in turn, so
that a short run has all of them.
"""

import asyncio
import json
import random
import re
import socket
import struct
import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

# What goes wrong. Before or after says whether the call was carried out.
THROTTLED = "throttled"
ERROR, UNAVAILABLE = "500", "503"
RESET_BEFORE, RESET_AFTER = "reset before", "reset after"
LATE, TRUNCATED, CHUNKED = "late", "truncated", "chunked"
EXPIRED = "credentials expired"
WRONG_MD5, ANOTHERS_ID = "wrong MD5", "another message's id"
TWICE, OUT_OF_ORDER = "delivered twice", "delivered out of order"

_OF_ALL = (ERROR, UNAVAILABLE, RESET_BEFORE, RESET_AFTER, LATE, TRUNCATED, CHUNKED)
_OF_AWS = (*_OF_ALL, THROTTLED, EXPIRED)
FAULTS = {
    "gateway": _OF_ALL,
    "sqs": (*_OF_AWS, WRONG_MD5, ANOTHERS_ID, TWICE, OUT_OF_ORDER),
    "s3": _OF_AWS,
    "secretsmanager": _OF_AWS,
    "dynamodb": _OF_AWS,
}
# Of a service's requests; more of those that come rarely.
SHARES = {"gateway": 0.01, "sqs": 0.02, "dynamodb": 0.02, "s3": 0.2, "secretsmanager": 0.2}
BATCH_SHARE = 0.3  # of what goes from one queue to another
STORM_SHARE = 0.5
STORM_SECONDS = 2.0
"""How long a service that has a storm fails more often than not."""
CALM_SECONDS = 8.0
"""Between two storms, of one service each."""

# Names of the errors: each service's "Common Errors" in its API reference on docs.aws.amazon.com.
_THROTTLING = {"dynamodb": "ProvisionedThroughputExceededException"}
_LATE_SECONDS = (0.3, 2.5)  # a producer's patience and a function's deadline lie between
_LONGEST_DELAY = 5  # seconds that a message is kept back, so that later ones overtake it
_SCOPE = re.compile(rb"Credential=[^/]+/\d+/[^/]+/([a-z0-9]+)/aws4_request")
_HEAD_BYTES = 65_536
_NO_BODY = (204, 304)


@dataclass(frozen=True)
class Message:
    """An HTTP/1.1 request or answer: its first line, its headers by lower-case name, its body."""

    first: bytes
    headers: Mapping[bytes, bytes]
    body: bytes = b""

    def written(self, *, chunked: bool = False) -> bytes:
        headers = {name: value for name, value in self.headers.items() if name != b"transfer-encoding"}
        body = self.body
        if chunked:
            headers.pop(b"content-length", None)
            headers[b"transfer-encoding"] = b"chunked"
            half = len(body) // 2
            body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:]) if part)
            body += b"0\r\n\r\n"
        elif not self.has_no_body:
            headers[b"content-length"] = b"%d" % len(body)
        lines = b"".join(b"%s: %s\r\n" % each for each in headers.items())
        return b"%s\r\n%s\r\n%s" % (self.first, lines, body)

    @property
    def status(self) -> int:
        return int(self.first.split(b" ", 2)[1])

    @property
    def has_no_body(self) -> bool:
        return self.first.startswith(b"HTTP/") and self.status in _NO_BODY

    @property
    def service(self) -> str:
        """Which of AWS's services a signed request is for, by its signature's scope."""
        found = _SCOPE.search(self.headers.get(b"authorization", b""))
        return found[1].decode() if found else "gateway"

    @property
    def action(self) -> str:
        return self.headers.get(b"x-amz-target", b"").decode().rpartition(".")[2]


class Proxy(threading.Thread):
    """Listens on 127.0.0.1 from `start()` until `stop()`. Nothing fails before `begin()`.

    Args:
        port: of the server behind it, on 127.0.0.1.
    """

    def __init__(self, port: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._upstream = port
        self._seed = seed
        self._began = 0.0
        self._count: Counter[str] = Counter()
        self._turn: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.requests: Counter[str] = Counter()
        """By service."""
        self.made: Counter[tuple[str, str]] = Counter()
        """By service and fault."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        super().start()
        assert self._listening.wait(10)

    def begin(self) -> None:
        self._began = time.monotonic()

    def end(self) -> None:
        """From now on everything is handed on as it is."""
        self._began = 0.0

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.join(10)

    def run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_HEAD_BYTES)
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # asyncio itself forgets the task once the other side has closed, and then it is collected while it waits.
        if task := asyncio.current_task():
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while request := await _read(reader):
                fault = self._fault(request)
                if answer := _instead(request, fault):
                    writer.write(answer.written())
                    continue
                if fault == RESET_BEFORE:
                    _reset(writer)
                    return
                server = server or await asyncio.open_connection("127.0.0.1", self._upstream, limit=_HEAD_BYTES)
                answer = await self._exchange(request, fault, *server)
                if not await self._answer(answer, fault, writer):
                    return
        except (OSError, EOFError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            _reset(writer)
        finally:
            writer.close()
            if server:
                server[1].close()

    async def _exchange(
        self, request: Message, fault: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Message:
        if fault == OUT_OF_ORDER:
            body = json.loads(request.body) | {"DelaySeconds": 1 + self._count["sqs"] % _LONGEST_DELAY}
            request = replace(request, body=json.dumps(body).encode())
        dropped = ""
        if fault == ANOTHERS_ID and request.action == "SendMessageBatch":
            request, dropped = _without_last(request)
        answer = None
        for _ in range(2 if fault == TWICE else 1):
            writer.write(request.written())
            answer = await _read(reader)
        if answer is None:
            raise EOFError
        return _told_of(answer, dropped) if dropped and answer.status == 200 else answer

    async def _answer(self, answer: Message, fault: str, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        if fault == RESET_AFTER:
            _reset(writer)
            return False
        if fault == LATE:
            await asyncio.sleep(random.Random(f"late {self._seed} {self._turn.total()}").uniform(*_LATE_SECONDS))
        written = answer.written(chunked=fault == CHUNKED)
        if fault == TRUNCATED:
            writer.write(written[: -max(1, len(answer.body) // 2)])
            await writer.drain()
            return False
        writer.write(written)
        await writer.drain()
        return True

    def _fault(self, request: Message) -> str:
        """What goes wrong with this request; empty: nothing."""
        service = request.service
        self.requests[service] += 1
        if not self._began or service not in FAULTS:
            return ""
        self._count[service] += 1
        share = BATCH_SHARE if request.action == "SendMessageBatch" else SHARES[service]
        share = STORM_SHARE if self.storm(time.monotonic() - self._began) == service else share
        if random.Random(f"{self._seed}/{service}/{self._count[service]}").random() >= share:
            return ""
        fault = self._next(service, request)
        self.made[service, fault] += 1
        return fault

    def _next(self, service: str, request: Message) -> str:
        """Each of a service's faults in turn, in the seed's order; one that this call can't have gives way."""
        order = random.Random(f"{self._seed}/{service}").sample(FAULTS[service], len(FAULTS[service]))
        sends = request.action == "SendMessage"
        turn = service + (request.action if request.action == "SendMessageBatch" else "")
        while True:
            fault = order[self._turn[turn] % len(order)]
            self._turn[turn] += 1
            if fault in (TWICE, OUT_OF_ORDER) and not sends:
                continue
            if fault == OUT_OF_ORDER and b"MessageGroupId" in request.body:  # SQS refuses it there
                continue
            if (fault == WRONG_MD5 and not sends) or (fault == ANOTHERS_ID and request.action != "SendMessageBatch"):
                continue
            return fault

    def storm(self, seconds: float) -> str:
        """The service that has a storm so many seconds after the beginning; empty: none."""
        turn, into = divmod(seconds, CALM_SECONDS)
        if into > STORM_SECONDS:
            return ""
        services = random.Random(f"storms of {self._seed}").sample(sorted(FAULTS), len(FAULTS))
        return services[int(turn) % len(services)]


def _without_last(batch: Message) -> tuple[Message, str]:
    """A SendMessageBatch that lacks its last entry, and that entry's Id; empty where it is the only one."""
    asked = json.loads(batch.body)
    if len(asked["Entries"]) < 2:
        return batch, ""
    dropped = asked["Entries"].pop()["Id"]
    return replace(batch, body=json.dumps(asked).encode()), dropped


def _told_of(answer: Message, dropped: str) -> Message:
    """The answer to a batch as if the dropped entry had been taken in place of the first."""
    said = json.loads(answer.body)
    for each in said.get("Successful", [])[:1]:
        each["Id"] = dropped
    return replace(answer, body=json.dumps(said).encode())


async def _read(reader: asyncio.StreamReader) -> Message | None:
    """The next message; None where the other side is done."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    first, *lines = head[:-4].split(b"\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    message = Message(first, headers)
    if message.has_no_body:
        return message
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        return replace(message, body=await _read_chunks(reader))
    return replace(message, body=await reader.readexactly(int(headers.get(b"content-length", b"0"))))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return b"".join(parts)


def _instead(request: Message, fault: str) -> Message | None:
    """The answer of a service that does not carry the call out."""
    service = request.service
    if fault == WRONG_MD5:  # the queue has something, and not this
        said = json.dumps({"MessageId": str(uuid.uuid4()), "MD5OfMessageBody": "0" * 32})
        return Message(b"HTTP/1.1 200 OK", {b"content-type": b"application/x-amz-json-1.0"}, said.encode())
    if fault == THROTTLED:
        status, code = (503, "SlowDown") if service == "s3" else (400, _THROTTLING.get(service, "ThrottlingException"))
    elif fault == EXPIRED:
        status, code = (400, "ExpiredToken") if service == "s3" else (400, "ExpiredTokenException")
    elif fault in (ERROR, UNAVAILABLE):
        status, code = int(fault), "InternalError" if fault == ERROR else "ServiceUnavailable"
    else:
        return None
    if service == "s3":
        kind, body = b"application/xml", f"<Error><Code>{code}</Code></Error>"
    else:
        kind, body = b"application/x-amz-json-1.0", json.dumps({"__type": f"com.amazonaws.{service}#{code}"})
    return Message(b"HTTP/1.1 %d -" % status, {b"content-type": kind}, body.encode())


def _reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with RST, as a host that goes away does."""
    own: socket.socket | None = writer.get_extra_info("socket")
    if own is not None and not writer.is_closing():
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
