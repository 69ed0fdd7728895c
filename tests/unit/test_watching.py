"""Alarms, the topic that they go to, dashboards, and the gateways' access logs."""

import json
import re
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Match, Template

from nami_runtime import log
from nami_stack import (
    HttpGateway,
    MongoHost,
    ScalableWebhook,
    SettingsError,
    SharedSettings,
    SharedStack,
    Subscription,
    Watching,
    WebhookStack,
)
from nami_stack.settings import Environment

Synth = Callable[..., Template]
AppFactory = Callable[..., cdk.App]
ALL: dict[str, Any] = {"signature": "shopify", "alarm_silence": 90, "backup_days": 7}
BACKEND = "https://shop.example.com/webhooks"
# Every form that a subscription can have, for what must hold in all of them.
FORMS: dict[str, dict[str, Any]] = {
    "everything": ALL,
    "unsigned": {},
    "rest": {"gateway": "rest"},
    "direct": {"gateway": "rest", "ingest": "direct", "signature": "shopify", "destination": "dynamodb"},
    "shared": {"gateway": "shared", "destination": "shared-mongo", "signature": "shopify"},
    "backend": {"destination": "http", "backend_url": BACKEND, "signature": "shopify"},
    "several": {"destination": "mongo-host,dynamodb,http", "backend_url": BACKEND, "signature": "shopify"},
    "ordered": {"order_by": "$.id", "signature": "shopify"},
}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest, synth: Synth) -> Template:
    return synth(**FORMS[request.param])


@pytest.fixture(scope="module")
def full(synth: Synth) -> Template:
    return synth(**ALL)


def alarms(template: Template) -> dict[str, dict[str, Any]]:
    """Every alarm by its name."""
    found = template.find_resources("AWS::CloudWatch::Alarm").values()
    return {alarm["Properties"]["AlarmName"]: alarm["Properties"] for alarm in found}


def alarm(template: Template, name: str) -> dict[str, Any]:
    return alarms(template)[f"nami-shopify-{name}"]


def dimensions(properties: dict[str, Any]) -> dict[str, Any]:
    return {d["Name"]: d["Value"] for d in properties.get("Dimensions", [])}


def resource(template: Template, value: Any) -> tuple[str, dict[str, Any]]:
    """The logical id and the properties of what a Ref or a GetAtt leads to."""
    logical_id = value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]
    return logical_id, template.to_json()["Resources"][logical_id]["Properties"]


# Each alarm watches the right thing.


@pytest.mark.parametrize(
    ("name", "namespace", "metric", "statistic", "threshold", "periods"),
    [
        # seconds of a period, how many must breach, of how many
        ("gateway-5xx", "AWS/ApiGateway", "5xx", "Sum", 0, (60, 2, 60)),
        ("pre-queue-errors", "AWS/Lambda", "Errors", "Sum", 0, (60, 2, 60)),
        ("pre-queue-throttles", "AWS/Lambda", "Throttles", "Sum", 0, (60, 2, 60)),
        ("pre-queue-duration", "AWS/Lambda", "Duration", "p99", 4_000, (60, 5, 15)),
        ("unauthorized", "nami", "Refused", "Sum", 9, (300, 1, 1)),
        ("away", "nami", "Away", "Sum", 0, (60, 2, 60)),
        ("oldest", "AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", 300, (60, 1, 1)),
        ("dead-letters", "AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", 0, (60, 1, 1)),
        ("post-queue-errors", "AWS/Lambda", "Errors", "Sum", 0, (60, 2, 60)),
        ("post-queue-throttles", "AWS/Lambda", "Throttles", "Sum", 0, (60, 2, 60)),
        ("post-queue-duration", "AWS/Lambda", "Duration", "p99", 24_000, (60, 5, 15)),
        ("mongo-host-status", "AWS/EC2", "StatusCheckFailed", "Maximum", 0, (60, 2, 2)),
        ("mongo-host-disk", "nami", "DiskUsed", "Maximum", 80, (300, 3, 3)),
        ("mongo-host-credits", "AWS/EC2", "CPUSurplusCreditsCharged", "Maximum", 0, (300, 3, 3)),
        ("mongo-host-backup", "AWS/EBS", "SnapshotsCreateFailed", "Sum", 0, (300, 1, 1)),
    ],
)
def test_alarm_is_raised_above(
    full: Template,
    name: str,
    namespace: str,
    metric: str,
    statistic: str,
    threshold: int,
    periods: tuple[int, int, int],
) -> None:
    properties = alarm(full, name)
    assert (properties["Namespace"], properties["MetricName"]) == (namespace, metric)
    assert properties.get("Statistic", properties.get("ExtendedStatistic")) == statistic
    assert (properties["ComparisonOperator"], properties["Threshold"]) == ("GreaterThanThreshold", threshold)
    assert (properties["Period"], properties["DatapointsToAlarm"], properties["EvaluationPeriods"]) == periods


