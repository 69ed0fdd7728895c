"""Where webhooks are posted, on AWS and on local AWS."""

import pytest

from nami_cli.stacks import endpoint_url

OUTPUTS = {"EndpointUrl": "https://a1b2c3.execute-api.us-east-1.amazonaws.com/nami/shopify"}


def test_endpoint_on_aws_is_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert endpoint_url(OUTPUTS) == OUTPUTS["EndpointUrl"]


@pytest.mark.parametrize("local", ["http://127.0.0.1:4566", "http://127.0.0.1:4566/"])
@pytest.mark.parametrize("output", [OUTPUTS["EndpointUrl"], "http://a1b2c3.execute-api.localhost:4566/nami/shopify"])
def test_endpoint_on_local_aws_is_a_path_that_needs_no_name_resolution(
    monkeypatch: pytest.MonkeyPatch, local: str, output: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", local)
    assert endpoint_url({"EndpointUrl": output}) == "http://127.0.0.1:4566/_aws/execute-api/a1b2c3/nami/shopify"
