"""The console in a real browser, driven as a person does, over a real local AWS and real webhooks."""

import hmac
import io
import math
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.backend.server import Backend
from tests.browser import AXE, REBOUND, chromium
from tests.local.conftest import POISON, QUICK, ROOT, Nami, Pipeline, pipeline, wait_for

PICTURES = ROOT / "docs" / "pictures"
WANTS_PICTURES = bool(os.environ.get("NAMI_PICTURES"))
WIDTHS = {"phone": (360, 740), "readme": (1000, 784), "desk": (1280, 800), "wall": (3840, 2160)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def opened(nami: Nami, shopify: Pipeline, browser: Browser) -> Iterator[tuple[str, Any]]:
    """The console's address and the cookie that lets in, as the first page got it."""
    with nami.console() as (url, _), browser.new_context() as context:
        context.new_page().goto(url)
        yield url.partition("/?")[0], context.cookies()


Visit = Callable[..., Page]


def is_complaint(message: ConsoleMessage) -> bool:
    """Whether a script or the policy complains; that a form was refused is what the page itself tells."""
    return message.type == "error" and "status of 400" not in message.text


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
        page.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)
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
    """One for the docs, where these are asked for: what is on the page, and not what is empty below it."""
    if WANTS_PICTURES:
        PICTURES.mkdir(exist_ok=True)
        size = page.viewport_size
        assert size
        end = page.evaluate("document.querySelector('main').lastElementChild.getBoundingClientRect().bottom + 24")
        shown: Any = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], end)}
        taken = Image.open(io.BytesIO(page.screenshot(clip=shown))).convert("RGB")
        # A third of the bytes, and nobody sees it.
        taken.quantize(128, dither=Image.Dither.NONE).save(PICTURES / f"{name}.png", optimize=True)


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
    picture(page, "console-overview")


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


def test_events_are_there_the_newest_first_and_new_ones_come_by_themselves(visit: Visit, shopify: Pipeline) -> None:
    first = shopify.post(b'{"type": "order.created", "number": 1}')[1]
    shopify.document(first)
    page = visit("/s/shopify/events")
    expect(page.locator("tbody tr").first).to_contain_text(str(first)[:20])
    expect(page.locator("tbody tr").first).to_contain_text("order.created")
    second = shopify.post(b'{"type": "order.paid", "number": 2}')[1]
    expect(page.locator("tbody tr").first).to_contain_text(str(second)[:20])
    picture(page, "console-events")


def test_events_are_held_back_until_one_goes_on(visit: Visit, shopify: Pipeline) -> None:
    page = visit("/s/shopify/events")
    page.get_by_role("button", name="Hold").click()
    held = str(shopify.post(b'{"type": "order.held"}')[1])
    go_on = page.get_by_role("button", name=re.compile(r"Go on \(\d+ new\)"))
    expect(go_on).to_be_visible()
    assert page.locator("tbody tr").filter(has_text=held[:20]).count() == 0
    go_on.click()
    expect(page.locator("tbody tr").first).to_contain_text(held[:20])


def test_older_events_are_a_page_further_on_and_none_is_missed_or_there_twice(visit: Visit, shopify: Pipeline) -> None:
    sent = [str(shopify.post(b'{"n": %d}' % number)[1]) for number in range(60)]
    shopify.document(sent[-1])
    wait_for(lambda: shopify.documents.count_documents({"_id": {"$in": sent}}) == 60, 20)
    page, seen = visit("/s/shopify/events", scripts=False), []
    while True:
        seen += [link.get_attribute("href") or "" for link in page.locator("tbody th a").all()]
        if not (older := page.get_by_role("link", name="Older")).count():
            break
        older.click()
    assert len(seen) == len(set(seen)) == shopify.documents.count_documents({})


SEARCHES = {
    "text in the body": ("Text in the body or a header", "needle-in-body"),
    "text in a header": ("Text in the body or a header", "needle-in-header"),
    "field of the body": ("Field, as body.order.id = 1001", "body.order.lines.sku = needle-7"),
    "header as a field": ("Field, as body.order.id = 1001", "headers.x-needle = needle-in-header"),
}


