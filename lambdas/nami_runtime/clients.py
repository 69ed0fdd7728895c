"""Clients of AWS for several threads: a client is one connection."""

from __future__ import annotations

import threading

from nami_runtime import aws


class Clients:
    """A service's clients, one for each thread."""

    def __init__(self, service: str, *, bucket: str = "") -> None:
        self._service, self._bucket = service, bucket
        self._of_thread = threading.local()

    def own(self) -> aws.Client:
        """The one of this thread, made at its first use and kept between invocations."""
        made: aws.Client | None = getattr(self._of_thread, "client", None)
        if made is None:
            made = self._of_thread.client = aws.Client(self._service, bucket=self._bucket)
        return made
