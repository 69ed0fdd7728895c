"""A filter on the way from the gateway to the store: what is not wanted is answered and goes no further."""

import json

import pytest

from tests.local.conftest import QUICK, Nami, Pipeline, pipeline, wait_for

FILTER = '{"body": {"total": [{"numeric": [">", 10]}]}}'


@pytest.fixture(scope="module")
def picky(nami: Nami) -> Pipeline:
    nami.up("picky", *QUICK, "-c", "destination=dynamodb", "-c", f"filter={FILTER}")
    return pipeline(nami, "picky")


def test_unwanted_webhook_is_answered_and_not_stored_and_the_log_says_why(picky: Pipeline, nami: Nami) -> None:
    (small_status, small), (status, large) = picky.post(b'{"total": 5}'), picky.post(b'{"total": 50}')
    assert (small_status, status) == (200, 200)
    table, dynamodb = picky.outputs()["TableName"], picky.client("dynamodb")

    def is_stored(delivery_id: str | None) -> bool:
        return "Item" in dynamodb.get_item(TableName=table, Key={"id": {"S": str(delivery_id)}})

    wait_for(lambda: is_stored(large), 20)
    assert not is_stored(small)
    logged = nami.typed("--local", "logs", "picky", "--id", str(small))
    assert "not wanted by the filter and not stored" in logged.stdout, logged.stderr
    depth = picky.client("sqs").get_queue_attributes(
        QueueUrl=picky.outputs()["QueueUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert json.loads(depth["Attributes"]["ApproximateNumberOfMessages"]) == 0
