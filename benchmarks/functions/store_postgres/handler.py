"""A row of PostgreSQL for each message, in a transaction of its own."""

import json
import os

import psycopg

connection = psycopg.connect(os.environ["POSTGRES_URI"], autocommit=True)
connection.execute("CREATE TABLE IF NOT EXISTS plain (id text, headers jsonb, body jsonb)")


def handler(event: dict[str, list[dict[str, str]]], context: object) -> None:
    """Stores the webhook of each message, and logs its id."""
    for record in event["Records"]:
        webhook = json.loads(record["body"])
        row = (webhook["id"], json.dumps(webhook["headers"]), webhook["body"])
        connection.execute("INSERT INTO plain VALUES (%s, %s, %s)", row)
        print(json.dumps({"stored": webhook["id"]}))
