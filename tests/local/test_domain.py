"""Two subscriptions behind one domain: the first makes it, the second answers below its own name."""

import http.client
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from tests.local.conftest import QUICK, Nami, Pipeline, pipeline

DOMAIN = "hooks.example.com"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"


@pytest.fixture(scope="module")
def first(nami: Nami) -> Pipeline:
    nami.up("first", *QUICK, "-c", f"domain_name={DOMAIN}", "-c", f"certificate_arn={CERTIFICATE}")
    return pipeline(nami, "first")


@pytest.fixture(scope="module")
def second(nami: Nami, first: Pipeline) -> Pipeline:
    nami.up("second", *QUICK, "-c", "gateway=rest", "-c", f"domain_name={DOMAIN}")
    return pipeline(nami, "second")


def post(made: Pipeline, path: str) -> http.client.HTTPResponse:
    """As who resolves the domain does."""
    at = urlsplit(made.endpoint)
    with closing(http.client.HTTPConnection(at.hostname or "", at.port, timeout=60)) as connection:
        connection.request("POST", path, body=b"{}", headers={"host": DOMAIN, "content-type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response


def test_each_takes_its_webhooks_on_the_domain(first: Pipeline, second: Pipeline) -> None:
    for made, path in ((first, "/nami/first"), (second, "/second/nami/second")):
        assert made.outputs()["EndpointUrl"] == f"https://{DOMAIN}{path}"
        response = post(made, path)
        assert response.status == 200
        assert made.document(response.getheader("nami-delivery-id"))["subscription"] == made.name


def test_commands_reach_both(nami: Nami, first: Pipeline, second: Pipeline) -> None:
    for made in (first, second):
        result = nami("send", made.name)
        assert result.returncode == 0, result.stderr
        assert f'"subscription": "{made.name}"' in result.stdout


def test_destroying_the_second_leaves_the_first_its_domain(nami: Nami, first: Pipeline, second: Pipeline) -> None:
    assert nami.typed("--local", "destroy", "second", "--yes").returncode == 0
    assert post(first, "/second/nami/second").status == 404
    assert post(first, "/nami/first").status == 200
