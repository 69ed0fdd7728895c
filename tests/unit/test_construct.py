import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match, Template

from nami_stack import (
    DynamoTable,
    HttpGateway,
    MongoHost,
    PipelineSettings,
    RestGateway,
    ScalableWebhook,
    SettingsError,
    Signature,
)
from nami_stack.functions import check_environment

Synth = Callable[..., Template]


def of(name: str) -> tuple[str, str]:
    """Beginnings of the logical ids of what belongs to the webhook, or to its delivery to MongoDB."""
    return f"Webhook{name}", f"WebhookMongo{name}"


def function(template: Template, name: str) -> dict[str, Any]:
    """Properties of the pre-queue (PreQueue) or post-queue (PostQueue) function."""
    found = template.find_resources("AWS::Lambda::Function")
    return next(
        r["Properties"] for key, r in found.items() if key.startswith((f"Webhook{name}", f"WebhookMongo{name}"))
    )


def statements(template: Template, role: str) -> list[dict[str, Any]]:
    """All that a function's role may do."""
    policies = template.find_resources("AWS::IAM::Policy").values()
    own = [
        p
        for p in policies
        if p["Properties"]["Roles"][0]["Ref"].startswith((f"Webhook{role}Role", f"WebhookMongo{role}Role"))
    ]
    return [s for p in own for s in p["Properties"]["PolicyDocument"]["Statement"]]


def actions(template: Template, role: str) -> set[str]:
    listed = [s["Action"] for s in statements(template, role)]
    return {a for action in listed for a in ([action] if isinstance(action, str) else action)}


def test_route_is_post_nami_name(template: Template) -> None:
    template.has_resource_properties("AWS::ApiGatewayV2::Route", {"RouteKey": "POST /nami/shopify"})


@pytest.mark.parametrize("name", ["PreQueue", "PostQueue"])
def test_functions_run_on_arm64_and_python_3_13(template: Template, name: str) -> None:
    properties = function(template, name)
    assert (properties["Architectures"], properties["Runtime"]) == (["arm64"], "python3.13")


def test_pre_queue_function_has_256_mb_and_5_seconds(template: Template) -> None:
    properties = function(template, "PreQueue")
    assert (properties["MemorySize"], properties["Timeout"]) == (256, 5)


def test_pre_queue_function_reserves_no_concurrency(template: Template) -> None:
    assert "ReservedConcurrentExecutions" not in function(template, "PreQueue")


def test_post_queue_function_reserves_5(template: Template) -> None:
    assert function(template, "PostQueue")["ReservedConcurrentExecutions"] == 5


def test_post_queue_function_has_30_seconds(template: Template) -> None:
    assert function(template, "PostQueue")["Timeout"] == 30


def test_reserved_concurrency_0_leaves_it_out(synth: Synth) -> None:
    assert "ReservedConcurrentExecutions" not in function(synth(reserved_concurrency="0"), "PostQueue")


def test_event_source_takes_100_within_a_second_5_at_a_time(template: Template) -> None:
    template.has_resource_properties(
        "AWS::Lambda::EventSourceMapping",
        {
            "BatchSize": 100,
            "MaximumBatchingWindowInSeconds": 1,
            "ScalingConfig": {"MaximumConcurrency": 5},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        },
    )


def test_queue_hides_a_webhook_for_six_timeouts_and_the_window(template: Template) -> None:
    template.has_resource_properties("AWS::SQS::Queue", {"VisibilityTimeout": 6 * 30 + 1})


def test_longer_timeout_hides_for_longer(synth: Synth) -> None:
    template = synth(post_queue_timeout="60", batch_window="5")
    template.has_resource_properties("AWS::SQS::Queue", {"VisibilityTimeout": 6 * 60 + 5})


def test_fifth_failure_goes_to_the_dead_letters(template: Template) -> None:
    dead_letters = template.find_resources("AWS::SQS::Queue", {"Properties": {"RedrivePolicy": Match.absent()}})
    template.has_resource_properties(
        "AWS::SQS::Queue",
        {
            "MessageRetentionPeriod": 4 * 86400,
            "RedrivePolicy": {
                "deadLetterTargetArn": {"Fn::GetAtt": [next(iter(dead_letters)), "Arn"]},
                "maxReceiveCount": 5,
            },
        },
    )


