"""What the template makes of each destination."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk.assertions import Match, Template

from nami_runtime.destinations.dynamodb import EXPIRIES, kept_for
from nami_stack import (
    DynamoTable,
    EventBridge,
    HttpBackend,
    MongoDatabase,
    PipelineSettings,
    Postgres,
    RestGateway,
    S3Archive,
    ScalableWebhook,
    SettingsError,
    Signature,
    SnsTopic,
    Subscription,
    Watching,
    bundling,
    functions,
    in_your_network,
)
from nami_stack.destinations.destination import Destination
from nami_stack.destinations.table import DESTINATIONS, DestinationKind
from nami_stack.watching.alarm import ONCE, Alarm

Synth = Callable[..., Template]
Apps = Callable[..., cdk.App]
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:atlas-AbCdEf"
URL = "https://shop.example.com/webhooks"


def function(template: Template, delivery: str) -> dict[str, Any]:
    """Properties of the post-queue function of a delivery, such as Dynamo."""
    found = template.find_resources("AWS::Lambda::Function").items()
    (properties,) = [r["Properties"] for key, r in found if key.startswith(f"Webhook{delivery}PostQueue")]
    return dict(properties)


def rights(template: Template, delivery: str) -> dict[str, Any]:
    """What a delivery's function may do, and to what, its logs aside."""
    policies = template.find_resources("AWS::IAM::Policy").items()
    (policy,) = [p for key, p in policies if key.startswith(f"Webhook{delivery}PostQueueRole")]
    granted = {}
    for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        granted |= {action: statement["Resource"] for action in actions if not action.startswith("logs:")}
    return granted


def error_of(**context: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        Subscription.from_context({"name": "shopify", **context})
    return str(caught.value)


@pytest.fixture(scope="session")
def dynamo(synth: Synth) -> Template:
    return synth(destination="dynamodb")


@pytest.fixture(scope="session")
def http(synth: Synth) -> Template:
    return synth(destination="http", backend_url=URL)


@pytest.fixture(scope="session")
def both(synth: Synth) -> Template:
    return synth(destination="dynamodb,http", backend_url=URL)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[str]]:
    """Names of the files with what is installed for the post-queue function of a destination."""

    def of(
        destination: str, *, own: str | None = None, signature: Signature | None = None, **settings: Any
    ) -> list[str]:
        given: dict[str, list[str]] = {}

        class Recorded(bundling._LocalBundling):
            def __init__(self, source: Path, runtime: Path, requirements: Sequence[Path]) -> None:
                given[source.name] = [path.name for path in requirements]
                super().__init__(source, runtime, requirements)

        monkeypatch.setattr(bundling, "_LocalBundling", Recorded)
        handlers = None
        if own is not None:
            handlers = tmp_path / "webhooks"
            (handlers / "post_queue").mkdir(parents=True)
            (handlers / "post_queue" / "handler.py").write_text("handler = print")
            (handlers / "post_queue" / "requirements.txt").write_text(own)
        stack = cdk.Stack(cdk.App(context={"aws:cdk:bundling-stacks": []}))
        made: dict[str, Callable[[], Destination]] = {
            "mongo": lambda: MongoDatabase(stack, "Mongo", secret=SECRET),
            "dynamodb": lambda: DynamoTable(stack, "Dynamo"),
            "http": lambda: HttpBackend(stack, "Backend", url=URL),
            "eventbridge": lambda: EventBridge(stack, "Bus"),
            "postgres": lambda: Postgres(stack, "Postgres", secret=SECRET),
            "s3": lambda: S3Archive(stack, "Archive"),
            "sns": lambda: SnsTopic(stack, "Topic"),
        }
        ScalableWebhook(
            stack,
            "Webhook",
            name="shopify",
            destination=made[destination](),
            handlers=handlers,
            signature=signature,
            gateway=RestGateway(stack, "Gateway"),
            settings=PipelineSettings(**settings),
        )
        return given["post_queue"]

    return of


@pytest.mark.parametrize(
    ("destination", "files"),
    [
        ("mongo", ["requirements-mongo.txt"]),
        ("dynamodb", []),
        ("http", []),
        ("eventbridge", []),
        ("s3", []),
        ("sns", []),
        ("postgres", ["requirements-postgres.txt"]),
    ],
)
def test_function_installs_what_its_destination_needs(
    installed: Callable[..., list[str]], destination: str, files: list[str]
) -> None:
    assert installed(destination) == ["requirements-bodies.txt", *files]


