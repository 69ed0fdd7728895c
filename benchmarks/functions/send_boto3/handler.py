"""The straightforward pre-queue function: boto3, no verification. What most people would write."""

import json
import os

import boto3

sqs = boto3.client("sqs")


def handler(event: dict[str, object], context: object) -> dict[str, object]:
    """Puts the event on the queue."""
    answer = sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=json.dumps(event))
    return {"statusCode": 200, "body": json.dumps({"id": answer["MessageId"]})}
