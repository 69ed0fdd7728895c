"""Who gets past the console's guard, with which request."""

import asyncio
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from nami_console import guard
from nami_console.guard import Guard, Keys

PORT = 4321


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    body = (await Request(scope, receive).body()).decode()
    await PlainTextResponse(f"inside {body}")(scope, receive, send)


@dataclass
class Console:
    read_only: bool = False
    keys: Keys = field(default_factory=Keys)

    def ask(self, target: str = "/", *, method: str = "GET", body: bytes = b"", **changes: str | None) -> Any:
        path, _, query = target.partition("?")
        given = {"host": f"127.0.0.1:{PORT}", "cookie": f"nami-console-{PORT}={self.keys.cookie}"}
        given |= {name.replace("_", "-"): value for name, value in changes.items()}  # type: ignore[misc]
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items() if value is not None],
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(Guard(page, port=PORT, keys=self.keys, read_only=self.read_only)(scope, receive, send))
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers, b"".join(each.get("body", b"") for each in sent[1:]).decode()

    def post(self, *, origin: str | None = f"http://127.0.0.1:{PORT}", **fields: str) -> Any:
        return self.ask(method="POST", body=urlencode(fields).encode(), origin=origin)


@pytest.fixture
def console() -> Console:
    return Console()


def test_cookie_lets_in(console: Console) -> None:
    assert console.ask()[::2] == (200, "inside ")


@pytest.mark.parametrize("cookie", [None, f"nami-console-{PORT}=", f"nami-console-{PORT}=guess", "nami-console-1=x"])
def test_nothing_is_shown_without_the_cookie(console: Console, cookie: str | None) -> None:
    status, _, body = console.ask(cookie=cookie)
    assert status == 403
    assert "inside" not in body


def test_token_of_the_url_becomes_a_cookie_that_no_script_and_no_other_site_has(console: Console) -> None:
    status, headers, _ = console.ask(f"/?token={console.keys.entry}", cookie=None)
    assert (status, headers["location"]) == (303, "/")
    morsel = SimpleCookie(headers["set-cookie"])[f"nami-console-{PORT}"]
    assert morsel.value == console.keys.cookie
    assert morsel["httponly"]
    assert morsel["samesite"] == "strict"


def test_token_of_the_url_works_once(console: Console) -> None:
    assert console.ask(f"/?token={console.keys.entry}", cookie=None)[0] == 303
    assert console.ask(f"/?token={console.keys.entry}", cookie=None)[0] == 403


def test_wrong_token_is_refused(console: Console) -> None:
    assert console.ask("/?token=\u00e9", cookie=None)[0] == 403


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", f"127.0.0.1:{PORT + 1}", ""])
def test_another_name_that_leads_here_is_refused(console: Console, host: str) -> None:
    assert console.ask(host=host)[0] == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"https://127.0.0.1:{PORT}", "http://127.0.0.1"])
def test_another_sites_page_is_refused(console: Console, origin: str) -> None:
    assert console.ask(origin=origin)[0] == 403
    assert console.post(origin=origin, token=console.keys.form)[0] == 403


def test_form_with_its_token_gets_through_as_it_is(console: Console) -> None:
    status, _, body = console.post(token=console.keys.form, name="a b")
    assert status == 200
    assert body == f"inside token={console.keys.form}&name=a+b"


@pytest.mark.parametrize("fields", [{}, {"token": "guess"}, {"token": "\u00e9"}], ids=["none", "wrong", "no ASCII"])
def test_form_without_its_token_changes_nothing(console: Console, fields: dict[str, str]) -> None:
    assert console.post(**fields)[0] == 403


def test_token_of_the_url_is_no_token_of_a_form(console: Console) -> None:
    assert console.post(token=console.keys.entry)[0] == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_part_of_another_page_is_refused_also_on_another_port_of_this_machine(console: Console, site: str) -> None:
    assert console.ask(sec_fetch_site=site, sec_fetch_dest="image")[0] == 403
    assert console.ask(sec_fetch_site=site, sec_fetch_dest="empty")[0] == 403
    assert console.ask(sec_fetch_site=site, sec_fetch_dest="document")[0] == 200


def test_post_from_another_site_without_an_origin_is_refused(console: Console) -> None:
    body = urlencode({"token": console.keys.form}).encode()
    assert console.ask(method="POST", body=body, sec_fetch_site="cross-site")[0] == 403


def test_read_only_console_takes_no_form() -> None:
    console = Console(read_only=True)
    assert console.post(token=console.keys.form)[0] == 403
    assert console.ask()[0] == 200


def test_form_that_is_too_large_is_refused(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MOST", 100)
    assert console.post(token=console.keys.form, name="x" * 100)[0] == 413


def test_form_of_too_many_fields_is_refused(console: Console) -> None:
    assert console.ask(method="POST", body=b"a=1&" * 30_000, origin=f"http://127.0.0.1:{PORT}")[0] == 413


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(console: Console, method: str) -> None:
    assert console.ask(method=method)[0] == 405


@pytest.mark.parametrize("target", ["/", "/?token=no", "/static/console.css"])
def test_every_answer_forbids_what_is_not_the_consoles_own(console: Console, target: str) -> None:
    for cookie in ({}, {"cookie": None}):
        headers = console.ask(target, **cookie)[1]
        assert headers["content-security-policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