def test_your_own_requirements_come_beside_those_of_the_destination(installed: Callable[..., list[str]]) -> None:
    assert installed("mongo", own="six\n") == ["requirements.txt", "requirements-bodies.txt", "requirements-mongo.txt"]


@pytest.mark.parametrize("own", ["pymongo==4.16.0\n", "-r more.txt\nPyMongo[srv]>=4 ; python_version>'3'\n"])
def test_your_own_pymongo_is_the_one_that_is_installed(installed: Callable[..., list[str]], own: str) -> None:
    assert installed("mongo", own=own) == ["requirements.txt", "requirements-bodies.txt"]


def test_transform_installs_what_evaluates_it(installed: Callable[..., list[str]]) -> None:
    files = ["requirements-bodies.txt", "requirements-postgres.txt", "requirements-transform.txt"]
    assert installed("postgres", transform="body") == files


def test_destination_that_stores_documents_takes_no_transform(installed: Callable[..., list[str]]) -> None:
    with pytest.raises(SettingsError, match=r"^transform: dynamodb takes none"):
        installed("dynamodb", transform="body")


def test_direct_mode_installs_what_its_signature_needs_too(installed: Callable[..., list[str]]) -> None:
    sendgrid = Signature.preset("sendgrid")
    assert installed("dynamodb", signature=sendgrid, ingest="direct") == [
        "requirements-bodies.txt",
        "requirements-asymmetric.txt",
    ]


def test_table_is_on_demand_recoverable_and_stays(dynamo: Template) -> None:
    dynamo.has_resource(
        "AWS::DynamoDB::Table",
        {
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "TimeToLiveSpecification": Match.absent(),
            },
        },
    )


def test_table_and_its_bucket_keep_their_logical_ids(dynamo: Template) -> None:
    # A changed id would make new ones and leave the data behind.
    assert set(dynamo.find_resources("AWS::DynamoDB::Table")) == {"DynamoTableE5532DA8"}
    assert "DynamoTableLargeItems5CE0E369" in dynamo.find_resources("AWS::S3::Bucket")


def test_large_items_are_kept_as_long_as_the_table(dynamo: Template) -> None:
    (bucket,) = [b for key, b in dynamo.find_resources("AWS::S3::Bucket").items() if "LargeItems" in key]
    assert bucket["DeletionPolicy"] == "Retain"
    rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert [rule for rule in rules if "ExpirationInDays" in rule and not rule.get("Prefix")] == []


