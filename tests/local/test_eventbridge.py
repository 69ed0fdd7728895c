"""An event bus as the destination: what is accepted is on it once, whatever happens to the bus."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.local.conftest import QUICK, Nami, Pipeline, pipeline, wait_for

PATTERN = {"source": ["nami.lake"], "detail": {"body": {"total": [{"numeric": [">", 10]}]}}}


@dataclass
class Lake:
    """A subscription whose webhooks go to the bus `lake`, a rule of which hands some of them to a queue."""

    pipeline: Pipeline
    queue_url: str
    seen: list[dict[str, Any]] = field(default_factory=list)

    def post(self, **body: object) -> str:
        status, delivery_id = self.pipeline.post(json.dumps(body).encode())
        assert status == 200
        return str(delivery_id)

    def handed_on(self, delivery_id: str) -> list[dict[str, Any]]:
        """The events of this delivery that the rule's target has got by now."""
        sqs = self.pipeline.client("sqs")
        for message in sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages", []):
            self.seen.append(json.loads(message["Body"]))
            # Left there it would come again, as if the bus had it twice.
            sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return [event for event in self.seen if event["detail"]["id"] == delivery_id]

    def put_off(self) -> int:
        """How many webhooks were to wait, by what the log says."""
        name = self.pipeline.outputs()["PostQueueFunctionName"]
        function = self.pipeline.client("lambda").get_function_configuration(FunctionName=name)
        said = self.pipeline.client("logs").filter_log_events(logGroupName=function["LoggingConfig"]["LogGroup"])
        return sum(int(count) for each in said["events"] for count in re.findall(r'"webhooks":(\d+)', each["message"]))

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Nothing is taken from the subscription's queue meanwhile."""
        functions, sqs, outputs = self.pipeline.client("lambda"), self.pipeline.client("sqs"), self.pipeline.outputs()
        found = functions.list_event_source_mappings(FunctionName=outputs["PostQueueFunctionName"])
        (mapping,) = [each["UUID"] for each in found["EventSourceMappings"]]
        in_flight: Any = {"QueueUrl": outputs["QueueUrl"], "AttributeNames": ["ApproximateNumberOfMessagesNotVisible"]}
        functions.update_event_source_mapping(UUID=mapping, Enabled=False)
        wait_for(lambda: functions.get_event_source_mapping(UUID=mapping)["State"] == "Disabled", 10)
        wait_for(lambda: set(sqs.get_queue_attributes(**in_flight)["Attributes"].values()) == {"0"}, 20)
        yield
        functions.update_event_source_mapping(UUID=mapping, Enabled=True)

    def make_bus(self) -> None:
        events, sqs = self.pipeline.client("events"), self.pipeline.client("sqs")
        events.create_event_bus(Name="lake")
        events.put_rule(Name="large", EventBusName="lake", EventPattern=json.dumps(PATTERN))
        arn = sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_targets(Rule="large", EventBusName="lake", Targets=[{"Id": "queue", "Arn": arn}])

    def remove_bus(self) -> None:
        events = self.pipeline.client("events")
        events.remove_targets(Rule="large", EventBusName="lake", Ids=["queue"])
        events.delete_rule(Name="large", EventBusName="lake")
        events.delete_event_bus(Name="lake")


@pytest.fixture(scope="module")
def lake(nami: Nami) -> Lake:
    shopify = pipeline(nami, "shopify")
    queue_url = shopify.client("sqs").create_queue(QueueName="of-the-rule")["QueueUrl"]
    Lake(shopify, queue_url).make_bus()
    transform = 'transform=$merge([$, {"twice": body.total * 2}])'
    nami.up("lake", *QUICK, "-c", "destination=eventbridge", "-c", "event_bus=lake", "-c", transform)
    return Lake(pipeline(nami, "lake"), queue_url)


def test_webhook_becomes_an_event_that_a_rule_hands_on(lake: Lake) -> None:
    small, large = lake.post(total=5), lake.post(total=50, type="order.paid")
    wait_for(lambda: lake.handed_on(large), 20)
    (event,) = lake.handed_on(large)
    assert (event["source"], event["detail-type"], event["detail"]["body"]["total"]) == ("nami.lake", "order.paid", 50)
    assert event["detail"]["twice"] == 100
    assert lake.handed_on(small) == []


def test_bus_that_is_away_loses_no_webhook_and_gets_each_once(lake: Lake) -> None:
    lake.remove_bus()
    delivery_ids = [lake.post(total=100 + number) for number in range(5)]
    wait_for(lambda: lake.put_off() >= len(delivery_ids), 30)
    with lake.at_rest():  # a bus that is there before its rule takes events that the rule never sees
        lake.make_bus()
    for delivery_id in delivery_ids:
        wait_for(lambda wanted=delivery_id: lake.handed_on(wanted), 60)
    assert [len(lake.handed_on(each)) for each in delivery_ids] == [1] * 5


def test_commands_know_the_bus(lake: Lake, nami: Nami) -> None:
    delivery_id = lake.post(total=1000)
    wait_for(lambda: lake.handed_on(delivery_id), 20)
    shown = nami.typed("--local", "events", "lake", "--id", delivery_id, "--json")
    assert json.loads(shown.stdout)["delivered"] is True, shown.stderr
    told = {each["check"]: each for each in json.loads(nami.typed("--local", "doctor", "lake", "--json").stdout)}
    assert told["bus"]["status"] == "ok", told["bus"]
    listed = {each["name"]: each for each in json.loads(nami.typed("--local", "list", "--json").stdout)}
    assert listed["lake"]["destinations"] == ["eventbridge"]
