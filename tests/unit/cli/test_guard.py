"""Which requests reach local AWS: a program's all do, a web page's none but webhooks."""

import asyncio
from typing import Any

import pytest

from nami_local.guard import REFUSED, guard

WEBHOOK = "/_aws/execute-api/57ee58e4/nami/shopify"
DOMAIN = "hooks.example.com"
PAGE = {"origin": "https://evil.example"}
TOKEN = "of-this-run"


def domains(host: str, path: str) -> tuple[str, str, str] | None:
    """One API, on all paths of a domain below /shop."""
    found = host == DOMAIN and path.startswith("/shop/")
    return ("57ee58e4", "$default", path.removeprefix("/shop")) if found else None


def scope(path: str = "/", kind: str = "http", token: str = TOKEN, **headers: str) -> dict[str, Any]:
    given = {"host": "127.0.0.1:4566", **({"X-Amz-Security-Token": token} if token else {}), **headers}
    said = [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()]
    return {"type": kind, "path": path, "raw_path": path.encode(), "headers": said, "method": "POST"}


def seen(request: dict[str, Any]) -> dict[str, Any] | None:
    """The request as local AWS sees it; None where it was refused."""
    reached: list[Any] = []
    sent: list[Any] = []

    async def app(scope: Any, *_: Any) -> None:
        reached.append(scope)

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> None:
        raise AssertionError("the body of a refused request is not read")

    asyncio.run(guard(app, domains, TOKEN)(request, receive, send))
    if reached:
        assert not sent
        return dict(reached[0])
    if request["type"] == "websocket":
        assert sent == [{"type": "websocket.close", "code": 1008}]
    else:
        assert sent[0]["status"] == 403
        assert sent[1]["body"] == REFUSED.encode()
    return None


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:4566", "localhost:4566", "LocalHost", "a.s3.localhost:4566", "a-b_c.localhost"]
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_what_a_program_of_this_machine_asks_arrives_as_it_was(kind: str, host: str) -> None:
    asked = scope("/2015-03-31/functions", kind, host=host)
    assert seen(asked) == asked


@pytest.mark.parametrize("path", ["/_ministack/health", "/_ministack/cfn-response/3f2a", "/_ministack/cfn-signal/3f2a"])
def test_what_local_aws_asks_of_itself_needs_no_token(path: str) -> None:
    assert seen(scope(path, token=""))


@pytest.mark.parametrize("token", ["", "guessed", TOKEN[:-1], f"{TOKEN}x"])
@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "none"}], ids=str)
@pytest.mark.parametrize("path", ["/", "/2015-03-31/functions", "/_ministack/reset", "/_ministack/health/x"])
def test_what_bears_no_token_of_this_run_is_refused(path: str, headers: dict[str, str], token: str) -> None:
    assert seen(scope(path, token=token, **headers)) is None


@pytest.mark.parametrize("query", [b"", b"X-Amz-Security-Token=guessed", b"x=1&X-Amz-Security-Token="])
def test_link_without_the_token_is_refused(query: bytes) -> None:
    asked = b"Action=CreateStack&TemplateBody=x&" + query
    assert seen(scope(token="") | {"method": "GET", "query_string": asked}) is None


def test_signed_url_arrives() -> None:
    assert seen(scope(token="") | {"query_string": b"X-Amz-Security-Token=of%2Dthis%2Drun&X-Amz-Signature=x"})


def test_webhook_needs_no_token() -> None:
    assert seen(scope(WEBHOOK, token=""))


def test_webhook_to_an_apis_own_name_arrives_without_a_token() -> None:
    arrived = seen(scope("/nami/shop%20a", token="", host="57ee58e4.execute-api.localhost:4566"))
    assert arrived
    assert arrived["raw_path"] == b"/_aws/execute-api/57ee58e4/nami/shop%20a"