def test_large_items_outlive_items_that_expire(synth: Synth) -> None:
    template = synth(destination="dynamodb", keep_days="30")
    (bucket,) = [b for key, b in template.find_resources("AWS::S3::Bucket").items() if "LargeItems" in key]
    rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    kept = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}
    assert kept[kept_for(30)] == 64
    template.has_resource_properties(
        "AWS::DynamoDB::Table", {"TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True}}
    )


def test_lower_ttl_takes_no_body_of_an_older_item(synth: Synth) -> None:
    def rules(days: str) -> dict[str, int]:
        template = synth(destination="dynamodb", keep_days=days)
        (bucket,) = [b for key, b in template.find_resources("AWS::S3::Bucket").items() if "LargeItems" in key]
        found = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
        return {rule["Prefix"]: rule["ExpirationInDays"] for rule in found if "ExpirationInDays" in rule}

    assert rules("3650") == rules("1")


@pytest.mark.parametrize("days", [1, 2, 30, 57, 58, 365, 36_500])
def test_body_outlives_its_item_by_a_week_or_more(days: int) -> None:
    prefix = kept_for(days)
    assert prefix in {f"{each}d/" for each in EXPIRIES}
    assert days + 7 <= int(prefix.removesuffix("d/")) < 2 * (days + 7) + 8


def test_functions_rights_on_the_table_are_to_put_get_and_renew_one(dynamo: Template) -> None:
    granted = rights(dynamo, "Dynamodb")
    actions = ("PutItem", "GetItem", "UpdateItem")
    assert {each for each in granted if each.startswith("dynamodb:")} == {f"dynamodb:{each}" for each in actions}
    assert granted["dynamodb:PutItem"] == {"Fn::GetAtt": ["DynamoTableE5532DA8", "Arn"]}
    assert "s3:PutObject" in granted


def test_adopted_table_is_not_made(synth: Synth) -> None:
    template = synth(destination="dynamodb", table_name="orders-of-ours")
    template.resource_count_is("AWS::DynamoDB::Table", 0)
    assert function(template, "Dynamodb")["Environment"]["Variables"]["DYNAMO_TABLE"] == "orders-of-ours"
    assert "table/orders-of-ours" in str(rights(template, "Dynamodb")["dynamodb:PutItem"])


def test_table_serves_one_subscription(app_factory: Callable[..., cdk.App]) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    table = DynamoTable(stack, "Table")
    ScalableWebhook(stack, "Shopify", name="shopify", destination=table)
    with pytest.raises(SettingsError, match=r"jira: this DynamoTable is shopify's.*make another DynamoTable"):
        ScalableWebhook(stack, "Jira", name="jira", destination=table)


def test_no_database_is_made_where_none_is_asked_for(dynamo: Template, http: Template) -> None:
    for template in (dynamo, http):
        template.resource_count_is("AWS::AutoScaling::AutoScalingGroup", 0)
        template.resource_count_is("AWS::EC2::VPC", 0)


def test_backend_gets_a_generated_secret_that_is_base64(http: Template) -> None:
    (secret,) = http.find_resources("AWS::SecretsManager::Secret").values()
    generated = secret["Properties"]["GenerateSecretString"]
    assert generated["PasswordLength"] == 64
    assert set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") == set(generated["ExcludeCharacters"])
    assert generated["IncludeSpace"] is False
    assert "GenerateStringKey" not in generated


def test_backends_secret_keeps_its_logical_id(http: Template) -> None:
    # A changed id would make another key, and the backend would trust no webhook.
    assert set(http.find_resources("AWS::SecretsManager::Secret")) == {"HttpBackendSecret4405B8E8"}


def test_secret_is_not_in_the_environment(http: Template) -> None:
    variables = function(http, "Http")["Environment"]["Variables"]
    assert "resolve:secretsmanager" not in str(variables)
    assert variables["BACKEND_URL"] == URL


def test_functions_rights_at_a_backend_are_to_read_the_secret_and_note_tries(http: Template) -> None:
    granted = rights(http, "Http")
    assert {action.partition(":")[0] for action in granted} == {"s3", "sqs", "secretsmanager", "dynamodb"}
    assert {action for action in granted if action.startswith("dynamodb:")} == {
        "dynamodb:BatchWriteItem",
        "dynamodb:PutItem",
    }


def test_function_may_put_off_its_queues_messages(http: Template) -> None:
    # What Retry-After is told with.
    assert "WebhookHttpQueue" in str(rights(http, "Http")["sqs:ChangeMessageVisibility"])


def test_tries_are_kept_for_their_time_and_go_with_the_stack(http: Template) -> None:
    http.has_resource(
        "AWS::DynamoDB::Table",
        {"DeletionPolicy": "Delete", "Properties": {"TimeToLiveSpecification": {"AttributeName": "expires_at"}}},
    )


@pytest.mark.parametrize(
    ("settings", "batch"),
    [
        ({}, 10),  # 5 at once, twice 13 of 30 seconds
        ({"backend_concurrency": "20"}, 40),
        ({"post_queue_timeout": "120"}, 45),
        ({"batch_size": "4"}, 4),
        ({"backend_read_timeout": "24"}, 5),
    ],
)
def test_batch_is_one_that_the_slowest_backend_leaves_time_for(
    synth: Synth, settings: dict[str, str], batch: int
) -> None:
    template = synth(destination="http", backend_url=URL, **settings)
    template.has_resource_properties("AWS::Lambda::EventSourceMapping", {"BatchSize": batch})


@pytest.mark.parametrize(
    ("settings", "batch"),
    [
        ({"backend_rate": "500"}, 10),  # two rounds of 5 leave a second, in which each of 5 batches has 100 turns
        ({"backend_rate": "20"}, 5),  # one round leaves 14 seconds, two leave 1
        ({"backend_rate": "1"}, 2),  # 14 turns among 5 batches
        ({"backend_rate": "1", "maximum_concurrency": "2"}, 5),
        ({"backend_rate": "1", "post_queue_timeout": "300", "maximum_concurrency": "2"}, 60),
        ({"backend_rate": "20", "order_by": "x-id"}, 2),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "-".join(value.values()),
)
def test_batch_is_one_that_gets_its_turns_in_time(synth: Synth, settings: dict[str, str], batch: int) -> None:
    template = synth(destination="http", backend_url=URL, **settings)
    template.has_resource_properties("AWS::Lambda::EventSourceMapping", {"BatchSize": batch})


HEADERS = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:headers-AbCdEf"


@pytest.fixture(scope="session")
def unsigned(synth: Synth) -> Template:
    more = {"backend_method": "put", "backend_rate": "2.5", "backend_headers_secret_arn": HEADERS}
    return synth(destination="http", backend_url=URL, backend_signature="none", **more)


def test_function_knows_method_headers_and_rate(unsigned: Template) -> None:
    variables = function(unsigned, "Http")["Environment"]["Variables"]
    assert {name: variables[name] for name in ("BACKEND_METHOD", "BACKEND_RATE", "BACKEND_HEADERS_SECRET_ARN")} == {
        "BACKEND_METHOD": "PUT",
        "BACKEND_RATE": "2.5",
        "BACKEND_HEADERS_SECRET_ARN": HEADERS,
    }


def test_without_a_setting_a_function_knows_of_none(http: Template) -> None:
    variables = function(http, "Http")["Environment"]["Variables"]
    assert not {"BACKEND_METHOD", "BACKEND_RATE", "BACKEND_HEADERS_SECRET_ARN"} & set(variables)


def test_backend_that_is_not_signed_for_costs_no_secret(unsigned: Template) -> None:
    unsigned.resource_count_is("AWS::SecretsManager::Secret", 0)
    assert "BACKEND_SECRET_ARN" not in function(unsigned, "Http")["Environment"]["Variables"]
    assert "BackendSecretArn" not in unsigned.find_outputs("*")


def test_rights_are_for_the_headers_and_for_turns(unsigned: Template) -> None:
    granted = rights(unsigned, "Http")
    assert granted["secretsmanager:GetSecretValue"] == HEADERS
    assert {action for action in granted if action.startswith("dynamodb:")} == {
        "dynamodb:BatchWriteItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
    }


def test_construct_takes_what_the_settings_say(app_factory: Apps) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    backend = HttpBackend(stack, "Backend", url=URL, method="PATCH", rate=10, headers_secret=HEADERS, signature="none")
    ScalableWebhook(stack, "Webhook", name="shopify", destination=backend)
    variables = function(Template.from_stack(stack), "Http")["Environment"]["Variables"]
    assert (variables["BACKEND_METHOD"], variables["BACKEND_RATE"]) == ("PATCH", "10")


def test_rate_that_leaves_no_turn_in_time_is_refused_by_the_construct(app_factory: Apps) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    backend = HttpBackend(stack, "Backend", url=URL, rate=0.1)
    with pytest.raises(SettingsError, match=r"^backend_rate=0.1: with maximum_concurrency=5"):
        ScalableWebhook(stack, "Webhook", name="shopify", destination=backend)


@pytest.mark.parametrize("rate", [0, 501])
def test_rate_is_checked_by_the_construct_too(app_factory: Apps, rate: float) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    backend = HttpBackend(stack, "Backend", url=URL, rate=rate)
    with pytest.raises(SettingsError, match=f"^backend_rate={rate}: must be from 0.01 to 500"):
        ScalableWebhook(stack, "Webhook", name="shopify", destination=backend)


def test_secret_of_headers_needs_its_whole_arn(app_factory: Apps) -> None:
    with pytest.raises(SettingsError, match=r"^backend_headers_secret_arn=.*lacks the six characters"):
        HttpBackend(cdk.Stack(app_factory(), "Shop"), "Backend", url=URL, headers_secret=HEADERS[:-7])


def test_private_addresses_are_refused_unless_allowed(http: Template, synth: Synth) -> None:
    assert "BACKEND_ALLOW_PRIVATE" not in function(http, "Http")["Environment"]["Variables"]
    allowed = synth(destination="http", backend_url="http://10.0.0.7:8080/", backend_allow_private="true")
    assert function(allowed, "Http")["Environment"]["Variables"]["BACKEND_ALLOW_PRIVATE"] == "1"


def test_backend_in_your_network_is_reached_from_there(synth: Synth) -> None:
    network = {"vpc_id": "vpc-0123456789abcdef0", "function_subnet_id": "subnet-0123456789abcdef1"}
    template = synth(destination="http", backend_url="http://10.0.0.7/", backend_allow_private="true", **network)
    assert function(template, "Http")["VpcConfig"]["SubnetIds"] == ["subnet-0123456789abcdef1"]
    template.resource_count_is("AWS::EC2::VPC", 0)


def test_both_in_your_network_stand_in_the_same_place(synth: Synth) -> None:
    network = {"vpc_id": "vpc-0123456789abcdef0", "function_subnet_id": "subnet-0123456789abcdef1"}
    template = synth(destination="mongo-database,http", database_secret_arn=SECRET, backend_url=URL, **network)
    for delivery in ("Mongo", "Http"):
        assert function(template, delivery)["VpcConfig"]["SubnetIds"] == ["subnet-0123456789abcdef1"]


def test_existing_database_is_named_by_its_secret_alone(synth: Synth) -> None:
    template = synth(destination="mongo-database", database_secret_arn=SECRET, database_name="shop")
    properties = function(template, "Mongo")
    variables = properties["Environment"]["Variables"]
    assert {key: variables[key] for key in variables if key.startswith("MONGO")} == {
        "MONGO_SECRET_ARN": SECRET,
        "MONGO_DATABASE": "shop",
        "MONGO_COLLECTION": "shopify",
    }
    assert "VpcConfig" not in properties
    assert rights(template, "Mongo")["secretsmanager:GetSecretValue"] == SECRET


def test_existing_database_in_your_network_is_reached_from_there(synth: Synth) -> None:
    network = {"vpc_id": "vpc-0123456789abcdef0", "function_subnet_id": "subnet-0123456789abcdef1"}
    template = synth(destination="mongo-database", database_secret_arn=SECRET, **network)
    assert function(template, "Mongo")["VpcConfig"]["SubnetIds"] == ["subnet-0123456789abcdef1"]


def test_host_does_not_take_the_existing_databases_secret(synth: Synth) -> None:
    template = synth(destination="mongo-host,mongo-database", database_secret_arn=SECRET)
    template.resource_count_is("AWS::SecretsManager::Secret", 1)
    assert function(template, "Mongo2")["Environment"]["Variables"]["MONGO_SECRET_ARN"] == SECRET


def test_each_destination_has_queue_dead_letters_and_function(both: Template) -> None:
    queues = both.find_resources("AWS::SQS::Queue")
    redriven = {r["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
                for r in queues.values() if "RedrivePolicy" in r["Properties"]}  # fmt: skip
    assert len(queues) == 4
    assert len(redriven) == 2
    assert function(both, "Dynamodb")["Environment"]["Variables"]["DESTINATION"] == "dynamodb"
    assert function(both, "Http")["Environment"]["Variables"]["DESTINATION"] == "http"


def test_pre_queue_function_knows_and_may_send_to_every_queue(both: Template) -> None:
    functions = both.find_resources("AWS::Lambda::Function").items()
    (pre_queue,) = [r["Properties"] for key, r in functions if key.startswith("WebhookPreQueue")]
    url = pre_queue["Environment"]["Variables"]["QUEUE_URL"]
    assert [part.get("Ref", "")[:-8] if isinstance(part, dict) else part for part in url["Fn::Join"][1]] == [
        "WebhookDynamodbQueue",
        " ",
        "WebhookHttpQueue",
    ]
    policies = both.find_resources("AWS::IAM::Policy").items()
    (policy,) = [p for key, p in policies if key.startswith("WebhookPreQueueRole")]
    sends = [s["Resource"] for s in policy["Properties"]["PolicyDocument"]["Statement"] if "sqs" in str(s["Action"])]
    assert all(queue in str(sends) for queue in ("WebhookDynamodbQueue", "WebhookHttpQueue"))


def test_no_function_may_read_from_anothers_queue(both: Template) -> None:
    assert "WebhookHttpQueue" not in str(rights(both, "Dynamodb")["sqs:ReceiveMessage"])


def test_outputs_of_the_first_keep_their_names_and_others_say_whose_they_are(both: Template) -> None:
    assert set(both.find_outputs("*")) == {
        *("EndpointUrl", "LargeBodiesBucketName", "PreQueueFunctionName", "AlarmTopicArn", "DashboardUrl"),
        *("QueueUrl", "DeadLetterQueueUrl", "PostQueueFunctionName", "TableName", "LargeItemsBucketName"),
        *("HttpQueueUrl", "HttpDeadLetterQueueUrl", "HttpPostQueueFunctionName"),
        *("HttpBackendSecretArn", "HttpAttemptsTableName"),
    }


def test_second_of_a_kind_is_counted(app_factory: Callable[..., cdk.App]) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    backends = [HttpBackend(stack, name, url=f"https://{name}.example.com/") for name in ("one", "two")]
    webhook = ScalableWebhook(stack, "Shopify", name="shopify", destination=backends)
    assert [drain.node.id for drain in webhook.drains] == ["Http", "Http2"]
    assert webhook.destination is backends[0]


def test_one_database_serves_two_subscriptions(app_factory: Callable[..., cdk.App]) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    database = MongoDatabase(stack, "Atlas", secret=SECRET)
    for name in ("shopify", "jira"):
        ScalableWebhook(stack, name.title(), name=name, destination=database)
    functions = Template.from_stack(stack).find_resources("AWS::Lambda::Function").values()
    variables = [f["Properties"].get("Environment", {}).get("Variables", {}) for f in functions]
    assert {"shopify", "jira"} <= {v.get("MONGO_COLLECTION") for v in variables}


def test_backend_that_takes_longer_than_the_function_is_refused_by_the_construct(
    app_factory: Callable[..., cdk.App],
) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    with pytest.raises(SettingsError, match="give post_queue_timeout=36"):
        ScalableWebhook(
            stack,
            "Shopify",
            name="shopify",
            destination=HttpBackend(stack, "Backend", url=URL, read_timeout=30),
            settings=PipelineSettings(),
        )


def test_arn_without_its_ending_is_refused_by_the_construct(app_factory: Callable[..., cdk.App]) -> None:
    with pytest.raises(SettingsError, match="lacks the six characters"):
        MongoDatabase(cdk.Stack(app_factory(), "Shop"), "Atlas", secret=SECRET.removesuffix("-AbCdEf"))


def test_half_a_network_is_refused() -> None:
    with pytest.raises(SettingsError, match="give both"):
        in_your_network(cdk.Stack(), "vpc-0123456789abcdef0", None)


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"destination": "htp"}, "destination='htp': must be 'mongo-host', "),
        ({"destination": "dynamodb,dynamodb"}, "destination='dynamodb,dynamodb': names a destination twice"),
        ({"destination": "http"}, "destination=http: to which URL? Give it as backend_url="),
        ({"destination": "mongo-database"}, "destination=mongo-database: which one? Put "),
        ({"backend_url": URL}, "backend_url: belongs to destination=http; give that too"),
        ({"destination": "dynamodb", "volume_size": 9}, "volume_size: belongs to destination=mongo-host"),
        ({"destination": "http", "backend_url": "shop.example.com"}, "backend_url='shop.example.com': must look like"),
        ({"destination": "http", "backend_url": "https://a:b@shop.example"}, "backend_url: holds a password"),
        ({"destination": "http", "backend_url": "https://shop.example/#a"}, "a fragment (#a) is never sent"),
        ({"destination": "http", "backend_url": "http://shop.example"}, "plain http lets others read"),
        ({"destination": "http", "backend_url": "https://10.0.0.1"}, "10.0.0.1 is a private address"),
        ({"destination": "http", "backend_url": "https://[::1]/"}, "::1 is a private address"),
        ({"destination": "http", "backend_url": "https://localhost:1/"}, "localhost is a private address"),
        ({"backend_rate": 5}, "backend_rate: belongs to destination=http; give that too"),
        ({"destination": "http", "backend_url": URL, "backend_method": "send"}, "backend_method='SEND': must be 'GET'"),
        ({"destination": "http", "backend_url": URL, "backend_rate": 0}, "backend_rate=0: must be greater than or"),
        ({"destination": "http", "backend_url": URL, "backend_rate": 501}, "backend_rate=501: must be less than or"),
        (
            {"destination": "http", "backend_url": URL, "backend_rate": 0.2},
            "backend_rate=0.2: with maximum_concurrency=5 a webhook waits up to 25 seconds for its turn, of which "
            "post_queue_timeout=30 leaves 14; give post_queue_timeout=41 or a lower maximum_concurrency",
        ),
        (
            {"destination": "http", "backend_url": URL, "backend_rate": 0.01, "maximum_concurrency": 100},
            "give a higher rate or a lower maximum_concurrency",
        ),
        ({"destination": "http", "backend_url": URL, "backend_signature": "v1a"}, "must be 'standard-webhooks' or"),
        (
            {"destination": "http", "backend_url": URL, "backend_headers_secret_arn": "headers"},
            "backend_headers_secret_arn='headers': must look like arn:aws:secretsmanager",
        ),
        (
            {"destination": "http", "backend_url": URL, "backend_read_timeout": 30},
            "exceeds post_queue_timeout=30; give post_queue_timeout=36",
        ),
        (
            {"destination": "mongo-database", "database_secret_arn": SECRET, "vpc_id": "vpc-0123456789abcdef0"},
            "vpc_id: names a network of yours together with function_subnet_id",
        ),
        (
            {
                **{"destination": "mongo-host,mongo-database", "database_secret_arn": SECRET},
                **{"data_volume_id": "vol-0123456789abcdef0", "availability_zone": "eu-west-1a"},
            },
            "data_volume_id: database_secret_arn can't be both",
        ),
        ({"database_secret_arn": SECRET}, "database_secret_arn: goes with an adopted volume"),
    ],
)
def test_bad_destination_names_key_rule_and_remedy(context: dict[str, Any], message: str) -> None:
    assert message in error_of(**context)


