"""All subscriptions, a row each."""

from starlette.requests import Request
from starlette.responses import Response

from nami_console.pages import live, page, piece, site


def show(request: Request) -> Response:
    """The page."""
    return page(request, "overview.html", rows=site(request).rows())


async def follow(request: Request) -> Response:
    """Its rows, as they change."""
    here = site(request)
    return live(request, lambda: piece(request, "overview_rows.html", rows=here.rows()), here.pause)