@pytest.mark.parametrize("kind", SEARCHES)
def test_events_are_searched(visit: Visit, shopify: Pipeline, kind: str) -> None:
    body = b'{"order": {"lines": [{"sku": "needle-7"}]}, "note": "needle-in-body"}'
    wanted = shopify.post(body, x_needle="needle-in-header")[1]
    shopify.document(wanted)
    page = visit("/s/shopify/events")
    label, text = SEARCHES[kind]
    page.get_by_label(label).fill(text)
    page.keyboard.press("Enter")
    page.wait_for_url("**/events?**")
    expect(page.locator("tbody tr").first).to_contain_text(str(wanted)[:20])
    assert all("needle" in shopify.document(row)["raw"].decode() for row in ids_of(page))


def test_events_are_searched_by_time(visit: Visit, shopify: Pipeline) -> None:
    wanted = str(shopify.post(b'{"type": "order.timed"}')[1])
    shopify.document(wanted)
    page = visit("/s/shopify/events", scripts=False)
    page.get_by_label("From").fill("5m")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tbody tr").filter(has_text=wanted[:20])).to_be_visible()
    page.get_by_label("From").fill("")
    page.get_by_label("Until").fill("2020-01-01")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("main")).to_contain_text("None fits")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_row_that_has_just_come_can_be_read(visit: Visit, shopify: Pipeline, scheme: Literal["light", "dark"]) -> None:
    shopify.document(str(shopify.post(b'{"type": "order.shown"}')[1]))
    page = visit("/s/shopify/events")
    page.emulate_media(color_scheme=scheme)
    page.evaluate(
        "const row = document.querySelector('tbody tr'); row.classList.add('new');"
        "row.getAnimations({subtree: true}).forEach((each) => { each.pause(); each.currentTime = 0 })"
    )
    assert findings(page) == []


def test_slow_search_says_so_and_is_stopped(visit: Visit, shopify: Pipeline) -> None:
    page = visit("/s/shopify/events")
    # As long as the next page does not come, the browser stays on this one.
    page.evaluate("addEventListener('submit', (event) => event.preventDefault())")
    page.get_by_label("Text in the body or a header").fill("nowhere")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#slow")).to_contain_text("this may be slow")
    assert findings(page) == []
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#slow")).to_be_hidden()
    after = str(shopify.post(b'{"type": "order.after"}')[1])
    expect(page.locator("tbody tr").first).to_contain_text(after[:20])  # and the page is live again


def ids_of(page: Page) -> list[str]:
    return [link.inner_text() for link in page.locator("tbody th a").all()]


def test_event_is_found_by_its_id_and_shows_body_path_and_curl(visit: Visit, shopify: Pipeline) -> None:
    wanted = str(shopify.post(b'{"order": {"id": 1001, "lines": [{"sku": "a"}]}}')[1])
    shopify.document(wanted)
    page = visit("/s/shopify/events")
    page.get_by_label("Id", exact=True).fill(wanted)
    page.keyboard.press("Enter")
    page.get_by_role("link", name=wanted).click()
    path = page.locator(".path li")
    expect(path.filter(has_text="stored")).to_be_visible()
    assert [
        next(word for word in ("received", "answered 200", "stored") if word in text) for text in path.all_inner_texts()
    ] == ["received", "answered 200", "stored"]
    expect(path.nth(1)).to_contain_text(re.compile(r"\d+ ms"))
    tree = page.locator(".tree")
    expect(tree).to_contain_text("1001")
    page.get_by_role("button", name="Close all").click()
    expect(tree.get_by_text("1001")).to_be_hidden()
    page.get_by_role("button", name="Open all").click()
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith(f"curl -X POST {shopify.endpoint}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the body").click()
    assert download.value.path().read_bytes() == b'{"order": {"id": 1001, "lines": [{"sku": "a"}]}}'
    picture(page, "console-event")