class Toy(Destination):
    """One that nami does not have."""

    kind = "toy"

    def environment(self, name: str) -> dict[str, str]:
        return {"TOY": name}

    def alarms(self, which: str) -> list[Alarm]:
        metric = cloudwatch.Metric(namespace="Toys", metric_name="Broken")
        return [Alarm(f"{which}-toy", metric, periods=ONCE, what="Broken.", why="Over 0.", todo="Glue it.")]


class Plain:
    """One that has what the writing needs, and is of no class of nami's."""

    kind = "plain"
    placement: ClassVar[dict[str, Any]] = {}
    outputs: ClassVar[dict[str, str]] = {}

    def batch_limit(self, timeout: int, *, ordered: bool, batches: int) -> int | None:
        return None

    def environment(self, name: str) -> dict[str, str]:
        return {"PLAIN": name}

    def grant_write(self, function: functions.PythonFunction) -> None:
        pass


def test_an_entry_of_the_table_makes_a_destination(synth: Synth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DESTINATIONS, "toy", DestinationKind(f"{__name__}:Toy"))
    template = synth(destination="toy,dynamodb")
    variables = function(template, "Toy")["Environment"]["Variables"]
    assert (variables["DESTINATION"], variables["TOY"]) == ("toy", "shopify")
    template.has_resource_properties("AWS::CloudWatch::Alarm", {"AlarmName": "nami-shopify-toy"})


