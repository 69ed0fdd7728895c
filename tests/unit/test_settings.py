from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from nami_stack import PipelineSettings, SettingsError, Subscription


def error_of(**context: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        Subscription.from_context({"name": "shopify", **context})
    return str(caught.value)


def test_missing_name_says_how_to_give_one() -> None:
    with pytest.raises(SettingsError, match=r"Give it as -c name=shopify$"):
        Subscription.from_context({})


def test_missing_name_lists_the_subscriptions_of_cdk_json() -> None:
    with pytest.raises(SettingsError, match=r"\(cdk.json has jira, shopify\)"):
        Subscription.from_context({"subscriptions": {"shopify": {}, "jira": {}}})


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("Shop ify", "try name=shop-ify"),
        ("shared", "choose another name"),
        ("x" * 65, f"try name={'x' * 63}"),
        ("../x", "try name=x"),
        ("-", "try name=shopify"),
        ("shopify-", "try name=shopify"),
        ("1password", "try name=password"),
        ("Shared", "try name=shopify"),
    ],
)
def test_bad_name_gets_a_good_one(name: str, remedy: str) -> None:
    message = error_of(name=name)
    assert message.startswith(f"name={name!r}: ")
    assert message.endswith(remedy)


@given(st.text(min_size=1, max_size=80))
def test_any_bad_name_is_one_line_whose_remedy_is_a_good_name(name: str) -> None:
    try:
        Subscription.from_context({"name": name})
    except SettingsError as error:
        message = str(error)
        assert len(message.splitlines()) == 1
        if "try name=" in message:
            remedy = message.rpartition("try name=")[2]
            assert Subscription.from_context({"name": remedy}).name == remedy


@pytest.mark.parametrize(
    "context",
    [
        {"table_ttl_days": "30"},
        {"subscriptions": {"shopify": {"table_ttl_days": 30}}},
        {"env": "prod", "environments": {"prod": {"table_ttl_days": 30}}},
        {"subscriptions": {"shopify": {"table_ttl_days": 90}}, "keep_days": 30},
        {"subscriptions": {"shopify": {"keep_days": 30, "table_ttl_days": 90}}},
    ],
    ids=["given", "kept", "of an environment", "given under the new name over the kept one", "kept under both"],
)
def test_former_name_of_keep_days_is_understood(context: dict[str, Any]) -> None:
    assert Subscription.from_context({"name": "shopify", **context}).keep_days == 30


def test_unknown_key_names_the_nearest() -> None:
    assert error_of(batchsize=3) == "batchsize: is not a setting; did you mean batch_size?"


def test_hyphens_for_underscores_are_told() -> None:
    assert error_of(**{"batch-size": 3}) == "batch-size: is not a setting; did you mean batch_size?"


def test_unknown_key_in_cdk_json_is_told() -> None:
    message = error_of(subscriptions={"shopify": {"batchsize": 3}})
    assert message == "batchsize: is not a setting; did you mean batch_size?"


@pytest.mark.parametrize("key", ["sig\tture", "a\nb", "\x1b[31m"])
def test_error_is_one_line_that_a_terminal_shows_whatever_a_key_is_called(key: str) -> None:
    assert error_of(**{key: 1}).isprintable()