def test_event_is_sent_again_and_followed_until_it_is_renewed(visit: Visit, shopify: Pipeline) -> None:
    wanted = str(shopify.post(b'{"type": "order.again"}')[1])
    first = shopify.document(wanted)
    page = visit(f"/s/shopify/event?id={wanted}")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sent to mongo again")
    expect(page.locator(".path li").last).to_contain_text("stored")
    assert findings(page) == []
    renewed = shopify.document(wanted)
    assert "replayed_at" not in first
    assert renewed["replayed_at"] > first["received_at"] == renewed["received_at"]


ATTACKS = {
    "script": b'{"a": "<script>document.title=1</script>", "<img src=x onerror=document.title=1>": "</pre><script>"}',
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='document.title=1'><script>document.title=1</script></svg>",
    "right to left": '{"name": "\u202egnp.exe\u2066", "ok": "\u05d0\u05d1"}'.encode(),
    "a megabyte in one line": b'{"line": "' + b"x" * 900_000 + b'"}',
    "no text": bytes(range(256)) * 20,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_whatever_a_webhook_holds_is_text(visit: Visit, shopify: Pipeline, attack: str) -> None:
    kind = "image/svg+xml" if attack == "svg" else "application/json"
    wanted = str(shopify.post(ATTACKS[attack], kind, x_mark='"><script>document.title=1</script>')[1])
    shopify.document(wanted)
    page = visit(f"/s/shopify/event?id={wanted}")
    expect(page.locator(".path li").first).to_be_visible()
    page.locator("section[aria-labelledby=raw] summary").click()
    assert page.title().startswith(wanted[:20])
    assert page.locator("main script, main img, main svg, main iframe").count() == 0
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", page.locator("main").inner_text())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sizes = page.evaluate("performance.getEntriesByType('navigation').map((e) => e.transferSize)")
    assert sum(sizes) < 150_000
    visit("/s/shopify/events")  # where its row is


def test_ten_thousand_headers_are_shown(visit: Visit, shopify: Pipeline) -> None:
    headers = {f"x-{number}": "<b>" for number in range(10_000)}
    shopify.documents.insert_one(
        {
            "_id": "many",
            "received_at": datetime.now(UTC),
            "stored_at": datetime.now(UTC),
            "headers": headers,
            "raw": b"1",
        }
    )
    try:
        page = visit("/s/shopify/event?id=many")
        page.get_by_role("link", name="All, 9,800 more").click()
        expect(page.locator(".headers tr").nth(9_999)).to_contain_text("<b>")
    finally:
        shopify.documents.delete_one({"_id": "many"})


def test_subscription_has_its_pipeline_with_live_numbers(visit: Visit, shopify: Pipeline) -> None:
    page = visit("/")
    page.get_by_role("link", name="shopify").click()
    parts = [each.inner_text() for each in page.locator(".part-name").all()]
    assert parts == ["Gateway", "Pre-queue", "Queue", "Post-queue", "mongo", "Dead letters"]
    stored = page.locator(".part").filter(has_text="stored").locator("b").nth(1)
    before = stored.inner_text()
    shopify.document(shopify.post(b'{"event": "order.created"}')[1])
    expect(stored).not_to_have_text(before)
    picture(page, "console-subscription")


@contextmanager
def held(pipeline: Pipeline) -> Iterator[None]:
    """Nothing is taken from the queue."""
    functions = pipeline.client("lambda")
    found = functions.list_event_source_mappings(FunctionName=pipeline.outputs()["PostQueueFunctionName"])
    mapping = found["EventSourceMappings"][0]["UUID"]
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    wait_for(lambda: functions.get_event_source_mapping(UUID=mapping)["State"] == "Disabled", 10)
    yield
    functions.update_event_source_mapping(UUID=mapping, Enabled=True)


def test_what_waits_is_drawn_and_a_pause_told(visit: Visit, shopify: Pipeline) -> None:
    with held(shopify):
        waiting = shopify.post(b'{"type": "order.waiting"}')[1]
        page = visit("/s/shopify")
        expect(page.locator("#chart-waiting .plot")).to_be_visible()
        expect(page.locator("#chart-waiting")).to_contain_text("mongo")
        expect(page.locator(".part").filter(has_text="Post-queue")).to_contain_text("is paused")
        page.goto(page.url.removesuffix("s/shopify"))
        expect(row_of(page, "shopify").locator("[data-label=Oldest]")).to_contain_text(re.compile(r"\d s"))
    shopify.document(waiting)


def test_charts_tell_their_numbers_to_the_arrow_keys(visit: Visit, shopify: Pipeline) -> None:
    page = visit("/s/shopify")
    plot = page.locator("#chart-came .plot")
    plot.focus()
    now = page.locator("#chart-came .at").inner_text()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#chart-came .at")).not_to_have_text(now)
    expect(page.locator("#chart-came .legend b")).to_have_text(re.compile(r"\d+"))


def test_charts_go_back_as_far_as_two_weeks(visit: Visit, shopify: Pipeline) -> None:
    page = visit("/s/shopify")
    received = page.locator(".part").filter(has_text="received").locator("b").nth(1).inner_text()
    page.get_by_role("link", name="14d").click()
    expect(page.get_by_role("link", name="14d")).to_have_attribute("aria-current", "true")
    page.locator(".numbers summary").click()
    assert int(received.replace(",", "")) > 0
    expect(page.locator(".numbers tbody tr")).to_have_count(112)


def test_what_the_doctor_sees_is_a_page(visit: Visit) -> None:
    page = visit("/s/shopify/health")
    expect(page.locator("tr").filter(has=page.get_by_role("rowheader", name="stack"))).to_contain_text(
        "CREATE_COMPLETE"
    )


@pytest.mark.skipif(not WANTS_PICTURES, reason="make pictures: eight minutes of webhooks")
def test_readmes_picture_is_of_a_pipeline_at_work(visit: Visit, shopify: Pipeline) -> None:
    def send(seconds: int) -> None:
        for second in range(seconds):
            for _ in range(round(2.5 + 2 * math.sin(second / 20))):
                shopify.post(b'{"event": "order.created", "order": {"id": %d}}' % second)
            time.sleep(1)

    send(300)
    with held(shopify):
        send(40)
    send(140)
    for scheme in ("light", "dark"):
        picture(visit("/s/shopify", "readme", scheme), f"first-{scheme}")


@pytest.fixture
def dead(shopify: Pipeline) -> Iterator[list[str]]:
    """Three webhooks that were given up, as SQS gives them up, and a message that is none; their ids."""
    sqs, outputs = shopify.client("sqs"), shopify.outputs()
    queue, dead_letters = outputs["QueueUrl"], outputs["DeadLetterQueueUrl"]
    with held(shopify):
        sent = [str(shopify.post(b'{"type": "order.dead", "n": %d}' % number)[1]) for number in range(3)]
        moved: list[str] = []
        while len(moved) < 3:
            for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
                sqs.send_message(QueueUrl=dead_letters, MessageBody=message["Body"])
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                moved.append(message["MessageId"])
        sqs.send_message(QueueUrl=dead_letters, MessageBody=POISON)
    yield sent
    while messages := sqs.receive_message(QueueUrl=dead_letters, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=dead_letters, ReceiptHandle=message["ReceiptHandle"])


def test_dead_letters_are_chosen_by_their_reason_and_sent_back_and_the_rest_deleted(
    visit: Visit, shopify: Pipeline, dead: list[str]
) -> None:
    page = visit("/s/shopify/dead")
    groups = page.locator("section.group")
    expect(groups).to_have_count(2)
    expect(groups.first).to_contain_text("3 of them")
    picture(page, "console-dead")
    assert findings(page) == []
    groups.first.locator("h2 input").check()
    page.get_by_role("button", name="Send back the chosen").click()
    expect(page.get_by_role("heading")).to_have_text("Send 3 webhooks back to the queue?")
    assert findings(page) == []
    page.get_by_label("At most so many a second").fill("50")
    page.get_by_role("button", name="Send 3 back").click()
    expect(page.locator("#job")).to_contain_text("3 of about 3 sent back to the queue; done")
    for each in dead:
        assert shopify.document(each)["body"]["type"] == "order.dead"
    page.get_by_role("link", name="What is there now").click()
    expect(page.locator("section.group")).to_have_count(1)
    page.locator("section.group input[name=id]").check()
    page.get_by_role("button", name="Delete the chosen").click()
    expect(page.get_by_role("heading")).to_have_text("Delete 1 webhook for good?")
    page.get_by_role("button", name="Delete 1").click()
    expect(page.locator("#job")).to_contain_text("1 of about 1 deleted; done")
    page.get_by_role("link", name="What is there now").click()
    expect(page.get_by_role("main")).to_contain_text("about 0")


def test_letters_that_fit_a_search_are_sent_back_and_no_other(visit: Visit, shopify: Pipeline, dead: list[str]) -> None:
    page = visit("/s/shopify/dead")
    page.get_by_label("Text in the body or a header").fill('"n": 1')
    page.get_by_role("button", name="Search").click()
    expect(page.locator("section.group input[name=id]")).to_have_count(1)
    page.get_by_role("button", name="Send back all that fit").click()
    expect(page.get_by_role("heading")).to_have_text("Send those that fit, of about 4 webhooks back to the queue?")
    page.get_by_role("button", name="back").click()
    expect(page.locator("#job")).to_contain_text("1 of about 4 sent back to the queue; done")
    assert shopify.document(dead[1])["body"]["n"] == 1
    assert shopify.documents.count_documents({"_id": {"$in": dead}}) == 1


def test_letters_are_left_where_nobody_says_yes(visit: Visit, shopify: Pipeline, dead: list[str]) -> None:
    page = visit("/s/shopify/dead?look=1", scripts=False)
    page.locator("section.group input[name=id]").first.check()
    page.get_by_role("button", name="Delete all").click()
    expect(page.get_by_role("heading")).to_have_text("Delete about 4 webhooks for good?")
    page.get_by_role("link", name="Leave them").click()
    expect(page.get_by_role("main")).to_contain_text("about 4")


def test_read_only_console_offers_and_takes_no_change(nami: Nami, browser: Browser, dead: list[str]) -> None:
    with nami.console("--read-only") as (url, _), browser.new_context() as context:
        page = context.new_page()
        page.goto(url)
        address = url.partition("/?")[0]
        page.goto(f"{address}/s/shopify/dead?look=1")
        expect(page.locator("section.group")).to_have_count(2)
        assert page.get_by_role("button", name=re.compile("Send|Delete")).count() == 0
        assert page.get_by_role("checkbox").count() == 0
        page.goto(f"{address}/s/shopify/event?id=axe")
        assert page.get_by_role("button", name="again").count() == 0
        refused = page.request.post(
            f"{address}/s/shopify/dead/do", form={"verb": "purge all"}, headers={"origin": address}
        )
        assert refused.status == 403


def test_sample_is_changed_sent_and_followed_until_it_is_stored(visit: Visit, shopify: Pipeline) -> None:
    page = visit("/s/shopify")
    page.get_by_role("link", name="Send").click()
    page.get_by_label("Body").fill('{\n  "type": "from.the.console"\n}')
    page.get_by_label("More headers").fill("x-mine: yes")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Answered 200")
    expect(page.locator(".path li").last).to_contain_text("stored")
    assert findings(page) == []
    stored = shopify.document(page.locator("#sent a").inner_text())
    assert stored["raw"] == b'{\n  "type": "from.the.console"\n}'
    assert stored["headers"]["x-mine"] == "yes"


def test_sample_of_another_provider_is_chosen(visit: Visit, shopify: Pipeline) -> None:
    page = visit("/s/shopify/send")
    page.get_by_label("Sample").select_option("Stripe")
    page.get_by_role("button", name="Show it").click()
    expect(page.get_by_label("Body")).to_have_value(re.compile("checkout.session.completed"))
    expect(page.get_by_label("Sample")).to_have_value("stripe")


def test_header_that_is_none_is_told(visit: Visit, shopify: Pipeline) -> None:
    page = visit("/s/shopify/send")
    page.get_by_label("More headers").fill("no header")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".trouble")).to_contain_text("no header: a header is given as name: value")