def test_what_is_not_in_the_table_is_no_destination() -> None:
    assert error_of(destination="toy") == (
        "destination='toy': must be 'mongo-host', 'shared-mongo', 'mongo-database', 'dynamodb', 'http', "
        "'eventbridge', 'postgres', 's3', 'sns' or 'queue'; "
        "the default is mongo-host"
    )


def test_a_destination_need_not_be_of_the_class_of_others(app_factory: Apps) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    webhook = ScalableWebhook(stack, "Webhook", name="shopify", destination=cast("Destination", Plain()))
    Watching(stack, "Watching").watch(webhook)
    assert function(Template.from_stack(stack), "Plain")["Environment"]["Variables"]["PLAIN"] == "shopify"


OTHERS = "arn:aws:events:eu-west-1:210987654321:event-bus/orders"


@pytest.fixture(scope="session")
def events(synth: Synth) -> Template:
    return synth(destination="eventbridge", event_bus="orders")


def test_function_may_put_events_on_that_bus_alone(events: Template) -> None:
    granted = rights(events, "Eventbridge")
    (own,) = {json.dumps(granted[action]) for action in ("events:PutEvents", "events:DescribeEventBus")}
    assert '":event-bus/orders"' in own
    assert {action for action in granted if action.startswith("dynamodb:")} == {
        *("dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:BatchWriteItem")
    }


