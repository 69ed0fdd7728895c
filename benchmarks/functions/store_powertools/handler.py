"""The post-queue function with AWS Lambda Powertools: its batch utility, which answers for each message by itself."""

import json
import os

import pymongo
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

processor = BatchProcessor(event_type=EventType.SQS)
collection = pymongo.MongoClient(os.environ["MONGO_URI"])["nami"]["shopify"]


def store(record: SQSRecord) -> None:
    """Stores the webhook of one message, its body parsed, and logs its id."""
    webhook = json.loads(record.body)
    webhook["body"] = json.loads(webhook["body"])
    collection.insert_one(webhook)
    print(json.dumps({"stored": webhook["id"]}))


def handler(event: dict[str, object], context: object) -> dict[str, object]:
    """Called with a batch; returns those that must be delivered again."""
    return process_partial_response(event=event, record_handler=store, processor=processor, context=context)
