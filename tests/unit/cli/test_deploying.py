"""A deployment begins with what is there: it is read once, and each check is asked of that."""

from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from nami_control import cdk, checks, deploying
from nami_control.checks import Check, ok
from nami_control.errors import DeployError
from nami_control.stacks import Stack, Target
from tests.unit.cli.conftest import Stub, attempt, target
from tests.unit.cli.test_deployed import stack


def shown(_target: Target) -> AbstractContextManager[Any]:
    return nullcontext(SimpleNamespace(step=lambda _text: None, show=lambda *_: None))


@pytest.fixture
def _synthesised(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CDK CLI has made a template with nothing in it."""
    monkeypatch.setattr(cdk, "synth", lambda *_: SimpleNamespace(finish=lambda: None))
    monkeypatch.setattr(cdk, "templates", lambda _folder: iter([{"Resources": {}}]))
    monkeypatch.setattr(cdk, "reads", lambda *_: False)
    monkeypatch.setattr(cdk, "diff", lambda *_, **__: "what changes")
    for tool in ("node", "cdk_cli"):
        monkeypatch.setattr(checks, tool, lambda: ok("tool", "is there"))


@pytest.mark.usefixtures("_synthesised")
def test_what_is_deployed_is_read_once(aws: Stub) -> None:
    caller = {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/me", "UserId": "me"}
    aws("sts").add_response("get_caller_identity", caller)
    aws("cloudformation").add_response("describe_stacks", {"Stacks": [stack(outputs={"EndpointUrl": "https://e"})]})
    aws("cloudformation").add_response("get_template", {"TemplateBody": "{}"})
    aws("cloudformation").add_response("list_stack_resources", {"StackResourceSummaries": []})
    aws("ssm").add_response("get_parameter", {"Parameter": {"Value": "30"}})
    limits = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
    aws("lambda").add_response("get_account_settings", {"AccountLimit": limits})
    done = deploying.deploy(target(destination="dynamodb"), shown, dry_run=True)
    assert (done.changes, done.before) == ("what changes", {"EndpointUrl": "https://e"})


@pytest.mark.usefixtures("_synthesised")
def test_why_a_deployment_failed_is_told_also_where_delivery_is_paused(
    aws: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_meanwhile: object) -> None:
        raise DeployError("no room")

    monkeypatch.setattr(cdk, "deploy", lambda *_: SimpleNamespace(finish=fail))
    queue = {"HttpQueueUrl": "q", "HttpDeadLetterQueueUrl": "d", "HttpPostQueueFunctionName": "post"}
    aws("cloudformation").add_response("describe_stacks", {"Stacks": [stack(outputs=queue)]})
    aws("cloudformation").add_response("get_template", {"TemplateBody": "{}"})
    aws("cloudformation").add_response("list_stack_resources", {"StackResourceSummaries": []})
    aws("lambda").add_response("list_event_source_mappings", {"EventSourceMappings": [{"State": "Disabled"}]})
    aws("cloudformation").add_response("describe_stacks", {"Stacks": [stack(status="UPDATE_FAILED", outputs={})]})
    with pytest.raises(DeployError, match="no room"):
        deploying.deploy(target(destination="http"), shown, lambda *_: None)


def asked(asked: Target, there: Stack | None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of all checks, in their order."""
    names: list[str] = []

    def look(name: str, _check: object) -> Check:
        names.append(name)
        return ok(name, "well")

    monkeypatch.setattr(deploying, "look", look)
    deploying.require(attempt(asked, there))
    return names


def test_handlers_and_the_reservation_are_a_subscriptions_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    of_all = ["python", "node", "cdk", "bootstrap", "stack", "settings", "leftovers"]
    assert asked(target(destination="dynamodb"), None, monkeypatch) == [
        *("handlers", *of_all),
        *("reservation", "signature"),
    ]
    shared = asked(target("shared"), None, monkeypatch)
    assert shared[: len(of_all)] == of_all
    assert "network" in shared
