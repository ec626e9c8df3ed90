"""Text → tokens. Keywords are words here; what a word is, the parser decides by where it stands."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from bellwire.errors import SqlSyntaxError


Kind = Literal["word", "number", "string", "symbol", "variable", "end"]

SQL_BYTES = 256 * 1024
"""Longest statement: the size of a rule
[https://docs.aws.amazon.com/general/latest/gr/iot-core.html#rules-engine-limits]."""

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<variable>@[A-Za-z0-9_]{1,64})"
    r"|(?P<string>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")"
    r"|(?P<symbol><>|!=|<=|>=|==|--|//|[=<>+\-*/%()\[\]{},.:])"
)

# YAML can write one ("\ud800"); no JSON and no UTF-8 can.
_SURROGATE = re.compile("[\ud800-\udfff]")

# The pages of AWS also show topic filters without quotes: FROM topic/#
_BARE_FILTER = re.compile(r"[^\s'\"()]*[/#$][^\s'\"()]*")


class Token(NamedTuple):
    """A piece of the statement; `text` as written, but a string without quotes and escapes."""

    kind: Kind
    text: str
    position: int
    length: int


def tokenize(sql: str) -> list[Token]:
    """Cut a statement into tokens; the last one is the end. Raises SqlSyntaxError."""
    if len(sql.encode("utf-8", "replace")) > SQL_BYTES:
        raise SqlSyntaxError(f"a statement has at most {SQL_BYTES} bytes", sql="", position=0)
    if half := _SURROGATE.search(sql):
        message = "half of a surrogate pair is no character"
        raise SqlSyntaxError(message, sql=sql, position=half.start())
    tokens: list[Token] = []
    position = 0
    while position < len(sql):
        bare = _BARE_FILTER.match(sql, position) if _is_from(tokens) else None
        match = bare or _TOKEN.match(sql, position)
        if match is None or sql.startswith("/*", position):
            raise _unreadable(sql, position)
        length = match.end() - position
        if bare:
            tokens.append(Token("string", bare.group(), position, length))
        elif match.lastgroup != "space":
            tokens.append(_token(match, position, length))
        position = match.end()
    return [*tokens, Token("end", "", len(sql), 1)]


def _is_from(tokens: list[Token]) -> bool:
    return bool(tokens) and tokens[-1].kind == "word" and tokens[-1].text.upper() == "FROM"


def _token(match: re.Match[str], position: int, length: int) -> Token:
    text = match.group()
    if match.lastgroup == "string":
        quote = text[0]
        return Token("string", text[1:-1].replace(quote * 2, quote), position, length)
    if match.lastgroup == "variable":
        return Token("variable", text[1:], position, length)
    if match.lastgroup == "number":
        return Token("number", text, position, length)
    return Token("word" if match.lastgroup == "word" else "symbol", text, position, length)


def _unreadable(sql: str, position: int) -> SqlSyntaxError:
    if sql[position] in "'\"":
        return SqlSyntaxError(
            f"the string that starts with {sql[position]} does not end",
            sql=sql,
            position=position,
            length=len(sql) - position,
            hint="close it with the same quote; write the quote twice to have it in the string",
        )
    if sql.startswith(("/*", "#"), position):
        message, hint = "a comment", "IoT SQL has no comments"
        return SqlSyntaxError(message, sql=sql, position=position, length=2, hint=hint)
    return _strange(sql, position)


def _strange(sql: str, position: int) -> SqlSyntaxError:
    found = sql[position]
    hint = "get(*, 'a-b') reads a member of any name" if found.isalpha() else _HINTS.get(found)
    return SqlSyntaxError(
        f"{found!r} does not belong in a statement", sql=sql, position=position, hint=hint
    )


_HINTS = {
    ";": "a statement ends without a semicolon",
    "&": "write AND",
    "|": "write OR",
    "!": "write NOT",
    "$": "substitution templates are for actions; write the expression itself",
}
