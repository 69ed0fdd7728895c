"""What is parsed, by its label or by what it is, and what is undone for it; the bytes that came in stay as they are."""

import gzip
import json
import re
import sys
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import brotli
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from nami_runtime import bodies, contents, documents, envelope, inflate
from nami_runtime.bodies import Unparsable
from nami_runtime.request import GatewayRequest
from tests.unit.runtime.conftest import built, http_event

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=AaB03x"


def document(body: bytes, content_type: str = "", **headers: str) -> documents.Document:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    request = GatewayRequest(
        http_event(body, headers={**given, **({"content-type": content_type} if content_type else {})})
    )
    found = built(envelope.read(envelope.write(request, "shopify").decode()))
    assert found["raw"] == body
    return found


def parsed(body: bytes, content_type: str = "", **headers: str) -> tuple[str, Any]:
    found = document(body, content_type, **headers)
    return found["body_format"], found["body"]


@pytest.mark.parametrize(
    "label",
    [
        *("text/json", "application/x-json", "application/csp-report", "application/x-amz-json-1.1", "text/plain"),
        *("application/json, application/json", "application/json;charset=utf-8,application/json", FORM, "text/html"),
        *("text/plain; charset=UTF-8", "application/problem+json"),
    ],
)
def test_json_is_known_by_many_labels_and_by_what_it_is(label: str) -> None:
    assert parsed(b' {"Type": "Notification"}', label) == ("json", {"Type": "Notification"})


@pytest.mark.parametrize(
    ("body", "label", "found"),
    [
        (b"123", "text/plain", ("text", "123")),
        (b'"quoted"', "text/plain", ("text", '"quoted"')),
        (b"[draft] hello", "text/plain", ("text", "[draft] hello")),
        (b"{not json}=1", FORM, ("form", {"{not json}": "1"})),
        (b"[]", "application/octet-stream", ("binary", b"[]")),
        (b"[" * 101 + b"]" * 101, "text/plain", ("text", "[" * 101 + "]" * 101)),
    ],
)
def test_what_is_no_json_stays_what_its_label_says(body: bytes, label: str, found: object) -> None:
    assert parsed(body, label) == found


def test_json_in_another_charset_is_read_by_the_header() -> None:
    assert parsed('{"a":"é"}'.encode("latin-1"), "application/json; charset=iso-8859-1") == ("json", {"a": "é"})


@pytest.mark.parametrize("label", ["application/x-ndjson", "application/jsonl"])
def test_lines_of_json_are_a_list(label: str) -> None:
    assert parsed(b'{"a":1}\r\n\n[2]\n', label) == ("ndjson", [{"a": 1}, [2]])


def test_a_line_that_is_no_json_is_named() -> None:
    assert document(b'{"a":1}\nx', "application/x-ndjson")["body_error"].startswith("line 2: invalid JSON")


