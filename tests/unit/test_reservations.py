"""What a stack reserves is asked of the account before anything of it is made."""

import json
import types
from collections.abc import Callable, Iterator
from typing import Any

import aws_cdk as cdk
import boto3
import pytest
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template
from botocore.stub import Stubber

from nami_control.planning.assumptions import UNRESERVED
from nami_stack import DynamoTable, HttpGateway, PipelineSettings, ScalableWebhook
from nami_stack.assets import LAMBDAS

Synth = Callable[..., Template]
ASKED = "Custom::Reservations"


def only(template: Template, kind: str) -> tuple[str, dict[str, Any]]:
    """Logical id and definition of the one resource of this type."""
    ((key, resource),) = template.find_resources(kind).items()
    return key, resource


def before(resources: dict[str, Any], key: str) -> set[str]:
    """All that CloudFormation makes before this one: what it depends on, and what these do."""
    found: set[str] = set()
    todo = [key]
    while todo:
        resource = resources[todo.pop()]
        named = {*_named(resource.get("Properties", {})), *resource.get("DependsOn", ())} & resources.keys()
        todo += named - found
        found |= named
    return found


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref":
                yield inner
            elif key == "Fn::GetAtt":
                yield inner[0]
            else:
                yield from _named(inner)
    elif isinstance(value, list):
        for each in value:
            yield from _named(each)


@pytest.mark.parametrize(
    "context",
    [
        {},
        {
            "gateway": "rest",
            "signature": "github",
            "destination": "dynamodb,eventbridge",
            "alarm_email": "me@example.com",
        },
        {"gateway": "shared", "destination": "shared-mongo"},
    ],
    ids=["host", "rest", "shared"],
)
def test_everything_of_a_subscription_is_made_after_it_was_asked(synth: Synth, context: dict[str, str]) -> None:
    template = synth(**context)
    asked, _ = only(template, ASKED)
    resources = template.to_json()["Resources"]
    its_own = {asked, *before(resources, asked)}
    assert {each.rstrip("0123456789ABCDEF") for each in its_own} == {
        *("ReservationsAsked", "ReservationsAsk", "ReservationsAskRole", "ReservationsAskLogs"),
        "ReservationsAskRoleDefaultPolicy",
    }
    assert [key for key in resources.keys() - its_own if asked not in before(resources, key)] == []


def test_it_is_told_what_each_function_reserves(synth: Synth) -> None:
    template = synth(destination="dynamodb,eventbridge", maximum_concurrency=7)
    functions = template.find_resources("AWS::Lambda::Function")
    reserved = {
        f"{key}={found['Properties']['ReservedConcurrentExecutions']}"
        for key, found in functions.items()
        if "ReservedConcurrentExecutions" in found["Properties"]
    }
    assert set(only(template, ASKED)[1]["Properties"]["Reserved"]) == reserved
    assert len(reserved) == 2


def test_nothing_is_asked_where_nothing_is_reserved(synth: Synth) -> None:
    assert synth(reserved_concurrency=0).find_resources(ASKED) == {}


def test_subscriptions_of_one_stack_ask_once_for_all(app_factory: Callable[..., cdk.App]) -> None:
    stack = cdk.Stack(app_factory(), "Webhooks")
    for name, reserved in (("shopify", 5), ("jira", 6), ("stripe", 0)):
        settings = PipelineSettings(reserved_concurrency=reserved)
        ScalableWebhook(stack, name, name=name, destination=DynamoTable(stack, f"{name}Table"), settings=settings)
    _, asked = only(Template.from_stack(stack), ASKED)
    assert [each.split("=")[1] for each in asked["Properties"]["Reserved"]] == ["5", "6"]


def test_what_is_not_of_the_subscription_waits_for_nothing(app_factory: Callable[..., cdk.App]) -> None:
    app = app_factory()
    shared, stack = cdk.Stack(app, "Shared"), cdk.Stack(app, "Webhooks")
    gateway = HttpGateway(shared, "Gateway")
    sns.Topic(stack, "Yours")
    ScalableWebhook(stack, "Shopify", name="shopify", gateway=gateway, destination=DynamoTable(stack, "Table"))
    template = Template.from_stack(stack)
    assert only(template, ASKED)
    assert "DependsOn" not in only(template, "AWS::SNS::Topic")[1]
    assert "DependsOn" not in only(Template.from_stack(shared), "AWS::ApiGatewayV2::Api")[1]


def test_its_function_is_in_no_network_and_its_lines_do_not_stay_for_ever(synth: Synth) -> None:
    template = synth()
    key = only(template, ASKED)[1]["Properties"]["ServiceToken"]["Fn::GetAtt"][0]
    properties = template.find_resources("AWS::Lambda::Function")[key]["Properties"]
    assert "VpcConfig" not in properties
    logs = template.find_resources("AWS::Logs::LogGroup")[properties["LoggingConfig"]["LogGroup"]["Ref"]]
    assert logs["Properties"]["RetentionInDays"] == 30


# What it says.

STACK_ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/nami-shopify/11111111"