def test_function_leaves_bodies_under_its_subscription_alone(events: Template) -> None:
    (put,) = [each for each in rights(events, "Eventbridge")["s3:PutObject"]["Fn::Join"][1] if isinstance(each, str)]
    assert put == "/shopify/*"


def test_bus_is_the_default_one_where_none_is_named(synth: Synth) -> None:
    variables = function(synth(destination="eventbridge"), "Eventbridge")["Environment"]["Variables"]
    assert (variables["EVENT_BUS"], "EVENT_BUS_IS_ANOTHERS" in variables) == ("default", False)


def test_bus_of_another_account_is_named_by_its_arn_and_not_looked_at(synth: Synth) -> None:
    template = synth(destination="eventbridge", event_bus=OTHERS)
    assert rights(template, "Eventbridge")["events:PutEvents"] == OTHERS
    assert "events:DescribeEventBus" not in rights(template, "Eventbridge")
    assert function(template, "Eventbridge")["Environment"]["Variables"]["EVENT_BUS_IS_ANOTHERS"] == "1"


@pytest.mark.parametrize("bus", ["", "my bus", "arn:aws:sqs:eu-west-1:210987654321:orders"])
def test_what_is_no_bus_is_told(bus: str) -> None:
    assert "must look like orders, or arn:aws:events" in error_of(destination="eventbridge", event_bus=bus)