def test_these_are_all_the_alarms_there_are_by_default(synth: Synth) -> None:
    assert {name.removeprefix("nami-shopify-") for name in alarms(synth(signature="shopify"))} == {
        *("gateway-5xx", "pre-queue-errors", "pre-queue-throttles", "pre-queue-duration", "unauthorized"),
        *("away", "oldest", "dead-letters", "post-queue-errors", "post-queue-throttles", "post-queue-duration"),
        *("mongo-host-status", "mongo-host-disk", "mongo-host-credits"),
    }


@pytest.mark.parametrize(
    ("name", "dimension", "output"),
    [
        ("pre-queue-errors", "FunctionName", "PreQueueFunctionName"),
        ("pre-queue-throttles", "FunctionName", "PreQueueFunctionName"),
        ("pre-queue-duration", "FunctionName", "PreQueueFunctionName"),
        ("post-queue-errors", "FunctionName", "PostQueueFunctionName"),
        ("post-queue-throttles", "FunctionName", "PostQueueFunctionName"),
        ("post-queue-duration", "FunctionName", "PostQueueFunctionName"),
        ("oldest", "QueueName", "QueueUrl"),
        ("silence", "QueueName", "QueueUrl"),
        ("dead-letters", "QueueName", "DeadLetterQueueUrl"),
    ],
)
def test_alarm_is_of_what_the_output_names(full: Template, name: str, dimension: str, output: str) -> None:
    (value,) = dimensions(alarm(full, name)).values()
    assert list(dimensions(alarm(full, name))) == [dimension]
    assert resource(full, value) == resource(full, full.to_json()["Outputs"][output]["Value"])


def test_gateway_alarm_is_of_the_subscriptions_api(full: Template, synth: Synth) -> None:
    assert "ProtocolType" in resource(full, dimensions(alarm(full, "gateway-5xx"))["ApiId"])[1]
    rest = alarm(synth(gateway="rest"), "rest-gateway-5xx")
    assert (rest["MetricName"], dimensions(rest)) == ("5XXError", {"ApiName": "nami-shopify"})


def test_host_alarms_are_of_its_group_its_name_and_its_backups(full: Template) -> None:
    group, _ = resource(full, dimensions(alarm(full, "mongo-host-status"))["AutoScalingGroupName"])
    assert full.to_json()["Resources"][group]["Type"] == "AWS::AutoScaling::AutoScalingGroup"
    name = dimensions(alarm(full, "mongo-host-disk"))["host"]
    (zone,) = full.find_resources("AWS::Route53::HostedZone").values()
    assert f"{name}." == f"mongo.{zone['Properties']['Name']}"
    policy, _ = resource(full, dimensions(alarm(full, "mongo-host-backup"))["DLMPolicyId"])
    assert full.to_json()["Resources"][policy]["Type"] == "AWS::DLM::LifecyclePolicy"


def test_disk_alarm_waits_for_the_host_whose_silence_raises_it(full: Template) -> None:
    (found,) = full.find_resources(
        "AWS::CloudWatch::Alarm", {"Properties": {"AlarmName": "nami-shopify-mongo-host-disk"}}
    ).values()
    waited_for = ("AWS::AutoScaling::AutoScalingGroup", "Custom::Reservations")
    assert found["DependsOn"] == [key for kind in waited_for for key in full.find_resources(kind)]


