"""After a deployment: does a webhook go all the way, and does what should not get in stay out?"""

import json
import time
import urllib.error
import urllib.request
import uuid
from typing import Any

import boto3

from nami_cli.stacks import endpoint_url

# A cold post-queue function in a VPC, its batch window, and the logs' own delay, with room to spare.
STORED_WITHIN = 120


def request(url: str, *, body: bytes | None = None, method: str = "POST") -> tuple[int, dict[str, str]]:
    """Send one request and return its status and lower-cased headers."""
    message = urllib.request.Request(url, data=body, method=method, headers={"content-type": "application/json"})
    try:
        with urllib.request.urlopen(message, timeout=30) as response:
            return response.status, {k.lower(): v for k, v in response.headers.items()}
    except urllib.error.HTTPError as error:
        return error.code, {k.lower(): v for k, v in error.headers.items()}


def stored_line(function_name: str, delivery_id: str, since: float) -> dict[str, Any]:
    """Wait for the post-queue function's log line that names the delivery as stored."""
    configuration = boto3.client("lambda").get_function_configuration(FunctionName=function_name)
    log_group = configuration["LoggingConfig"]["LogGroup"]
    logs = boto3.client("logs")
    deadline = time.monotonic() + STORED_WITHIN
    while time.monotonic() < deadline:
        found = logs.filter_log_events(
            logGroupName=log_group, startTime=int(since * 1000), filterPattern=f'"{delivery_id}"'
        )
        for event in found["events"]:
            line: dict[str, Any] = json.loads(event["message"])
            if delivery_id in line.get("stored", []):
                return line
        time.sleep(1)
    raise AssertionError(f"{log_group} named {delivery_id} as stored in none of its lines within {STORED_WITHIN} s")


def test_webhook_is_stored(outputs: dict[str, str]) -> None:
    since = time.time() - 60  # clocks differ
    body = json.dumps({"nami_smoke_test": str(uuid.uuid4())}).encode()
    status, headers = request(endpoint_url(outputs), body=body)
    assert status in (200, 201, 202, 204)
    line = stored_line(outputs["PostQueueFunctionName"], headers["nami-delivery-id"], since)
    assert line["failed"] == []


def test_another_path_is_not_found(outputs: dict[str, str]) -> None:
    status, _ = request(endpoint_url(outputs) + "-no-such-subscription", body=b"{}")
    assert status == 404


def test_another_method_is_not_found(outputs: dict[str, str]) -> None:
    status, _ = request(endpoint_url(outputs), method="DELETE")
    assert status == 404