def test_dead_letters_are_kept_for_14_days(template: Template) -> None:
    template.has_resource_properties(
        "AWS::SQS::Queue", {"MessageRetentionPeriod": 14 * 86400, "RedrivePolicy": Match.absent()}
    )


def test_queues_are_encrypted(template: Template) -> None:
    template.all_resources_properties("AWS::SQS::Queue", {"SqsManagedSseEnabled": True})


def test_no_deployment_deletes_a_queue(template: Template) -> None:
    template.all_resources("AWS::SQS::Queue", {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"})


def test_every_queue_refuses_plain_http(template: Template) -> None:
    deny = {"Action": "sqs:*", "Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    policies = template.find_resources(
        "AWS::SQS::QueuePolicy",
        {"Properties": {"PolicyDocument": {"Statement": Match.array_with([Match.object_like(deny)])}}},
    )
    protected = {queue["Ref"] for policy in policies.values() for queue in policy["Properties"]["Queues"]}
    assert protected == set(template.find_resources("AWS::SQS::Queue"))


def test_logs_are_kept_for_30_days(template: Template) -> None:
    template.all_resources_properties("AWS::Logs::LogGroup", {"RetentionInDays": 30})


def test_pre_queue_function_may_only_send_leave_large_bodies_and_log(template: Template) -> None:
    assert actions(template, "PreQueue") == {
        "sqs:SendMessage",
        "s3:PutObject",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    }


def test_with_a_signature_the_pre_queue_function_may_also_read_that_secret(synth: Synth) -> None:
    template = synth(signature="shopify")
    (secret,) = [s for s in statements(template, "PreQueue") if s["Action"] == "secretsmanager:GetSecretValue"]
    assert secret["Resource"] == {"Ref": "WebhookSignatureSecretF4B7FECE"}


def test_post_queue_function_may_not_read_the_signature_secret(synth: Synth) -> None:
    readable = [s["Resource"] for s in statements(synth(signature="shopify"), "PostQueue") if "secrets" in str(s)]
    assert readable
    assert "SignatureSecret" not in str(readable)


def test_signature_secret_has_no_value_until_the_user_fills_it_in(synth: Synth) -> None:
    template = synth(signature="shopify")
    secret = template.find_resources("AWS::SecretsManager::Secret")["WebhookSignatureSecretF4B7FECE"]
    assert not {"SecretString", "GenerateSecretString"} & set(secret["Properties"])


def test_signature_secrets_arn_is_an_output(synth: Synth) -> None:
    output = synth(signature="shopify").find_outputs("SignatureSecretArn")["SignatureSecretArn"]
    assert output["Value"] == {"Ref": "WebhookSignatureSecretF4B7FECE"}


def test_scheme_and_its_options_reach_the_pre_queue_function(synth: Synth) -> None:
    variables = function(synth(signature="stripe", signature_tolerance="600"), "PreQueue")["Environment"]["Variables"]
    assert json.loads(variables["SIGNATURE"]) == {"scheme": "stripe", "tolerance": 600}


def test_no_signature_is_warned_of(app_factory: Callable[..., cdk.App]) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    ScalableWebhook(stack, "Shopify", name="shopify")
    Annotations.from_stack(stack).has_warning("/Shop/Shopify", Match.string_like_regexp("no signature is set"))


def test_none_by_decision_is_not_warned_of(app_factory: Callable[..., cdk.App]) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    ScalableWebhook(stack, "Shopify", name="shopify", signature=Signature.none())
    Annotations.from_stack(stack).has_no_warning("*", Match.any_value())


def test_none_by_decision_makes_no_secret(synth: Synth) -> None:
    assert not synth(signature="none").find_outputs("SignatureSecretArn")


def test_handshake_by_get_gets_its_route(synth: Synth) -> None:
    synth(signature="meta").has_resource_properties("AWS::ApiGatewayV2::Route", {"RouteKey": "GET /nami/shopify"})


def test_methods_get_their_routes(synth: Synth) -> None:
    routes = synth(methods="get,post").find_resources("AWS::ApiGatewayV2::Route").values()
    assert {r["Properties"]["RouteKey"] for r in routes} == {"GET /nami/shopify", "POST /nami/shopify"}


def test_large_bodies_are_private_and_encrypted(template: Template) -> None:
    template.has_resource_properties(
        "AWS::S3::Bucket",
        {
            "BucketEncryption": Match.any_value(),
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
        },
    )


def test_large_bodies_take_tls_only(template: Template) -> None:
    deny = {"Action": "s3:*", "Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    template.has_resource_properties(
        "AWS::S3::BucketPolicy", {"PolicyDocument": {"Statement": Match.array_with([Match.object_like(deny)])}}
    )


def test_large_bodies_outlive_both_queues_and_a_redrive(template: Template) -> None:
    (bucket,) = template.find_resources("AWS::S3::Bucket").values()
    (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] > 14 + 14


def test_post_queue_function_may_send_to_its_own_queue_alone(template: Template) -> None:
    """What waits for the destination goes back there."""
    sends = [right for right in statements(template, "PostQueue") if "sqs:SendMessage" in right["Action"]]
    receives = [right for right in statements(template, "PostQueue") if "sqs:ReceiveMessage" in right["Action"]]
    assert [right["Resource"] for right in sends] == [right["Resource"] for right in receives]


def test_post_queue_function_of_an_ordered_queue_may_only_give_up_and_count(synth: Callable[..., Template]) -> None:
    ordered = synth(order_by="$.id")
    dead = {
        name
        for name, queue in ordered.find_resources("AWS::SQS::Queue").items()
        if "RedrivePolicy" not in queue["Properties"]
    }
    (sends,) = [right for right in statements(ordered, "PostQueue") if "sqs:SendMessage" in right["Action"]]
    assert sends["Resource"]["Fn::GetAtt"][0] in dead
    (writes,) = [right for right in statements(ordered, "PostQueue") if "s3:PutObject" in right["Action"]]
    assert writes["Resource"]["Fn::Join"][1][-1] == "/tries/*"


@pytest.mark.parametrize("role", ["PreQueue", "PostQueue"])
def test_functions_rights_name_their_resources(template: Template, role: str) -> None:
    """By something of this stack: a wildcard alone, or in an ARN that is written out, is anybody's."""
    rights = statements(template, role)
    assert rights
    assert [right for right in rights if isinstance(right["Resource"], str)] == []


@pytest.mark.parametrize("name", ["PreQueue", "PostQueue"])
def test_no_secret_is_in_the_environment(template: Template, name: str) -> None:
    variables = function(template, name)["Environment"]["Variables"]
    assert "resolve:secretsmanager" not in str(variables)


def test_everything_taggable_of_the_pipeline_names_the_subscription(template: Template) -> None:
    tag = {"Key": "nami:subscription", "Value": "shopify"}
    for resource_type in ("AWS::SQS::Queue", "AWS::Lambda::Function", "AWS::IAM::Role", "AWS::Logs::LogGroup"):
        for key, resource in template.find_resources(resource_type).items():
            assert tag in resource["Properties"]["Tags"], key


def test_outputs_are_what_scripts_read(template: Template) -> None:
    assert set(template.find_outputs("*")) == {
        "AlarmTopicArn",
        "DashboardUrl",
        "LargeBodiesBucketName",
        "EndpointUrl",
        "QueueUrl",
        "DeadLetterQueueUrl",
        "DatabaseSecretArn",
        "DataVolumeId",
        "PreQueueFunctionName",
        "PostQueueFunctionName",
    }


def test_queues_keep_their_logical_ids(template: Template) -> None:
    # With a changed id another queue would take its place, and what it holds would stay behind.
    assert set(template.find_resources("AWS::SQS::Queue")) == {
        "WebhookMongoQueue068DA4C3",
        "WebhookMongoDeadLetters009B6818",
    }


TUNED = {
    "success_status": 202,
    "success_body": "ok",
    "unauthorized_status": 404,
    "unavailable_status": 500,
    "pre_queue_memory": 512,
    "pre_queue_timeout": 10,
    "post_queue_memory": 1024,
    "post_queue_timeout": 60,
    "maximum_concurrency": 10,
    "batch_size": 50,
    "batch_window": 2,
    "max_receives": 3,
    "queue_retention_days": 7,
    "dead_letter_retention_days": 13,
    "log_retention_days": 90,
}


@pytest.mark.parametrize(
    ("role", "properties"),
    [
        ("PreQueue", {"MemorySize": 512, "Timeout": 10}),
        ("PostQueue", {"MemorySize": 1024, "Timeout": 60, "ReservedConcurrentExecutions": 10}),
    ],
)
def test_settings_reach_the_function(synth: Synth, role: str, properties: dict[str, int]) -> None:
    assert function(synth(**TUNED), role).items() >= properties.items()


def test_settings_of_the_answer_reach_the_function(synth: Synth) -> None:
    variables = function(synth(**TUNED), "PreQueue")["Environment"]["Variables"]
    answer = {"SUCCESS_STATUS": "202", "SUCCESS_BODY": "ok", "UNAUTHORIZED_STATUS": "404", "UNAVAILABLE_STATUS": "500"}
    assert variables.items() >= answer.items()


def test_settings_reach_the_event_source(synth: Synth) -> None:
    synth(**TUNED).has_resource_properties(
        "AWS::Lambda::EventSourceMapping",
        {"BatchSize": 50, "MaximumBatchingWindowInSeconds": 2, "ScalingConfig": {"MaximumConcurrency": 10}},
    )


def test_settings_reach_the_queue_and_its_dead_letters(synth: Synth) -> None:
    queues = synth(**TUNED).find_resources("AWS::SQS::Queue").values()
    redriven = {q["Properties"]["MessageRetentionPeriod"]: q["Properties"].get("RedrivePolicy") for q in queues}
    assert {days / 86_400 for days in redriven} == {7, 13}
    assert redriven[7 * 86_400]["maxReceiveCount"] == 3
    assert redriven[13 * 86_400] is None


def test_settings_reach_the_functions_logs(synth: Synth) -> None:
    groups = synth(**TUNED).find_resources("AWS::Logs::LogGroup")
    own = [group for key, group in groups.items() if key.startswith((*of("PreQueue"), *of("PostQueue")))]
    assert [group["Properties"]["RetentionInDays"] for group in own] == [90, 90]


def test_one_gateway_and_one_host_serve_two_subscriptions(app_factory: Callable[..., cdk.App]) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    gateway, host = HttpGateway(stack, "Gateway"), MongoHost(stack, "Mongo")
    for name in ("shopify", "jira"):
        ScalableWebhook(stack, name.title(), name=name, gateway=gateway, destination=host)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::ApiGatewayV2::Api", 1)
    template.resource_count_is("AWS::AutoScaling::AutoScalingGroup", 1)
    routes = template.find_resources("AWS::ApiGatewayV2::Route").values()
    assert {r["Properties"]["RouteKey"] for r in routes} == {"POST /nami/shopify", "POST /nami/jira"}
    functions = template.find_resources("AWS::Lambda::Function").values()
    collections = [
        f["Properties"].get("Environment", {}).get("Variables", {}).get("MONGO_COLLECTION") for f in functions
    ]
    assert {"shopify", "jira"} <= set(collections)


def test_construct_alone_makes_what_is_not_given(app_factory: Callable[..., cdk.App]) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    webhook = ScalableWebhook(stack, "Shopify", name="shopify")
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::ApiGatewayV2::Api", 1)
    assert isinstance(webhook.destination, MongoHost)


def test_bad_name_is_refused_by_the_construct(app_factory: Callable[..., cdk.App]) -> None:
    with pytest.raises(SettingsError, match="try name=shop-ify"):
        ScalableWebhook(cdk.Stack(app_factory(), "Shop"), "Shopify", name="Shop ify")


def test_lambda_adds_no_lines_of_its_own_to_the_logs_but_of_failures(template: Template) -> None:
    for function in template.find_resources(
        "AWS::Lambda::Function", {"Properties": {"Handler": "handler.handler"}}
    ).values():
        config = function["Properties"]["LoggingConfig"]
        assert (config["LogFormat"], config["SystemLogLevel"]) == ("JSON", "WARN")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"success_body": "x" * 4096}, r"success_body has 4096 bytes, and a function's settings up to \d{4}, of which"),
        (
            {"allowed_sources": ",".join(f"198.51.{n}.0/24" for n in range(256)) + ",10.200.0.0/16" * 32},
            "allowed_sources has ",
        ),
    ],
)
def test_setting_that_lambda_has_no_room_for_is_named_at_synthesis(
    synth: Callable[..., Template], settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        synth(**settings)


@pytest.mark.parametrize(("signature", "count"), [("notion", 2), ("asana", 2), ("github", 1)])
def test_only_for_a_provider_that_hands_one_over_there_is_a_secret_to_receive(
    signature: str, count: int, synth: Synth
) -> None:
    template = synth(signature=signature)
    secrets = template.find_resources("AWS::SecretsManager::Secret")
    assert sum("handed over" in str(secret) or "signs with" in str(secret) for secret in secrets.values()) == count
    assert len(template.find_outputs("ReceivedSecretArn")) == count - 1


def test_the_function_may_write_what_it_receives_and_read_nothing_of_it(synth: Synth) -> None:
    template = synth(signature="notion")
    statements = [
        statement
        for policy in template.find_resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "secretsmanager" in str(statement["Action"]) and "PreQueue" in str(policy["Properties"]["Roles"])
    ]
    rights = {(statement["Action"], str(statement["Resource"])) for statement in statements}
    assert {action for action, on in rights if "ReceivedSecret" in on} == {"secretsmanager:PutSecretValue"}
    assert {action for action, on in rights if "ReceivedSecret" not in on} == {"secretsmanager:GetSecretValue"}


@pytest.mark.parametrize("gateway", ["http", "rest"])
@pytest.mark.parametrize(("signature", "method"), [("trello", "HEAD"), ("event-grid", "OPTIONS"), ("meta", "GET")])
def test_what_a_provider_asks_first_has_a_route(gateway: str, signature: str, method: str, synth: Synth) -> None:
    template = synth(signature=signature, gateway=gateway)
    kind, key = (
        ("AWS::ApiGateway::Method", "HttpMethod") if gateway == "rest" else ("AWS::ApiGatewayV2::Route", "RouteKey")
    )
    methods = {each["Properties"][key].split(" ")[0] for each in template.find_resources(kind).values()}
    assert methods == {method, "POST"}


def test_what_the_construct_adds_later_counts_too(app_factory: Callable[..., cdk.App]) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    settings = PipelineSettings(ingest="direct", deduplicate_by=tuple(f"x-{n:04}-{'y' * 90}" for n in range(40)))
    with pytest.raises(SettingsError, match=r"^shopify: deduplicate_by has 3\d{3} bytes, and a function's settings up"):
        ScalableWebhook(
            stack,
            "Shopify",
            name="shopify",
            gateway=RestGateway(stack, "Gateway"),
            signature=Signature.preset("shopify"),
            destination=DynamoTable(stack, "Table"),
            settings=settings,
        )


def test_what_cloudformation_fills_in_counts_too() -> None:
    url = cdk.Token.as_string({"Ref": "Queue"})
    check_environment("shopify", {"SUCCESS_BODY": "x" * 3900, "QUEUE_URL": url})
    with pytest.raises(SettingsError, match=r"^shopify: success_body has 3900 bytes, .* up to 4\d{3}, of which"):
        check_environment("shopify", {"SUCCESS_BODY": "x" * 3900, "QUEUE_URL": f"{url} {url}"})


def test_transform_is_the_second_functions_alone(synth: Callable[..., Template]) -> None:
    template = synth(destination="eventbridge", transform="body")
    functions = [f["Properties"] for f in template.find_resources("AWS::Lambda::Function").values()]
    variables = [function["Environment"]["Variables"] for function in functions if "Environment" in function]
    told = [each for each in variables if "TRANSFORM" in each]
    assert [(each["DESTINATION"], each["TRANSFORM"]) for each in told] == [("eventbridge", "body")]


def test_destination_with_a_name_has_its_own_transform(synth: Callable[..., Template]) -> None:
    ways = '{"lake": {"kind": "eventbridge", "transform": "body"}, "store": {"kind": "dynamodb"}}'
    functions = [f["Properties"] for f in synth(destinations=ways).find_resources("AWS::Lambda::Function").values()]
    variables = [function["Environment"]["Variables"] for function in functions if "Environment" in function]
    told = {each["DESTINATION_NAME"]: each.get("TRANSFORM") for each in variables if "DESTINATION_NAME" in each}
    assert told == {"lake": "body", "store": None}


def test_transform_that_lambda_can_not_hold_is_told(synth: Callable[..., Template]) -> None:
    with pytest.raises(SettingsError, match=r"transform has 4002 bytes, .* of which Lambda takes 4096 in all"):
        synth(destination="eventbridge", transform=f"'{'x' * 4000}'")


def test_filter_is_the_first_functions_alone(synth: Callable[..., Template]) -> None:
    template = synth(destination="dynamodb", filter='{"method":["PUT"]}')
    functions = [f["Properties"] for f in template.find_resources("AWS::Lambda::Function").values()]
    told = [function["Environment"]["Variables"].get("FILTER") for function in functions if "Environment" in function]
    assert sorted(filter(None, told)) == ['{"method":["PUT"]}']
