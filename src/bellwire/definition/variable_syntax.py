"""The grammar of `${…}` in a text.

    template  = (text | variable)*
    variable  = "${" source ("," source)* "}"
    source    = type ":" [address]  |  type "(" params ")" [":" address]  |  literal
    address, param = template or a quoted text
    literal   = quoted text (only as the last source) | true | false | null | number

`\\${` is a plain `${`, and `$${` is no more than `${`. What has no such type in front, as
`${AWS::Region}` or `${Table.Arn}`, is CloudFormation's and stays text
[www.serverless.com/framework/docs/guides/variables].
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple, TypeAlias

from bellwire.definition.nodes import Value, well_formed


class Text(NamedTuple):
    """Characters that stand for themselves; the first is at `start`."""

    text: str
    start: int


class Literal(NamedTuple):
    """A fallback that is a value."""

    value: Value


class Reference(NamedTuple):
    """A source to ask: `self:a.b`, `file(x.yml):a`. `start` is where it stands."""

    type: str
    params: tuple[Template, ...]
    address: Template
    start: int


class Variable(NamedTuple):
    """`${…}` from `start` up to, not including, `end`: ask each source until one has a value."""

    start: int
    end: int
    sources: tuple[Reference | Literal, ...]


Template: TypeAlias = tuple[Text | Variable, ...]
"""A text with its variables."""


class SyntaxFault(Exception):
    """What is wrong with a text's variables, and at which offset."""

    def __init__(self, message: str, offset: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.hint = hint


_DEEPEST = 20
_TYPE_HINT = "write it as ${self:…}, ${opt:…}, ${env:…}"
_QUOTES_HINT = "put a text in quotes: ${opt:stage, 'dev'}"
_BARE_HINT = "a fallback has no ${ } of its own: ${opt:stage, self:provider.stage}"
_OPENING = re.compile(r"(\\*)(\$*)(\{?)")
_TYPE = re.compile(r"([a-z][a-zA-Z0-9.\-]*)(\(|:(?!\s*:))")
_WORD = re.compile(r"[^\s,{}$'\"()]+")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_LITERALS: dict[str, Value] = {"true": True, "false": False, "null": None}


def parse_template(text: str) -> Template:
    """Return a text's parts. Raises SyntaxFault."""
    return _Parser(text).template("", 0)


class _Parser:
    """Recursive descent; each method starts at `self._at` and ends behind what it read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def template(self, stops: str, depth: int) -> Template:
        """Read up to one of the characters in `stops`, or to the end of the text."""
        parts: list[Text | Variable] = []
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in stops:
            opening = _OPENING.match(self._text, self._at)
            assert opening, "it matches nothing too"
            if not (opening[2] and opening[3]):
                self._at = max(self._at + 1, opening.end())
                continue
            slashes = len(opening[1]) if opening[2] == "$" else 0
            dollar = opening.end(1)
            if slashes:
                parts.append(Text(self._text[start : self._at], start))
                parts.append(Text("\\" * (slashes // 2), self._at))
                start = dollar
            self._at = opening.end()
            if slashes % 2:
                continue
            if _TYPE.match(self._text, self._at):
                parts.append(Text(self._text[start:dollar], start))
                parts.append(self._variable(dollar, depth))
                start = self._at
            elif stops:
                raise SyntaxFault("this variable has no type", dollar, _TYPE_HINT)
        parts.append(Text(self._text[start : self._at], start))
        return tuple(part for part in parts if isinstance(part, Variable) or part.text)

    def _variable(self, start: int, depth: int) -> Variable:
        if depth > _DEEPEST:
            raise SyntaxFault(f"variables stand more than {_DEEPEST} deep in one another", start)
        sources: list[Reference | Literal] = []
        while True:
            sources.append(self._source(depth))
            end = self._skip_blanks()
            if end == "}":
                self._at += 1
                return Variable(start, self._at, tuple(sources))
            if not end:
                raise SyntaxFault("this variable has no closing `}`", start)
            if end != "," or self._is_text(sources[-1]):
                raise SyntaxFault(f"`{end}` is not expected here", self._at, _QUOTES_HINT)
            self._at += 1

    @staticmethod
    def _is_text(source: Reference | Literal) -> bool:
        # The framework takes a text only as the last source.
        return isinstance(source, Literal) and isinstance(source.value, str)

    def _source(self, depth: int) -> Reference | Literal:
        char = self._skip_blanks()
        start = self._at
        if char in ("'", '"'):
            return Literal(self._quoted())
        if char == "$":
            raise SyntaxFault("a variable cannot stand here", start, _BARE_HINT)
        typed = _TYPE.match(self._text, start)
        if not typed:
            return self._literal()
        self._at = typed.end()
        params: tuple[Template, ...] = ()
        if typed[2] == "(":
            params = self._params(depth)
            if self._skip_blanks() != ":":
                return Reference(typed[1], params, (), start)
            self._at += 1
        return Reference(typed[1], params, self._argument("},", depth), start)

    def _literal(self) -> Literal:
        start = self._at
        word = _WORD.match(self._text, start)
        if not word:
            raise SyntaxFault("a value is missing here", start, _QUOTES_HINT)
        self._at = word.end()
        if word[0] in _LITERALS:
            return Literal(_LITERALS[word[0]])
        if not _NUMBER.fullmatch(word[0]):
            raise SyntaxFault(f"`{word[0]}` is no value", start, _QUOTES_HINT)
        number = float(word[0])
        return Literal(int(number) if number.is_integer() else number)

    def _params(self, depth: int) -> tuple[Template, ...]:
        opening = self._at
        params: list[Template] = []
        while True:
            params.append(self._argument(",)}", depth))
            end = self._skip_blanks()
            self._at += 1
            if end == ")":
                return tuple(params)
            if end != ",":
                raise SyntaxFault("this `(` has no closing `)`", opening - 1)

    def _argument(self, stops: str, depth: int) -> Template:
        char = self._skip_blanks()
        start = self._at
        if char in ("'", '"'):
            return (Text(self._quoted(), start + 1),)
        return _stripped(self.template(stops, depth + 1))

    def _quoted(self) -> str:
        start, quote = self._at, self._text[self._at]
        end = start + 1
        while end < len(self._text) and self._text[end] != quote:
            end += 2 if quote == '"' and self._text[end] == "\\" else 1
        if end >= len(self._text):
            raise SyntaxFault("this quote is never closed", start)
        self._at = end + 1
        if quote == "'":
            return self._text[start + 1 : end]
        try:
            return well_formed(str(json.loads(self._text[start : self._at])))
        except ValueError:
            raise SyntaxFault("this is no text as JSON writes it", start) from None

    def _skip_blanks(self) -> str:
        """Go to the next character that is not whitespace, and return it; empty at the end."""
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        return self._text[self._at : self._at + 1]


def _stripped(template: Template) -> Template:
    """Drop the whitespace at the end; at the start there is none."""
    last = template[-1] if template else None
    if not isinstance(last, Text):
        return template
    text = last.text.rstrip()
    return (*template[:-1], *((last._replace(text=text),) if text else ()))
