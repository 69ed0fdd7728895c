"""Where webhooks are posted, on AWS and on local AWS."""

from collections.abc import Callable

import pytest
from botocore.stub import Stubber

from nami_control.aws import Aws
from nami_control.stacks import reachable

OUTPUTS = {"EndpointUrl": "https://a1b2c3.execute-api.us-east-1.amazonaws.com/nami/shopify"}


def test_endpoint_on_aws_is_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert reachable(Aws(), OUTPUTS["EndpointUrl"]) == OUTPUTS["EndpointUrl"]


@pytest.mark.parametrize("local", ["http://127.0.0.1:4566", "http://127.0.0.1:4566/"])
@pytest.mark.parametrize("output", [OUTPUTS["EndpointUrl"], "http://a1b2c3.execute-api.localhost:4566/nami/shopify"])
def test_endpoint_on_local_aws_is_a_path_that_needs_no_name_resolution(
    monkeypatch: pytest.MonkeyPatch, local: str, output: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", local)
    assert reachable(Aws(), output) == "http://127.0.0.1:4566/_aws/execute-api/a1b2c3/nami/shopify"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://hooks.example.com/nami/shopify", "http1/nami/shopify"),
        ("https://hooks.example.com/jira/nami/jira", "rest1/live/nami/jira"),
        ("https://hooks.example.com/jirafan/nami/jirafan", "http1/jirafan/nami/jirafan"),
    ],
)
def test_domain_of_ones_own_leads_to_the_api_behind_it_on_local_aws(
    aws: Callable[[str], Stubber], monkeypatch: pytest.MonkeyPatch, url: str, path: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    mappings = [
        {"ApiId": "http1", "Stage": "$default"},
        {"ApiId": "rest1", "Stage": "live", "ApiMappingKey": "jira"},
    ]
    aws("apigatewayv2").add_response("get_api_mappings", {"Items": mappings}, {"DomainName": "hooks.example.com"})
    assert reachable(Aws(), url) == f"http://127.0.0.1:4566/_aws/execute-api/{path}"


def test_domain_of_ones_own_that_leads_nowhere_stays_as_it_is(
    aws: Callable[[str], Stubber], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    aws("apigatewayv2").add_client_error("get_api_mappings", "NotFoundException")
    assert reachable(Aws(), "https://hooks.example.com/nami/x") == "https://hooks.example.com/nami/x"