def test_function_of_a_postgresql_may_read_its_secret_and_stands_where_it_is_told(synth: Synth) -> None:
    network = {"vpc_id": "vpc-0123456789abcdef0", "function_subnet_id": "subnet-0123456789abcdef1"}
    template = synth(destination="postgres", postgres_secret_arn=SECRET, **network)
    assert rights(template, "Postgres")["secretsmanager:GetSecretValue"] == SECRET
    properties = function(template, "Postgres")
    assert properties["Environment"]["Variables"]["POSTGRES_SECRET_ARN"] == SECRET
    assert properties["VpcConfig"]["SubnetIds"] == [network["function_subnet_id"]]


def test_two_databases_have_two_secrets(synth: Synth) -> None:
    other = SECRET.replace("atlas", "aurora")
    template = synth(destination="mongo-database,postgres", database_secret_arn=SECRET, postgres_secret_arn=other)
    assert rights(template, "Mongo")["secretsmanager:GetSecretValue"] == SECRET
    assert rights(template, "Postgres")["secretsmanager:GetSecretValue"] == other


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "destination=postgres: which one? Put"),
        ({"postgres_secret_arn": "aurora"}, "must look like arn:aws:secretsmanager"),
        ({"postgres_secret_arn": SECRET, "destination": "dynamodb"}, "belongs to destination=postgres"),
    ],
)
def test_a_postgresql_that_is_not_named_is_told(settings: dict[str, str], told: str) -> None:
    assert told in error_of(**{"destination": "postgres", **settings})


