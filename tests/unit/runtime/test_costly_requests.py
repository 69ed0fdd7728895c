"""What a stranger sends costs the function little before its 401, however it is made."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from nami_runtime import signatures
from nami_runtime.request import Refused, Request
from nami_runtime.signatures import adyen, asymmetric, client_state, places, schemes
from tests.unit.runtime.own_vectors import ADYEN

SOON = 0.3
"""Seconds, of which each of these takes thousandths; they took seconds."""


@pytest.mark.parametrize("prefix", ["", "sha256=", "v1,", "sha256 "])
@pytest.mark.parametrize("value", ["x" + " " * 9900 + "x", " \t" * 4900 + ",", "sha256= " * 1200, "v1, ," * 1900])
def test_a_header_of_blanks_is_read_at_once(prefix: str, value: str) -> None:
    started = time.process_time()
    places.listed(value, prefix)
    assert time.process_time() - started < SOON


@pytest.mark.parametrize(
    "line", [b"content-disposition: form-data;" * 2000, b"content-disposition:" * 3000, b";" * 60000]
)
def test_a_multipart_form_of_long_lines_is_read_at_once(line: bytes) -> None:
    body = b"--x\r\n" + line + b"\r\n\r\nv\r\n--x--"
    request = Request("POST", headers={"content-type": "multipart/form-data; boundary=x"}, body=body, request_id="-")
    started = time.process_time()
    places.form(request)
    assert time.process_time() - started < SOON


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[object]:
    """What the function of that name is called with from now on."""
    calls: list[object] = []
    original: Callable[..., Any] = getattr(module, name)

    def call(*given: Any, **named: Any) -> Any:
        calls.append(given)
        return original(*given, **named)

    monkeypatch.setattr(module, name, call)
    return calls


def refused(scheme: str, body: bytes = b"{}", **headers: str) -> bool:
    (form,) = signatures.configured({"scheme": scheme})
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    try:
        return form.verify(Request("POST", headers=named, body=body, request_id="-"), ["s3cret"], 1_700_000_000) is None
    except Refused:
        return True


def test_of_many_groups_of_signatures_few_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    made = counted(monkeypatch, schemes, "digest")
    assert refused("persona", persona_signature="t=1700000000,v1=00 " * 500)
    assert 0 < len(made) < 10


def test_of_many_signatures_by_a_private_key_few_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    made = counted(monkeypatch, asymmetric, "fits")
    assert refused("wise", x_signature_sha256="AAAA," * 1900)
    assert 0 < len(made) < 10


def test_of_many_notifications_the_first_that_is_forged_is_the_last_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    made, compared = counted(monkeypatch, adyen, "content"), counted(monkeypatch, client_state, "matching")
    item = {"NotificationRequestItem": {**ADYEN["plain"][1], "success": "false"}}
    assert refused("adyen", json.dumps({"notificationItems": [item] * 500}).encode())
    assert refused("microsoft-graph", json.dumps({"value": [{"clientState": "forged"}] * 500}).encode())
    assert (len(made), len(compared)) == (1, 1)