def test_plan_changes_as_a_slider_moves(visit: Visit, shopify: Pipeline) -> None:
    page = visit("/s/shopify/plan")
    total = page.locator("#outcome dd").first
    expect(total).to_have_text("0 of 60,000")
    page.get_by_role("slider", name="Webhooks a second at the peak").fill("5000")
    expect(total).to_contain_text("of 300,000")
    page.get_by_label("Destination").select_option("dynamodb")
    expect(page).to_have_url(re.compile("destination=dynamodb"))
    expect(page.locator("#chart-waiting")).to_be_visible()
    picture(page, "console-plan")


SECRET = "whsec-of-the-console"


@pytest.fixture(scope="module")
def signed(nami: Nami, shopify: Pipeline) -> Iterator[Pipeline]:
    """A second subscription, whose secret is not filled in yet, and which goes to a backend too."""
    with Backend() as backend:
        told = {"backend_url": backend.url, "backend_allow_private": "true", "destination": "mongo-host,http"}
        told |= {"backend_connect_timeout": "1", "backend_read_timeout": "2"}
        settings = (part for key, value in told.items() for part in ("-c", f"{key}={value}"))
        nami.up("signed", *QUICK, "-c", "signature=github", *settings)
        yield pipeline(nami, "signed")
    assert nami.typed("--local", "destroy", "signed", "--yes").returncode == 0


