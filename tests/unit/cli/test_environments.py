"""--env: which stack a command touches, in which account and region."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nami_cli.main import app
from nami_control import checks, settings
from nami_control.aws import Aws
from nami_control.errors import AccessError, CheckError, NotRunningError, UsageError, word
from nami_control.stacks import Stack
from tests.smoke.conftest import of_stack
from tests.unit.cli.conftest import Stub, nothing_kept, target
from tests.unit.cli.test_deployed import STACK_ID, ages, depth, stack
from tests.unit.cli.test_help import leaves

ACCOUNT = "111122223333"
ME = f"arn:aws:iam::{ACCOUNT}:user/me"
PROD = {"account": ACCOUNT, "region": "eu-central-1", "batch_size": 20}
# None of these works on what is deployed.
WITHOUT = {"nami help", "nami create", "nami local status", "nami local env"}


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for variable in ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "NAMI_ENV"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def keep(folder: Path, **context: Any) -> None:
    (folder / "cdk.json").write_text(json.dumps({"context": {"environments": {"prod": PROD, "dev": {}}, **context}}))


def deployed_in(environment: str, name: str = "shopify", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = stack(name)
    tag = {"Key": "nami:environment", "Value": environment}
    return {**found, "StackName": f"nami-{environment}-{name}", "Tags": [*found["Tags"], tag], **more}


def answer(aws: Stub, stack_name: str, found: dict[str, Any]) -> None:
    aws("cloudformation").add_response("describe_stacks", {"Stacks": [found]}, {"StackName": stack_name})


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize(
    "arguments",
    [("outputs", "shopify", "--env", "prod"), ("--env", "prod", "outputs", "shopify")],
    ids=["after the command", "before the command"],
)
def test_env_is_taken_on_either_side_of_the_command(aws: Stub, arguments: tuple[str, ...]) -> None:
    answer(aws, "nami-prod-shopify", deployed_in("prod"))
    assert run(*arguments, "--json").exit_code == 0


def test_variable_serves_where_no_env_is_typed(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMI_ENV", "prod")
    answer(aws, "nami-prod-shopify", deployed_in("prod"))
    assert run("outputs", "shopify").exit_code == 0


def test_typed_env_wins_over_the_variable(aws: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMI_ENV", "prod")
    answer(aws, "nami-dev-shopify", deployed_in("dev"))
    assert run("outputs", "shopify", "--env", "dev").exit_code == 0


def test_env_of_cdk_json_serves_as_it_does_for_the_cdk_cli(aws: Stub, folder: Path) -> None:
    keep(folder, env="dev")
    answer(aws, "nami-dev-shopify", deployed_in("dev"))
    assert run("outputs", "shopify").exit_code == 0


@pytest.mark.parametrize("context", leaves(), ids=lambda context: context.command_path)
def test_every_command_on_what_is_deployed_takes_env(context: Any) -> None:
    takes = "--env" in context.get_help()
    assert takes is (context.command_path not in WITHOUT)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "test")


@pytest.mark.usefixtures("keys")
def test_command_works_in_the_region_of_its_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    keep(folder)
    prod = Aws("prod")
    assert prod.client("sqs").meta.region_name == "eu-central-1"
    assert (prod.env["AWS_REGION"], prod.env["AWS_DEFAULT_REGION"]) == ("eu-central-1", "eu-central-1")


@pytest.mark.usefixtures("keys")
def test_local_aws_keeps_its_own_region(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    keep(folder)
    assert Aws("prod").client("sqs").meta.region_name == "us-east-1"


def test_this_process_keeps_its_variables(aws: Stub, folder: Path) -> None:
    keep(folder)
    before = dict(os.environ)
    answer(aws, "nami-prod-shopify", deployed_in("prod"))
    assert run("outputs", "shopify", "--env", "prod").exit_code == 0
    assert dict(os.environ) == before


def test_unknown_environment_names_the_nearest(folder: Path) -> None:
    keep(folder)
    error = run("outputs", "shopify", "--env", "prd").exception
    assert isinstance(error, UsageError)
    assert str(error) == "env='prd': is not among the environments of cdk.json; did you mean prod?"


@pytest.mark.parametrize(
    ("arguments", "asked", "there", "owner"),
    [
        (("prod-shopify",), "nami-prod-shopify", deployed_in("prod"), "shopify in the environment prod"),
        (("shopify", "--env", "prod"), "nami-prod-shopify", stack("prod-shopify"), "prod-shopify"),
    ],
    ids=["of an environment", "of a longer name"],
)
@pytest.mark.parametrize("command", ["outputs", "destroy", "send", "events", "logs", "smoke", "doctor"])
def test_stack_of_that_name_that_is_another_subscriptions_is_not_touched(
    aws: Stub,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    arguments: tuple[str, ...],
    asked: str,
    there: dict[str, Any],
    owner: str,
) -> None:
    monkeypatch.setattr("nami_control.checks.tools", list)
    monkeypatch.setattr("nami_control.health.of_account", lambda _aws: [])
    if command == "destroy" and "--env" in arguments:
        aws("sts").add_response("get_caller_identity", {"Account": ACCOUNT, "Arn": ME})
    answer(aws, asked, there)
    error = run(command, *arguments, *(["--yes"] if command == "destroy" else [])).exception
    assert isinstance(error, CheckError)
    assert f"the stack nami-prod-shopify here is {owner}, not " in str(error)


def test_local_deployment_into_anothers_stack_is_stopped(aws: Stub) -> None:
    answer(aws, "nami-prod-shopify", stack("prod-shopify"))
    with pytest.raises(CheckError, match="rename one of them"):
        target("shopify", "prod").describe()


def test_list_shows_every_environment_in_a_column(aws: Stub) -> None:
    aws("cloudformation").add_response("describe_stacks", {"Stacks": [deployed_in("prod"), stack()]})
    ages(aws)
    for _ in range(2):
        depth(aws, "waiting", 0)
        depth(aws, "dead", 0)
    rows = json.loads(run("list", "--json").stdout)
    assert [(row["name"], row["environment"]) for row in rows] == [("shopify", None), ("shopify", "prod")]


def test_list_with_env_leaves_out_the_others(aws: Stub) -> None:
    others = [deployed_in("dev"), deployed_in("prod", "jira"), stack()]
    aws("cloudformation").add_response("describe_stacks", {"Stacks": others})
    ages(aws)
    depth(aws, "waiting", 0)
    depth(aws, "dead", 0)
    rows = json.loads(run("list", "--json", "--env", "prod").stdout)
    assert [(row["name"], row["environment"]) for row in rows] == [("jira", "prod")]


def test_what_is_not_deployed_in_an_environment_is_told_with_the_command_for_it(aws: Stub) -> None:
    aws("cloudformation").add_client_error("describe_stacks", "ValidationError", "Stack with id … does not exist")
    error = run("outputs", "shopify", "--env", "prod").exception
    assert isinstance(error, NotRunningError)
    assert str(error) == (
        "shopify in the environment prod is not deployed here; nami --env prod list shows what is, "
        "nami --env prod deploy shopify deploys it"
    )


def test_smoke_tests_find_environment_and_subscription_by_the_stacks_tags(aws: Stub) -> None:
    for _ in range(2):
        answer(aws, "nami-prod-shopify", deployed_in("prod"))
    found = of_stack(Aws(), "nami-prod-shopify")
    assert (found.name, found.aws.environment_name) == ("shopify", "prod")


def test_smoke_tests_of_a_name_with_a_hyphen_are_not_taken_for_an_environment(aws: Stub) -> None:
    for _ in range(2):
        answer(aws, "nami-prod-shopify", stack("prod-shopify"))
    found = of_stack(Aws(), "nami-prod-shopify")
    assert (found.name, found.aws.environment_name) == ("prod-shopify", "")


@pytest.mark.parametrize("command", [("deploy",), ("deploy", "--dry-run"), ("diff",), ("destroy", "--yes")])
def test_credentials_of_another_account_are_told_before_anything_is_done(
    aws: Stub, folder: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    keep(folder)
    aws("sts").add_response("get_caller_identity", {"Account": "999999999999", "Arn": ME})
    monkeypatch.setattr("nami_control.cdk.program", lambda name: name)
    monkeypatch.setattr("nami_control.cdk.synth", lambda *_: None)
    error = run(command[0], "shopify", "--env", "prod", *command[1:]).exception
    assert isinstance(error, AccessError)
    assert str(error) == (
        f"prod is account {ACCOUNT}, and these credentials are for 999999999999; set AWS_PROFILE to one for {ACCOUNT}"
    )


def test_doctor_tells_of_another_accounts_credentials(folder: Path) -> None:
    keep(folder)
    prod = Aws("prod")
    assert checks.environment(prod, checks.Account("999999999999", "eu-central-1", "arn:me")).status == "fail"
    assert checks.environment(prod, checks.Account(ACCOUNT, "eu-central-1", "arn:me")).status == "ok"


def test_settings_of_the_environment_are_what_a_deployment_is_checked_with(folder: Path) -> None:
    keep(folder, subscriptions={"shopify": {"batch_size": 5, "max_receives": 9}})
    shopify = target("shopify", "prod", max_receives="3")
    subscription = shopify.subscription
    assert (subscription.stack_name, subscription.batch_size, subscription.max_receives) == ("nami-prod-shopify", 20, 3)
    assert {"batch_size", "max_receives"} <= shopify.given_anywhere


def test_saved_settings_are_the_environments_own(folder: Path) -> None:
    keep(folder)
    settings.save(target("shopify", "prod", batch_size="7"))
    context = json.loads((folder / "cdk.json").read_text())["context"]
    assert context["environments"]["prod"]["subscriptions"] == {"shopify": {"batch_size": 7}}
    assert target("shopify", "prod").subscription.batch_size == 7
    assert "subscriptions" not in context


def test_app_is_told_the_environment(folder: Path) -> None:
    keep(folder)
    assert Aws("prod").context == {"env": "prod"}


def test_app_is_told_that_local_aws_has_one_account(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(folder)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    shopify = target("shopify", "prod")
    assert shopify.aws.context == {"env": "prod", "nami:local": "true"}
    found = shopify.settings.environment
    assert found
    assert (found.name, found.account, found.region) == ("prod", None, None)


def test_advice_stays_in_the_environment() -> None:
    found = deployed_in("prod", StackStatus="DELETE_FAILED", StackId=STACK_ID)
    check = checks.stack_is_settled("shopify", Stack(found, Aws()))  # type: ignore[arg-type]
    assert word(check.remedy, Aws("prod").nami).startswith("finish with nami --env prod destroy shopify")


def test_destroy_removes_the_environments_stack_by_its_id(aws: Stub, folder: Path) -> None:
    keep(folder)
    mine = "arn:aws:cloudformation:eu-central-1:111122223333:stack/nami-prod-shopify/1"
    found = deployed_in("prod", StackId=mine, Outputs=[])
    aws("sts").add_response("get_caller_identity", {"Account": ACCOUNT, "Arn": ME})
    answer(aws, "nami-prod-shopify", found)
    aws("cloudformation").add_response(
        "get_template", {"TemplateBody": json.dumps({})}, {"StackName": "nami-prod-shopify"}
    )
    nothing_kept(aws)
    aws("cloudformation").add_response("delete_stack", {}, {"StackName": mine})
    gone = {**found, "StackStatus": "DELETE_COMPLETE"}
    aws("cloudformation").add_response("describe_stacks", {"Stacks": [gone]}, {"StackName": mine})
    aws("cloudformation").add_response("list_stack_resources", {"StackResourceSummaries": []}, {"StackName": mine})
    assert run("destroy", "shopify", "--env", "prod", "--yes").exit_code == 0
