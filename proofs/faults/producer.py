"""The sender: signs as Standard Webhooks says, and sends again what is not acknowledged, as providers do."""

import base64
import hashlib
import heapq
import hmac
import http.client
import itertools
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from proofs.faults.plan import Webhook

_CONNECTIONS = 24
_TRIES = 8
_FIRST_PAUSE = 0.5  # seconds before the second try; doubled up to the last. Providers wait minutes, up to hours.
_LAST_PAUSE = 8.0
_TIMEOUT = 20.0
_TELLS_EVERY = 60.0


@dataclass(order=True)
class _Due:
    at: float
    turn: int
    webhook: Webhook = field(compare=False)
    tries: int = field(compare=False, default=0)


class Producer:
    """Sends a burst over real HTTP, each group one by one, and keeps account of every answer.

    Args:
        port: of the gateway, on 127.0.0.1.
        paths: of the endpoints: that of ordered webhooks and that of the others.
        secret: `whsec_…`, as the endpoints have it.
        seconds: over which the burst is spread.
    """

    def __init__(self, port: int, paths: dict[bool, str], secret: str, seconds: float) -> None:
        self._port, self._paths = port, paths
        self.secret = secret
        self._seconds = seconds
        self._groups: dict[str, deque[_Due]] = defaultdict(deque)
        self._due: list[_Due] = []
        self._turns = itertools.count()
        self._unfinished = 0
        self._under_way: set[object] = set()
        self._changed = threading.Condition()
        self.acknowledged: set[str] = set()
        self.refused: set[str] = set()
        self.answers: Counter[str] = Counter()
        self.resent = 0

    def send(self, webhooks: list[Webhook], tell: Callable[[], None]) -> None:
        """Return when each webhook was acknowledged or refused, or was tried often enough; `tell` once a minute."""
        started = time.monotonic()
        for place, webhook in enumerate(webhooks):
            at = started + self._seconds * place / len(webhooks)
            for delay in webhook.copies:
                due = _Due(at + delay, next(self._turns), webhook)
                self._unfinished += 1
                if webhook.group:
                    self._groups[webhook.group].append(due)
                else:
                    heapq.heappush(self._due, due)
        for group in self._groups.values():
            heapq.heappush(self._due, group.popleft())
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(_CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(_TELLS_EVERY)
                if thread.is_alive():
                    tell()

    def change(self, secret: str) -> None:
        """Sign with another secret; returns once nothing is under way that was signed with the former one."""
        with self._changed:
            self.secret = secret
            former = set(self._under_way)
            self._changed.wait_for(lambda: not former & self._under_way)

    def _work(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT)
        while due := self._next():
            due.tries += 1
            request = object()
            with self._changed:
                self._under_way.add(request)
            answer = self._post(connection, due.webhook)
            with self._changed:
                self._under_way.remove(request)
                self._account(due, answer)
                self._changed.notify_all()
        connection.close()

    def _next(self) -> _Due | None:
        """Wait for what is due; None when all is done."""
        with self._changed:
            while self._unfinished:
                now = time.monotonic()
                if self._due and self._due[0].at <= now:
                    return heapq.heappop(self._due)
                self._changed.wait(self._due[0].at - now if self._due else None)
            return None

    def _account(self, due: _Due, answer: str) -> None:
        self.answers[answer] += 1
        if answer == "200":
            self.acknowledged.add(due.webhook.key)
        elif answer == "401":
            self.refused.add(due.webhook.key)
        elif due.tries < _TRIES:
            self.resent += 1
            due.at = time.monotonic() + min(_FIRST_PAUSE * 2 ** (due.tries - 1), _LAST_PAUSE)
            heapq.heappush(self._due, due)
            return
        self._unfinished -= 1
        if group := self._groups.get(due.webhook.group):
            heapq.heappush(self._due, group.popleft())

    def _post(self, connection: http.client.HTTPConnection, webhook: Webhook) -> str:
        headers, body = self._signed(webhook)
        try:
            connection.request("POST", self._paths[bool(webhook.group)], body=body, headers=headers)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return "none"
        if response.status == 200 and response.getheader("nami-delivery-id") != webhook.id:
            return "200 for another id"
        return str(response.status)

    def _signed(self, webhook: Webhook) -> tuple[dict[str, str], bytes]:
        """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, or a forgery."""
        body, forgery = webhook.body, webhook.forgery
        now = int(time.time()) - (3600 if forgery == "an hour old" else 0)
        key = b"another secret" if forgery == "other secret" else base64.b64decode(self.secret.removeprefix("whsec_"))
        signed_id = webhook.id + "x" if forgery == "id changed" else webhook.id
        signed_body = body + b" " if forgery == "body changed" else body
        digest = hmac.new(key, f"{signed_id}.{now}.".encode() + signed_body, hashlib.sha256).digest()
        headers = {
            "content-type": webhook.content_type,
            "x-topic": "noise" if webhook.kind == "unwanted" else "orders",
            "webhook-id": webhook.id,
            "webhook-timestamp": str(now),
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        }
        if forgery == "no signature":
            del headers["webhook-signature"]
        return headers, body
