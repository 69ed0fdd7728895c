"""A pause: what waits meanwhile and until when, what ends it, and what does not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nami_control import health, pausing
from nami_control.deployment import Deployment
from nami_control.errors import AwsError, CheckError, NotRunningError, word
from nami_control.queues import Change
from tests.unit.cli.conftest import Stub, sleep_in, target
from tests.unit.cli.test_deployed import depth, run, stack, stacks

UUID = "57bb9d38-f192-495e-befe-92ab9658a160"
FORMER = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
OUTPUTS = {
    "EndpointUrl": "https://a1.execute-api.eu-west-1.amazonaws.com/nami/shopify",
    "HttpQueueUrl": FORMER + "waiting",
    "HttpDeadLetterQueueUrl": FORMER + "dead",
    "HttpPostQueueFunctionName": "post",
}
PAUSED = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.fixture
def deployed() -> Deployment:
    return Deployment(target(), OUTPUTS)


def mapping(state: str) -> dict[str, Any]:
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:post"
    return {"UUID": UUID, "State": state, "LastModified": PAUSED, "FunctionArn": arn}


def sees(aws: Stub, *states: str) -> None:
    for state in states:
        found = {"EventSourceMappings": [mapping(state)] if state else []}
        aws("lambda").add_response("list_event_source_mappings", found, {"FunctionName": "post"})


def switches(aws: Stub, *, on: bool) -> None:
    aws("lambda").add_response("update_event_source_mapping", {}, {"UUID": UUID, "Enabled": on})


def keeps(aws: Stub, days: int) -> None:
    said = {"Attributes": {"MessageRetentionPeriod": str(days * 86_400)}}
    aws("sqs").add_response("get_queue_attributes", said)


def has_waited(aws: Stub, *seconds: float) -> None:
    results = [{"Id": "q0", "Values": list(seconds), "StatusCode": "Complete"}]
    aws("cloudwatch").add_response("get_metric_data", {"MetricDataResults": results})


def test_a_pause_is_there_once_lambda_has_stopped_polling(
    aws: Stub, deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    sees(aws, "Enabled")
    switches(aws, on=False)
    sees(aws, "Disabling", "Disabled")
    sleep_in(monkeypatch, pausing, lambda _seconds: None)
    assert pausing.pause(deployed) == ["http"]


def test_what_is_paused_is_not_switched_again(aws: Stub, deployed: Deployment) -> None:
    sees(aws, "Disabled", "Disabled")
    assert pausing.pause(deployed, "http") == []


def test_resuming_waits_until_lambda_polls(aws: Stub, deployed: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    sees(aws, "Disabled")
    switches(aws, on=True)
    sees(aws, "Enabling", "Enabled")
    sleep_in(monkeypatch, pausing, lambda _seconds: None)
    assert pausing.resume(deployed) == ["http"]


def test_a_mapping_that_something_else_changes_is_switched_after_that(
    aws: Stub, deployed: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    sees(aws, "Updating")
    aws("lambda").add_client_error("update_event_source_mapping", "ResourceInUseException")
    switches(aws, on=False)
    sees(aws, "Disabled")
    sleep_in(monkeypatch, pausing, lambda _seconds: None)
    assert pausing.pause(deployed) == ["http"]


def test_what_is_not_switched_in_time_is_told(aws: Stub, deployed: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    sees(aws, "Disabled")
    switches(aws, on=True)
    sees(aws, "Enabling")
    monkeypatch.setattr(pausing, "_SETTLES_WITHIN", 0.2)
    with pytest.raises(AwsError, match=r"of http is Enabling after 0\.2 s, not Enabled; nami doctor shopify"):
        pausing.resume(deployed)


def test_without_an_event_source_there_is_nothing_to_pause(aws: Stub, deployed: Deployment) -> None:
    sees(aws, "")
    with pytest.raises(NotRunningError, match="nothing takes webhooks from the queue of http; nami deploy shopify"):
        pausing.pause(deployed)


def test_a_pause_tells_when_sqs_deletes_what_has_waited_longest(aws: Stub, deployed: Deployment) -> None:
    sees(aws, "Disabled")
    depth(aws, "waiting", 12)
    has_waited(aws)
    keeps(aws, 14)
    (found,) = pausing.pauses(deployed)
    assert found.runs_out == (PAUSED + timedelta(days=14)).timestamp()
    assert str(found) == ("since 2026-01-31 12:00 UTC, 12 webhooks wait, SQS deletes the first at 2026-02-14 12:00 UTC")


def test_what_had_waited_before_the_pause_is_deleted_sooner(aws: Stub, deployed: Deployment) -> None:
    since_before = datetime.now(UTC) - PAUSED + timedelta(days=3)
    sees(aws, "Disabled")
    depth(aws, "waiting", 1)
    has_waited(aws, since_before.total_seconds())
    keeps(aws, 14)
    (found,) = pausing.pauses(deployed)
    assert found.runs_out == pytest.approx((PAUSED + timedelta(days=11)).timestamp(), abs=60)


def test_a_pause_in_which_nothing_waits_runs_out_of_nothing(aws: Stub, deployed: Deployment) -> None:
    sees(aws, "Disabling")
    depth(aws, "waiting", 0)
    assert [each.runs_out for each in pausing.pauses(deployed)] == [None]


def test_doctor_warns_of_a_pause_with_the_command_that_ends_it(aws: Stub, deployed: Deployment) -> None:
    sees(aws, "Disabled", "Disabled")
    depth(aws, "waiting", 0)
    check = health._event_source(deployed, deployed.drains[0])
    assert (check.status, word(check.remedy, "nami")) == (
        "warn",
        "nami resume shopify --destination http delivers again",
    )


def test_doctor_is_content_with_an_event_source_that_is_on(aws: Stub, deployed: Deployment) -> None:
    sees(aws, "Enabled", "Enabled")
    assert health._event_source(deployed, deployed.drains[0]).status == "ok"


def test_list_says_what_is_paused(aws: Stub) -> None:
    stacks(aws, stack(outputs=OUTPUTS))
    has_waited(aws)
    aws("lambda").add_response("list_event_source_mappings", {"EventSourceMappings": [mapping("Disabled")]})
    depth(aws, "waiting", 0)
    depth(aws, "dead", 0)
    assert run("list").stdout.strip().endswith("CREATE_COMPLETE, paused")


def test_list_works_without_the_right_to_see_pauses(aws: Stub) -> None:
    stacks(aws, stack(outputs=OUTPUTS))
    has_waited(aws)
    aws("lambda").add_client_error("list_event_source_mappings", "AccessDeniedException")
    depth(aws, "waiting", 0)
    depth(aws, "dead", 0)
    result = run("list")
    assert result.exit_code == 0
    assert "what is paused is not known" in result.stderr


def test_a_deployment_that_brings_another_queue_may_not_end_a_pause() -> None:
    changes = [Change(FORMER + "waiting", leaves=True)]
    with pytest.raises(CheckError, match=r"is paused \(http\), and gets other queues .* nami resume shopify"):
        pausing.require_same_queues("shopify", ["http"], changes)
    pausing.require_same_queues("shopify", [], changes)


def test_a_pause_that_a_deployment_has_ended_is_made_anew(aws: Stub, deployed: Deployment) -> None:
    sees(aws, "Enabled")
    switches(aws, on=False)
    sees(aws, "Disabled")
    told: list[str] = []
    pausing.keep(deployed, ["http"], told.append)
    assert told == ["http: the deployment had resumed it; it is paused again"]


def test_a_destination_that_left_with_the_deployment_is_no_longer_paused(deployed: Deployment) -> None:
    pausing.keep(deployed, ["dynamodb"])