@pytest.mark.parametrize(
    "headers",
    [
        PAGE,
        {"origin": "null"},
        {"origin": "http://127.0.0.1:4566"},
        {"Origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"Sec-Fetch-Site": "same-origin"},
        {"host": "evil.example"},
        {"host": "evil.example:4566"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost.evil.example"},
        {"host": "evillocalhost"},
        {"host": "127.0.0.1:4566@evil.example"},
        {"host": "evil.example\x0a.localhost"},
        {"host": ""},
        {"x-forwarded-host": "127.0.0.1:4566"},
        {"X-Forwarded-For": "198.51.100.7"},
        {"forwarded": "host=127.0.0.1"},
        {"via": "1.1 proxy"},
        {"Host": "evil.example"},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_what_a_page_can_send_is_refused(kind: str, headers: dict[str, str]) -> None:
    assert seen(scope("/2015-03-31/functions", kind, **headers)) is None


@pytest.mark.parametrize("headers", [[], [(b"host", b"127.0.0.1"), (b"host", b"evil.example")]], ids=["none", "two"])
def test_request_must_name_one_host(headers: list[tuple[bytes, bytes]]) -> None:
    assert seen(scope() | {"headers": headers}) is None


@pytest.mark.parametrize("headers", [PAGE, {"host": "tunnel.example"}, {"sec-fetch-site": "cross-site"}], ids=str)
def test_webhook_arrives_from_anywhere(headers: dict[str, str]) -> None:
    arrived = seen(scope(WEBHOOK, **headers))
    assert arrived
    assert (arrived["path"], arrived["raw_path"]) == (WEBHOOK, WEBHOOK.encode())


@pytest.mark.parametrize(
    "host", ["x.cloudfront.net", "abc.us-east-1.aoss.evil.example", "bucket.s3.evil.example", "a.lambda-url.x.y"]
)
def test_host_of_a_foreign_webhook_leads_nowhere(host: str) -> None:
    arrived = seen(scope(WEBHOOK, host=host))
    assert arrived
    assert [value for name, value in arrived["headers"] if name == b"host"] == [b"127.0.0.1"]


@pytest.mark.parametrize(
    "path",
    [
        "/_aws/execute-api",
        "/_aws/execute-api/",
        "/_aws/execute-api/57ee58e4",
        "/_aws/execute-api//nami",
        "/_aws/execute-api/../../2015-03-31/functions",
        "/_aws/execute-api/..;/2015-03-31/functions",
        "/_AWS/execute-api/57ee58e4/nami",
        "//_aws/execute-api/57ee58e4/nami",
        "/x/_aws/execute-api/57ee58e4/nami",
        "/2015-03-31/functions?/_aws/execute-api/57ee58e4/nami",
        "/_aws/lambda-url/57ee58e4/nami",
        "/restapis/57ee58e4/nami/_user_request_/",
        "/_aws/execute-api/57ee58e4/live/@connections/1",
        "/_aws/execute-api/57ee58e4//@connections/1",
    ],
)
@pytest.mark.parametrize("headers", [PAGE, {"host": "evil.example"}, {"host": DOMAIN}], ids=str)
def test_path_that_is_no_endpoint_is_refused(path: str, headers: dict[str, str]) -> None:
    assert seen(scope(path, **headers)) is None


def test_api_named_by_the_host_opens_no_path_but_its_own_to_pages() -> None:
    arrived = seen(scope("/_ministack/reset", host="57ee58e4.execute-api.localhost:4566", **PAGE))
    assert arrived
    assert arrived["path"] == "/_aws/execute-api/57ee58e4/_ministack/reset"


def test_websocket_of_a_page_is_refused_on_every_path() -> None:
    assert seen(scope(WEBHOOK, "websocket", **PAGE)) is None


def test_webhook_on_a_domain_arrives_at_its_api() -> None:
    arrived = seen(scope("/shop/a b", host=DOMAIN))
    assert arrived
    assert arrived["path"] == "/_aws/execute-api/57ee58e4/$default/a b"
    assert arrived["raw_path"] == b"/_aws/execute-api/57ee58e4/%24default/a%20b"


@pytest.mark.parametrize("path", ["/_ministack/reset", "/v20180820/tags/x", "/shop", "/shop/@connections/1"])
def test_other_paths_of_a_domain_are_refused(path: str) -> None:
    assert seen(scope(path, host=DOMAIN)) is None


@pytest.mark.parametrize("rest", ["", "nami", "/", "../../", "$default/nami", "x/_ministack/reset", "%2e%2e/", " "])
def test_what_is_let_through_as_a_webhook_is_one_to_ministack(rest: str) -> None:
    from ministack import app  # noqa: PLC0415 (half a second)

    arrived = seen(scope(f"/_aws/execute-api/57ee58e4/{rest}", **PAGE))
    assert arrived
    api, _, _ = app._parse_execute_api_url("127.0.0.1", arrived["path"])
    assert api == "57ee58e4"
    assert app._resolve_custom_domain_request("evil.example", arrived["path"]) is None


def test_start_and_end_of_the_server_pass() -> None:
    assert seen({"type": "lifespan"}) == {"type": "lifespan"}
