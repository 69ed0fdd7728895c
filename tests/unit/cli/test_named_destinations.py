"""Destinations with names: what the commands call them, look at, plan and take up again."""

import json
import shlex
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from nami_cli.main import app
from nami_control import checks, destinations, health, queues, settings
from nami_control.aws import Aws
from nami_control.deployment import Deployment, Function
from nami_control.destinations.http import Http
from nami_control.destroying import Removal
from nami_control.errors import UsageError, as_flags
from nami_control.listing import _destinations
from nami_control.planning.advice import advise
from nami_control.planning.arrivals import Arrivals
from nami_control.planning.assumptions import Times
from nami_control.planning.bill import HOURS
from nami_control.planning.plan import Plan, plan
from nami_stack.settings import Subscription
from tests.unit.cli.conftest import target

BACKEND = {"kind": "http", "url": "https://shop.example.com/"}
THREE: dict[str, dict[str, Any]] = {
    "orders": {**BACKEND, "maximum_concurrency": 2, "post_queue_timeout": 60},
    "orders-eu": BACKEND,
    "lake": {"kind": "dynamodb", "table_name": "before"},
}
OUTPUTS = {
    f"{prefix}{key}": f"{prefix}-{key}"
    for prefix in ("Orders", "OrdersEu", "Lake")
    for key in ("QueueUrl", "DeadLetterQueueUrl", "PostQueueFunctionName")
} | {"LakeTableName": "webhooks", "LakeLargeItemsBucketName": "large", "OrdersBackendSecretArn": "arn"}


def subscription(**more: Any) -> Subscription:
    return Subscription.from_context({"name": "shopify", "destinations": THREE, **more})


def planned(**more: Any) -> Plan:
    return plan(subscription(**more), Arrivals(2000, 60), Times())


@pytest.fixture
def deployed() -> Deployment:
    found = Deployment(target(), OUTPUTS)
    for drain in found.drains:
        kind = "dynamodb" if drain.destination == "lake" else "http"
        drain.post_queue = Function("post", {"DESTINATION": kind, "BACKEND_SECRET_ARN": "arn"}, "/logs")
    return found


def test_each_is_called_by_its_name(deployed: Deployment) -> None:
    assert [drain.destination for drain in deployed.drains] == ["lake", "orders", "orders-eu"]
    assert deployed.drain("orders-eu").queue_url == "OrdersEu-QueueUrl"


def test_unknown_name_is_told_with_those_that_are_there(deployed: Deployment) -> None:
    with pytest.raises(UsageError, match="--destination http: shopify has lake, orders, orders-eu"):
        deployed.drain("http")


def test_list_names_them() -> None:
    assert _destinations(OUTPUTS) == ["lake", "orders", "orders-eu"]


def test_outputs_are_each_destinations_own() -> None:
    own = queues.of_destinations(OUTPUTS | {"EndpointUrl": "https://"})
    assert own["Orders"]["QueueUrl"] == "Orders-QueueUrl"
    assert own["OrdersEu"]["QueueUrl"] == "OrdersEu-QueueUrl"
    assert own["Lake"]["TableName"] == "webhooks"


def test_doctor_says_which_of_a_kind_it_looked_at(deployed: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Http, "looks", lambda self: {"backend": lambda: checks.ok("backend", "delivered")})
    monkeypatch.setattr(destinations.DynamoDb, "looks", lambda self: {"table": lambda: checks.ok("table", "there")})
    assert [check.name for check in health.of_destinations(deployed)] == [
        "table",
        "orders backend",
        "orders-eu backend",
    ]


def test_what_must_hold_before_is_looked_at_for_each() -> None:
    tables = {"lake": {"kind": "dynamodb", "table_name": "one"}, "copy": {"kind": "dynamodb", "table_name": "two"}}
    asked = Subscription.from_context({"name": "shopify", "destinations": tables})
    assert set(destinations.looks_before(Aws(), asked, None)) == {"table", "copy table"}


def test_what_is_kept_is_taken_up_again_by_name() -> None:
    before = {"signature": "shopify", "destinations": {**THREE, "lake": {"kind": "dynamodb"}}}
    removal = Removal(target(), cast("Any", SimpleNamespace(outputs=OUTPUTS, settings=before)))
    kept = removal.kept()
    assert kept["lake"] == {"table_name": "webhooks"}
    flags = shlex.split(as_flags(removal.settings_again(kept)))
    given = json.loads(flags[flags.index("--destinations") + 1])
    assert given["lake"] == {"kind": "dynamodb", "table_name": "webhooks"}
    assert given["orders"] == THREE["orders"]
    Subscription.from_context({"name": "shopify", "destinations": json.dumps(given)})


def test_given_as_text_they_are_kept_as_an_object() -> None:
    given = target(destinations=json.dumps(THREE), max_receives="4")
    assert settings.placed(given) == {"subscriptions": {"shopify": {"destinations": THREE, "max_receives": 4}}}


def test_each_is_planned_with_its_own_settings() -> None:
    found = planned()
    assert list(found.drains) == ["orders", "orders-eu", "lake"]
    assert [drain.concurrency for drain, _ in found.drains.values()] == [2, 5, 5]
    assert found.batch_limit("orders") == 58
    assert found.batch_limit("orders-eu") == 28


def test_metrics_of_each_are_in_the_bill() -> None:
    flat = Subscription.from_context({"name": "shopify", "destination": "http", "backend_url": BACKEND["url"]})
    alone = plan(flat, Arrivals(2000, 60), Times())
    named = plan(
        Subscription.from_context({"name": "shopify", "destinations": {"http": BACKEND}}), Arrivals(2000, 60), Times()
    )
    more = {line.what: line.quantity for line in named.burst_lines}
    few = {line.what: line.quantity for line in alone.burst_lines}
    assert more["metrics"] == pytest.approx(few["metrics"] * 1.5)
    assert {what: count for what, count in more.items() if what != "metrics"} == {
        what: count for what, count in few.items() if what != "metrics"
    }


def test_a_queue_with_a_name_sends_no_metrics() -> None:
    """What counts for each destination is written by its function."""

    def metrics(**ways: dict[str, str]) -> float:
        found = plan(Subscription.from_context({"name": "a", "destinations": ways}), Arrivals(20, 60), Times())
        return next(line.quantity for line in found.burst_lines if line.what == "metrics")

    table = {"kind": "dynamodb"}
    assert metrics(lake=table, mine={"kind": "queue"}) == metrics(lake=table)


def test_a_queue_alone_has_the_metrics_of_the_function_before_it() -> None:
    of = {"name": "a", "destinations": {"mine": {"kind": "queue"}}}
    found = plan(Subscription.from_context(of), Arrivals(20, 60), Times()).burst_lines
    assert next(line.quantity for line in found if line.what == "metrics") == pytest.approx(2 / HOURS)


def test_advice_is_for_the_one_that_is_worst_off_and_can_be_typed() -> None:
    found = planned()
    best = advise(found).best
    assert best is not None
    assert all(key.startswith("destinations.orders.") for key in best.told)
    asked = Subscription.from_context({"name": "shopify", **best.settings})
    assert asked.each["orders"] != found.ways["orders"]
    assert asked.each["orders-eu"] == found.ways["orders-eu"]


def test_plan_is_told_by_name() -> None:
    given = ["plan", "shopify", "--rate", "100", "--destinations", json.dumps(THREE)]
    result = CliRunner().invoke(app, [*given, "--json"])
    assert list(json.loads(result.stdout)["destinations"]) == list(THREE)
    assert "stored orders-eu" in CliRunner().invoke(app, given).stdout