def test_unlike_any_key_lists_them_all() -> None:
    assert "; there are access_logs, alarm_email, " in error_of(zzz=3)


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"maximum_concurrency": "1"}, "maximum_concurrency='1': must be greater than or equal to 2; the default is 5"),
        ({"batch_size": "20", "batch_window": "0"}, "batch_size=20: more than 10 needs batch_window of at least 1"),
        ({"reserved_concurrency": "1"}, "reserved_concurrency=1: less than maximum_concurrency=5"),
        ({"success_status": "500"}, "success_status='500': must be one of 200, 201, 202, 204; the default is 200"),
        ({"log_retention_days": 31}, "log_retention_days=31: must be one of 1, 3, 5"),
        ({"queue_retention_days": 5, "dead_letter_retention_days": 5}, "dead_letter_retention_days=5: must exceed"),
        (
            {"queue_retention_days": 14},
            "dead_letter_retention_days=14: must exceed queue_retention_days=14, because it counts from when the "
            "webhook was first queued; give queue_retention_days=13",
        ),
        ({"instance_type": "t3.micro"}, "instance_type='t3.micro': must look like t4g.micro, an arm64"),
        ({"instance_type": "a1.medium"}, "instance_type='a1.medium': must look like t4g.micro, an arm64"),
        ({"vpc_id": "vpc-0123"}, "vpc_id='vpc-0123': must look like vpc-0123456789abcdef0"),
        ({"volume_size": "big"}, "volume_size='big': must be a valid integer"),
        ({"gateway": ["http"]}, "gateway=['http']: must be 'http'"),
        ({"signature": "{" * 5000}, "signature="),
        ({"signature": '{"a":' * 5000}, "signature="),
        ({"egress": "yes"}, "egress='yes': must be 'none', 'ipv6' or 'nat'; the default is none"),
        (
            {"backend_allow_private": "perhaps"},
            "backend_allow_private='perhaps': must be a valid boolean, unable to interpret input; the default is false",
        ),
        (
            {"data_volume_id": "vol-0123456789abcdef0"},
            "data_volume_id='vol-0123456789abcdef0': an adopted volume needs its zone",
        ),
        ({"vpc_id": "vpc-0123456789abcdef0"}, "vpc_id: a network of yours is named by"),
        (
            {"subscriptions": ["shopify"]},
            'subscriptions: must be {"<name>": {"<setting>": …}} in the context of cdk.json',
        ),
    ],
)
def test_bad_value_names_key_rule_and_remedy(context: dict[str, Any], message: str) -> None:
    assert error_of(**context).startswith(message)


HTTP = {"destination": "http", "backend_url": "https://shop.example.com/webhooks"}


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (
            {"max_receives": 100, "post_queue_timeout": 900},
            "max_receives=100: tries up to 5401 seconds apart take 150 hours, more than half of "
            "queue_retention_days=4, after which SQS deletes a webhook in place of making it a dead letter; "
            "give max_receives=31",
        ),
        ({"max_receives": 1000, "post_queue_timeout": 60}, "max_receives=1000: tries up to 361 seconds apart"),
        (
            {"max_receives": 50, "post_queue_timeout": 300, "queue_retention_days": 1},
            "max_receives=50: tries up to 1801 seconds",
        ),
        # What Retry-After may ask for, from the end of a try.
        ({"max_receives": 50, **HTTP}, "max_receives=50: tries up to 3630 seconds apart take 50 hours"),
    ],
)
def test_tries_that_outlast_the_queue_are_refused(context: dict[str, Any], message: str) -> None:
    told = error_of(**context)
    assert told.startswith(message)
    remedy = int(told.rpartition("=")[2])
    assert Subscription.from_context({"name": "shopify", **context, "max_receives": remedy}).max_receives == remedy
    assert error_of(**context | {"max_receives": remedy + 1}).endswith(told.rpartition(";")[2])


def test_a_large_body_outlives_two_lives_of_its_message() -> None:
    assert PipelineSettings(queue_retention_days=4, dead_letter_retention_days=14).large_body_days > 2 * 14


def test_an_ordered_queue_keeps_a_webhook_as_long_as_sqs_can_because_a_failing_group_is_slow() -> None:
    assert PipelineSettings(order_by="x-id").queue_retention_days == 14


def test_an_ordered_queues_days_can_be_fewer() -> None:
    assert PipelineSettings(order_by="x-id", queue_retention_days=4).queue_retention_days == 4


def test_an_ordered_dead_letter_has_days_of_its_own() -> None:
    # Those of another queue count from when the webhook was first queued.
    settings = PipelineSettings(order_by="x-id", queue_retention_days=14, dead_letter_retention_days=2)
    assert settings.dead_letter_retention_days == 2


