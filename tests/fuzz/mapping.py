"""Direct mode's mapping template, run as local AWS runs it: what it queues is the request, and nothing else."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl

import pytest

from nami_local.gateway import _Run
from nami_runtime import envelope
from nami_stack.gateways import mapping
from tests.fuzz.intake import VECTORS
from tests.fuzz.target import Case, Target, octets, strings

_TEMPLATE = mapping.send_message("shopify")


def _seeds() -> list[Case]:
    return [
        {
            "frozen": {"sent": "base64" if number % 4 else "text"},
            "path": "/live/nami/shopify",
            "method": "POST",
            "headers": {**vector.headers, "X-Forwarded-For": "203.0.113.7, 10.0.0.1"},
            "query": dict(parse_qsl(vector.query)) or {"a": "b c"},
            "body": vector.body.decode("latin-1"),
        }
        for number, vector in enumerate(VECTORS)
        if number % 3 == 0
    ]


def _unicode(text: str) -> str:
    """As an HTTP request has it: no lone surrogates."""
    return text.encode("utf-8", "replace").decode()


def _check(case: Case) -> None:
    headers = {_unicode(name): _unicode(text) for name, text in strings(case.get("headers")).items()}
    query = {_unicode(name): _unicode(text) for name, text in strings(case.get("query")).items()}
    raw = octets(_unicode(str(case.get("body", ""))))
    path = _unicode(str(case.get("path", "/")))
    run = _Run(path, "POST", {name.lower(): text for name, text in headers.items()}, query)
    as_text = raw.decode("utf-8", "replace")
    handed = as_text if case["frozen"]["sent"] == "text" else b64encode(raw).decode()
    form = parse_qsl(run.render(_TEMPLATE, handed), strict_parsing=True, keep_blank_values=True)
    assert [name for name, _ in form] == ["Action", "MessageBody"], "another parameter for SQS"
    delivery = envelope.read(dict(form)["MessageBody"])
    assert delivery.headers == {name.lower(): text for name, text in headers.items()}, "other headers"
    assert (delivery.verified, delivery.subscription, delivery.method) == (None, "shopify", "POST")
    assert delivery.path == path, "another path"
    assert dict(parse_qsl(delivery.query, keep_blank_values=True)) == query, "another query"
    if case["frozen"]["sent"] == "base64":
        assert delivery.body == raw, "another body"


@contextmanager
def _opened() -> Iterator[Callable[[Case], None]]:
    with pytest.MonkeyPatch.context():
        yield _check


TARGET = Target(_seeds, _opened)
