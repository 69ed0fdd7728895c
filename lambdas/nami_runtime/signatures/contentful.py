"""Contentful's way: the request lists the headers that are signed beside its method, path and body.

See https://github.com/contentful/node-apps-toolkit, src/requests, whose time-to-live of 30 seconds is the tolerance.
"""

from __future__ import annotations

from urllib.parse import quote

from nami_runtime.request import Refused
from nami_runtime.signatures.schemes import Hmac, Scheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from dataclasses import dataclass

    from nami_runtime.request import Request
else:
    from nami_runtime.frozen import dataclass

LIST = "x-contentful-signed-headers"
_TIMESTAMP = "x-contentful-timestamp"
# What JavaScript's encodeURI, and its querystring.escape, leave as it is, beside letters and digits.
_URI, _ESCAPED = ";,/?:@&=+$-_.!~*'()#", "-_.!~*'()"


def listed(headers: Mapping[str, str]) -> str:
    """What the list of signed headers says, of those that are there."""
    names = {name.strip().lower() for name in headers.get(LIST, "").split(",")}
    return ",".join(sorted(names & headers.keys() | {LIST, _TIMESTAMP}))


@dataclass(frozen=True)
class Contentful(Hmac):
    """An HMAC over {method}, {path}, {headers} and {body}, of which {headers} is its own."""

    def _field(self, request: Request, name: str, url: str) -> bytes:
        if name == "headers":
            if not request.headers.get(LIST):
                raise Refused(401, f"no {LIST}")
            return _headers(request.headers)
        value = super()._field(request, name, url)
        if name != "path":
            return value
        path, mark, search = value.decode("utf-8", "replace").partition("?")
        return quote(path + mark + quote(search, safe=_ESCAPED), safe=_URI).encode()


def _headers(headers: Mapping[str, str]) -> bytes:
    if not {LIST, _TIMESTAMP} <= {name.strip().lower() for name in headers[LIST].split(",")}:
        raise Refused(401, f"{LIST} does not name itself and the time")
    names = listed(headers)
    values = {**headers, LIST: names}
    text = ";".join(f"{name}:{values.get(name, '').strip()}" for name in names.split(","))
    if sum(text.count(f";{name}:") for name in names.split(",")[1:]) != names.count(","):
        raise Refused(401, "no telling where a header ends")
    return text.encode("utf-8", "replace")


SCHEMES: dict[str, tuple[Scheme, ...]] = {
    "contentful": (
        Contentful(
            header="x-contentful-signature",
            signed="{method}\n{path}\n{headers}\n{body}",
            timestamp=_TIMESTAMP,
            milliseconds=True,
            tolerance=30,
            ids=("x-contentful-idempotency-key",),
        ),
    )
}
