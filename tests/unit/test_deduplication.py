"""What deduplicate_by makes of the template, and what it refuses."""

from collections.abc import Callable

import pytest
from aws_cdk.assertions import Match, Template

from nami_stack import SettingsError, Subscription

Synth = Callable[..., Template]
BY = {"DEDUPLICATE_BY": "body:order.id,x-status"}


def error_of(**context: object) -> str:
    with pytest.raises(SettingsError) as caught:
        Subscription.from_context({"name": "shopify", **context})
    return str(caught.value)


def functions_with(template: Template, variables: dict[str, str]) -> int:
    environment = {"Environment": {"Variables": Match.object_like(variables)}}
    return len(template.find_resources("AWS::Lambda::Function", {"Properties": environment}))


def test_the_function_that_verifies_is_told(synth: Synth) -> None:
    given = {"deduplicate_by": "body:order.id, x-status", "signature": "shopify"}
    assert functions_with(synth(**given), {**BY, "SUCCESS_STATUS": Match.any_value()}) == 1
    direct = synth(**given, gateway="rest", ingest="direct")
    assert functions_with(direct, {**BY, "QUARANTINE_URL": Match.any_value()}) == 1


def test_without_it_nothing_is_said(synth: Synth) -> None:
    assert functions_with(synth(signature="shopify"), {"DEDUPLICATE_BY": Match.any_value()}) == 0


@pytest.mark.parametrize("sources", ["body:", "two words", "$.id,x-id"])
def test_what_is_no_source_is_refused(sources: str) -> None:
    assert "must look like x-event-id or body:order.id,body:status" in error_of(deduplicate_by=sources)


def test_direct_mode_needs_a_function_that_looks(synth: Synth) -> None:
    for signature in ({}, {"signature": "none"}):
        given = {"gateway": "rest", "ingest": "direct", "deduplicate_by": "body:id", **signature}
        assert error_of(**given).startswith("ingest='direct': the gateway gives each request an id of its own")
