"""A POST to a backend for each message, over urllib3's pool; unsigned, and nobody remembers that it was sent."""

import json
import os

import urllib3

pool = urllib3.PoolManager()


def handler(event: dict[str, list[dict[str, str]]], context: object) -> None:
    """Forwards the webhook of each message, and logs its id."""
    for record in event["Records"]:
        webhook = json.loads(record["body"])
        headers = {"content-type": webhook["headers"]["content-type"]}
        answer = pool.request("POST", os.environ["BACKEND_URL"], body=webhook["body"].encode(), headers=headers)
        if answer.status >= 300:
            raise RuntimeError(f"HTTP {answer.status}")
        print(json.dumps({"stored": webhook["id"]}))
