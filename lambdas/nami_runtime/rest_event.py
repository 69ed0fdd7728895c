"""A REST API's event (payload format 1.0) in the form of an HTTP API's (2.0), which Request reads."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def as_http_event(event: dict[str, Any]) -> dict[str, Any]:
    """The same request. Raises what Request takes for an unreadable one.

    What is lost on the way is lost in the gateway: it hands over the query decoded, so it is encoded anew here, and
    the order of parameters of different names is the gateway's.
    """
    context = event["requestContext"]
    headers: dict[str, list[str]] = {}
    for name, values in (event.get("multiValueHeaders") or {}).items():
        headers.setdefault(name.lower(), []).extend(values)
    query = event.get("multiValueQueryStringParameters")
    return {
        # The one of the context is what the producer called: with the stage, or with the domain's base path.
        "rawPath": context["path"],
        "rawQueryString": _query(query) if query else "",
        "headers": {name: ("; " if name == "cookie" else ",").join(values) for name, values in headers.items()},
        "requestContext": {
            "http": {"method": context["httpMethod"], "sourceIp": context["identity"].get("sourceIp")},
            "domainName": context.get("domainName"),
            # The other one, requestId, is the client's to choose.
            "requestId": context["extendedRequestId"],
            "timeEpoch": context.get("requestTimeEpoch"),
        },
        "body": event.get("body"),
        "isBase64Encoded": event.get("isBase64Encoded"),
    }


def _query(parameters: dict[str, list[str]]) -> str:
    from urllib.parse import quote, urlencode  # noqa: PLC0415 - few webhooks have a query

    return urlencode(parameters, doseq=True, quote_via=quote)
