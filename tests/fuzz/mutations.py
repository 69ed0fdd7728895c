"""Another case from one: a case is JSON, whose values stay of the shape that is read, or do not."""

import json
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any
from urllib.parse import quote, unquote

LARGEST = 65_536
"""Characters of a case: long enough for what takes the square of its length to be seen."""

# What parsers of headers, times, numbers, encodings and markup stumble over.
WORDS = (
    *("", " ", "\t", "\r\n", "\0", "\x1f", "\x7f", "\u00a0", "\u0130", "\ufeff", "\ufffe", "\ufffd", "\ud800"),
    *(",", ";", "=", "==", "&", "%", "%00", "%C3%28", "%zz", "+", ":", ".", "..", "/", "\\", "'", '"', "`", "$", "#"),
    *("0", "-1", "1", "9" * 20, "9" * 400, "1e400", "-0", "1e9", "NaN", "Infinity", "true", "null", "\u0660", "\u00b2"),
    *(
        "{}",
        "[]",
        "[[",
        "{{",
        '{"a":{"a":',
        '{"":""}',
        "$or",
        "[0]",
        "*",
        "a" * 300,
        "\U0001f600",
        "\\u0000",
        "\\ud83d",
    ),
    *("<script>", "'><img src=x>", "{{7*7}}", "#set($x=1)$x", "#foreach", "#end", "$input.body", "$context", "${"),
    *("Basic ", "Bearer ", "sha256=", "v1=", "v1,", "t=", "whsec_", "hmac", "none", "e30.e30.", "body:", "header:"),
    *("charset=utf-16", "charset=utf-7", "charset=idna", "charset=hex", "charset=undefined", "_charset_=utf-16"),
    *("gzip", "deflate", "br", "zstd", "gzip,gzip", "identity", "application/json", "text/xml", "boundary=x"),
    *("multipart/form-data; boundary=x", 'boundary="', "--x\r\n", "content-disposition: form-data; name="),
    *(
        "1970-01-01T00:00:00Z",
        "2023-11-14T22:13:20Z",
        "9999-12-31",
        "1700000000",
        "1700000000000",
        "10m",
        "9" * 11 + "d",
    ),
    *(
        "::1",
        "127.0.0.1",
        "fe80::1%eth0",
        "::ffff:203.0.113.7",
        "0.0.0.0/0",
        "https://",
        "http://[::1",
        "//x",
        "?",
        "a@b",
    ),
    *("application/x-www-form-urlencoded", "eyJhbGciOiJub25lIn0.e30.", "0x1f"),
)
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**30, 0.5, 1e308, -0.0),
    *("", "x", [], {}, [None], [[]], {"": None}, {"a": {"b": [1, {"c": "d"}]}}),
)


def mutated(case: Any, random: Random) -> Any:
    """The case with one to eight changes somewhere in it."""
    changed = deepcopy(case)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        changed = _at(changed, random)
    return changed


def _odd(random: Random) -> Any:
    return deepcopy(random.choice(ODD))


def _at(value: Any, random: Random) -> Any:
    """Changes the value, or one in it."""
    inside = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    if inside and random.random() < 0.9:
        at = random.choice(list(inside))
        value[at] = _at(value[at], random)
        return value
    if isinstance(value, str):
        return _text(value, random)
    if isinstance(value, dict):
        return _object(value, random)
    if isinstance(value, list):
        return _list(value, random)
    return _odd(random)


def _object(value: dict[str, Any], random: Random) -> Any:
    names = list(value)
    change = random.randrange(6)
    if change == 0 or not names:
        value[random.choice(WORDS)] = _odd(random)
    elif change == 1:
        del value[random.choice(names)]
    elif change == 2:
        name = random.choice(names)
        value[str(_text(name, random))] = deepcopy(value[name])
    elif change == 3:
        value[random.choice(names)] = _odd(random)
    elif change == 4:
        value[random.choice(names)] = deepcopy(value[random.choice(names)])
    elif random.random() < 0.2:
        return _odd(random)
    return value


def _list(value: list[Any], random: Random) -> Any:
    change = random.randrange(5)
    if change == 0 or not value:
        value.insert(random.randint(0, len(value)), _odd(random))
    elif change == 1:
        del value[random.randrange(len(value))]
    elif change == 2:
        value.append(deepcopy(random.choice(value)))
    elif change == 3:
        random.shuffle(value)
    elif random.random() < 0.2:
        return _odd(random)
    return value


def _cut(text: str, random: Random) -> tuple[str, str, str]:
    start = random.randint(0, len(text))
    end = min(len(text), start + random.choice((0, 1, 1, 2, 4, 16, len(text))))
    return text[:start], text[start:end], text[end:]


def _inserted(text: str, random: Random) -> str:
    before, _, after = _cut(text, random)
    return before + random.choice(WORDS) + after


def _replaced(text: str, random: Random) -> str:
    before, _, after = _cut(text, random)
    return before + random.choice(WORDS) + after[1:]


def _other_character(text: str, random: Random) -> str:
    before, _, after = _cut(text, random)
    return (
        before
        + chr(random.choice((random.randrange(256), random.randrange(128), random.randrange(0x3000))))
        + after[1:]
    )


def _repeated(text: str, random: Random) -> str:
    before, piece, after = _cut(text, random)
    return before + (piece or " ") * random.choice((2, 3, 10, 100, 3000)) + after


def _inner_json(text: str, random: Random) -> str:
    try:
        inner = _at(json.loads(text), random)
        return json.dumps(inner, ensure_ascii=random.random() < 0.5, separators=(",", ":"))
    except (ValueError, RecursionError):
        return _inserted(text, random)


def _deep(text: str, random: Random) -> str:
    levels = random.choice((10, 99, 101, 1000, 20_000))
    opening, closing = random.choice((("[", "]"), ('{"a":', "}")))
    return opening * levels + "1" + closing * levels


_TEXT: tuple[Callable[[str, Random], str], ...] = (
    _inserted,
    _inserted,
    _replaced,
    _other_character,
    _other_character,
    _repeated,
    _inner_json,
    _inner_json,
    _inner_json,
    _deep,
    lambda text, random: text[: random.randint(0, len(text))],
    lambda text, random: text[random.randint(0, len(text)) :],
    lambda text, random: "".join(_cut(text, random)[::2]),
    lambda text, random: text.swapcase(),
    lambda text, random: text + text,
    lambda text, random: f"{text},{text}",
    lambda text, random: f" {text}\t",
    lambda text, random: quote(text, errors="replace"),
    lambda text, random: unquote(text),
    lambda text, random: text.translate({48 + digit: 0x660 + digit for digit in range(10)}),
    lambda text, random: random.choice(WORDS),
)


def _text(text: str, random: Random) -> Any:
    if random.random() < 0.04:
        return _odd(random)
    changed = random.choice(_TEXT)(text, random)
    return changed if len(changed) <= LARGEST // 2 else text