def test_webhook_is_signed_with_the_secret_which_no_page_has(visit: Visit, nami: Nami, signed: Pipeline) -> None:
    page = visit("/")
    expect(row_of(page, "signed")).to_contain_text("secret is empty")
    assert nami.typed("--local", "secret", "signed", stdin=SECRET.encode()).returncode == 0
    expect(row_of(page, "signed")).to_contain_text("secret is set")
    page.goto(page.url + "s/signed/send")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Answered 200")
    expect(page.locator(".path li").last).to_contain_text("stored")
    assert SECRET not in page.content()
    event = page.locator("#sent a").get_attribute("href")
    for path in ("/", "/s/signed", "/s/signed/send", "/s/signed/health", "/s/signed/events", "/s/signed/plan", event):
        assert SECRET not in visit(path).content()


def test_events_tell_what_became_of_them_at_each_destination(visit: Visit, signed: Pipeline) -> None:
    delivered, failed = (post_signed(signed, f"backend-status={status}") for status in (200, 500))
    signed.document(failed)
    table = next(value for key, value in signed.outputs().items() if key.endswith("AttemptsTableName"))
    for id_ in (delivered, failed):
        key = {"id": {"S": id_}, "subscription": {"S": "signed"}}
        wait_for(lambda key=key: "Item" in signed.client("dynamodb").get_item(TableName=table, Key=key), 20)
    page = visit("/s/signed/events")
    for id_, state in ((delivered, "delivered"), (failed, re.compile("failed: .*500"))):
        row = page.locator("tbody tr").filter(has_text=id_[:20])
        expect(row.locator("td").last).to_have_text(state)
    page.get_by_role("link", name=failed).click()
    expect(page.locator(".facts div").filter(has_text="http")).to_contain_text(re.compile("failed: .*500"))
    assert findings(page) == []


