"""A REST API before the pre-queue function: what it hands over differently is taken in as from an HTTP API."""

import hashlib
import hmac
import http.client
import json
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from tests.local.conftest import QUICK, Nami, Pipeline, pipeline

SECRET = b"hush"
SETTINGS = [
    *("gateway=rest", "signature=github", "throttle_rate=500", "throttle_burst=200", "allowed_sources=127.0.0.0/8"),
    "web_acl_arn=arn:aws:wafv2:us-east-1:123456789012:regional/webacl/nami/11111111-2222-3333-4444-555555555555",
]


@pytest.fixture(scope="module")
def rest(nami: Nami) -> Pipeline:
    nami.up("rest", *QUICK, *(part for setting in SETTINGS for part in ("-c", setting)))
    made = pipeline(nami, "rest")
    arn = made.outputs()["SignatureSecretArn"]
    made.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=SECRET.decode())
    return made


def post(
    rest: Pipeline, body: bytes, *, secret: bytes = SECRET, query: str = "", method: str = "POST", path: str = ""
) -> http.client.HTTPResponse:
    with closing(rest.connect()) as connection:
        connection.putrequest(method, urlsplit(rest.endpoint).path + path + query)
        connection.putheader("x-hub-signature-256", f"sha256={hmac.digest(secret, body, hashlib.sha256).hex()}")
        connection.putheader("content-type", "application/octet-stream")
        connection.putheader("content-length", str(len(body)))
        for value in ("one", "two"):
            connection.putheader("X-Twice", value)
        connection.endheaders(body)
        response = connection.getresponse()
        response.read()
        return response


def test_webhook_is_stored_byte_by_byte_with_query_and_headers(rest: Pipeline) -> None:
    body = bytes(range(256)) * 4
    response = post(rest, body, query="?shop=a%26b&empty=")
    assert response.status == 200
    document = rest.document(response.getheader("nami-delivery-id"))
    assert (document["raw"], document["verified"], document["method"]) == (body, "github", "POST")
    assert (document["path"], document["query"]) == ("/live/nami/rest", "shop=a%26b&empty=")
    assert document["headers"]["x-twice"].replace(" ", "") == "one,two"


def test_body_that_the_queue_can_not_hold_is_stored_all_the_same(rest: Pipeline) -> None:
    body = bytes(range(256)) * 8_000
    response = post(rest, body)
    assert response.status == 200
    assert rest.document(response.getheader("nami-delivery-id"))["raw"] == body


def test_wrong_signature_is_401_and_not_stored(rest: Pipeline) -> None:
    before = rest.documents.count_documents({})
    response = post(rest, b"{}", secret=b"guessed")
    assert (response.status, response.getheader("nami-delivery-id")) == (401, None)
    assert rest.documents.count_documents({}) == before


@pytest.mark.parametrize(("method", "path"), [("POST", "/more"), ("POST", "s"), ("PUT", "")])
def test_other_path_or_method_is_404(rest: Pipeline, method: str, path: str) -> None:
    assert post(rest, b"{}", method=method, path=path).status == 404


def test_smoke_passes(rest: Pipeline, nami: Nami) -> None:
    result = nami.typed("--local", "smoke", "rest", "--json")
    outcomes = {each["check"]: each["outcome"] for each in json.loads(result.stdout)}
    assert set(outcomes.values()) == {"ok"}, result.stdout
