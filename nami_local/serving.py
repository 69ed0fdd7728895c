"""The server that local AWS runs on: uvicorn with httptools, a third less CPU a call than ministack's own."""

import contextlib
from collections.abc import Iterator
from typing import Any

# As ministack's own, seconds; Lambda's clients keep their connections.
_KEPT_OPEN = 75


def register() -> None:
    """Put this in the place of the server that ministack runs.

    Raises:
        AttributeError: hypercorn's internals have moved.
    """
    from hypercorn import asyncio  # noqa: PLC0415 (the CLI runs without ministack)

    own: Any = asyncio
    assert callable(own.serve)  # noqa: S101 (else a patch of nothing)
    own.serve = _serve


async def _serve(app: Any, config: Any) -> None:
    """As hypercorn's, where it is to listen at one address."""
    import uvicorn  # noqa: PLC0415 (as above)

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            """They stay ministack's, which ends at once."""
            yield

    host, port = config.bind[0].rsplit(":", 1)
    settings = uvicorn.Config(
        app,
        host=host,
        port=int(port),
        http="httptools",
        timeout_keep_alive=_KEPT_OPEN,
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        lifespan="on",
    )
    await Server(settings).serve()
