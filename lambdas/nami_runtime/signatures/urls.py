"""The URL that was called, as the providers sign it: each way in which their libraries write the same."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote_plus

from nami_runtime.request import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nami_runtime.request import Request

# Characters that one library escapes in a query and another leaves, beside the blank and the tilde.
_EITHER = ("", "'", "'()*!", "'()*!:/@,;$")

# Beside the body without anything between. Where it follows the body, a part of that could be the URL and its query.
_TOUCHING = ("{url}{body}", "{url}{form}", "{uri}{body}", "{path}{body}", "{path}{form}", "{body}{url}")


def written(request: Request, public_url: str) -> Iterator[str]:
    """The URL as it was called, with the default port or without, then its other spellings; all of them one URL."""
    url = public_url or f"https://{request.domain}{request.path}"
    if request.query and "?" not in url:
        url += "?" + request.query
    yield url
    seen = {url}
    for spelled in _spellings(url):
        for each in (spelled, _other_port(spelled)):
            for full in (each, *_with_credentials(each, request.headers.get("authorization", ""))):
                if full not in seen:
                    seen.add(full)
                    yield full


def derived(name: str, request: Request, url: str) -> bytes:
    """What of the called URL a field of a template stands for: form (Twilio's), uri (HubSpot's) or path."""
    if name == "form":
        from nami_runtime.signatures import twilio  # noqa: PLC0415 - one provider signs it

        return twilio.form(request, url)
    if name == "uri":
        from nami_runtime.signatures import hubspot  # noqa: PLC0415 - as above

        return hubspot.uri(url)
    return ("/" + url.partition("://")[2].partition("/")[2]).encode("utf-8", "replace")


def check_query(request: Request, signed: str, public_url: str) -> None:
    """Raises Refused (401) where a part of the body could stand in a query that nobody else has written."""
    if (
        not any(pair in signed for pair in _TOUCHING)
        or request.method == "GET"
        or request.query in ("", public_url.partition("?")[2])
    ):
        return
    if "{form}" in signed and "bodySHA256=" in request.query:
        return  # Twilio's own, of a body that is no form and does not follow the URL
    raise Refused(401, "a query that the public URL has not")


def _spellings(url: str) -> Iterator[str]:
    yield url
    base, mark, query = url.partition("?")
    if not mark or not any(sign in query for sign in "%+'~\"() "):
        return
    pairs = [pair.partition("=") for pair in query.split("&")]
    for safe in _EITHER:
        for escape in (quote, quote_plus):
            texts = [
                escape(unquote_plus(name), safe=safe) + equals + escape(unquote_plus(value), safe=safe)
                for name, equals, value in pairs
            ]
            spelled = f"{base}?{'&'.join(texts)}"
            yield spelled
            yield spelled.replace("~", "%7E")


def _other_port(url: str) -> str:
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    name, _, port = host.rpartition(":")
    if name and port.isdigit():
        return f"{scheme}://{name}{slash}{path}"
    return f"{scheme}://{host}:{443 if scheme == 'https' else 80}{slash}{path}"


def _with_credentials(url: str, authorization: str) -> list[str]:
    """Twilio sends the user and password of its URL as basic credentials, and signs the URL with them, as written."""
    kind, _, given = authorization.partition(" ")
    scheme, _, rest = url.partition("://")
    if kind.lower() != "basic" or "@" in rest.partition("/")[0]:
        return []
    try:
        user, _, password = binascii.a2b_base64(given.strip()).decode().partition(":")
    except ValueError:
        return []
    spelled = [f"{quote(user, safe='')}:{quote(password, safe='')}"]
    # One of these would end the host, and make it another URL, of which this one's end is a part.
    if not any(end in user + password for end in "/?#\\"):
        spelled.append(f"{user}:{password}")
    if not password:
        spelled.append(quote(user, safe=""))
    return [f"{scheme}://{each}@{rest}" for each in dict.fromkeys(spelled)]
