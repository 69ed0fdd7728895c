"""The console in a real browser, driven as a person does, over a real local AWS and real webhooks."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import AXE, chromium
from tests.local.conftest import ROOT, Nami, Pipeline

PICTURES = ROOT / "docs" / "pictures"
WIDTHS = {"phone": (360, 740), "desk": (1280, 800), "wall": (3840, 2160)}


@contextmanager
def started(nami: Nami, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A console of its own, and the URL that opens it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "nami_cli.main", "--local", "console", "--no-open", *options],
        cwd=nami.folder,
        env=nami.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.terminate()
        assert process.wait(10) is not None


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def opened(nami: Nami, shopify: Pipeline, browser: Browser) -> Iterator[tuple[str, Any]]:
    """The console's address and the cookie that lets in, as the first page got it."""
    with started(nami) as (url, _), browser.new_context() as context:
        context.new_page().goto(url)
        yield url.partition("/?")[0], context.cookies()


Visit = Callable[..., Page]


@pytest.fixture
def visit(opened: tuple[str, Any], browser: Browser) -> Iterator[Visit]:
    """Open a page in a browser of that width and those colours; what the page's script or policy complain of fails."""
    address, cookies = opened
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(path: str, width: str = "desk", scheme: Any = "light", *, scripts: bool = True) -> Page:
        across, down = WIDTHS[width]
        context = browser.new_context(
            viewport={"width": across, "height": down}, color_scheme=scheme, java_script_enabled=scripts
        )
        contexts.append(context)
        context.add_cookies(cookies)
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(address + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def findings(page: Page) -> list[str]:
    """What axe-core finds."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")["violations"]
    return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


def picture(page: Page, name: str) -> None:
    """One for the docs, where these are asked for."""
    if os.environ.get("NAMI_PICTURES"):
        PICTURES.mkdir(exist_ok=True)
        page.screenshot(path=PICTURES / f"console-{name}.png")


def row_of(page: Page, name: str) -> Any:
    return page.locator("tbody tr").filter(has=page.get_by_role("rowheader", name=name))


def test_all_subscriptions_have_a_row_that_tells_what_came(visit: Visit, shopify: Pipeline) -> None:
    sent = [shopify.post(b'{"event": "order.created"}')[1] for _ in range(3)]
    shopify.document(sent[-1])
    page = visit("/")
    row = row_of(page, "shopify")
    expect(row).to_contain_text(shopify.endpoint)
    expect(row).to_contain_text("nobody: anybody can send")
    expect(row).to_contain_text(re.compile(r"[1-9]\d* stored of [1-9]\d*"))
    picture(page, "overview")


def test_rows_change_without_a_reload(visit: Visit, shopify: Pipeline) -> None:
    page = visit("/")
    row = row_of(page, "shopify")
    before = int(row.locator(".sums b").inner_text().replace(",", ""))
    shopify.document(shopify.post(b'{"event": "order.created"}')[1])
    expect(row.locator(".sums b")).not_to_have_text(f"{before:,}")


def test_endpoint_is_copied(visit: Visit, shopify: Pipeline) -> None:
    page = visit("/")
    row_of(page, "shopify").get_by_role("button", name="Copy the endpoint of shopify").click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == shopify.endpoint


PAGES = ["/"]


@pytest.mark.parametrize("path", PAGES)
def test_page_has_nothing_that_axe_finds_in_either_scheme_and_fits_every_width(visit: Visit, path: str) -> None:
    for width, scheme in (("phone", "light"), ("desk", "dark"), ("wall", "light")):
        page = visit(path, width, scheme)
        page.wait_for_selector("[aria-busy]", state="detached")
        assert findings(page) == [], (width, scheme)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width


@pytest.mark.parametrize("path", PAGES)
def test_page_is_small_on_the_wire(visit: Visit, path: str) -> None:
    page = visit(path)
    sizes = page.evaluate(
        "['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind)).map((e) => e.transferSize)"
    )
    assert 0 < sum(sizes) < 150_000


@pytest.mark.parametrize("path", PAGES)
def test_page_reads_without_scripts(visit: Visit, path: str) -> None:
    page = visit(path, scripts=False)
    expect(page.get_by_role("main")).to_contain_text("shopify")
    # Nothing is offered that only a script can do.
    assert page.locator("button[type=button]:visible").count() == 0


def test_keyboard_alone_reaches_what_there_is(visit: Visit) -> None:
    page = visit("/")
    names = []
    for _ in range(4):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.textContent.trim()"))
    assert names[:2] == ["Skip to the content", "nami"]
    assert any(name.startswith("Copy") for name in names)


def test_nobody_gets_in_without_the_cookie(opened: tuple[str, Any], browser: Browser) -> None:
    with browser.new_context() as context:
        answer = context.new_page().goto(opened[0])
        assert answer
        assert answer.status == 403


def test_ctrl_c_ends_it_and_leaves_nothing(nami: Nami, shopify: Pipeline, browser: Browser) -> None:
    with started(nami) as (url, process), browser.new_context() as context:
        context.new_page().goto(url)
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0


def test_port_in_use_is_one_line(nami: Nami, opened: tuple[str, Any]) -> None:
    result = nami.typed("--local", "console", "--no-open", "--port", opened[0].rpartition(":")[2])
    assert result.returncode == 4
    assert result.stderr.startswith("error: port ")
