"""The straightforward post-queue function: a document for each message. What most people would write.

It keeps its client between invocations, as it should, and knows no repeat: a message that is delivered twice is stored
twice.
"""

import json
import os

import pymongo

collection = pymongo.MongoClient(os.environ["MONGO_URI"])["nami"]["shopify"]


def handler(event: dict[str, list[dict[str, str]]], context: object) -> None:
    """Stores the webhook of each message, its body parsed, and logs its id."""
    for record in event["Records"]:
        webhook = json.loads(record["body"])
        webhook["body"] = json.loads(webhook["body"])
        collection.insert_one(webhook)
        print(json.dumps({"stored": webhook["id"]}))
