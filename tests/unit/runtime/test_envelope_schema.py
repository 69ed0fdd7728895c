"""The envelope as consumers of a queue read it: its JSON Schema, and that what is written keeps to it."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from nami_runtime import envelope
from nami_runtime.request import Request
from tests.unit.pages import page_is_behind
from tests.unit.runtime.test_dynamodb import message

PAGE = Path(__file__).parents[3] / "docs" / "envelope.schema.json"
_CLOSED = with_config(ConfigDict(extra="forbid", strict=True))

Text = Annotated[str, Field(description="as it came")]


@_CLOSED
class BodyRef(TypedDict):
    """Where a body lies that the queue can't hold: an object of S3."""

    bucket: str
    key: str
    size: Annotated[int, Field(ge=0, description="bytes")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@_CLOSED
class _Common(TypedDict):
    v: Annotated[Literal[1], Field(description="of this form")]
    id: Annotated[str, Field(min_length=1, description="of the delivery; leave out what came before under it")]
    subscription: str
    received_at: Annotated[int, Field(description="epoch ms")]
    method: str
    path: Text
    query: Text
    headers: Annotated[dict[str, str], Field(description="names in small letters")]
    source_ip: str
    verified: Annotated[str | None, Field(description="the scheme of the signature; null where none is asked for")]
    id_may_repeat: NotRequired[
        Annotated[Literal[True], Field(description="another body may come under this id, so tell both by id and body")]
    ]
    replayed_at: NotRequired[
        Annotated[int, Field(description="epoch ms; it was stored before, and goes through again")]
    ]


@_CLOSED
class WithBody(_Common):
    """The body is in it."""

    body: Annotated[str, Field(description="text, or base64 where `base64` is true")]
    base64: NotRequired[Literal[True]]


@_CLOSED
class WithReference(_Common):
    """The body is in S3."""

    body_ref: BodyRef


ENVELOPE: TypeAdapter[Any] = TypeAdapter(WithBody | WithReference)


@pytest.mark.docs
def test_schema_is_the_one_in_the_docs() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A webhook in a queue of nami's",
        **ENVELOPE.json_schema(),
    }
    assert not page_is_behind(PAGE, json.dumps(schema, indent=2) + "\n")


def test_what_the_schema_requires_is_what_is_read() -> None:
    required = set(WithBody.__required_keys__)
    assert required == {*envelope._TYPES, "v", "body"}


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(body=st.binary(max_size=20), path=_TEXT, headers=st.dictionaries(_TEXT, _TEXT, max_size=3), times=st.booleans())
def test_what_is_written_keeps_to_it(body: bytes, path: str, headers: dict[str, str], times: bool) -> None:
    request = Request("POST", path, headers=headers, body=body, request_id="evt_1", source_ip="192.0.2.1")
    request.id_is_bound = times
    reference: dict[str, object] = {"bucket": "b", "key": "shopify/k", "size": len(body), "sha256": "0" * 64}
    for given_reference in (None, reference):
        written = envelope.write(request, "shopify", given_reference, replayed_at=7 if times else 0)
        ENVELOPE.validate_json(written)


def test_what_keeps_to_it_is_read() -> None:
    ENVELOPE.validate_json(text := message())
    assert envelope.read(text).delivery_id == "evt_1"
