"""An event on a bus for each message; one that is delivered twice is put twice."""

import json
import os

import boto3

events = boto3.client("events")


def handler(event: dict[str, list[dict[str, str]]], context: object) -> None:
    """Puts the webhook of each message, and logs its id."""
    for record in event["Records"]:
        webhook = json.loads(record["body"])
        entry = {"Source": "webhooks", "DetailType": "webhook", "Detail": record["body"]}
        answer = events.put_events(Entries=[{**entry, "EventBusName": os.environ["EVENT_BUS"]}])
        if answer["FailedEntryCount"]:
            raise RuntimeError(answer["Entries"][0]["ErrorCode"])
        print(json.dumps({"stored": webhook["id"]}))
