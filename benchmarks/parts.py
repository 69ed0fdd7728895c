"""What the benchmarks send: bodies of webhooks, the event of a gateway, and those of a queue."""

import hmac
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

from benchmarks.aws_server import SECRET

ROOT = Path(__file__).parents[1]
_EVENTS = ROOT / "tests" / "events"
_ITEMS = 26  # of an order of 3 KB
LARGEST_EVENT = 6_000_000
"""Bytes of an invocation's event, a little less than Lambda's 6 MB:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def order(number: int, times: int = 1) -> str:
    """A webhook's body of 3 KB, or so many times that, as a shop would send it."""
    item = {"id": 1071823172, "title": "Ächte Wolle", "quantity": 2, "price": "19.99", "properties": [None, True]}
    return json.dumps({"id": number, "line_items": [item] * _ITEMS * times}, ensure_ascii=False)


def request(body: str) -> dict[str, Any]:
    """The event of an HTTP API, signed as Shopify signs."""
    event: dict[str, Any] = json.loads((_EVENTS / "http_api_post.json").read_text())
    signature = b64encode(hmac.digest(SECRET.encode(), body.encode(), "sha256")).decode()
    event["body"], event["headers"]["x-shopify-hmac-sha256"] = body, signature
    return event


def batch(number: int, bodies: list[str]) -> dict[str, Any]:
    """The event of a queue: a message for each body, all with ids of their own."""
    record = json.loads((_EVENTS / "sqs_batch.json").read_text())["Records"][0]
    headers = request("")["headers"] | {"content-type": "application/json"}
    records = []
    for index, body in enumerate(bodies):
        webhook = json.loads(record["body"])
        webhook |= {"id": f"{number}-{index}", "headers": headers, "body": body, "verified": "shopify"}
        message = json.dumps(webhook, separators=(",", ":"), ensure_ascii=False)
        records.append({**record, "messageId": f"message-{number}-{index}", "body": message})
    return {"Records": records}


def batches(size: int, times: int = 1, count: int = 10) -> list[dict[str, Any]]:
    """So many events of a queue, each of up to `size` orders, as many as Lambda lets into one."""
    size = min(size, max(LARGEST_EVENT // (len(order(1, times)) + 2000), 1))
    return [batch(number, [order(index, times) for index in range(size)]) for number in range(count)]
