"""What the doctor finds of a table, a backend and a database, and how to mend it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.stub import Stubber

from nami_control import deploying, events, health, logs, pausing
from nami_control.checks import Check
from nami_control.dead_letters import DeadLetters
from nami_control.deployment import Deployment, Function
from nami_control.destinations import queue
from nami_control.destinations.items import Items
from nami_control.errors import CheckError, UsageError, word
from tests.unit.cli.conftest import attempt, target

Stub = Callable[[str], Stubber]
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf"
KEY = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OUTPUTS = {"QueueUrl": "q", "DeadLetterQueueUrl": "d", "PostQueueFunctionName": "post"}
DYNAMO = {"DESTINATION": "dynamodb", "DYNAMO_TABLE": "webhooks"}
BACKEND = {"DESTINATION": "http", "BACKEND_SECRET_ARN": ARN, "BACKEND_ATTEMPTS_TABLE": "tries"}
UNSIGNED = {"DESTINATION": "http", "BACKEND_ATTEMPTS_TABLE": "tries"}
DATABASE = {"DESTINATION": "mongo", "MONGO_SECRET_ARN": ARN}
POSTGRES = {"DESTINATION": "postgres", "POSTGRES_SECRET_ARN": ARN}
BUS = {"DESTINATION": "eventbridge", "EVENT_BUS": "orders", "EVENTS_TABLE": "tries"}


def look(environment: dict[str, str]) -> Check:
    found = Deployment(target(), OUTPUTS)
    found.drains[0].post_queue = Function("post", environment, "/logs/post")
    (result,) = health.of_destinations(found)
    return result


def table(aws: Stub, *key: tuple[str, str], status: str = "ACTIVE") -> None:
    given = key or (("id", "S"),)
    described = {
        "TableStatus": status,
        "ItemCount": 7,
        "KeySchema": [
            {"AttributeName": name, "KeyType": "RANGE" if number else "HASH"} for number, (name, _) in enumerate(given)
        ],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in given],
    }
    aws("dynamodb").add_response("describe_table", {"Table": described}, {"TableName": "webhooks"})


def secret(aws: Stub, text: str) -> None:
    aws("secretsmanager").add_response("get_secret_value", {"SecretString": text}, {"SecretId": ARN})


def test_table_is_well(aws: Stub) -> None:
    table(aws)
    assert look(DYNAMO) == Check("table", "ok", "webhooks, about 7 items some hours ago")


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ([("pk", "S")], "the key of webhooks is pk (S), not"),
        ([("id", "N")], "the key of webhooks is id (N), not"),
        ([("id", "S"), ("at", "S")], "the key of webhooks is id (S) and at (S), not"),
    ],
)
def test_adopted_table_with_another_key_fails(aws: Stub, key: list[tuple[str, str]], told: str) -> None:
    table(aws, *key)
    found = look(DYNAMO)
    assert found.status == "fail"
    assert told in found.detail
    assert "--table-name" in word(found.remedy, "nami")


def test_table_that_is_gone_fails(aws: Stub) -> None:
    aws("dynamodb").add_client_error("describe_table", "ResourceNotFoundException")
    found = look(DYNAMO)
    assert (found.status, found.detail) == ("fail", "there is no webhooks here")


def test_table_is_looked_at_before_it_is_adopted(aws: Stub) -> None:
    table(aws, ("pk", "S"))
    aws("ssm").add_response("get_parameter", {"Parameter": {"Value": "30"}})
    limits = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
    aws("lambda").add_response("get_account_settings", {"AccountLimit": limits})
    with pytest.raises(CheckError, match="the key of webhooks is pk"):
        deploying.require(attempt(target(destination="dynamodb", table_name="webhooks")))


def test_table_that_can_not_be_written_fails(aws: Stub) -> None:
    table(aws, status="ARCHIVED")
    found = look(DYNAMO)
    assert (found.status, found.detail.split(";")[0]) == ("fail", "webhooks is ARCHIVED")


@pytest.mark.parametrize(
    ("described", "status"),
    [
        ({"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}, "ok"),
        ({"TimeToLiveStatus": "ENABLING", "AttributeName": "expires_at"}, "ok"),
        ({"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}, "warn"),
        ({"TimeToLiveStatus": "DISABLED"}, "warn"),
    ],
)
def test_adopted_table_must_let_items_expire_where_that_is_set(
    aws: Stub, described: dict[str, str], status: str
) -> None:
    table(aws)
    aws("dynamodb").add_response("describe_time_to_live", {"TimeToLiveDescription": described})
    assert look(DYNAMO | {"DYNAMO_TTL_DAYS": "30"}).status == status


def test_items_do_not_expire_on_local_aws(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    table(aws)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert look(DYNAMO | {"DYNAMO_TTL_DAYS": "30"}).status == "ok"


@pytest.mark.parametrize("text", [" ", "not base64", "whsec_", f'["{KEY}", "?"]'])
def test_backends_secret_must_hold_a_key(aws: Stub, text: str) -> None:
    secret(aws, text)
    found = look(BACKEND)
    assert found.status == "fail"
    assert "put-secret-value" in word(found.remedy, "nami")


def both(environment: dict[str, str]) -> list[Check]:
    found = Deployment(target(), OUTPUTS)
    found.drains[0].post_queue = Function("post", environment, "/logs/post")
    return list(health.of_destinations(found))


def test_headers_of_a_backend_are_named_without_their_values(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    secret(aws, '{"Authorization": "Bearer s3cret", "x-tenant": "shop"}')
    monkeypatch.setattr(Items, "newest", lambda self, limit: [])
    backend, headers = both({**UNSIGNED, "BACKEND_HEADERS_SECRET_ARN": ARN})
    assert (backend.status, backend.detail) == ("ok", "nothing was forwarded yet")
    assert headers == Check("headers", "ok", f"authorization, x-tenant of {ARN}")


def test_headers_that_can_not_be_sent_fail(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    secret(aws, "Bearer s3cret")
    monkeypatch.setattr(Items, "newest", lambda self, limit: [])
    _, headers = both({**UNSIGNED, "BACKEND_HEADERS_SECRET_ARN": ARN})
    assert headers.status == "fail"
    assert "holds no headers" in headers.detail
    assert "s3cret" not in str(headers)
    assert f"put-secret-value --secret-id {ARN}" in word(headers.remedy, "nami")


def test_backends_secret_without_a_value_fails(aws: Stub) -> None:
    aws("secretsmanager").add_client_error("get_secret_value", "ResourceNotFoundException")
    assert look(BACKEND).status == "fail"


@pytest.mark.parametrize(
    ("tries", "status", "told"),
    [
        ([], "ok", "nothing was forwarded yet"),
        ([{"delivered": True}] * 3, "ok", "the last 3 webhooks were delivered"),
        (
            [{"delivered": True}, {"delivered": False, "reason": "backend: HTTP 503"}, {"delivered": False}],
            "warn",
            "2 of the last 3 webhooks were not delivered, the newest of them: backend: HTTP 503",
        ),
    ],
)
def test_backends_last_tries_are_told(
    aws: Stub, monkeypatch: pytest.MonkeyPatch, tries: list[dict[str, Any]], status: str, told: str
) -> None:
    secret(aws, f'["{KEY}"]')
    aws("dynamodb")
    monkeypatch.setattr(Items, "newest", lambda _self, _limit: tries)
    found = look(BACKEND)
    assert (found.status, found.detail) == (status, told)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (json.dumps({"uri": "mongodb+srv://u:p@shop.mongodb.net"}), "ok"),
        ("mongodb://u:p@host", "ok"),
        ("mysql://u:p@host", "fail"),
        (json.dumps({"username": "u"}), "fail"),
        ("[]", "fail"),
    ],
)
def test_databases_secret_must_hold_a_uri(aws: Stub, text: str, status: str) -> None:
    secret(aws, text)
    found = look(DATABASE)
    assert found.status == status
    assert "u:p@" not in str(found)


def test_host_has_checks_of_its_own() -> None:
    found = Deployment(target(), OUTPUTS)
    found.drains[0].post_queue = Function("post", DATABASE | {"MONGO_HOST": "mongo.internal"}, "/logs/post")
    assert health.of_destinations(found) == []


def bus(aws: Stub, *rules: dict[str, str]) -> None:
    aws("events").add_response("describe_event_bus", {"Name": "orders"}, {"Name": "orders"})
    aws("events").add_response("list_rules", {"Rules": list(rules)}, {"EventBusName": "orders"})


RULE = {"Name": "r", "State": "ENABLED", "EventPattern": "{}"}


def test_bus_that_is_gone_fails(aws: Stub) -> None:
    aws("events").add_client_error("describe_event_bus", "ResourceNotFoundException")
    found = look(BUS)
    assert (found.status, found.detail) == ("fail", "there is no bus orders here")


@pytest.mark.parametrize("rules", [[], [RULE | {"State": "DISABLED"}], [{"Name": "r", "State": "ENABLED"}]])
def test_bus_that_nobody_listens_to_is_told(aws: Stub, rules: list[dict[str, str]]) -> None:
    bus(aws, *rules)
    found = look(BUS)
    assert (found.status, found.detail) == ("warn", "orders has no rule, so nobody gets the events")
    assert '{"source": ["nami.shopify"]}' in word(found.remedy, "nami")


@pytest.mark.parametrize(
    ("tries", "status", "told"),
    [
        ([{"delivered": True}], "ok", "orders, 1 rule"),
        (
            [{"delivered": False, "reason": "EventBridge: MalformedDetail"}, {"delivered": True}],
            "warn",
            "1 of the last 2 webhooks are not on it, the newest of them: EventBridge: MalformedDetail",
        ),
    ],
)
def test_last_events_are_told(
    aws: Stub, monkeypatch: pytest.MonkeyPatch, tries: list[dict[str, Any]], status: str, told: str
) -> None:
    bus(aws, RULE)
    aws("dynamodb")
    monkeypatch.setattr(Items, "newest", lambda _self, _limit: tries)
    found = look(BUS)
    assert (found.status, found.detail) == (status, told)


def test_bus_of_another_account_is_not_looked_at(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    aws("dynamodb")
    monkeypatch.setattr(Items, "newest", lambda _self, _limit: [])
    others = "arn:aws:events:eu-west-1:210987654321:event-bus/orders"
    assert look(BUS | {"EVENT_BUS": others}) == Check("bus", "ok", others)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (json.dumps({"uri": "postgresql://u:p@ep-1.neon.tech/shop?sslmode=require"}), "ok"),
        ("postgres://u:p@host/shop", "ok"),
        ("mongodb://u:p@host", "fail"),
        (" ", "fail"),
    ],
)
def test_postgresqls_secret_must_hold_a_uri(aws: Stub, text: str, status: str) -> None:
    secret(aws, text)
    found = look(POSTGRES)
    assert found.status == status
    assert "u:p@" not in str(found)


ARCHIVE = {"DESTINATION": "s3", "ARCHIVE_BUCKET": "archive", "ARCHIVE_IDS_TABLE": "ids"}


def test_archive_is_there_or_is_told_to_be_gone(aws: Stub) -> None:
    aws("s3").add_response("head_bucket", {}, {"Bucket": "archive"})
    assert look(ARCHIVE) == Check("archive", "ok", "archive")
    aws("s3").add_client_error("head_bucket", "404")
    assert look(ARCHIVE).detail == "there is no bucket archive here; the queue holds the webhooks meanwhile"


TOPIC = {"DESTINATION": "sns", "TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:orders"}


@pytest.mark.parametrize(
    ("count", "status", "told"),
    [
        ("0", "warn", "nobody is subscribed to {}, so nobody gets the webhooks"),
        ("1", "ok", "{}, 1 subscription"),
        ("2", "ok", "{}, 2 subscriptions"),
    ],
)
def test_who_is_subscribed_to_a_topic_is_told(aws: Stub, count: str, status: str, told: str) -> None:
    arn = TOPIC["TOPIC_ARN"]
    aws("sns").add_response(
        "get_topic_attributes", {"Attributes": {"SubscriptionsConfirmed": count}}, {"TopicArn": arn}
    )
    found = look(TOPIC)
    assert (found.status, found.detail) == (status, told.format(arn))


def test_topic_that_is_gone_fails(aws: Stub) -> None:
    aws("sns").add_client_error("get_topic_attributes", "NotFound")
    found = look(TOPIC)
    assert (found.status, found.detail) == ("fail", f"there is no topic {TOPIC['TOPIC_ARN']} here")


def test_events_of_a_topic_are_kept_nowhere() -> None:
    found = Deployment(target(), OUTPUTS)
    found.drains[0].post_queue = Function("post", TOPIC, "/logs/post")
    where = events.destination_of(found, None)
    with pytest.raises(UsageError, match="--destination sns: a topic keeps nothing"), where.browsed():
        pass
    with pytest.raises(UsageError, match="deploy a destination beside it that keeps webhooks"):
        next(where.stored(query={}, ids=[], limit=1, follow=False))


CONSUMER = {"QueueUrl": "https://sqs/q", "DeadLetterQueueUrl": "d", "ConsumerQueueArn": "arn"}


@pytest.mark.parametrize(
    ("count", "oldest", "status", "told"),
    [
        (0, None, "ok", "nothing waits for your consumer"),
        (2, None, "ok", "2 webhooks wait for your consumer"),
        (2, 20.0, "ok", "2 webhooks wait for your consumer, the oldest for 20 s"),
        (2, 900.0, "warn", "2 webhooks wait for your consumer, the oldest for 900 s"),
    ],
    ids=["empty", "unknown", "fresh", "old"],
)
def test_what_waits_for_a_consumer_is_told(
    monkeypatch: pytest.MonkeyPatch, count: int, oldest: float | None, status: str, told: str
) -> None:
    monkeypatch.setattr(queue, "depth", lambda _aws, _url: count)
    monkeypatch.setattr(queue, "ages", lambda _aws, urls: {} if oldest is None else {urls[0]: oldest})
    (found,) = health.of_destinations(Deployment(target(), CONSUMER))
    assert (found.name, found.status, found.detail) == ("queue", status, told)


def test_events_of_a_consumers_queue_say_where_they_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "depth", lambda _aws, _url: 3)
    where = events.destination_of(Deployment(target(), CONSUMER), None)
    with pytest.raises(UsageError, match="3 webhooks wait in https://sqs/q for your consumer"), where.browsed():
        pass
    with pytest.raises(UsageError, match="deploy a destination beside it"):
        next(where.stored(query={}, ids=[], limit=1, follow=False))


def test_a_consumers_queue_has_no_function_to_ask(aws: Stub) -> None:
    aws("sqs")
    found = Deployment(target(), CONSUMER)
    (drain,) = found.drains
    assert (drain.kind, drain.destination, found.signature) == ("queue", "queue", {"scheme": "none"})
    assert (logs.groups(found), pausing.paused(found), DeadLetters(found).failing(0)) == ({}, [], {})
    with pytest.raises(UsageError, match="your own consumer takes webhooks from it"):
        pausing.pause(found)
