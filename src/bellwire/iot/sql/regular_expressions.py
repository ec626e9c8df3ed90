"""`regexp_matches`, `regexp_replace`, `regexp_substr`, in time linear in the text.

A device chooses the text, and may choose the expression: no engine that backtracks can be let near
them. RE2 takes what Java's does but for lookaround, back references and possessive quantifiers;
an expression with these is refused when a rule is loaded, and Undefined where it is made from a
message.
https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-func-regex-matches
https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Protocol

import re2

from bellwire.iot.sql.signature import Function
from bellwire.iot.sql.values import TEXT_CHARACTERS, UNDEFINED, Undefined, Value, to_text


REPLACE_WORK = 64 * 1024 * 1024
"""Most bytes times matches of one `regexp_replace`. Ours: each match may look at all the rest
of the text, so that many in a long one cost their product."""
EXPRESSION_BYTES = 1024 * 1024
"""Memory of one compiled expression; a larger one is none. Ours: RE2 keeps the last 128."""
EXPRESSION_CHARACTERS = 1000
"""Longest expression. Ours: to compile one of 100 000 takes seconds."""

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = EXPRESSION_BYTES

_REFERENCE = re.compile(r"\\(.)|\$(\d+)|\$\{([A-Za-z][A-Za-z0-9]*)\}|([\\$])", re.ASCII | re.DOTALL)


class Match(Protocol):
    """A match in UTF-8 bytes, as `re` has it."""

    def group(self, group: int = 0, /) -> bytes | None:
        """Return a group's text, None where it took no part."""

    def start(self) -> int:
        """Return where the match begins."""

    def end(self) -> int:
        """Return where the match ends."""


class Expression(Protocol):
    """A compiled expression, as `re` has it. Bytes go in: RE2 works on them."""

    groups: int
    groupindex: dict[str, int]

    def search(self, text: bytes) -> Match | None:
        """Return the first match."""

    def finditer(self, text: bytes) -> Iterator[Match]:
        """Yield every match, left to right."""


@lru_cache(maxsize=128)
def compile_expression(pattern: str) -> Expression:
    """Compile an expression; ValueError, which says why, where it is none."""
    if len(pattern) > EXPRESSION_CHARACTERS:
        raise ValueError(f"it has more than {EXPRESSION_CHARACTERS} characters")
    _check_dialect(pattern)
    try:
        expression: Expression = re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(text) from None
    return expression


# Escapes and quoted texts are whole; then what opens, closes or is in question.
_DIALECT = re.compile(r"\\Q.*?(?:\\E|$)|\\.|\[\^?\]?|\]|&&|\(\?[a-zA-Z]*U|[^\\]|\\$", re.DOTALL)


def _check_dialect(pattern: str) -> None:
    """Raise ValueError for what RE2 takes, but for something else than Java does."""
    in_class = False
    for match in _DIALECT.finditer(pattern):
        piece = match.group()
        if piece[0] == "[" and in_class:
            raise ValueError("a [ in a class is one of its characters to RE2, a class to Java")
        if piece == "&&" and in_class:
            raise ValueError("&& in a class is two characters to RE2, an intersection to Java")
        if piece.startswith("(?") and not in_class:
            raise ValueError("(?U) is another flag to RE2 than to Java")
        if piece[0] == "[":
            in_class = True
        elif piece == "]":
            in_class = False


def check_expression(place: int, text: str) -> str | None:
    """Return why the second argument is no expression."""
    if place != 1:
        return None
    try:
        compile_expression(text)
    except ValueError as error:
        return f"this regular expression cannot be taken: {error}"
    return None


def _matches(text: bytes, expression: Expression) -> Value:
    return expression.search(text) is not None


def _substring(text: bytes, expression: Expression) -> Value:
    match = expression.search(text)
    return UNDEFINED if match is None else _decoded(match.group() or b"")


def _decoded(text: bytes) -> str:
    return text.decode(errors="replace")  # \C of RE2 may cut a character in two


def _of_text(operation: Callable[..., Value], count: int) -> Function:
    """Make a function of a text, an expression and further texts."""

    def call(*values: Value) -> Value:
        texts = [to_text(value) for value in values]
        if any(isinstance(text, Undefined) for text in texts):
            return UNDEFINED
        try:
            expression = compile_expression(str(texts[1]))
        except ValueError:
            return UNDEFINED
        return operation(str(texts[0]).encode(), expression, *texts[2:])

    return Function(call, count, count, check=check_expression)


def _replace(text: bytes, expression: Expression, replacement: str) -> Value:
    try:
        template = _compile_replacement(replacement, expression)
    except ValueError:
        return UNDEFINED
    parts: list[bytes] = []
    length = copied = 0
    for count, match in enumerate(expression.finditer(text), 1):
        made = b"".join(part if isinstance(part, bytes) else part(match) for part in template)
        length += match.start() - copied + len(made)
        if length > TEXT_CHARACTERS or count * len(text) > REPLACE_WORK:
            return UNDEFINED
        parts += (text[copied : match.start()], made)
        copied = match.end()
    return _decoded(b"".join([*parts, text[copied:]]))


Group = Callable[[Match], bytes]


def _compile_replacement(replacement: str, expression: Expression) -> Sequence[bytes | Group]:
    """Return the texts and groups of a replacement as Java writes it: `$1`, `${name}`, `\\$`."""
    template: list[bytes | Group] = []
    position = 0
    for match in _REFERENCE.finditer(replacement):
        escaped, digits, name, alone = match.groups()
        template.append(replacement[position : match.start()].encode())
        position = match.end()
        if alone:
            raise ValueError("a $ or \\ stands alone")
        if escaped:
            template.append(escaped.encode())
        elif digits:
            # Java takes as many digits as there are groups for.
            number = digits[:1]
            for digit in digits[1:]:
                if int(number + digit) > expression.groups:
                    break
                number += digit
            template += (_group(int(number), expression), digits[len(number) :].encode())
        else:
            template.append(_group(expression.groupindex.get(name, -1), expression))
    return [*template, replacement[position:].encode()]


def _group(number: int, expression: Expression) -> Group:
    if not 0 <= number <= expression.groups:
        raise ValueError("there is no such group")
    return lambda match: match.group(number) or b""


EXPRESSION_FUNCTIONS: dict[str, Function] = {
    "regexp_matches": _of_text(_matches, 2),
    "regexp_replace": _of_text(_replace, 3),
    "regexp_substr": _of_text(_substring, 2),
}
"""By name in lower case."""
