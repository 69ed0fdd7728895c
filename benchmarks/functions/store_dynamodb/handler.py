"""An item of DynamoDB for each message, as boto3's own guide has it."""

import json
import os
from decimal import Decimal

import boto3

table = boto3.resource("dynamodb").Table(os.environ["DYNAMO_TABLE"])


def handler(event: dict[str, list[dict[str, str]]], context: object) -> None:
    """Stores the webhook of each message, its body parsed, and logs its id."""
    for record in event["Records"]:
        webhook = json.loads(record["body"])
        webhook["body"] = json.loads(webhook["body"], parse_float=Decimal)
        table.put_item(Item=webhook)
        print(json.dumps({"stored": webhook["id"]}))
