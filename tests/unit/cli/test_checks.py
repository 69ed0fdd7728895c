"""What is looked at before a deployment, against answers that botocore holds to its model of AWS."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aws_cdk as cdk_lib
import boto3
import pytest

from nami_control import cdk, checks, destinations
from nami_control.aws import Aws
from nami_control.aws_errors import of_aws
from nami_control.checks import Account, Check
from nami_control.errors import AccessError, CheckError, MissingToolError, NamiError, word
from nami_control.stacks import Stack
from nami_stack.assets import APP
from nami_stack.settings import SETTINGS_METADATA, Subscription
from tests.unit.cli.conftest import Stub, target

ACCOUNT = Account("123456789012", "eu-west-1", "arn:aws:iam::123456789012:user/me")


def stack(status: str = "CREATE_COMPLETE", **outputs: str) -> Stack:
    return Stack(
        {
            "StackName": "nami-shopify",
            "StackStatus": status,
            "CreationTime": datetime.now(UTC),
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
        },
        Aws(),
    )


def subscription(**settings: Any) -> Subscription:
    return Subscription(name="shopify", **settings)


def concurrency(aws: Stub, unreserved: int) -> None:
    aws("lambda").add_response(
        "get_account_settings",
        {"AccountLimit": {"ConcurrentExecutions": unreserved, "UnreservedConcurrentExecutions": unreserved}},
    )


def test_missing_bootstrap_names_the_exact_command(aws: Stub) -> None:
    aws("ssm").add_client_error("get_parameter", "ParameterNotFound")
    aws("ssm").add_response("get_parameters_by_path", {"Parameters": []})
    check = checks.bootstrap(Aws(), ACCOUNT)
    assert (check.status, "never" in check.detail) == ("fail", True)
    assert "`cdk bootstrap aws://123456789012/eu-west-1`" in word(check.remedy, "nami")


def test_another_bootstrap_qualifier_is_named_with_the_line_for_cdk_json(aws: Stub) -> None:
    aws("ssm").add_client_error("get_parameter", "ParameterNotFound")
    found = [{"Name": "/cdk-bootstrap/team1/version", "Value": "30"}]
    aws("ssm").add_response(
        "get_parameters_by_path", {"Parameters": found}, {"Path": "/cdk-bootstrap", "Recursive": True}
    )
    check = checks.bootstrap(Aws(), ACCOUNT)
    assert "with the qualifier team1, not hnb659fds" in check.detail
    assert '"@aws-cdk/core:bootstrapQualifier": "team1"' in word(check.remedy, "nami")


def test_where_others_may_not_be_looked_up_the_command_is_still_named(aws: Stub) -> None:
    aws("ssm").add_client_error("get_parameter", "ParameterNotFound")
    aws("ssm").add_client_error("get_parameters_by_path", "AccessDeniedException")
    assert "cdk bootstrap" in word(checks.bootstrap(Aws(), ACCOUNT).remedy, "nami")


def test_bootstrap_is_looked_up_by_the_qualifier_of_cdk_json(
    aws: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cdk.json").write_text('{"context": {"@aws-cdk/core:bootstrapQualifier": "team1"}}')
    monkeypatch.chdir(tmp_path)
    expected = {"Name": "/cdk-bootstrap/team1/version"}
    aws("ssm").add_response("get_parameter", {"Parameter": {"Value": "30"}}, expected)
    assert checks.bootstrap(Aws(), ACCOUNT).status == "ok"


@pytest.mark.parametrize(("version", "status"), [("5", "fail"), ("6", "ok"), ("30", "ok")])
def test_bootstrap_must_be_as_new_as_the_templates_ask(aws: Stub, version: str, status: str) -> None:
    expected = {"Name": "/cdk-bootstrap/hnb659fds/version"}
    aws("ssm").add_response("get_parameter", {"Parameter": {"Value": version}}, expected)
    assert checks.bootstrap(Aws(), ACCOUNT).status == status


def test_bootstrap_version_is_what_the_cdk_asks_for(app_factory: Callable[..., Any]) -> None:
    app = app_factory()
    cdk_lib.CfnResource(cdk_lib.Stack(app, "Any"), "Any", type="AWS::S3::Bucket")
    artifacts = json.loads((Path(app.synth().directory) / "manifest.json").read_text())["artifacts"]
    assert artifacts["Any"]["properties"]["requiresBootstrapStackVersion"] == checks.BOOTSTRAP_VERSION


@pytest.mark.parametrize(("unreserved", "status"), [(105, "ok"), (104, "fail"), (10, "fail")])
def test_reservation_must_leave_a_hundred_unreserved(aws: Stub, unreserved: int, status: str) -> None:
    concurrency(aws, unreserved)
    assert checks.reservation(Aws(), subscription(), None).status == status


def test_reservation_that_does_not_fit_is_told_with_its_remedy(aws: Stub) -> None:
    concurrency(aws, 10)
    error = checks.reservation(Aws(), subscription(), None).error
    assert isinstance(error, CheckError)
    assert "--reserved-concurrency 0" in str(error)


def test_no_reservation_always_fits(aws: Stub) -> None:
    concurrency(aws, 10)
    assert checks.reservation(Aws(), subscription(reserved_concurrency=0), None).status == "ok"


def test_what_the_deployed_function_holds_already_is_not_counted_twice(aws: Stub) -> None:
    concurrency(aws, 100)
    aws("lambda").add_response(
        "get_function_concurrency", {"ReservedConcurrentExecutions": 5}, {"FunctionName": "post"}
    )
    assert checks.reservation(Aws(), subscription(), stack(PostQueueFunctionName="post")).status == "ok"


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        ("UPDATE_IN_PROGRESS", "nami list"),
        ("UPDATE_ROLLBACK_FAILED", "cdk rollback nami-shopify"),
        ("DELETE_FAILED", "nami destroy shopify"),
    ],
)
def test_stack_that_takes_no_update_is_told_with_its_remedy(status: str, remedy: str) -> None:
    check = checks.stack_is_settled("shopify", stack(status))
    assert check.status == "fail"
    assert remedy in word(check.remedy, "nami")


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE"])
def test_settled_stack_takes_an_update(status: str) -> None:
    assert checks.stack_is_settled("shopify", stack(status)).status == "ok"


def deployed_with(aws: Stub, **settings: Any) -> None:
    template = {"Metadata": {SETTINGS_METADATA: settings}}
    aws("cloudformation").add_response(
        "get_template", {"TemplateBody": json.dumps(template)}, {"StackName": "nami-shopify"}
    )


def test_setting_of_the_last_deployment_is_not_lost_by_leaving_it_out(aws: Stub) -> None:
    deployed_with(aws, signature="stripe", data_volume_id="vol-1", batch_size=50)
    check = checks.settings_stay(target(batch_size="20"), {"batch_size"}, stack())
    assert check.status == "fail"
    assert "add --signature stripe --data-volume-id vol-1 " in word(check.remedy, "nami")
    assert "--reset" in word(check.remedy, "nami")


def test_setting_of_the_last_deployment_is_not_lost_by_its_new_name(aws: Stub) -> None:
    deployed_with(aws, table_ttl_days=30)
    check = checks.settings_stay(target(), set(), stack())
    assert "add --keep-days 30 " in word(check.remedy, "nami")


def test_setting_of_the_last_deployment_may_be_given_by_its_former_name(aws: Stub) -> None:
    deployed_with(aws, table_ttl_days=30)
    given = target(table_ttl_days="30")
    assert checks.settings_stay(given, given.given_anywhere, stack()).status == "ok"


def test_setting_that_is_given_anew_may_change(aws: Stub) -> None:
    deployed_with(aws, batch_size=50, methods=["GET", "POST"])
    given = {"batch_size": "100", "methods": "POST"}
    assert checks.settings_stay(target(**given), given, stack()).status == "ok"


def test_settings_as_deployed_may_be_deployed_again(aws: Stub) -> None:
    deployed_with(aws, methods=["GET", "POST"], egress="nat")
    again = target(methods="GET,POST", egress="nat")
    assert checks.settings_stay(again, {"methods", "egress"}, stack()).status == "ok"


def test_setting_is_given_again_by_the_name_of_its_destination(aws: Stub) -> None:
    deployed_with(aws, destination=["http", "dynamodb"], backend_url="https://a.example", table_name="webhooks")
    named = {"http": {"kind": "http", "url": "https://b.example"}, "dynamodb": {"kind": "dynamodb"}}
    check = checks.settings_stay(target(destinations=json.dumps(named)), {"destinations"}, stack())
    assert check.detail == "shopify was deployed with table_name, which these settings leave out"


def test_destinations_without_names_take_the_place_of_those_with(aws: Stub) -> None:
    deployed_with(aws, destinations={"http": {"kind": "http", "url": "https://b.example"}})
    assert checks.settings_stay(target(destination="dynamodb"), {"destination"}, stack()).status == "ok"


def test_stack_that_does_not_say_its_settings_takes_any(aws: Stub) -> None:
    aws("cloudformation").add_response("get_template", {"TemplateBody": "{}"})
    assert checks.settings_stay(target(), set(), stack()).status == "ok"


def test_reservation_counts_every_destination(aws: Stub) -> None:
    concurrency(aws, 109)
    both = subscription(destination="mongo-host,dynamodb")
    assert checks.reservation(Aws(), both, None).status == "fail"


@pytest.mark.parametrize("prefix", ["", "Mongo"])
def test_adoption_takes_volume_zone_and_credentials_together(aws: Stub, prefix: str) -> None:
    aws("ec2").add_response("describe_volumes", {"Volumes": [{"AvailabilityZone": "eu-west-1b"}]}, {"VolumeIds": ["v"]})
    outputs = {f"{prefix}DataVolumeId": "v", f"{prefix}DatabaseSecretArn": "arn:x", "AttemptsTableName": "attempts"}
    assert destinations.adoption(Aws(), outputs) == {
        "data_volume_id": "v",
        "availability_zone": "eu-west-1b",
        "database_secret_arn": "arn:x",
    }


def test_adoption_takes_the_key_of_the_volume_along(aws: Stub) -> None:
    aws("ec2").add_response("describe_volumes", {"Volumes": [{"AvailabilityZone": "eu-west-1b"}]}, {"VolumeIds": ["v"]})
    outputs = {"DataVolumeId": "v", "DatabaseSecretArn": "arn:x", "VolumeKeyArn": "arn:key"}
    assert destinations.adoption(Aws(), outputs)["volume_key_arn"] == "arn:key"


def test_kept_table_is_adopted_by_its_name() -> None:
    assert destinations.adoption(Aws(), {"TableName": "t"}) == {"table_name": "t"}


def test_no_signature_at_all_is_a_warning() -> None:
    assert checks.signature(subscription()).status == "warn"
    assert checks.signature(subscription(signature="none")).status == "ok"


def test_secret_that_never_had_a_value_is_empty(aws: Stub) -> None:
    aws("secretsmanager").add_client_error("get_secret_value", "ResourceNotFoundException")
    assert checks.secret_text(Aws(), "arn:x") == ""


@pytest.mark.parametrize("text", [" ", "[]", '{"verify_token": "t"}'])
def test_secret_without_any_value_is_told_with_the_command_that_asks_for_it(aws: Stub, text: str) -> None:
    aws("secretsmanager").add_response("get_secret_value", {"SecretString": text})
    check = checks.filled(target(), "arn:x")
    assert (check.status, word(check.remedy, "nami")) == ("fail", "`nami secret shopify`")


def test_secret_that_says_nothing_clear_is_told_with_the_reason(aws: Stub) -> None:
    aws("secretsmanager").add_response("get_secret_value", {"SecretString": '{"a": "1", "b": "2"}'})
    check = checks.filled(target(), "arn:x")
    assert (check.status, check.detail.count("nothing is clearly it")) == ("fail", 1)


def test_secret_that_was_put_as_bytes_is_read(aws: Stub) -> None:
    aws("secretsmanager").add_response("get_secret_value", {"SecretBinary": b"s3cret"})
    assert checks.secret_text(Aws(), "arn:x") == "s3cret"


def test_expired_credentials_are_one_line(aws: Stub) -> None:
    aws("sts").add_client_error("get_caller_identity", "ExpiredToken", "The security token included … is expired")
    check = checks.look("credentials", lambda: checks.credentials(Aws(), []))
    assert isinstance(check.error, AccessError)
    assert "expired" in check.detail
    assert "aws sso login" in word(check.remedy, "nami")


def test_missing_region_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    check = checks.look("queue", lambda: checks.ok("queue", str(Aws().client("sqs"))))
    assert isinstance(check.error, AccessError)
    assert "AWS_REGION=" in word(check.remedy, "nami")


def test_denied_call_says_what_aws_said(aws: Stub) -> None:
    aws("lambda").add_client_error("get_account_settings", "AccessDeniedException", "User me is not authorized")
    check = checks.look("concurrency", lambda: checks.concurrency_limit(Aws()))
    assert check.status == "fail"
    assert "User me is not authorized" in str(check.error)


def test_what_is_no_fault_of_aws_is_not_told_as_one() -> None:
    assert of_aws(KeyError("x")) is None

    def broken() -> Check:
        raise KeyError("x")

    with pytest.raises(KeyError):
        checks.look("anything", broken)


@pytest.mark.parametrize("version", ["2.1120.0", "3.0.0"])
def test_cdk_cli_that_cannot_read_our_templates_is_told(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(checks, "_version_of", lambda _: tuple(map(int, version.split("."))))
    error = checks.cdk_cli().error
    assert isinstance(error, MissingToolError)
    assert f"aws-cdk@{cdk.VERSION}" in str(error)


def test_pinned_cdk_cli_is_the_one_of_package_json() -> None:
    package = json.loads((APP.parent / "package.json").read_text())
    assert package["devDependencies"]["aws-cdk"] == cdk.VERSION


def test_first_failure_ends_a_deployment_and_the_others_are_told() -> None:
    told: list[str] = []
    found = [
        checks.ok("a", "well"),
        checks.warn("b", "not quite"),
        checks.fail("c", "broken", "mend it"),
        checks.fail("d", "also broken"),
    ]
    with pytest.raises(CheckError, match=r"^broken; mend it$"):
        checks.require(Aws(), found, told.append)
    assert [line.split()[1] for line in told] == ["b", "d"]


def test_codes_of_errors_differ_and_none_is_success() -> None:
    codes = [NamiError.exit_code, *(kind.exit_code for kind in NamiError.__subclasses__())]
    assert len(codes) == len(set(codes))
    assert 0 not in codes


@pytest.fixture
def own_handler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "webhooks" / "shopify" / "pre_queue" / "handler.py"
    file.parent.mkdir(parents=True)
    return file


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("def handler(event, context):\n    return", ""),
        ("handler = print", ""),
        ("from mine import handler", ""),
        ("def handle(event, context):\n    return", "webhooks/shopify/pre_queue/handler.py has no function `handler`"),
        (None, "there is no webhooks/shopify/pre_queue/handler.py"),
    ],
)
def test_own_handler_must_be_what_lambda_calls(own_handler: Path, text: str | None, detail: str) -> None:
    if text is not None:
        own_handler.write_text(text)
    check = checks.handlers("shopify")
    assert check.status == ("fail" if detail else "ok")
    assert check.detail.startswith(detail)


def test_syntax_error_of_a_handler_is_told_with_its_line(own_handler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_FUNCTIONS_PYTHON", (3, 0))
    own_handler.write_text("import json\ndef handler(event, context:\n")
    check = checks.handlers("shopify")
    assert check.status == "fail"
    assert check.detail == "webhooks/shopify/pre_queue/handler.py, line 2: '(' was never closed"


def test_without_own_handlers_namis_are_taken(own_handler: Path) -> None:
    assert checks.handlers("jira").detail == "nami's own"