@pytest.mark.parametrize(
    ("body", "label", "text"),
    [
        ("<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>".encode("latin-1"), "text/xml", "é"),
        ("<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>".encode(), "text/xml; charset=utf-8", "é"),
        ("<a>é</a>".encode("utf-16"), "application/xml", "é"),
        (b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?><a/>", "application/soap+xml", "<a/>"),
        ("é".encode("utf-8-sig"), "text/plain", "é"),
        ("é".encode("windows-1252"), "text/plain; charset=windows-1252", "é"),
    ],
)
def test_a_charset_is_the_headers_else_the_declarations_else_the_marks(body: bytes, label: str, text: str) -> None:
    format_, found = parsed(body, label)
    assert format_ == "text"
    assert text in found
    assert not found.startswith("\ufeff")


@pytest.mark.parametrize(
    ("body", "label"),
    [
        (b"name=M%FCller&charset=windows-1252", FORM),
        (b"name=M\xfcller&charset=windows-1252", FORM),
        (b"name=M%FCller&_charset_=iso-8859-1", FORM),
        (b"name=M%FCller", f"{FORM}; charset=windows-1252"),
        (b"name=M%C3%BCller&charset=klingon", FORM),
        (b"name=M%C3%BCller&charset=base64", FORM),
        (b"name=M%FCller&charset=windows-1252", f"{FORM}; charset=utf-8"),
    ],
)
def test_a_forms_charset_is_the_headers_else_its_own_fields(body: bytes, label: str) -> None:
    format_, found = parsed(body, label)
    assert (format_, found["name"]) == ("form", "Müller")


def part(content: bytes, disposition: str, *lines: str) -> bytes:
    head = "\r\n".join([f"Content-Disposition: form-data; {disposition}", *lines]).encode()
    return b"--AaB03x\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


END = b"--AaB03x--\r\n"


def test_multipart_is_its_fields_and_its_files_beside_their_names_and_types() -> None:
    body = (
        part(b'{"q3_name":"Jana"}', 'name="rawRequest"')
        + part("é".encode(), 'name="to"')
        + part(b"b", 'name="to"')
        + part(b"\x89PNG\r\n\xff", 'name="attachment1"; filename="a.png"', "Content-Type: image/png")
        + part("ü".encode("latin-1"), 'name="latin"', "Content-Type: text/plain; charset=iso-8859-1")
        + END
    )
    assert parsed(body, MULTIPART) == (
        "multipart",
        {
            "rawRequest": '{"q3_name":"Jana"}',
            "to": ["é", "b"],
            "attachment1": {"filename": "a.png", "content_type": "image/png", "content": b"\x89PNG\r\n\xff"},
            "latin": "ü",
        },
    )


def test_a_field_of_multipart_that_is_no_text_costs_the_others_nothing() -> None:
    body = part(b"\xff\xfe\xfd", 'name="odd"') + part(b"x", 'name="name"') + END
    assert parsed(body, MULTIPART) == ("multipart", {"odd": b"\xff\xfe\xfd", "name": "x"})


def test_a_multipart_form_names_its_charset_in_a_field() -> None:
    body = part(b"windows-1252", 'name="_charset_"') + part(b"M\xfcller", 'name="name"') + END
    assert parsed(body, MULTIPART)[1]["name"] == "Müller"


@pytest.mark.parametrize(
    ("body", "label", "reason"),
    [
        (part(b"x", 'name="a"'), MULTIPART, "multipart: Unexpected end"),
        (b"x", "multipart/form-data", "multipart: Empty boundary"),
        (part(b"x", 'name="a"') * (bodies.MAX_PARTS + 1) + END, MULTIPART, "multipart: "),
    ],
)
def test_multipart_that_is_broken_is_kept_raw_with_the_reason(body: bytes, label: str, reason: str) -> None:
    found = document(body, label)
    assert found["body_format"] == "raw"
    assert found["body_error"].startswith(reason)


@given(st.binary(max_size=300))
def test_any_bytes_of_multipart_become_a_document(body: bytes) -> None:
    for raw in (body, part(body, 'name="a"; filename="b"') + END, b"--AaB03x\r\n" + body + END):
        assert document(raw, MULTIPART)["body_format"] in ("multipart", "raw", "empty")


@given(st.binary(max_size=300).filter(lambda content: b"AaB03x" not in content))
def test_a_file_comes_back_byte_for_byte(content: bytes) -> None:
    _, fields = parsed(part(content, 'name="a"; filename="b"') + END, MULTIPART)
    assert fields["a"]["content"] == content


JSON = b'{"id": 1, "text": "' + b"abc" * 100 + b'"}'
RAW_DEFLATE = zlib.compressobj(wbits=-15)
ENCODED = {
    "gzip": gzip.compress(JSON),
    "x-gzip": gzip.compress(JSON[:50]) + gzip.compress(JSON[50:]),
    "deflate": zlib.compress(JSON),
    "Deflate": RAW_DEFLATE.compress(JSON) + RAW_DEFLATE.flush(),
    "br": brotli.compress(JSON),
    "zstd": zstd.compress(JSON),
    "identity, gzip": gzip.compress(JSON),
    "gzip, br": brotli.compress(gzip.compress(JSON)),
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_an_encoded_body_is_parsed_and_its_format_names_what_was_undone(encoding: str) -> None:
    found = document(ENCODED[encoding], "application/json", content_encoding=encoding)
    undone = "+".join(reversed([each.strip().lower() for each in encoding.split(",") if "identity" not in each]))
    assert (found["body_format"], found["body"]) == (f"{undone}+json", json.loads(JSON))


@pytest.mark.parametrize("encoding", ["utf-8", "gzip", "zstd", "none", ""])
def test_a_body_that_is_not_encoded_whatever_its_header_says_is_parsed(encoding: str) -> None:
    assert parsed(JSON, "application/json", content_encoding=encoding) == ("json", json.loads(JSON))


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_an_encoded_body_that_ends_too_early_is_kept_raw_with_the_reason(encoding: str) -> None:
    found = document(ENCODED[encoding][:-9], "application/json", content_encoding=encoding)
    assert found["body_format"] == "raw"
    assert encoding in found["body_error"]


@pytest.mark.parametrize(("encoding", "package"), [("br", "brotli"), ("zstd", "backports.zstd")])
def test_an_encoding_without_its_library_is_kept_raw_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, encoding: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    found = document(ENCODED[encoding], "application/json", content_encoding=encoding)
    assert found["body_format"] == "raw"
    assert f"the package {package} in the function's requirements.txt" in found["body_error"]


def bomb(encoding: str, size: int) -> bytes:
    zeros = b"0" * size
    return {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd.compress}[encoding](
        zeros
    )


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_inflating_stops_at_the_bound(encoding: str) -> None:
    raw, limit = bomb(encoding, 50_000_000), 1_000_000
    inflate.undo(bomb(encoding, 1000), encoding, limit)  # loads what it needs
    tracemalloc.start()
    with pytest.raises(Unparsable, match="inflated it is over"):
        inflate.undo(raw, encoding, limit)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < 4 * limit + len(raw)


def test_a_bomb_in_many_layers_is_left_as_it_is() -> None:
    raw = b"x"
    for _ in range(5):
        raw = gzip.compress(raw)
    with pytest.raises(Unparsable, match="more than 3"):
        inflate.undo(raw, "gzip, gzip, gzip, gzip, gzip", 1000)


@given(st.binary(max_size=2000), st.integers(0, 2500), st.sampled_from(["gzip", "deflate", "br", "zstd"]))
def test_what_comes_of_inflating_is_never_over_the_bound(content: bytes, limit: int, encoding: str) -> None:
    encode = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd.compress}[encoding]
    try:
        found = inflate.undo(encode(content), encoding, limit)
    except Unparsable:
        assert len(content) > limit
    else:
        assert found == (content, encoding)
        assert len(content) <= limit


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "br", "zstd", "gzip, br"]))
def test_any_bytes_under_an_encoding_become_a_document(body: bytes, encoding: str) -> None:
    for raw in (body, gzip.compress(b"{}")[:10] + body, b"\x28\xb5\x2f\xfd" + body):
        document(raw, "application/json", content_encoding=encoding)