def test_missing_data_is_no_alarm_but_where_it_is_what_the_alarm_is_for(full: Template) -> None:
    treated = {name.removeprefix("nami-shopify-"): p["TreatMissingData"] for name, p in alarms(full).items()}
    assert {name: how for name, how in treated.items() if how != "notBreaching"} == {
        "mongo-host-disk": "breaching",
        "mongo-host-status": "ignore",
        "silence": "breaching",
    }


# Every form of a subscription.


def test_every_alarm_says_why_and_what_to_do_and_goes_to_the_topic(form: Template) -> None:
    (topic,) = form.find_resources("AWS::SNS::Topic")
    for properties in alarms(form).values():
        _what, why, todo = properties["AlarmDescription"].split("\n")
        assert why.startswith("Why: ")
        assert todo.startswith("What to do: ")
        assert len(properties["AlarmDescription"]) <= 1024  # what CloudWatch takes
        assert properties["AlarmActions"] == [{"Ref": topic}]


def test_alarms_are_deployed_anywhere_because_none_calculates(form: Template) -> None:
    assert [name for name, properties in alarms(form).items() if "Metrics" in properties] == []


def test_no_alarm_lives_on_a_metric_that_nobody_emits(form: Template) -> None:
    for properties in alarms(form).values():
        if properties["Namespace"] == log.NAMESPACE and properties["MetricName"] != "DiskUsed":
            assert set(dimensions(properties)) == set(log.METRICS[properties["MetricName"]])


def test_all_periods_together_are_no_longer_than_cloudwatch_takes(form: Template) -> None:
    for properties in alarms(form).values():
        at_most = 86_400 if properties["Period"] < 3_600 else 7 * 86_400
        assert properties["Period"] * properties["EvaluationPeriods"] <= at_most


def test_each_destination_has_its_own_alarms(synth: Synth) -> None:
    names = {name.removeprefix("nami-shopify-") for name in alarms(synth(**FORMS["several"]))}
    for kind in ("", "dynamodb-", "http-"):
        ends = ("dead-letters", "oldest", "post-queue-errors", "post-queue-throttles", "post-queue-duration")
        assert {f"{kind}{end}" for end in ends} <= names
    assert "dynamodb-table-throttles" in names


def test_direct_ingest_watches_its_quarantine_and_no_function_that_is_not_there(synth: Synth) -> None:
    template = synth(**FORMS["direct"])
    names = {name.removeprefix("nami-shopify-") for name in alarms(template)}
    assert not [name for name in names if name.startswith("pre-queue") or name == "unauthorized"]
    (value,) = dimensions(alarm(template, "quarantine")).values()
    assert resource(template, value) == resource(template, template.to_json()["Outputs"]["QuarantineUrl"]["Value"])


def test_shared_gateway_is_not_a_subscriptions_to_watch(synth: Synth) -> None:
    template = synth(**FORMS["shared"])
    assert not [p for p in alarms(template).values() if p["Namespace"] in ("AWS/ApiGateway", "AWS/EC2")]
    assert dimensions(alarm(template, "not-queued")) == {"subscription": "shopify", "refused": "unavailable"}


def test_nobody_can_be_unproven_where_nobody_must_prove_anything(synth: Synth) -> None:
    for signature in ({}, {"signature": "none"}):
        assert "nami-shopify-unauthorized" not in alarms(synth(**signature))


def test_oldest_message_may_wait_for_its_next_try(synth: Synth) -> None:
    visibility = 6 * 300 + 1
    assert alarm(synth(post_queue_timeout=300), "oldest")["Threshold"] > visibility


def test_commands_in_the_alarms_name_the_environment(app_factory: AppFactory) -> None:
    settings = Subscription(name="shopify", signature="shopify", environment=Environment(name="prod"))
    template = Template.from_stack(WebhookStack(app_factory(), subscription=settings))
    descriptions = [properties["AlarmDescription"] for properties in alarms(template).values()]
    commands = [line for text in descriptions for line in re.findall(r"nami (?:dlq )?[a-z]+ shopify[^;.,)]*", text)]
    assert len(commands) > 5
    assert [command for command in commands if " shopify --env prod" not in command] == []


# Settings.


def test_threshold_of_the_unproven_can_be_set(synth: Synth) -> None:
    assert alarm(synth(signature="shopify", alarm_unauthorized=50), "unauthorized")["Threshold"] == 49


