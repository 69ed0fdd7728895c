"""The pre-queue function with AWS Lambda Powertools: its router and its logger, and boto3."""

import json
import os

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

app, logger, sqs = APIGatewayHttpResolver(), Logger(service="webhooks"), boto3.client("sqs")


@app.post("/nami/<name>")
def receive(name: str) -> dict[str, object]:
    """Puts the event on the queue."""
    answer = sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=json.dumps(app.current_event.raw_event))
    logger.info("taken", extra={"subscription": name, "id": answer["MessageId"]})
    return {"id": answer["MessageId"]}


def handler(event: dict[str, object], context: object) -> dict[str, object]:
    """Called by the gateway."""
    return app.resolve(event, context)