def test_what_an_encoded_body_takes_is_reckoned_by_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"[" + b"{}," * 100_000 + b"1]"
    request = GatewayRequest(
        http_event(gzip.compress(content), headers={"content-type": "application/json", "content-encoding": "gzip"})
    )
    delivery = envelope.read(envelope.write(request, "shopify").decode())
    assert contents.opened(delivery.body, delivery.headers).memory > 10_000_000
    monkeypatch.setattr(contents, "MAX_MEMORY", 5_000_000)
    assert "parsed it would take" in built(delivery)["body_error"]


def test_multipart_takes_no_more_memory_than_was_reckoned() -> None:
    for body in (part(b"x" * 300_000, 'name="a"; filename="b"') + END, part(b"x", 'name="a"') * 900 + END):
        request = GatewayRequest(http_event(body, headers={"content-type": MULTIPART}))
        delivery = envelope.read(envelope.write(request, "shopify").decode())
        tracemalloc.start()
        assert built(delivery)["body_format"] == "multipart"
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert taken <= contents.opened(delivery.body, delivery.headers).memory


def test_the_docs_name_each_label_of_json() -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-it-works.md").read_text()
    labelled = {
        label: {kind for kind, said in contents.LABELS.items() if said == label} for label in ("json", "ndjson")
    }
    row = next(line for line in page.splitlines() if line.startswith("| `json` |"))
    assert set(re.findall(r"`([a-z]+/[a-z0-9.-]+)`", row)) >= labelled["json"]
    row = next(line for line in page.splitlines() if line.startswith("| `ndjson` |"))
    assert set(re.findall(r"`([a-z]+/[a-z0-9.-]+)`", row)) == labelled["ndjson"]
