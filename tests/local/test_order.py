"""With order_by, webhooks of one group are stored in the order in which they were taken, whatever fails."""

import contextlib
import json
import shutil
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests.local.conftest import ROOT, Nami, Pipeline, pipeline, wait_for

GROUPS, EACH, CLIENTS = 20, 25, 5

# One in twenty fails at random, and is tried again, and may fail again.
PROCESS = """
import random

def process(document):
    if random.random() < 0.05:
        raise RuntimeError("by chance")
    return document
"""


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("order")
    handler = folder / "webhooks" / "orders" / "post_queue" / "handler.py"
    shutil.copytree(ROOT / "lambdas" / "post_queue", handler.parent, ignore=shutil.ignore_patterns("__pycache__"))
    before, after = handler.read_text().split("\ndef process(")
    handler.write_text(f"{before}\n{PROCESS}\n\ndef handler({after.partition('def handler(')[2]}")
    command = Nami(tmp_path_factory.mktemp("nami-order") / "home", folder)
    command.up("orders", *("-c", "order_by=$.order.id", "-c", "max_receives=100", "-c", "post_queue_timeout=5"))
    made = pipeline(command, "orders")
    # No setting makes it less than six times the function's timeout, and no test has that time.
    made.client("sqs").set_queue_attributes(QueueUrl=made.outputs()["QueueUrl"], Attributes={"VisibilityTimeout": "5"})
    yield made
    command("down")
    assert command.left_running() == []


def send(orders: Pipeline, groups: list[int]) -> None:
    """One client, which sends the webhooks of its groups in turn."""
    path = urlsplit(orders.endpoint).path
    with contextlib.closing(orders.connect()) as connection:
        for number in range(EACH):
            for group in groups:
                body = json.dumps({"order": {"id": f"order {group}"}, "number": number})
                connection.request("POST", path, body=body, headers={"content-type": "application/json"})
                response = connection.getresponse()
                response.read()
                assert response.status == 200


def test_500_webhooks_of_20_groups_arrive_in_order_none_lost_none_twice(orders: Pipeline) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        # A first request starts a process for each client, which on a busy machine takes longer than a producer waits.
        list(pool.map(lambda _: orders.post(b"{}"), range(CLIENTS)))
        list(pool.map(lambda client: send(orders, list(range(client, GROUPS, CLIENTS))), range(CLIENTS)))
    numbered = {"body.number": {"$exists": True}}
    wait_for(lambda: orders.documents.count_documents(numbered) >= GROUPS * EACH, 60)

    found = defaultdict(list)
    for document in orders.documents.find(numbered):  # as they were inserted
        found[document["body"]["order"]["id"]].append(document)
    assert len(found) == GROUPS
    for documents in found.values():
        assert [document["body"]["number"] for document in documents] == list(range(EACH))
        stored_at = [document["stored_at"] for document in documents]
        assert stored_at == sorted(stored_at)
    assert max(document["attempts"] for documents in found.values() for document in documents) > 1

    queue = orders.outputs()["DeadLetterQueueUrl"]
    attributes = orders.client("sqs").get_queue_attributes(
        QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages", "FifoQueue"]
    )["Attributes"]
    assert attributes == {"ApproximateNumberOfMessages": "0", "FifoQueue": "true"}
