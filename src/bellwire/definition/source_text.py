"""Where each character of a scalar stands in its file.

YAML strips indentation, folds lines and undoes escapes, and variables replace parts of a text; an
error inside a SQL statement still has to name the line and column that the user sees. The parser
says only where a scalar starts, so its words are found again: words stand in the file in the same
order and with the same characters, but for escapes in quotes. Between words only whitespace
differs.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from operator import attrgetter
from typing import NamedTuple

from bellwire.definition.model import TextRun, TopicRule
from bellwire.definition.nodes import ScalarNode, Written
from bellwire.errors import Place


class Position(NamedTuple):
    """A line and a column, both from 1."""

    line: int
    column: int


_BREAKS = frozenset("\r\n\x85\u2028\u2029")
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_PROPERTIES = re.compile(r"(?:[&!][^\s]*\s+)*")
_BLOCK_HEADER = re.compile(r"[|>][^\r\n]*(?:\r\n|[\r\n])?")
_DOUBLE_UNIT = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r\n|[\s\S])|[\s\S]"
)
_SINGLE_UNIT = re.compile(r"''|[\s\S]")
_PLAIN_UNIT = re.compile(r"[\s\S]")
_UNITS = {'"': _DOUBLE_UNIT, "'": _SINGLE_UNIT}
_BLANK_ESCAPES = {"\\" + char for char in ("\r\n", *"tnvfrN_LP \t\n\r")}
"""Escapes in double quotes that stand for whitespace, or join two lines."""


def sql_position(rule: TopicRule, offset: int) -> Place:
    """Return where character `offset` (from 0) of a rule's `sql` stands in the file.

    An offset at the end of `sql` is the place after its last character.
    """
    return text_position(rule.sql_place, rule.sql_runs, offset)


def text_position(start: Place, runs: tuple[TextRun, ...], offset: int) -> Place:
    """Return where character `offset` of a text stands that starts at `start`."""
    if not runs:
        return Place(start.file, start.line, start.column + offset)
    run = runs[max(0, bisect_right(runs, offset, key=attrgetter("offset")) - 1)]
    column = run.column + (offset - run.offset if run.steps else 0)
    return Place(start.file, run.line, column)


def place_of(node: ScalarNode, offset: int) -> Place:
    """Return where character `offset` of a scalar, as written in its file, stands."""
    if node.written is None:
        return node.place
    positions = _written_positions(node.written, node.place)
    if offset < len(positions):
        return Place(node.place.file, *positions[offset])
    return node.place


def positions_of(node: ScalarNode) -> list[Position]:
    """Return where each character of a scalar's text stands, variables replaced."""
    text = str(node.value)
    if node.written is None:
        return [Position(node.place.line, node.place.column)] * len(text)
    written = _written_positions(node.written, node.place)
    if not node.pieces:
        return written
    found: list[Position] = []
    for piece in node.pieces:
        if piece.replaced:
            found += [written[piece.offset]] * piece.length
        else:
            found += written[piece.offset : piece.offset + piece.length]
    return found


def runs_of(positions: list[Position]) -> tuple[TextRun, ...]:
    """Return the positions of a text's characters in their short form."""
    runs: list[TextRun] = []
    for offset, (line, column) in enumerate(positions):
        run = runs[-1] if runs else None
        if run and run.line == line:
            ahead = offset - run.offset
            if run.steps and column == run.column + ahead:
                continue
            if column == run.column and (ahead == 1 or not run.steps):
                runs[-1] = run._replace(steps=False)
                continue
        runs.append(TextRun(offset, line, column, True))
    return tuple(runs)


def _written_positions(written: Written, place: Place) -> list[Position]:
    """Return where each character of the content stands, of a scalar that starts at `place`."""
    cursor = _Cursor(written, place)
    positions: list[Position] = []
    for is_word, run in _words(written.content):
        if is_word:
            positions += [cursor.take() for _ in run]
        else:
            before = positions[-1] if positions else None
            positions += _between(run, before, cursor.seek())
    return positions


def _words(text: str) -> list[tuple[bool, str]]:
    """Split a text into its words and the whitespace around them."""
    return [(not run.isspace(), run) for run in re.findall(r"\s+|\S+", text)]


def _between(blanks: str, before: Position | None, after: Position) -> list[Position]:
    """Place whitespace: on the line of the word before it; indentation on that of the next."""
    indented = len(blanks) - (blanks.rfind("\n") + 1) if "\n" in blanks else 0
    if before is None:
        indented = len(blanks)
    elif before.line == after.line:
        indented = 0
    start = before or after
    left = [Position(start.line, start.column + 1 + i) for i in range(len(blanks) - indented)]
    right = [Position(after.line, max(1, after.column - indented + i)) for i in range(indented)]
    return left + right


class _Cursor:
    """Walks over the characters of a scalar in its file, one word character at a time."""

    def __init__(self, written: Written, place: Place) -> None:
        self._text = written.source.text
        self._unit = _UNITS.get(written.style, _PLAIN_UNIT)
        index = _end(_PROPERTIES, self._text, written.start)
        if written.style in ("|", ">"):
            index = _end(_BLOCK_HEADER, self._text, index)
        elif written.style:
            index += 1
        self._index = index
        breaks = [found.end() for found in _BREAK.finditer(self._text, written.start, index)]
        self._line = place.line + len(breaks)
        self._line_start = breaks[-1] if breaks else written.start - place.column + 1

    def seek(self) -> Position:
        """Go to the next word character, and return where it is."""
        while self._index < len(self._text):
            unit = self._here()
            if not _is_blank(unit):
                break
            self._pass(unit)
        return Position(self._line, self._index - self._line_start + 1)

    def take(self) -> Position:
        """Return where the next word character is, and go past it."""
        position = self.seek()
        self._pass(self._here())
        return position

    def _here(self) -> str:
        found = self._unit.match(self._text, self._index)
        return found[0] if found else ""

    def _pass(self, unit: str) -> None:
        self._index += len(unit)
        if unit[-1:] in _BREAKS and not self._inside_break():
            self._line += 1
            self._line_start = self._index

    def _inside_break(self) -> bool:
        return self._text[self._index - 1 : self._index + 1] == "\r\n"


def _is_blank(unit: str) -> bool:
    if len(unit) > 2 and unit[1] in "xuU":
        return chr(int(unit[2:], 16)).isspace()
    return unit.isspace() or unit in _BLANK_ESCAPES


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start