def post_signed(signed: Pipeline, query: str) -> str:
    """Send a webhook whose query tells the backend what to answer; returns its id."""
    body, target = b'{"action": "opened"}', f"{urlsplit(signed.endpoint).path}?{query}"
    signature = hmac.digest(SECRET.encode(), body, "sha256").hex()
    with closing(signed.connect()) as connection:
        headers = {"content-type": "application/json", "x-hub-signature-256": f"sha256={signature}"}
        connection.request("POST", target, body=body, headers=headers)
        response = connection.getresponse()
        response.read()
    assert response.status == 200
    return str(response.getheader("nami-delivery-id"))


def test_what_fails_again_is_told_with_its_reason(visit: Visit, signed: Pipeline) -> None:
    signed.client("sqs").send_message(QueueUrl=signed.outputs()["DeadLetterQueueUrl"], MessageBody=POISON)
    page = visit("/s/signed/dead")
    page.locator("section.group input[name=id]").first.check()
    page.get_by_role("button", name="Send back the chosen").click()
    page.get_by_role("button", name="Send 1 back").click()
    expect(page.locator("#job li").first).to_contain_text(re.compile(r"[1-9] (try|tries): "))
    assert findings(page) == []


def test_pages_work_also_where_ten_thousand_events_are_stored(visit: Visit, signed: Pipeline) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    for start in range(0, 10_000, 1_000):
        signed.documents.insert_many(
            {
                "_id": f"{number:06}",
                "received_at": long_ago - timedelta(seconds=number),
                "stored_at": long_ago - timedelta(seconds=number),
                "headers": {"x-github-event": "push"},
                "body": {"number": number},
                "raw": b'{"number": %d}' % number,
            }
            for number in range(start, start + 1_000)
        )
    for path, shows in {
        "/": "signed",
        "/s/signed": "Stored",
        "/s/signed/events": "000000",
        "/s/signed/event?id=005000": '"number": 5000',
        "/s/signed/dead": "Dead letters",
    }.items():
        expect(visit(path).locator("body")).to_contain_text(shows, ignore_case=True)


