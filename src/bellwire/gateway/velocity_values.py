"""The values of a template: how they become text, their members, methods and operators.

As in Java, for that is what Velocity is written in; a method or a member that does not exist
gives nothing (None). Lists that a message holds print as JSON, lists and maps of a template's own
as Java prints them.
velocity.apache.org/engine/1.7/user-guide.html
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bellwire.limits import TEMPLATE_TEXT


class TemplateError(Exception):
    """A template failed while it was rendered: the sentence says why."""


Method: TypeAlias = Callable[..., object]
Methods: TypeAlias = Mapping[tuple[str, int], Method]
"""Methods by their name and their number of arguments."""


@dataclass(frozen=True, slots=True)
class Thing:
    """A value that has the members and methods named here, and no others.

    `size` is how many characters a method of it may have to look through.
    """

    members: Mapping[str, object]
    methods: Methods
    size: int = 0


class ArrayList(list[object]):
    """A list that a template made."""


# Text


def as_text(value: object) -> str:
    """Return the text a reference prints; nothing for None."""
    if isinstance(value, str):
        return value
    return "" if value is None else _spelled(value)


def json_text(value: object) -> str:
    """Return a value as JSON. Raises TemplateError for what is none, or too large."""
    return _joined(_ENCODER.iterencode(value))


def _no_json(value: object) -> object:
    raise TemplateError("it writes something as JSON that is not JSON")


# The one encoder that goes piece by piece, and tells of a value that holds itself.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_no_json)


class _Text:
    """A text that is built piece by piece, and never of more than a template may build."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0

    def write(self, piece: str) -> None:
        self._size += len(piece)
        if self._size > TEMPLATE_TEXT:
            raise TemplateError(f"it builds more than {TEMPLATE_TEXT} characters")
        self._pieces.append(piece)

    def whole(self) -> str:
        return "".join(self._pieces)


def _joined(pieces: Iterable[str]) -> str:
    text = _Text()
    for piece in pieces:
        text.write(piece)
    return text.whole()


