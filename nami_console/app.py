"""The console's pages and their addresses."""

from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from nami_console import dead, events, overview, planning, send, subscription
from nami_console.guard import Guard
from nami_console.pages import HERE, page, site
from nami_console.site import Site
from nami_control.aws_errors import told
from nami_control.errors import NamiError, NotFoundError, NotRunningError, UsageError

# Others are faults of nami's own, which the terminal gets to see.
_TOLD = (NamiError, BotoCoreError, ClientError)
_STATUSES = {NotRunningError: 404, NotFoundError: 404, UsageError: 400}
"""Of what is told; 502 else, where AWS or a database has not done what it was asked for."""
_ROUTES = [
    Route("/", overview.show),
    Route("/live", overview.follow),
    Route("/s/{label}", subscription.show),
    Route("/s/{label}/live", subscription.follow),
    Route("/s/{label}/health", subscription.check),
    Route("/s/{label}/events", events.show),
    Route("/s/{label}/events/live", events.follow),
    Route("/s/{label}/event", events.show_one),
    Route("/s/{label}/event/path", events.show_path),
    Route("/s/{label}/event/body", events.download),
    Route("/s/{label}/dead", dead.show),
    Route("/s/{label}/dead/list", dead.show_list),
    Route("/s/{label}/dead/ask", dead.ask, methods=["POST"]),
    Route("/s/{label}/dead/do", dead.do, methods=["POST"]),
    Route("/s/{label}/dead/job/{number:int}", dead.show_job),
    Route("/s/{label}/dead/job/{number:int}/live", dead.follow_job),
    Route("/s/{label}/send", send.show),
    Route("/s/{label}/send", send.send, methods=["POST"]),
    Route("/s/{label}/again", send.again, methods=["POST"]),
    Route("/s/{label}/sent", send.show_sent),
    Route("/s/{label}/sent/live", send.follow),
    Route("/s/{label}/plan", planning.show),
    Route("/s/{label}/plan/outcome", planning.show_outcome),
    Mount("/static", StaticFiles(directory=HERE / "static")),
]


def make(shared: Site, port: int) -> Starlette:
    """The console as an ASGI application, for a server on 127.0.0.1 and this port."""
    app = Starlette(
        routes=_ROUTES,
        middleware=[
            Middleware(Guard, port=port, keys=shared.keys, read_only=shared.read_only),
            Middleware(GZipMiddleware, minimum_size=2000),
        ],
        exception_handlers={HTTPException: _no_page, **dict.fromkeys(_TOLD, _trouble)},
    )
    app.state.site = shared
    return app


async def _no_page(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else ""
    why = "there is no such page" if status == 404 else detail
    return page(request, "trouble.html", status, why=why)


async def _trouble(request: Request, error: Exception) -> Response:
    why = told(error)
    if why is None:
        raise error
    why.nami = site(request).aws.nami
    status = next((status for kind, status in _STATUSES.items() if isinstance(why, kind)), 502)
    return page(request, "trouble.html", status, why=str(why))