PAGES = [
    "/",
    "/s/shopify",
    "/s/shopify/send",
    "/s/shopify/health",
    "/s/shopify/events",
    "/s/shopify/event?id=axe",
    "/s/shopify/dead",
    "/s/shopify/plan",
]


@pytest.fixture(scope="module", autouse=True)
def an_event(shopify: Pipeline) -> None:
    """One with all that a page can have."""
    wanted = shopify.post(b'{"type": "a", "order": {"id": 1, "lines": [1, null, "two"]}}')[1]
    known = shopify.document(wanted)
    shopify.documents.delete_one({"_id": "axe"})
    shopify.documents.insert_one({**known, "_id": "axe"})


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
    expect(page.locator("body")).to_contain_text("shopify")
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


def test_name_of_a_stranger_that_leads_here_shows_nothing(opened: tuple[str, Any], browser: Browser) -> None:
    address, (cookie,) = opened
    with browser.new_context() as context:
        context.add_cookies([{**cookie, "domain": REBOUND}])
        page = context.new_page()
        answer = page.goto(address.replace("127.0.0.1", REBOUND))
        assert answer
        assert answer.status == 421
        expect(page.locator("body")).not_to_contain_text("shopify")


@contextmanager
def page_elsewhere(content: str) -> Iterator[str]:
    """The URL of a page on another port of this machine: to cookies that is the same site as the console."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_given: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_page_of_another_port_reads_nothing_and_changes_nothing(opened: tuple[str, Any], browser: Browser) -> None:
    address, cookies = opened
    read, change = f"{address}/s/shopify/events", f"{address}/s/shopify/dead/do"
    form = f"<form method=post action={change}><input name=verb value='purge all'><button>Go</form>"
    with page_elsewhere(form) as url, browser.new_context() as context:
        context.add_cookies(cookies)
        page = context.new_page()
        page.goto(url)
        look = "url => fetch(url, {mode: 'no-cors', credentials: 'include'}).then(() => 'seen', () => 'kept from it')"
        assert page.evaluate(look, read) == "kept from it"
        with page.expect_response(change) as changed:
            page.get_by_role("button").click()
        assert changed.value.status == 403
        expect(page.locator("body")).to_have_text("another site's page asked for this")


def test_ctrl_c_ends_it_and_leaves_nothing(nami: Nami, shopify: Pipeline, browser: Browser) -> None:
    with nami.console() as (url, process), browser.new_context() as context:
        context.new_page().goto(url)
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 0


def test_port_in_use_is_one_line(nami: Nami, opened: tuple[str, Any]) -> None:
    result = nami.typed("--local", "console", "--no-open", "--port", opened[0].rpartition(":")[2])
    assert result.returncode == 4
    assert result.stderr.startswith("error: port ")