@pytest.mark.parametrize(
    ("minutes", "period", "count"), [(5, 300, 1), (90, 300, 18), (1440, 300, 288), (2000, 3600, 34)]
)
def test_silence_of_so_many_minutes_is_an_alarm(synth: Synth, minutes: int, period: int, count: int) -> None:
    properties = alarm(synth(alarm_silence=minutes), "silence")
    assert properties["MetricName"] == "NumberOfMessagesSent"
    assert (properties["ComparisonOperator"], properties["Threshold"]) == ("LessThanThreshold", 1)
    assert (properties["Period"], properties["EvaluationPeriods"]) == (period, count)
    assert properties["DatapointsToAlarm"] == count


def test_mail_goes_to_the_address(synth: Synth) -> None:
    template = synth(alarm_email="ops@example.com")
    (topic,) = template.find_resources("AWS::SNS::Topic")
    template.has_resource_properties(
        "AWS::SNS::Subscription", {"Protocol": "email", "Endpoint": "ops@example.com", "TopicArn": {"Ref": topic}}
    )


def test_topic_is_there_for_other_subscribers(template: Template) -> None:
    template.resource_count_is("AWS::SNS::Subscription", 0)
    (topic,) = template.find_resources("AWS::SNS::Topic")
    assert template.to_json()["Outputs"]["AlarmTopicArn"]["Value"] == {"Ref": topic}


def test_topic_takes_alarms_of_this_account_alone_and_only_by_tls(template: Template) -> None:
    (policy,) = template.find_resources("AWS::SNS::TopicPolicy").values()
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    allow, deny = sorted(statements, key=lambda statement: str(statement["Effect"]))
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert allow["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_alarms_can_be_left_out(synth: Synth) -> None:
    template = synth(alarms="false")
    for kind in ("AWS::CloudWatch::Alarm", "AWS::SNS::Topic"):
        template.resource_count_is(kind, 0)
    assert "AlarmTopicArn" not in template.to_json()["Outputs"]
    template.resource_count_is("AWS::CloudWatch::Dashboard", 1)


def test_dashboards_name_has_the_region_since_it_is_global_in_an_account(synth: Callable[..., Template]) -> None:
    (board,) = synth().find_resources("AWS::CloudWatch::Dashboard").values()
    assert board["Properties"]["DashboardName"] == {"Fn::Join": ["", ["nami-shopify-", {"Ref": "AWS::Region"}]]}


def test_dashboard_can_be_left_out(synth: Synth) -> None:
    template = synth(dashboard="false")
    template.resource_count_is("AWS::CloudWatch::Dashboard", 0)
    assert "DashboardUrl" not in template.to_json()["Outputs"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"alarm_email": "ops"}, "alarm_email='ops': must look like ops@example.com"),
        (
            {"alarms": "false", "alarm_email": "ops@example.com"},
            "alarm_email: there are no alarms with alarms=false; leave one of them out",
        ),
        (
            {"alarms": "false", "alarm_silence": "60"},
            "alarm_silence: there are no alarms with alarms=false; leave one of them out",
        ),
        (
            {"gateway": "shared", "access_logs": "true"},
            "access_logs: are the shared gateway's; give it to name=shared, or leave it out",
        ),
        (
            {"destination": "dynamodb", "backup_days": "7"},
            "backup_days: belongs to destination=mongo-host; give that too, or leave backup_days out "
            "(destination=dynamodb)",
        ),
    ],
)
def test_bad_setting_is_told_in_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Subscription.from_context({"name": "shopify", **given})
    assert str(caught.value) == message


# In other apps, and for what is shared.


def test_what_two_subscriptions_share_is_watched_once(app_factory: AppFactory) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    gateway, host = HttpGateway(stack, "Gateway"), MongoHost(stack, "Mongo")
    watching = Watching(stack, "Watching")
    for name in ("shopify", "jira"):
        watching.watch(ScalableWebhook(stack, name.title(), name=name, gateway=gateway, destination=host))
    names = list(alarms(Template.from_stack(stack)))
    assert {"Shop-shopify-oldest", "Shop-jira-oldest", "Shop-gateway-5xx", "Shop-mongo-disk"} <= set(names)
    assert len(names) == len(set(names))


