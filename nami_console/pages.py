"""How a page is made: templates, what each of them has, and pieces that come live."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, StreamingResponse

from nami_console import charts, words
from nami_console.site import Site
from nami_control import times
from nami_control.aws_errors import told
from nami_control.errors import word

HERE = Path(__file__).parent

templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.filters |= {
    "line": words.line,
    "number": words.number,
    "size": times.size,
    "spell": words.spell,
    "milliseconds": words.milliseconds,
    "clock": words.clock,
    "iso": words.iso,
    "ago": words.ago,
    "last_hour": charts.last_hour,
    "numbers": charts.numbers,
    "remedy": word,
}


def site(request: Request) -> Site:
    """What the pages of this start share."""
    found: Site = request.app.state.site
    return found


def piece(request: Request, name: str, **context: Any) -> str:
    """A template filled in; whatever is put into it is text."""
    here = site(request)
    common = {"site": here, "form_token": here.keys.form, "here": request.url.path}
    return templates.get_template(name).render(common | context)


def page(request: Request, name: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A whole page."""
    return HTMLResponse(piece(request, name, **context), status)


def live(
    request: Request, look: Callable[[], str], pause: float, is_over: Callable[[], bool] = lambda: False
) -> StreamingResponse:
    """Server-sent events: what `look` makes, again and again, for as long as the page is open and it is not over.

    An empty text is not sent. What goes wrong is told in its place, and it is tried again.
    """

    async def events() -> AsyncIterator[str]:
        before = ""
        yield "retry: 2000\n\n"
        over = False
        while not over:
            over = is_over()  # before the look, so that what is shown last is how it ended
            try:
                html, name = await run_in_threadpool(look), "piece"
            except Exception as error:
                if (why := told(error)) is None:
                    raise
                why.nami = site(request).aws.nami
                html, name = str(why), "trouble"
            if html and html != before:
                before = html
                data = "".join(f"data: {line}\n" for line in html.splitlines())
                yield f"event: {name}\n{data}\n"
            await asyncio.sleep(0 if over else pause)
        yield "event: end\ndata:\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")