def _spelled(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and not isinstance(value, ArrayList):
        return json_text(value)
    if isinstance(value, list | Mapping):
        text = _Text()
        _spell(value, text.write)
        return text.whole()
    if isinstance(value, int | float):
        return str(value)
    return "" if isinstance(value, Thing) else "null"


def _spell(value: object, write: Callable[[str], None]) -> None:
    if isinstance(value, ArrayList):
        write("[")
        for position, item in enumerate(value):
            if position:
                write(", ")
            _spell(item, write)
        write("]")
    elif isinstance(value, Mapping):
        write("{")
        for position, (key, item) in enumerate(value.items()):
            write(f", {key}=" if position else f"{key}=")
            _spell(item, write)
        write("}")
    else:
        write(value if isinstance(value, str) else _spelled(value))


# Members


def member(value: object, name: str) -> object:
    """Return `value.name`."""
    if isinstance(value, Mapping):
        return value.get(name)
    return value.members.get(name) if isinstance(value, Thing) else None


def index(value: object, key: object) -> object:
    """Return `value[key]`."""
    if isinstance(value, list):
        at = key if isinstance(key, int) else -1
        return value[at] if 0 <= at < len(value) else None
    return member(value, as_text(key))


def assign(target: object, key: object, value: object) -> None:
    """Set `target[key]` or `target.key`. Raises TemplateError where that cannot be set."""
    if isinstance(target, dict):
        target[as_text(key)] = value
    elif isinstance(target, list) and isinstance(key, int) and 0 <= key < len(target):
        target[key] = value
    else:
        raise TemplateError(f"it sets '{as_text(key)}' of something that has no such place")


def call(value: object, name: str, arguments: Sequence[object]) -> object:
    """Return `value.name(arguments)`."""
    signature = (name, len(arguments))
    if isinstance(value, Thing):
        method = value.methods.get(signature)
    else:
        method = _methods_of(value).get(signature) or _ANY.get(signature)
    return None if method is None or value is None else method(value, *arguments)


def size_of(value: object) -> int:
    """Return how much a method of this value, or with it as an argument, may have to look at."""
    if isinstance(value, Thing):
        return value.size
    return len(value) if isinstance(value, str | list | Mapping) else 0


def _methods_of(value: object) -> Methods:
    if isinstance(value, str):
        return _TEXT
    if isinstance(value, list):
        return _LIST
    if isinstance(value, dict):
        return _OWN_MAP
    return _MAP if isinstance(value, Mapping) else {}


# Methods


def _position(value: object) -> int:
    if not isinstance(value, int):
        raise TemplateError(f"'{as_text(value)[:80]}' is not a position")
    return value


def _substring(text: str, start: object, end: object = None) -> str:
    first, last = _position(start), len(text) if end is None else _position(end)
    if not 0 <= first <= last <= len(text):
        raise TemplateError(f"a text of {len(text)} characters has none from {first} to {last}")
    return text[first:last]


def _pattern(text: object) -> re.Pattern[str]:
    try:
        return re.compile(as_text(text))
    except (re.error, OverflowError) as error:
        raise TemplateError(f"'{as_text(text)[:80]}' is no regular expression: {error}") from None


def _replace_all(text: str, pattern: object, by: object) -> str:
    """Replace as Java does: `$1` is a group and `\\` takes the next character as it is."""
    pieces = re.findall(r"\\(.)|\$(\d)|([^\\$]+)", as_text(by), re.S)

    def replacement(match: re.Match[str]) -> str:
        return "".join(
            (match[int(group)] or "") if group else escaped + plain
            for escaped, group, plain in pieces
        )

    try:
        return _substituted(_pattern(pattern), replacement, text)
    except IndexError:
        raise TemplateError(f"'{as_text(by)[:80]}' names a group that is not there") from None


def _substituted(
    pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str], text: str
) -> str:
    def pieces() -> Iterator[str]:
        end = 0
        for match in pattern.finditer(text):
            yield text[end : match.start()]
            yield replacement(match)
            end = match.end()
        yield text[end:]

    return _joined(pieces())


def _replace(text: str, old: object, new: object) -> str:
    return _substituted(_pattern(re.escape(as_text(old))), lambda match: as_text(new), text)


def _split(text: str, pattern: object) -> ArrayList:
    parts = ArrayList(_pattern(pattern).split(text))
    while len(parts) > 1 and parts[-1] == "":
        parts.pop()  # as Java does
    return parts


def _add(items: list[object], item: object) -> bool:
    items.append(item)
    return True


def _add_all(items: list[object], more: object) -> bool:
    items.extend(list(more) if isinstance(more, list) else [])
    return True


def _set(items: list[object], at: object, item: object) -> object:
    old = index(items, at)
    assign(items, at, item)
    return old


def _remove_at(items: list[object], at: object) -> object:
    place = _position(at)
    return items.pop(place) if 0 <= place < len(items) else None


def _put(items: dict[str, object], key: object, item: object) -> object:
    old = items.get(as_text(key))
    items[as_text(key)] = item
    return old


def _put_all(items: dict[str, object], more: object) -> None:
    items.update(more if isinstance(more, Mapping) else {})


def _entries(items: Mapping[str, object]) -> ArrayList:
    return ArrayList(
        Thing(
            {"key": key, "value": value},
            {
                ("getKey", 0): lambda entry: entry.members["key"],
                ("getValue", 0): lambda entry: entry.members["value"],
            },
        )
        for key, value in items.items()
    )