def test_a_large_body_outlives_two_lives_of_its_message_in_order() -> None:
    # There the days of a dead letter begin when it becomes one.
    settings = PipelineSettings(order_by="x-id", queue_retention_days=4, dead_letter_retention_days=14)
    assert settings.large_body_days > 2 * (4 + 14)


def test_adopting_a_volume_takes_its_zone_and_secret() -> None:
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:nami-AbCdEf"
    settings = Subscription(
        name="shopify",
        data_volume_id="vol-0123456789abcdef0",
        availability_zone="eu-west-1a",
        database_secret_arn=secret,
    )
    assert settings.data_volume_id == "vol-0123456789abcdef0"


def test_a_secret_without_a_volume_is_refused() -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:nami-AbCdEf"
    assert error_of(database_secret_arn=arn).startswith("database_secret_arn: goes with an adopted volume")


def test_context_wins_over_cdk_json_and_that_over_the_default() -> None:
    settings = Subscription.from_context(
        {"name": "shopify", "batch_size": "7", "subscriptions": {"shopify": {"batch_size": 8, "batch_window": 2}}}
    )
    assert (settings.batch_size, settings.batch_window, settings.max_receives) == (7, 2, 5)


def test_another_subscriptions_settings_are_not_taken() -> None:
    context = {"name": "shopify", "subscriptions": {"jira": {"batch_size": 8}}}
    assert Subscription.from_context(context).batch_size == 100


def test_the_cdks_own_context_is_not_a_setting() -> None:
    own = {"aws:cdk:bundling-stacks": [], "@aws-cdk/core:x": True, "cli-telemetry": False}
    assert Subscription.from_context({"name": "shopify", **own}).name == "shopify"


def test_reservation_follows_the_maximum_concurrency() -> None:
    assert PipelineSettings(maximum_concurrency=9).post_queue_reservation == 9


def test_reserved_concurrency_0_reserves_none() -> None:
    assert PipelineSettings(reserved_concurrency=0).post_queue_reservation is None


def test_constructs_settings_are_checked_as_the_apps() -> None:
    with pytest.raises(ValidationError, match="batch_size=20: more than 10 needs batch_window"):
        PipelineSettings(batch_size=20, batch_window=0)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{", "filter='{': is no JSON"),
        ('{"metod": ["PUT"]}', "metod: is not of a webhook; there are method, path"),
        ('{"body": {"total": [{"numeric": [">"]}]}}', 'body.total.numeric: [">"]: must be as in'),
        ('{"$or": [{"query": ["a=1"]}, {"query": {"a": ["1"]}}]}', "query: is either a text or its parameters"),
    ],
)
def test_wrong_filter_is_one_line_that_shows_where(given: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Subscription.from_context({"name": "shopify", "filter": given})
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_filter_may_be_an_object_in_cdk_json() -> None:
    subscriptions = {"shopify": {"filter": {"headers": {"X-Topic": ["orders/paid"]}}}}
    settings = Subscription.from_context({"name": "shopify", "subscriptions": subscriptions})
    assert settings.filter == '{"headers":{"X-Topic":["orders/paid"]}}'


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"transform": "$sum("},
            "transform='$sum(': Expected ) before end of expression, at position 5, behind '$sum('",
        ),
        ({"transform": "{\n 'a': }"}, "at position 9, behind"),
        (
            {"transform": "body", "destination": "http,dynamodb", "backend_url": "https://a.example"},
            "transform: destination=dynamodb takes none, because what it holds is read again by the fields of a "
            "document; leave transform out, or give it in destinations to those that are http, eventbridge or postgres",
        ),
        ({"transform": "body"}, "transform: destination=mongo-host takes none"),
    ],
    ids=["open", "lines", "several", "default"],
)
def test_wrong_transform_is_one_line_that_shows_where(given: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Subscription.from_context({"name": "shopify", **given})
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_filter_needs_a_function_before_the_queue() -> None:
    with pytest.raises(SettingsError, match="no function looks at the filter before the queue"):
        Subscription.from_context(
            {"name": "shopify", "gateway": "rest", "ingest": "direct", "filter": {"method": ["PUT"]}}
        )
