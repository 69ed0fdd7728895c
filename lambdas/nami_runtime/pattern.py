"""Event patterns as EventBridge writes them: compiled once, asked for each webhook. Loaded only where a filter is set.

The rules are those that https://github.com/aws/event-ruler publishes in its README: a field fits if any of its values
does, a pattern if all of its fields do; of a list of objects one element must fit all that is said of it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Test = Callable[[Any], bool]

MAX_ALTERNATIVES = 1000
"""That `$or` may make, as many as EventBridge takes combinations."""

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}
MISSING: Any = object()
"""What a field has that is not there."""
_LONGEST_PLACE = 200  # characters that an error shows of it


class Wrong(ValueError):
    """It is no pattern; the text says where, and what may be there."""

    def __init__(self, where: tuple[str, ...], why: str) -> None:
        text = f"{'.'.join(where)[:_LONGEST_PLACE]}: {why}" if where else why
        super().__init__(one_line(text))


def one_line(text: str) -> str:
    """The text with what ends a line, or acts on a terminal, as escapes."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


class Leaf:
    """What a field must be: any of `tests`, or nothing at all where `absent`."""

    __slots__ = ("absent", "path", "tests", "written")

    def __init__(self, path: tuple[str, ...], written: list[Any]) -> None:
        """`path` is where the field is, `written` its part of the pattern. Raises Wrong."""
        if not written:
            raise Wrong(path, "must name at least one value")
        self.path, self.written = path, written
        self.absent = {"exists": False} in written
        self.tests = [_test(each, path) for each in written if each != {"exists": False}]

    def fits(self, value: object, event: object) -> bool:
        """Whether any of the values does; `event` is all that they are in."""
        if self.absent and not is_there(event, self.path):
            return True
        # Loops: a filter is asked for each webhook while its sender waits, and a generator takes as long as a test.
        for each in _elements(value) if isinstance(value, list) else (value,):
            if not isinstance(each, dict):
                for test in self.tests:
                    if test(each):
                        return True
        return False

    def fits_one(self, value: object) -> bool:
        """Whether the one value does that there is, neither a list nor an object; MISSING is none."""
        if self.absent and value is MISSING:
            return True
        for test in self.tests:  # noqa: SIM110 - as above
            if test(value):
                return True
        return False


Tree = dict[str, "Leaf | Tree"]


def compiled(pattern: object) -> list[Tree]:
    """What a pattern asks, as alternatives of which one must fit. Raises Wrong."""
    return _alternatives(pattern, ())


def fits(alternatives: list[Tree], event: dict[str, Any]) -> bool:
    """Whether one of a pattern's alternatives fits the event."""
    for tree in alternatives:  # noqa: SIM110 - a generator takes longer
        if _fits(tree, event, event):
            return True
    return False


def leaves(tree: Tree) -> Iterator[Leaf]:
    """All that an alternative asks."""
    for below in tree.values():
        if isinstance(below, Leaf):
            yield below
        else:
            yield from leaves(below)


def values_at(event: object, path: tuple[str, ...]) -> list[Any]:
    """The values at a path, whichever elements of lists they are in; of objects none."""
    here = [event]
    for name in path:
        here = [each[name] for value in here for each in _elements(value) if isinstance(each, dict) and name in each]
    return [each for value in here for each in _elements(value) if not isinstance(each, dict) and each is not MISSING]


def is_there(event: object, path: tuple[str, ...]) -> bool:
    """Whether there is a value at a path, which an object is not."""
    return bool(values_at(event, path))


def _fits(tree: Tree, value: object, event: object) -> bool:
    if isinstance(value, dict):
        return _has_all(tree, value, event)
    elements = [each for each in _elements(value) if isinstance(each, dict)]
    # Where there is no object, what must be absent is.
    return any(_has_all(tree, element, event) for element in elements or ({},))


def _has_all(tree: Tree, element: dict[str, Any], event: object) -> bool:
    for name, below in tree.items():
        value = element.get(name, MISSING)
        if not (below.fits(value, event) if isinstance(below, Leaf) else _fits(below, value, event)):
            return False
    return True


def _elements(value: object) -> list[Any]:
    """A value, or those of a list, lists in it opened."""
    if not isinstance(value, list):
        return [value]
    found: list[Any] = []
    waiting = [iter(value)]
    while waiting:
        for each in waiting[-1]:
            if isinstance(each, list):
                waiting.append(iter(each))
                break
            found.append(each)
        else:
            waiting.pop()
    return found


