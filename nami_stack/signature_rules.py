"""What a signature's own scheme must say, so that it protects what it seems to: rules of its fields.

Each raises ValueError that begins with the setting; a provider's file has the same fields without `signature_`.
"""

import difflib
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

_HEADER = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_FIELD = r"\{([^{}]+)\}"
_OF_THE_REQUEST = ("body", "form", "query")
_ANYWHERE = (*_OF_THE_REQUEST, "item", "part", "path")
# Fields of a template that are no source; the last two stand for the sources of these names.
_PLAIN = frozenset({"body", "body_sha256", "form", "method", "path", "uri", "url", "timestamp", "id"})
# May stand beside the body without a separator: a timestamp's form shows where it ends, a hash has its length, a URL is
# the gateway's own.
_ENDS_BY_ITSELF = frozenset({"timestamp", "method", "url", "uri", "path", "form", "body_sha256"})


def check_sources(option: str, sources: Sequence[str], *, of_header: bool = False) -> None:
    """What is read must be a header, or a place that there is.

    Args:
        option: the field whose they are.
        of_header: whether parts of the signature's own header count.
    """
    kinds = _ANYWHERE if of_header else _OF_THE_REQUEST
    for source in sources:
        kind, colon, name = source.partition(":")
        fits = bool(name) and kind in kinds if colon else bool(re.fullmatch(_HEADER, source))
        if fits and kind in ("item", "path") and colon:
            fits = name.isdigit()
        if not fits:
            places = ", ".join(f"{each}:…" for each in kinds)
            raise ValueError(f"signature_{option}={source!r}: must be a header such as x-signature, or {places}")


def check_template(signed: str, *, timestamp: str | None, identity: str | None, self_ending: Collection[str]) -> None:
    """The template must leave nothing open to whoever has seen one signature.

    Args:
        signed: the template.
        timestamp: the source of {timestamp}.
        identity: the source of {id}.
        self_ending: which of these two show by their form or length where they begin and end.
    """
    given = f"signature_signed={signed!r}:"
    names = re.findall(_FIELD, signed)
    if {"{", "}"} & set(re.sub(_FIELD, "", signed)):
        raise ValueError(f"{given} has a brace that opens or ends nothing; fields stand in them, as in {{body}}")
    if "body" not in names and "body_sha256" not in names and not {"url", "form"} <= set(names):
        raise ValueError(f"{given} any body would pass with it; put {{body}} into it")
    for name, source in (("timestamp", timestamp), ("id", identity)):
        if name in names and not source:
            raise ValueError(f"{given} where is its {{{name}}}? Give it as signature_{name}=x-{name}")
    check_sources("signed", [name for name in names if name not in _PLAIN], of_header=True)
    for first, second in _neighbours(signed):
        ends = _ENDS_BY_ITSELF if "body" in (first, second) else _ENDS_BY_ITSELF - {"timestamp"}
        if not {*ends, *self_ending} & {first, second}:
            raise ValueError(
                f"{given} nothing shows where {{{first}}} ends and {{{second}}} begins; put what the sender writes "
                f"between them there, such as {{{first}}}.{{{second}}}"
            )


def _neighbours(signed: str) -> Iterator[tuple[str, str]]:
    """The fields between which nothing stands."""
    for first, second in pairwise(re.finditer(_FIELD, signed)):
        if first.end() == second.start():
            yield first[1], second[1]


def check_handshake(name: str, known: Collection[str]) -> None:
    """A handshake must be one that the functions can answer."""
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
        raise ValueError(f"signature_handshake={name!r}: is none that is known; {remedy}")


def normal(source: str) -> str:
    """A source as the functions look for it: the names of headers are in lower case."""
    return source if ":" in source else source.lower()


def normal_template(signed: str) -> str:
    """A template whose headers are as the functions look for them."""
    return re.sub(_FIELD, lambda field: f"{{{normal(field[1])}}}", signed)