def test_shared_stack_watches_its_gateway_and_its_host(app_factory: AppFactory) -> None:
    template = Template.from_stack(SharedStack(app_factory(), settings=SharedSettings(alarm_email="ops@example.com")))
    assert {name.removeprefix("nami-shared-") for name in alarms(template)} == {
        *("gateway-5xx", "mongo-host-status", "mongo-host-disk", "mongo-host-credits")
    }
    template.resource_count_is("AWS::SNS::Subscription", 1)
    assert "AlarmTopicArn" in template.to_json()["Outputs"]


# The dashboard.


def widgets(template: Template) -> list[dict[str, Any]]:
    """What is on the page, with {Name} where CloudFormation puts something in."""
    (board,) = template.find_resources("AWS::CloudWatch::Dashboard").values()
    parts = board["Properties"]["DashboardBody"]["Fn::Join"][1]
    return list(json.loads("".join(map(_said, parts)))["widgets"])


def _said(part: str | dict[str, Any]) -> str:
    if isinstance(part, str):
        return part
    return f"{{{part.get('Ref') or '.'.join(part['Fn::GetAtt'])}}}" if "Fn::If" not in part else "{console}"


def titles(template: Template) -> list[str]:
    """The columns' titles from left to right, row by row."""
    headings = [w for w in widgets(template) if w["type"] == "text" and w["properties"]["markdown"].startswith("## ")]
    headings.sort(key=lambda widget: (widget["y"], widget["x"]))
    return [widget["properties"]["markdown"].removeprefix("## ") for widget in headings]


def test_dead_letters_of_an_ordered_queue_count_their_days_anew(synth: Synth) -> None:
    told = [
        a["Properties"]["AlarmDescription"]
        for a in synth(order_by="x-id").find_resources("AWS::CloudWatch::Alarm").values()
    ]
    assert any("are deleted 14 days after they died." in description for description in told)


def test_dashboard_reads_as_a_webhook_travels(full: Template) -> None:
    assert titles(full) == ["Gateway", "Pre-queue", "Queue", "Post-queue", "Destination"]


def test_dashboard_has_no_part_that_the_stack_has_not(synth: Synth) -> None:
    assert titles(synth(**FORMS["direct"])) == ["Gateway", "Queue", "Post-queue", "Destination"]
    assert titles(synth(**FORMS["shared"])) == ["Pre-queue", "Queue", "Post-queue", "Destination"]


def test_further_destinations_have_rows_of_their_own(synth: Synth) -> None:
    assert titles(synth(**FORMS["several"])) == [
        *("Gateway", "Pre-queue", "Queue (Mongo)", "Post-queue (Mongo)", "Destination (Mongo)"),
        *("Queue (Dynamodb)", "Post-queue (Dynamodb)", "Destination (Dynamodb)"),
        *("Queue (Http)", "Post-queue (Http)", "Destination (Http)"),
    ]


def test_dashboard_fits_its_page_and_nothing_covers_another(form: Template) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in widgets(form):
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def shown(template: Template) -> list[list[Any]]:
    """Every metric of every graph, as CloudWatch writes them: namespace, name, dimensions, options."""
    graphs = [w["properties"] for w in widgets(template) if w["type"] == "metric" and "metrics" in w["properties"]]
    return [metric for graph in graphs for metric in graph["metrics"]]


def test_dashboard_shows_every_metric_of_the_functions_and_no_other_of_theirs(full: Template) -> None:
    own = [metric for metric in shown(full) if metric[0] == log.NAMESPACE and metric[1] != "DiskUsed"]
    assert {metric[1] for metric in own} == set(log.METRICS)
    for metric in own:
        given = [part for part in metric[2:] if isinstance(part, str)]
        assert set(given[::2]) == set(log.METRICS[metric[1]])


def test_dashboard_stays_within_what_is_free(full: Template) -> None:
    assert len(shown(full)) <= 50  # https://aws.amazon.com/cloudwatch/pricing/