# Compiling.


def _alternatives(pattern: object, where: tuple[str, ...]) -> list[Tree]:
    if not isinstance(pattern, dict):
        raise Wrong(where, "must be an object, or a list of what the field may be")
    if not pattern:
        raise Wrong(where, "is empty; name a field")
    trees: list[Tree] = [{}]
    for name, below in pattern.items():
        if name == "$or" and not isinstance(below, dict):
            options = _of_or(below, (*where, name), where)
        elif isinstance(below, list):
            options = [{name: Leaf((*where, name), below)}]
        else:
            options = [{name: tree} for tree in _alternatives(below, (*where, name))]
        if len(trees) * len(options) > MAX_ALTERNATIVES:
            raise Wrong((*where, name), f"makes more than {MAX_ALTERNATIVES} combinations")
        trees = [_merged(tree, option, where) for tree in trees for option in options]
    return trees


def _of_or(given: object, where: tuple[str, ...], around: tuple[str, ...]) -> list[Tree]:
    if not isinstance(given, list) or len(given) < 2:
        raise Wrong(where, "must be a list of two patterns or more")
    found: list[Tree] = []
    for number, each in enumerate(given):
        try:
            found += _alternatives(each, around)
        except Wrong as wrong:
            raise Wrong((f"{'.'.join(where)}[{number}]",), str(wrong)) from None
    return found


def _merged(one: Tree, other: Tree, where: tuple[str, ...]) -> Tree:
    both = dict(one)
    for name, below in other.items():
        there = both.get(name)
        if there is None:
            both[name] = below
        elif isinstance(there, Leaf) or isinstance(below, Leaf):
            raise Wrong((*where, name), "is said twice, also within $or")
        else:
            both[name] = _merged(there, below, (*where, name))
    return both


def _test(written: object, where: tuple[str, ...]) -> Test:
    """Whether a value, which is no list and no object, is as it is written in a pattern."""
    if isinstance(written, dict):
        if len(written) != 1:
            raise Wrong(where, f'{_shown(written)}: must have one word, as in {{"prefix": "orders/"}}')
        ((word, operand),) = written.items()
        if word not in _WORDS:
            raise Wrong(where, f"{word!r} is not a word of patterns; there are {', '.join(_WORDS)}")
        return _WORDS[word](operand, (*where, word))
    if isinstance(written, list):
        raise Wrong(where, f"{_shown(written)}: must be a text, a number, true, false, null, or an object with a word")
    return _exactly(written)


def _exactly(wanted: Any) -> Test:
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        number = _number(wanted)
        return lambda value: number is not None and _number(value) == number
    kind = type(wanted)
    return lambda value: type(value) is kind and value == wanted