class Function:
    """Runs the inline code as CloudFormation does; only what is stubbed of AWS answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")
        make: Any = session.client
        self.stubs = {service: Stubber(make(service)) for service in ("lambda", "cloudformation")}
        self.remaining = 60_000
        self.answers: list[dict[str, Any]] = []
        self.module = types.ModuleType("index")
        monkeypatch.setattr("boto3.client", lambda service: self.stubs[service].client)
        monkeypatch.setattr("urllib3.PoolManager.request", lambda _pool, *given, **more: self._answer(*given, **more))
        exec((LAMBDAS / "reservations.py").read_text(), self.module.__dict__)
        # Its own alone: other threads of this process sleep as well.
        monkeypatch.setattr(self.module, "time", types.SimpleNamespace(sleep=self._wait))

    def account(self, unreserved: int) -> None:
        limit = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": unreserved}
        self.stubs["lambda"].add_response("get_account_settings", {"AccountLimit": limit}, {})

    def denied(self) -> None:
        self.stubs["lambda"].add_client_error("get_account_settings", "AccessDeniedException", "not authorized")

    def stack(self, **functions: tuple[str, int | None]) -> None:
        """What CloudFormation lists: functions by their logical ids, with a status and what each reserves."""
        listed = [
            {
                "LogicalResourceId": key,
                "PhysicalResourceId": f"nami-{key}",
                "ResourceType": "AWS::Lambda::Function",
                "ResourceStatus": status,
                "LastUpdatedTimestamp": "2026-11-01T00:00:00Z",
            }
            for key, (status, _) in functions.items()
        ]
        answer = {"StackResourceSummaries": listed}
        self.stubs["cloudformation"].add_response("list_stack_resources", answer, {"StackName": STACK_ID})
        for key, (_, reserves) in functions.items():
            if reserves is not None:
                said = {"ReservedConcurrentExecutions": reserves} if reserves else {}
                asked = {"FunctionName": f"nami-{key}"}
                self.stubs["lambda"].add_response("get_function_concurrency", said, asked)

    def send(self, request: str, *reserved: str) -> dict[str, Any]:
        """Its one answer."""
        event = {"RequestType": request, "ResponseURL": "https://answer.example", "StackId": STACK_ID}
        event |= {"RequestId": "r", "LogicalResourceId": "l", "ResourceProperties": {"Reserved": list(reserved)}}
        self.answers.clear()
        for stub in self.stubs.values():
            stub.activate()
        self.module.handler(event, self)
        for stub in self.stubs.values():
            stub.assert_no_pending_responses()
        (answer,) = self.answers
        return answer

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining

    def _wait(self, seconds: float) -> None:
        self.remaining -= int(seconds * 1000)

    def _answer(self, method: str, url: str, body: str) -> None:
        assert (method, url) == ("PUT", "https://answer.example")
        self.answers.append(json.loads(body))


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Function:
    return Function(monkeypatch)


@pytest.mark.parametrize(("unreserved", "status"), [(110, "SUCCESS"), (109, "FAILED"), (10, "FAILED")])
def test_a_hundred_must_stay_unreserved(function: Function, unreserved: int, status: str) -> None:
    function.account(unreserved)
    if status == "FAILED":  # else nothing more is asked
        function.stack()
    assert function.send("Create", "Mongo=5", "Http=5")["Status"] == status


def test_refusal_says_what_can_be_spared_what_is_wanted_and_the_remedies(function: Function) -> None:
    function.account(103)
    function.stack()
    reason = function.send("Create", "Mongo=5")["Reason"]
    assert "can spare 3 concurrent executions: reserving 5 of 103 unreserved ones" in reason
    assert "-c reserved_concurrency=0" in reason
    assert "--quota-code L-B99A9384 --desired-value 1000" in reason
    assert "\n" not in reason


def test_deletion_of_what_was_refused_succeeds_and_asks_nothing(function: Function) -> None:
    function.account(10)
    function.stack()
    refused = function.send("Create", "Mongo=5")
    deleted = function.send("Delete", "Mongo=5")
    assert deleted["Status"] == "SUCCESS"
    assert deleted["PhysicalResourceId"] == refused["PhysicalResourceId"]


def test_what_its_own_functions_have_is_theirs(function: Function) -> None:
    """As in a stack that was deployed before it had this, or one that changes something else."""
    function.account(100)
    function.stack(Mongo=("UPDATE_COMPLETE", 5))
    assert function.send("Create", "Mongo=5")["Status"] == "SUCCESS"


def test_update_that_raises_the_reservation_asks_for_the_rest(function: Function) -> None:
    function.account(104)
    function.stack(Mongo=("CREATE_COMPLETE", 5))
    assert "reserving 10 of 109" in function.send("Update", "Mongo=10")["Reason"]


def test_rollback_of_a_lowered_reservation_succeeds_on_a_full_account(function: Function) -> None:
    function.account(100)
    function.stack(Mongo=("CREATE_COMPLETE", 10))
    assert function.send("Update", "Mongo=10")["Status"] == "SUCCESS"


def test_function_that_is_gone_or_reserves_nothing_has_nothing(function: Function) -> None:
    function.account(104)
    function.stack(Mongo=("DELETE_COMPLETE", None), Http=("CREATE_COMPLETE", 0))
    assert function.send("Update", "Mongo=2", "Http=3")["Status"] == "FAILED"


def test_rights_that_are_not_known_everywhere_yet_are_waited_for(function: Function) -> None:
    function.denied()
    function.denied()
    function.account(10)
    function.stack()
    assert function.send("Create", "Mongo=5")["Status"] == "FAILED"
    assert function.remaining == 50_000


def test_where_nothing_can_be_asked_lambda_decides(function: Function, capsys: pytest.CaptureFixture[str]) -> None:
    function.remaining = 29_999
    function.denied()
    assert function.send("Create", "Mongo=5")["Status"] == "SUCCESS"
    assert "not authorized" in capsys.readouterr().out


def test_it_and_nami_deploy_hold_the_same_rule(function: Function) -> None:
    assert function.module.UNRESERVED == UNRESERVED
