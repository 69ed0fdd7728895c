"""What is typed, or lies in a file that a command reads: whatever it is, an error of one line and no other."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nami_cli.events import parse_query
from nami_control import filtering, signature_check, times
from nami_control.errors import NamiError
from nami_control.text import visible_line
from nami_runtime import secret, signatures
from nami_runtime.request import Request
from nami_stack.settings import SettingsError, Subscription
from tests.fuzz.intake import VECTORS
from tests.fuzz.target import Case, Target, octets

_QUERIES = (
    '{"body.order.id": 1001, "received_at": {"$gt": {"$date": "2026-01-31T12:00:00Z"}}}',
    '{"_id": {"$oid": "0123456789abcdef01234567"}, "raw": {"$binary": {"base64": "AA==", "subType": "00"}}}',
    '{"n": {"$numberDecimal": "1.5"}, "l": {"$numberLong": "5"}, "d": {"$numberDouble": "NaN"}}',
    '{"x": {"$regex": "a", "$options": "i"}, "t": {"$timestamp": {"t": 1, "i": 1}}, "u": {"$uuid": "x"}}',
)
_TIMES = ("10m", "1.5h", "2026-01-31T12:00:00+01:00", "2026-W05-1")
_SETTINGS: tuple[dict[str, Any], ...] = (
    {"destination": "http,dynamodb", "backend_url": "https://example.com/a?b=c", "maximum_concurrency": 5},
    {"gateway": "rest", "allowed_sources": "203.0.113.0/24", "filter": '{"body": {"a": [1]}}', "success_status": "202"},
    {
        "signature": "hmac",
        "signature_header": "x-sig",
        "signature_signed": "{timestamp}.{body}",
        "signature_timestamp": "x-t",
    },
    {"order_by": "$.a.b[0]", "keep_days": "30", "batch_size": 10, "environment_variables": {"A": "b"}},
    {"deduplicate_by": "body:id, x-id", "ingest": "direct", "signature": "shopify", "timeout": "7"},
)
_SECRETS = (
    '{"secret": ["a", "b"], "verify_token": "c"}',
    '["whsec_YQ=="]',
    "mongodb://u:p@h/",
    '{"username":"u","password":"p"}',
)


def _seeds() -> list[Case]:
    by_kind: dict[str, Any] = {"query": _QUERIES, "time": _TIMES, "settings": _SETTINGS, "secret": _SECRETS}
    cases = [{"frozen": {"kind": kind}, "given": each} for kind, given in by_kind.items() for each in given]
    for number, vector in enumerate(VECTORS):
        if number % 4 == 0 and not vector.fetched:
            head = "".join(f"{name}: {text}\r\n" for name, text in vector.headers.items())
            target = f"https://hooks.example.com/nami/shopify?{vector.query}"
            given = f"POST {target} HTTP/1.1\r\ncontent-length: {len(vector.body)}\r\n{head}\r\n"
            frozen = {"kind": "request", "vector": number}
            cases.append({"frozen": frozen, "given": given + vector.body.decode("latin-1")})
    return cases


def _request(given: Any, case: Case) -> None:
    raw, vector = octets(given), VECTORS[case["frozen"]["vector"]]
    filtering.webhook(raw, None)
    request: Request = signature_check.read_request(raw)
    setting = {"scheme": vector.scheme, **vector.options}
    report = signature_check.check(setting, vector.secret, request, now=vector.now)
    told = json.dumps([report.causes, [(step.name, step.detail) for step in report.steps]])
    is_key = "asymmetric" in signatures.every()[vector.scheme][0].requirements
    assert is_key or len(vector.secret) < 12 or vector.secret not in told or vector.secret in str(given), (
        "a secret is told"
    )


def _settings(given: Any, _: Case) -> None:
    context = given if isinstance(given, dict) else {"x": given}
    Subscription.from_context({"name": "shopify", **context})


def _secret(given: Any, _: Case) -> None:
    text = str(given)
    values, token = secret.parse(text)
    assert all(isinstance(each, str) and each for each in values)
    assert isinstance(token, str)
    if not values:
        fault = secret.fault(text)
        assert len(text.strip()) < 12 or text.strip() not in fault, "a secret is told"
    try:
        secret.database(text, on_host=True)
    except ValueError as error:
        assert "\n" not in str(error), "an error of more than one line"  # noqa: PT017


_CHECKS: dict[str, Callable[[Any, Case], object]] = {
    "query": lambda given, _: parse_query(str(given)),
    "time": lambda given, _: (_time(str(given)), times.duration(str(given))),
    "settings": _settings,
    "secret": _secret,
    "request": _request,
}


def _time(text: str) -> str:
    return times.minute(times.moment(text)) + times.spell(times.moment(text))


def _check(case: Case) -> None:
    try:
        _CHECKS[case["frozen"]["kind"]](case.get("given", ""), case)
    except (NamiError, SettingsError) as error:
        told = str(error)
    else:
        return
    assert told == visible_line(told), f"{case['frozen']['kind']}: an error of more than one line"


@contextmanager
def _opened() -> Iterator[Callable[[Case], None]]:
    yield _check


TARGET = Target(_seeds, _opened)