def _number(value: object) -> float | None:
    """As a double, which is what patterns compare; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _text(operand: object, where: tuple[str, ...]) -> str:
    if not isinstance(operand, str):
        raise Wrong(where, f"{_shown(operand)}: must be a text")
    return operand


def _of_text(make: Callable[[str], Callable[[str], bool]]) -> Callable[[object, tuple[str, ...]], Test]:
    """A word that is followed by a text, and fits texts alone."""

    def word(operand: object, where: tuple[str, ...]) -> Test:
        test = make(_text(operand, where))
        return lambda value: isinstance(value, str) and test(value)

    return word


def _end(test: Callable[[str, str], bool]) -> Callable[[object, tuple[str, ...]], Test]:
    """`prefix` and `suffix`: a text, or {"equals-ignore-case": text}."""

    def word(operand: object, where: tuple[str, ...]) -> Test:
        folds = isinstance(operand, dict)
        if isinstance(operand, dict):
            if list(operand) != ["equals-ignore-case"]:
                raise Wrong(where, f'{_shown(operand)}: must be a text, or {{"equals-ignore-case": text}}')
            operand = operand["equals-ignore-case"]
        wanted = _text(operand, where)
        if folds:
            wanted = wanted.lower()
            return lambda value: isinstance(value, str) and test(value.lower(), wanted)
        return lambda value: isinstance(value, str) and test(value, wanted)

    return word


def _wildcard(operand: object, where: tuple[str, ...]) -> Test:
    """`*` stands for any text, `\\*` and `\\\\` for the characters; in time that grows with the text alone."""
    parts, escaped = [""], False
    for character in _text(operand, where):
        if escaped:
            if character not in "*\\":
                raise Wrong(where, "a backslash stands before * or another backslash alone")
            parts[-1], escaped = parts[-1] + character, False
        elif character == "\\":
            escaped = True
        elif character == "*":
            if len(parts) > 1 and not parts[-1]:
                raise Wrong(where, "two * side by side are one")
            parts.append("")
        else:
            parts[-1] += character
    if escaped:
        raise Wrong(where, "a backslash stands before * or another backslash alone")
    return lambda value: isinstance(value, str) and _has_parts(value, parts)


def _has_parts(value: str, parts: list[str]) -> bool:
    first, *inner = parts
    if not inner:
        return value == first
    *inner, last = inner
    if len(value) < len(first) + len(last) or not value.startswith(first) or not value.endswith(last):
        return False
    at, end = len(first), len(value) - len(last)
    for part in inner:
        if (found := value.find(part, at, end)) < 0:
            return False
        at = found + len(part)
    return True


def _anything_but(operand: object, where: tuple[str, ...]) -> Test:
    if isinstance(operand, dict):
        if len(operand) != 1 or not operand.keys() <= {"prefix", "suffix", "equals-ignore-case", "wildcard"}:
            raise Wrong(
                where, f"{_shown(operand)}: may have prefix, suffix, equals-ignore-case or wildcard, one of them"
            )
        ((word, given),) = operand.items()
        texts = given if isinstance(given, list) else [given]
        if not texts or not all(isinstance(each, str) and each for each in texts):
            raise Wrong((*where, word), f"{_shown(given)}: must be a text, or a list of texts, none of them empty")
        tests = [_WORDS[word](each, (*where, word)) for each in texts]
    else:
        values = operand if isinstance(operand, list) else [operand]
        numbers = [_number(each) is not None for each in values]
        if not values or not (all(numbers) or all(isinstance(each, str) for each in values)):
            raise Wrong(where, f"{_shown(operand)}: must be texts alone, or numbers alone")
        tests = [_exactly(each) for each in values]
    return lambda value: value is not MISSING and not any(test(value) for test in tests)


def _numeric(operand: object, where: tuple[str, ...]) -> Test:
    given = operand if isinstance(operand, list) else []
    pairs = list(zip(given[::2], given[1::2], strict=False))
    bounds = [(sign, bound) for sign, each in pairs if isinstance(sign, str) and (bound := _number(each)) is not None]
    signs = [sign for sign, _ in bounds]
    right = len(given) in (2, 4) and len(bounds) * 2 == len(given) and all(sign in _OPERATORS for sign in signs)
    if right and len(bounds) == 2:
        right = signs[0] in (">", ">=") and signs[1] in ("<", "<=") and bounds[0][1] < bounds[1][1]
    if not right or any(abs(bound) == float("inf") for _, bound in bounds):
        raise Wrong(where, f'{_shown(operand)}: must be as in [">", 100], or [">=", 0, "<", 5] from the lower bound on')
    tests = [(_OPERATORS[sign], bound) for sign, bound in bounds]

    def test(value: object) -> bool:
        number = _number(value)
        return number is not None and all(compare(number, bound) for compare, bound in tests)

    return test


def _exists(operand: object, where: tuple[str, ...]) -> Test:
    if operand is not True:
        raise Wrong(where, f"{_shown(operand)}: must be true or false")
    return lambda value: value is not MISSING


def _cidr(operand: object, where: tuple[str, ...]) -> Test:
    from ipaddress import ip_address, ip_network  # noqa: PLC0415 - few patterns have one

    try:
        network = ip_network(_text(operand, where), strict=False)
    except ValueError:
        raise Wrong(where, f"{_shown(operand)}: must be as in 198.51.100.0/24") from None

    def test(value: object) -> bool:
        try:
            return isinstance(value, str) and ip_address(value) in network
        except ValueError:
            return False

    return test


def _shown(written: object) -> str:
    from json import dumps  # noqa: PLC0415 - of what is wrong

    return dumps(written, ensure_ascii=False)[:80]


def _ignoring_case(wanted: str) -> Callable[[str], bool]:
    folded = wanted.lower()
    return lambda value: value.lower() == folded


_WORDS: dict[str, Callable[[object, tuple[str, ...]], Test]] = {
    "exactly": _of_text(lambda wanted: lambda value: value == wanted),
    "prefix": _end(str.startswith),
    "suffix": _end(str.endswith),
    "equals-ignore-case": _of_text(_ignoring_case),
    "wildcard": _wildcard,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": _exists,
    "cidr": _cidr,
}