_ANY: Methods = {
    ("toString", 0): as_text,
    ("equals", 1): lambda value, other: equal(value, other),
}
_TEXT: Methods = {
    ("length", 0): len,
    ("isEmpty", 0): lambda text: not text,
    ("contains", 1): lambda text, part: as_text(part) in text,
    ("startsWith", 1): lambda text, part: text.startswith(as_text(part)),
    ("endsWith", 1): lambda text, part: text.endswith(as_text(part)),
    ("indexOf", 1): lambda text, part: text.find(as_text(part)),
    ("lastIndexOf", 1): lambda text, part: text.rfind(as_text(part)),
    ("substring", 1): _substring,
    ("substring", 2): _substring,
    ("charAt", 1): lambda text, at: _substring(text, at, _position(at) + 1),
    ("concat", 1): lambda text, more: text + as_text(more),
    ("equalsIgnoreCase", 1): lambda text, other: text.lower() == as_text(other).lower(),
    ("toLowerCase", 0): str.lower,
    ("toUpperCase", 0): str.upper,
    ("trim", 0): str.strip,
    ("matches", 1): lambda text, pattern: _pattern(pattern).fullmatch(text) is not None,
    ("replace", 2): _replace,
    ("replaceAll", 2): _replace_all,
    ("split", 1): _split,
}
_LIST: Methods = {
    ("size", 0): len,
    ("isEmpty", 0): lambda items: not items,
    ("get", 1): index,
    ("contains", 1): lambda items, item: any(equal(each, item) for each in items),
    ("add", 1): _add,
    ("addAll", 1): _add_all,
    ("set", 2): _set,
    ("remove", 1): _remove_at,
}
_MAP: Methods = {
    ("size", 0): len,
    ("isEmpty", 0): lambda items: not items,
    ("get", 1): index,
    ("containsKey", 1): lambda items, key: as_text(key) in items,
    ("keySet", 0): lambda items: ArrayList(items),
    ("values", 0): lambda items: ArrayList(items.values()),
    ("entrySet", 0): _entries,
}
_OWN_MAP: Methods = {
    **_MAP,
    ("put", 2): _put,
    ("putAll", 1): _put_all,
    ("remove", 1): lambda items, key: items.pop(as_text(key), None),
}


# Operators


def equal(left: object, right: object) -> bool:
    """Compare as Velocity does: numbers as numbers, values of different kinds by their text."""
    if (_is_number(left) and _is_number(right)) or type(left) is type(right):
        return left == right
    return as_text(left) == as_text(right)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(calculate: Callable[..., object]) -> Callable[[object, object], object]:
    def operate(left: object, right: object) -> object:
        if not _is_number(left) or not _is_number(right):
            return None
        result = calculate(left, right)
        if isinstance(result, int) and result.bit_length() > 64:
            raise TemplateError("it calculates a number of more than 64 bits")
        return result

    return operate


def _order(compare: Callable[..., bool]) -> Callable[[object, object], object]:
    def operate(left: object, right: object) -> bool:
        return _is_number(left) and _is_number(right) and compare(left, right)

    return operate


def _plus(left: object, right: object) -> object:
    if isinstance(left, str) or isinstance(right, str):
        return as_text(left) + as_text(right)
    return _add_numbers(left, right)


def _divide(left: float, right: float) -> float | None:
    if right == 0:
        return None
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return left / right


def _modulo(left: float, right: float) -> float | None:
    if right == 0:
        return None
    if isinstance(left, int) and isinstance(right, int):
        remainder = abs(left) % abs(right)
        return -remainder if left < 0 else remainder
    return math.fmod(left, right)


_add_numbers = _numbers(operator.add)
_BY_SIGN: dict[str, Callable[[object, object], object]] = {
    "+": _plus,
    "-": _numbers(operator.sub),
    "*": _numbers(operator.mul),
    "/": _numbers(_divide),
    "%": _numbers(_modulo),
    "<": _order(operator.lt),
    "<=": _order(operator.le),
    ">": _order(operator.gt),
    ">=": _order(operator.ge),
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
}
_WORDS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
OPERATORS = {**_BY_SIGN, **{word: _BY_SIGN[sign] for word, sign in _WORDS.items()}}
"""Operators by sign, those of logic left out: their second side may not be looked at."""
_LEVELS = ("* / %", "+ -", "< <= > >= lt le gt ge", "== != eq ne", "&& and", "|| or")
LOOSENESS = {sign: level for level, signs in enumerate(_LEVELS) for sign in signs.split()}
"""How loosely an operator binds."""
