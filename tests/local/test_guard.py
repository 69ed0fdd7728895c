"""Web pages reach no service of local AWS, which would run their code, and webhooks still arrive."""

import base64
import http.client
import io
import json
import socket
import zipfile
from contextlib import closing
from urllib.parse import urlencode, urlsplit

import pytest

from nami_local.guard import REFUSED
from tests.local.conftest import Nami, Pipeline

FUNCTIONS = "/2015-03-31/functions"
PAGE = {"origin": "https://evil.example", "content-type": "text/plain"}
REBOUND = {"host": "evil.example", "content-type": "text/plain"}


def request(
    nami: Nami, path: str, headers: dict[str, str], body: bytes = b"{}", method: str = "POST"
) -> tuple[int, str, str | None]:
    """Status, body, and the delivery id that a webhook gets."""
    with closing(http.client.HTTPConnection("127.0.0.1", nami.port, timeout=60)) as connection:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read().decode(), response.getheader("nami-delivery-id")


def function() -> bytes:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("page.py", "def handler(event, context):\n    return 1\n")
    settings = {"FunctionName": "page", "Runtime": "python3.13", "Role": "arn:aws:iam::123456789012:role/x"}
    content = {"Handler": "page.handler", "Code": {"ZipFile": base64.b64encode(code.getvalue()).decode()}}
    return json.dumps(settings | content).encode()


@pytest.mark.parametrize(
    "headers", [PAGE, REBOUND, {"sec-fetch-site": "cross-site"}], ids=["origin", "host", "sec-fetch-site"]
)
def test_page_can_not_create_a_function(nami: Nami, shopify: Pipeline, headers: dict[str, str]) -> None:
    status, text, _ = request(nami, FUNCTIONS, headers, function())
    assert (status, text) == (403, REFUSED)
    names = [each["FunctionName"] for each in shopify.client("lambda").list_functions()["Functions"]]
    assert names
    assert "page" not in names


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "none"}, {"x-forwarded-host": "127.0.0.1"}], ids=str)
def test_link_runs_nothing(nami: Nami, shopify: Pipeline, headers: dict[str, str]) -> None:
    template = '{"Resources":{"Queue":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"linked"}}}}'
    link = "/?" + urlencode({"Action": "CreateStack", "StackName": "linked", "TemplateBody": template})
    assert request(nami, link, headers, b"", "GET")[0] == 403
    queues = shopify.client("sqs").list_queues(QueueNamePrefix="linked").get("QueueUrls", [])
    assert queues == []


def test_page_is_not_allowed_to_ask_further(nami: Nami) -> None:
    assert request(nami, FUNCTIONS, PAGE | {"access-control-request-method": "PUT"}, method="OPTIONS")[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "/_aws/execute-api/",
        "/_aws/execute-api//",
        "/_aws/execute-api/..%2f..",
        "/_aws/execute-api/%2e%2e/%2e%2e/",
        "/_aws/execute-api/..;/",
        "/_AWS/execute-api/57ee58e4/nami",
        "/%5faws/execute-api//nami",
    ],
)
@pytest.mark.parametrize("headers", [PAGE, REBOUND], ids=["origin", "host"])
def test_no_path_beside_the_endpoints_leads_to_a_service(nami: Nami, headers: dict[str, str], path: str) -> None:
    target = {"x-amz-target": "secretsmanager.ListSecrets"}
    assert request(nami, path, headers | target)[0] == 403


@pytest.mark.parametrize("headers", [PAGE, REBOUND], ids=["origin", "host"])
def test_endpoint_leads_to_no_service_whatever_the_headers_say(nami: Nami, headers: dict[str, str]) -> None:
    target = {"x-amz-target": "secretsmanager.ListSecrets", "x-amz-request-route": "a"}
    status, text, _ = request(nami, "/_aws/execute-api/0/../../", headers | target)
    assert (status, json.loads(text)) == (404, {"message": "Not Found"})


@pytest.mark.parametrize("headers", [PAGE, REBOUND], ids=["origin", "host"])
def test_webhook_arrives_from_a_page_and_through_a_tunnel(
    nami: Nami, shopify: Pipeline, headers: dict[str, str]
) -> None:
    status, _, delivery = request(nami, urlsplit(shopify.endpoint).path, headers, b'{"via": "guard"}')
    assert status == 200
    assert shopify.document(delivery)["raw"] == b'{"via": "guard"}'


def test_program_that_names_no_host_is_refused(nami: Nami) -> None:
    with socket.create_connection(("127.0.0.1", nami.port), timeout=60) as connection:
        connection.sendall(b"GET /_ministack/health HTTP/1.0\r\n\r\n")
        assert connection.recv(64).startswith(b"HTTP/1.1 403 ")


def test_page_opens_no_websocket(nami: Nami) -> None:
    asked = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    asked |= {"sec-websocket-key": base64.b64encode(bytes(16)).decode(), "sec-websocket-protocol": "mqtt"}
    asked |= {"host": f"data.iot.us-east-1.localhost:{nami.port}", "origin": "https://evil.example"}
    assert request(nami, "/mqtt", asked, b"", "GET")[0] == 403