def test_secret_without_its_ending_is_told_by_its_setting() -> None:
    with pytest.raises(SettingsError, match=r"^postgres_secret_arn='.*': lacks the six characters"):
        Postgres(cdk.Stack(), "Postgres", secret=SECRET.removesuffix("-AbCdEf"))


@pytest.fixture(scope="session")
def archive(synth: Synth) -> Template:
    return synth(name="shop-eu", destination="s3", keep_days=90)


def test_function_may_write_and_read_what_is_in_the_archive_alone(archive: Template) -> None:
    granted = rights(archive, "S3")
    for action in ("s3:PutObject", "dynamodb:PutItem", "dynamodb:GetItem"):
        assert "Archive" in json.dumps(granted[action])
    assert json.dumps(granted["s3:PutObject"]).count("/webhooks/*") == 1
    assert not [action for action in granted if action.startswith(("s3:List", "s3:Delete", "dynamodb:Update"))]


def test_archive_is_deleted_after_the_days_that_are_kept_and_stays_without_its_stack(archive: Template) -> None:
    (bucket,) = [each for key, each in archive.find_resources("AWS::S3::Bucket").items() if "Archive" in key]
    rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert [(rule["Prefix"], rule["ExpirationInDays"]) for rule in rules if "ExpirationInDays" in rule] == [
        ("webhooks/", 90)
    ]
    assert bucket["DeletionPolicy"] == "Retain"


def test_athena_finds_each_day_of_the_archive_by_itself(archive: Template) -> None:
    """As AWS's own examples have it: querying-r53-resolver-logs-partitioning-example.html."""
    told = archive.to_json()["Outputs"]["ArchiveTableStatement"]["Value"]["Fn::Join"][1]
    statement = "".join(part if isinstance(part, str) else "BUCKET" for part in told)
    assert statement.startswith("CREATE EXTERNAL TABLE IF NOT EXISTS `nami_shop_eu` (`id` string, ")
    assert "`headers` map<string,string>" in statement
    assert statement.endswith(
        "PARTITIONED BY (`date` string) ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe' "
        "LOCATION 's3://BUCKET/webhooks/' TBLPROPERTIES ('projection.enabled'='true', 'projection.date.type'='date', "
        "'projection.date.format'='yyyy-MM-dd', 'projection.date.range'='2026-01-01,NOW', "
        "'storage.location.template'='s3://BUCKET/webhooks/date=${date}/')"
    )


def test_archive_of_two_subscriptions_is_refused(app_factory: Apps) -> None:
    stack = cdk.Stack(app_factory(), "Shop")
    shared = S3Archive(stack, "Archive")
    ScalableWebhook(stack, "Webhook", name="shopify", destination=shared)
    with pytest.raises(SettingsError, match="this S3Archive is shopify's"):
        ScalableWebhook(stack, "Other", name="jira", destination=shared)