def test_dashboard_shows_the_states_of_all_alarms(full: Template) -> None:
    (states,) = [w["properties"]["alarms"] for w in widgets(full) if w["type"] == "alarm"]
    assert len(states) == len(alarms(full))


def test_dashboard_says_what_to_do_about_dead_letters(full: Template) -> None:
    header = widgets(full)[0]["properties"]["markdown"]
    assert "nami dlq list shopify" in header
    assert full.to_json()["Outputs"]["DashboardUrl"]


# Access logs.


def log_format(template: Template, kind: str, setting: str) -> dict[str, str]:
    (stage,) = template.find_resources(kind).values()
    settings = stage["Properties"][setting]
    (group,) = template.find_resources("AWS::Logs::LogGroup", {"Properties": {"LogGroupName": Match.any_value()}})
    assert f'"{group}"' in json.dumps(settings["DestinationArn"])
    return dict(json.loads(settings["Format"]))


def test_http_api_logs_each_request_by_the_id_that_the_function_logs(template: Template) -> None:
    assert log_format(template, "AWS::ApiGatewayV2::Stage", "AccessLogSettings")["id"] == "$context.requestId"


def test_rest_api_logs_each_request_by_the_id_that_the_function_logs(synth: Synth) -> None:
    template = synth(gateway="rest", access_logs="true")
    assert log_format(template, "AWS::ApiGateway::Stage", "AccessLogSetting")["id"] == "$context.extendedRequestId"


@pytest.mark.parametrize("words", ["path", "userAgent", "query", "header", "domainName", "messageString"])
def test_access_log_holds_nothing_that_the_sender_words(template: Template, synth: Synth, words: str) -> None:
    for made, kind, setting in (
        (template, "AWS::ApiGatewayV2::Stage", "AccessLogSettings"),
        (synth(gateway="rest", access_logs="true"), "AWS::ApiGateway::Stage", "AccessLogSetting"),
    ):
        assert not [value for value in log_format(made, kind, setting).values() if words in value.partition(".")[2]]


def test_access_log_is_kept_as_long_as_the_functions(synth: Synth) -> None:
    groups = synth(log_retention_days=7).find_resources(
        "AWS::Logs::LogGroup", {"Properties": {"LogGroupName": Match.any_value()}}
    )
    assert [group["Properties"]["RetentionInDays"] for group in groups.values()] == [7]


def test_access_log_can_be_left_out(synth: Synth) -> None:
    synth(access_logs="false").has_resource_properties(
        "AWS::ApiGatewayV2::Stage", {"AccessLogSettings": Match.absent()}
    )


def test_rest_api_asks_for_no_role_of_the_account_unless_it_is_to_log(synth: Synth) -> None:
    template = synth(gateway="rest")
    template.has_resource_properties("AWS::ApiGateway::Stage", {"AccessLogSetting": Match.absent()})
    for made in (template, synth(gateway="rest", access_logs="true")):
        made.resource_count_is("AWS::ApiGateway::Account", 0)


def test_each_gateway_logs_to_a_group_that_awss_log_delivery_may_write_to(app_factory: AppFactory) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    for construct_id in ("One", "Two"):
        HttpGateway(stack, construct_id)
    groups = Template.from_stack(stack).find_resources("AWS::Logs::LogGroup").values()
    names = {group["Properties"]["LogGroupName"] for group in groups}
    assert len(names) == 2
    assert all(name.startswith("/aws/vendedlogs/nami/Shop-") for name in names)


def test_links_lead_to_the_console_of_the_partition(full: Template) -> None:
    domain = {
        "Fn::If": [
            "PartitionAwsUsGov",
            "console.amazonaws-us-gov.com",
            {"Fn::If": ["PartitionAwsCn", "console.amazonaws.cn", "console.aws.amazon.com"]},
        ]
    }
    (output,) = full.find_outputs("DashboardUrl").values()
    (dashboard,) = full.find_resources("AWS::CloudWatch::Dashboard").values()
    for text in (output["Value"], dashboard["Properties"]["DashboardBody"]):
        assert domain in text["Fn::Join"][1]
    conditions = full.to_json()["Conditions"]
    assert conditions["PartitionAwsCn"] == {"Fn::Equals": [{"Ref": "AWS::Partition"}, "aws-cn"]}
