"""Headers that a backend wants beside the webhook's own, such as `authorization`: a secret of the user's holds them."""

from __future__ import annotations

import json
import re

from nami_runtime.reaching import HOP_BY_HOP, token
from nami_runtime.secret import Secret

# Characters from which on a value is one that nobody guesses. A shorter one may be a word of any answer.
_LIKE_A_SECRET = 8
_line = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]+").fullmatch


class AddedHeaders(Secret):
    """What a secret holds of the form `{"authorization": "Bearer …"}`, kept and read again as every secret is.

    Attributes:
        headers: name and value of each.
        replaced: their names as many servers read them, which takes the webhook's own headers of that name away.
    """

    headers: tuple[tuple[str, str], ...] = ()
    replaced: frozenset[str] = frozenset()

    def take(self, text: str) -> None:
        """Makes the headers out of the secret's text, or notes its fault."""
        try:
            found = parse(text)
        except ValueError as error:
            self._values, self.fault = (), str(error)
            return
        self._values, self.fault = (text,), ""
        self.headers = tuple(found.items())
        self.replaced = frozenset(name.replace("_", "-") for name in found)

    def hidden(self, text: str) -> str:
        """The text without the headers' values, or what follows a word such as `Bearer` in them."""
        for _, value in self.headers:
            for part in (value, value.rpartition(" ")[2]):
                if len(part) >= _LIKE_A_SECRET:
                    text = text.replace(part, "***")
        return text


def parse(text: str) -> dict[str, str]:
    """Headers by their lower-case names. Raises ValueError with what is wrong, without a word of the secret."""
    try:
        found = json.loads(text.strip("\ufeff \t\r\n"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not found:
        raise ValueError('holds no headers: make it JSON such as {"authorization": "Bearer …"}')
    headers: dict[str, str] = {}
    for number, (name, value) in enumerate(found.items(), 1):
        read = name.lower().replace("_", "-")
        if not token(name):
            raise ValueError(f"has a name that is none of a header, at place {number}")
        if read in HOP_BY_HOP or read.startswith(("nami-", "webhook-")):
            raise ValueError(f"sets {name.lower()}, which is of the connection or of nami; leave it out")
        if read in (other.replace("_", "-") for other in headers):
            raise ValueError(f"sets a header twice, again at place {number}")
        if not isinstance(value, str) or not _line(value.strip()):
            raise ValueError(f"has a value that is no text of one line, at place {number}")
        headers[name.lower()] = value.strip()
    return headers
