"""Tokens → tree: recursive descent, with the precedence of the operators as data.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-reference.html
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from difflib import get_close_matches
from typing import NoReturn, TypeVar

from bellwire.errors import SqlSyntaxError
from bellwire.iot.sql.lexer import Kind, Token, tokenize
from bellwire.iot.sql.nodes import (
    Array,
    Binary,
    Call,
    Case,
    Cast,
    Exists,
    Index,
    Item,
    Literal,
    Member,
    Name,
    Node,
    Object,
    Query,
    Selection,
    Star,
    Statement,
    Unary,
    Variable,
)
from bellwire.iot.sql.values import CONTEXT


Part = TypeVar("Part")

# Loosest first. AWS does not document the precedence; this agrees with every statement we know.
_LEVELS: tuple[dict[str, str], ...] = (
    {"OR": "OR"},
    {"AND": "AND"},
    {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "IN": "IN"},
    {"+": "+", "-": "-"},
    {"*": "*", "/": "/", "%": "%"},
)
_NOT_ABOVE = 2
"""NOT binds looser than the level of this index: `NOT a = b` is `NOT (a = b)`."""
_COMPARISONS = 2

_CONSTANTS: dict[str, bool | None] = {"TRUE": True, "FALSE": False, "NULL": None}
_DEPTH = 48
"""How deep parentheses, arguments and queries may nest. Ours: what Python's stack bears."""
_HEIGHT = 250
"""Highest tree: each operator and member of a row adds one. Ours, for the same reason."""
_INT_DIGITS = 34
"""Digits of an Int [docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html]."""
_REFUSED = {
    "==": "write = to compare",
    "--": "IoT SQL has no comments; two minus signs need a space between them",
    "//": "IoT SQL has no comments",
    "NOT": "write NOT (a IN b)",
    "LIKE": "use regexp_matches(), startswith() or endswith()",
    "BETWEEN": "write a >= 1 AND a <= 2",
    "IS": "use isNull() or isUndefined()",
    "GROUP": "a rule sees one message at a time",
    "ORDER": "a rule sees one message at a time",
    "LIMIT": "a rule sees one message at a time",
    "JOIN": "a rule reads one topic filter",
}


def parse_statement(sql: str) -> Statement:
    """Parse a statement; raises SqlSyntaxError, which knows the place of the fault."""
    return _Parser(sql).statement()


def parse_expression(text: str) -> Node:
    """Parse an expression that stands alone, as in `${…}`; raises SqlSyntaxError."""
    return _Parser(text).whole_expression()


class _Parser:
    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._tokens = tokenize(sql)
        self._next = 0
        self._depth = 0

    # Statement

    def statement(self) -> Statement:
        variables = self._variables() if self._take_word("SET") else ()
        self._expect_word("SELECT")
        selection = self._selection()
        source, source_position = None, self._token.position
        if self._take_word("FROM"):
            source_position = self._token.position
            source = self._topic_filter()
        where = self._expression() if self._take_word("WHERE") else None
        if self._token.kind != "end":
            self._fail_at_end(has_source=source is not None)
        statement = Statement(variables, selection, source, source_position, where)
        self._check_height(statement)
        return statement

    def whole_expression(self) -> Node:
        node = self._expression()
        if self._token.kind != "end":
            self._fail("the expression should end here", self._token)
        self._check_height(node)
        return node

    def _variables(self) -> tuple[tuple[str, Node], ...]:
        variables: dict[str, Node] = {}
        while True:
            token = self._token
            name = self._expect("variable", "a variable, as @name")
            if name in variables:
                self._fail(f"@{name} is set twice", token)
            self._expect_symbol("=")
            variables[name] = self._expression()
            if not self._take_symbol(","):
                return tuple(variables.items())

    def _selection(self) -> Selection:
        if self._is_word("VALUE") and not self._is_value_a_name():
            self._next += 1
            value = self._expression()
            if self._is_symbol(","):
                self._fail("SELECT VALUE takes one expression", self._token)
            return Selection((), value)
        items = [self._item()]
        while self._take_symbol(","):
            if self._is_word("FROM"):
                break  # AWS takes a comma before FROM
            items.append(self._item())
        return Selection(tuple(items), None)

    def _is_value_a_name(self) -> bool:
        """Tell `SELECT value` and `SELECT value[0]` from `SELECT VALUE a` and `VALUE [a, b]`."""
        token = self._token
        following = self._tokens[self._next + 1]
        if following.text == "[":
            return following.position == token.position + token.length
        if following.text == "*" and following.kind == "symbol":
            return self._is_factor(self._tokens[self._next + 2])
        return self._follows(*_AFTER_A_NAME)

    def _is_factor(self, token: Token) -> bool:
        """Tell the factor of `value * 2` from what follows in `VALUE * FROM` and `VALUE *.a`."""
        if token.kind == "word":
            return token.text.upper() not in ("FROM", "WHERE", "AND", "OR", "IN")
        return token.kind in ("number", "string", "variable") or token.text == "("

    def _item(self) -> Item:
        start = self._token.position
        expression = self._expression()
        last = self._tokens[self._next - 1]
        text = self._sql[start : last.position + last.length]
        alias: list[str] = []
        if self._take_word("AS"):
            if self._is_word("FROM") and not self._follows(".", ",", "FROM"):
                self._fail("an alias is missing before FROM", self._token)
            alias.append(self._name("an alias"))
            while self._take_symbol("."):
                alias.append(self._name("the rest of the alias"))
        return Item(expression, tuple(alias) or None, text)

    def _topic_filter(self) -> str:
        token = self._token
        if token.kind not in ("string", "word"):
            self._fail("FROM needs a topic filter in quotes", token)
        self._next += 1
        return token.text

    # Expressions

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > _DEPTH:
            self._fail(f"nested more than {_DEPTH} levels deep", self._token)
        node = self._level(0)
        self._depth -= 1
        return node

    def _level(self, level: int) -> Node:
        if level == _NOT_ABOVE and self._is_word("NOT"):
            return self._not()
        if level == len(_LEVELS):
            return self._unary()
        node = self._level(level + 1)
        while (operator := self._operator(_LEVELS[level])) is not None:
            position = self._tokens[self._next - 1].position
            node = Binary(position, operator, node, self._level(level + 1))
            if level == _COMPARISONS and self._operator(_LEVELS[level]) is not None:
                self._next -= 1
                self._fail("comparisons cannot be chained", self._token, "join them with AND")
        return node

    def _not(self) -> Node:
        positions = []
        while self._is_word("NOT"):
            positions.append(self._token.position)
            self._next += 1
        node = self._level(_NOT_ABOVE)
        for position in reversed(positions):
            node = Unary(position, "NOT", node)
        return node

    def _operator(self, operators: dict[str, str]) -> str | None:
        token = self._token
        if token.kind not in ("symbol", "word"):
            return None
        found = operators.get(token.text.upper())
        if found is not None:
            self._next += 1
        return found

    def _unary(self) -> Node:
        positions = []
        while self._is_symbol("-"):
            positions.append(self._token.position)
            self._next += 1
        node = self._postfix(self._primary())
        for position in reversed(positions):
            node = Unary(position, "-", node)
        return node

    def _postfix(self, node: Node) -> Node:
        while True:
            position = self._token.position
            if self._take_symbol("."):
                node = Member(position, node, self._name("the name of a member"))
            elif self._take_symbol("["):
                index = self._expression()
                self._expect_symbol("]")
                node = Index(position, node, index)
            else:
                break
        return node

    def _primary(self) -> Node:
        token = self._token
        match token.kind:
            case "number":
                self._next += 1
                return Literal(token.position, self._number(token))
            case "string":
                self._next += 1
                return Literal(token.position, token.text)
            case "variable":
                self._next += 1
                return Variable(token.position, token.text)
            case "word":
                return self._word(token)
            case "symbol" if token.text in _OPENINGS:
                self._next += 1
                return _OPENINGS[token.text](self, token)
            case _:
                self._fail("an expression is missing here", token)

    def _number(self, token: Token) -> int | Decimal:
        if token.text.isdigit() and token.length <= _INT_DIGITS:
            return int(token.text)
        number = CONTEXT.create_decimal(token.text)
        if not number.is_finite():
            self._fail("this number is larger than 9.999E999, the largest of AWS", token)
        return number

    def _word(self, token: Token) -> Node:
        keyword = token.text.upper()
        if keyword == "SELECT":
            return self._query()
        if keyword == "CASE" and not self._follows(".", ",", "=", ")", "AS", "FROM", ""):
            self._next += 1
            return self._case(token)
        if keyword in _NEVER_NAMES:
            self._fail(f"an expression is missing before {keyword}", token)
        if self._follows("("):
            self._next += 2
            if keyword == "CAST":
                return self._cast(token)
            if keyword == "EXISTS":
                return self._exists(token)
            return Call(token.position, token.text, self._arguments())
        if keyword in _CONSTANTS:
            self._next += 1
            return Literal(token.position, _CONSTANTS[keyword])
        self._next += 1
        return Name(token.position, token.text)

    def _group(self, token: Token) -> Node:
        node = self._expression()
        self._expect_symbol(")")
        return node

    def _star(self, token: Token) -> Node:
        return Star(token.position)

    def _array(self, token: Token) -> Node:
        return Array(token.position, tuple(self._listed("]", self._expression)))

    def _object(self, token: Token) -> Node:
        return Object(token.position, tuple(self._listed("}", self._pair)))

    def _pair(self) -> tuple[str, Node]:
        token = self._token
        if token.kind not in ("string", "word"):
            self._fail("a key is missing here", token, "write {'key': value}")
        self._next += 1
        self._expect_symbol(":")
        return token.text, self._expression()

    def _arguments(self) -> tuple[Node, ...]:
        return tuple(self._listed(")", self._expression))

    def _listed(self, closing: str, part: Callable[[], Part]) -> list[Part]:
        parts: list[Part] = []
        while not self._take_symbol(closing):
            parts.append(part())
            if not self._take_symbol(","):
                self._expect_symbol(closing)
                break
        return parts

    def _cast(self, token: Token) -> Node:
        operand = self._expression()
        self._expect_word("AS")
        kind = self._name("a type").lower()
        self._expect_symbol(")")
        return Cast(token.position, operand, kind)

    def _case(self, token: Token) -> Node:
        subject = self._expression()
        branches = []
        while self._take_word("WHEN"):
            test = self._expression()
            self._expect_word("THEN")
            branches.append((test, self._expression()))
        if not branches:
            self._fail("CASE needs at least one WHEN", self._token)
        otherwise = self._expression() if self._take_word("ELSE") else None
        self._expect_word("END")
        return Case(token.position, subject, tuple(branches), otherwise)

    def _exists(self, token: Token) -> Node:
        query = self._query()
        self._expect_symbol(")")
        return Exists(token.position, query)

    def _query(self) -> Query:
        position = self._token.position
        self._expect_word("SELECT")
        selection = self._selection()
        self._expect_word("FROM")
        source = self._postfix(self._primary())
        alias = self._name("an alias") if self._take_word("AS") else None
        where = self._expression() if self._take_word("WHERE") else None
        return Query(position, selection, source, alias, where)

    # Tokens

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _is_word(self, keyword: str) -> bool:
        token = self._token
        return token.kind == "word" and token.text.upper() == keyword

    def _is_symbol(self, text: str) -> bool:
        token = self._token
        return token.kind == "symbol" and token.text == text

    def _follows(self, *texts: str) -> bool:
        """Tell whether the token after this one is one of these symbols or keywords."""
        if self._token.kind == "end":
            return False
        following = self._tokens[self._next + 1]
        return following.kind in ("word", "symbol", "end") and following.text.upper() in texts

    def _take_word(self, keyword: str) -> bool:
        taken = self._is_word(keyword)
        self._next += taken
        return taken

    def _take_symbol(self, text: str) -> bool:
        taken = self._is_symbol(text)
        self._next += taken
        return taken

    def _expect_word(self, keyword: str) -> None:
        if not self._take_word(keyword):
            token = self._token
            near = get_close_matches(token.text.upper(), [keyword], cutoff=0.6)
            self._fail(f"{keyword} expected", token, f"did you mean {keyword}?" if near else None)

    def _expect_symbol(self, text: str) -> None:
        if not self._take_symbol(text):
            self._fail(f"'{text}' expected", self._token)

    def _expect(self, kind: Kind, what: str) -> str:
        token = self._token
        if token.kind != kind:
            self._fail(f"{what} expected", token)
        self._next += 1
        return token.text

    def _name(self, what: str) -> str:
        return self._expect("word", what)

    def _fail(self, message: str, token: Token, hint: str | None = None) -> NoReturn:
        keyword = token.text.upper() if token.kind in ("word", "symbol") else ""
        raise SqlSyntaxError(
            message,
            sql=self._sql,
            position=token.position,
            length=token.length,
            hint=hint or _REFUSED.get(keyword),
        )

    def _check_height(self, whole: Node | Statement) -> None:
        waiting: list[tuple[object, int]] = [(whole, 0)]
        while waiting:
            part, height = waiting.pop()
            if isinstance(part, Node):
                height += 1
                if height > _HEIGHT:
                    message = f"more than {_HEIGHT} operators and members build on one another"
                    raise SqlSyntaxError(message, sql=self._sql, position=part.position)
            if isinstance(part, tuple):
                waiting += [(each, height) for each in part]
            elif isinstance(part, Node | Item | Selection | Statement):
                waiting += [(getattr(part, name), height) for name in part.__slots__]

    def _fail_at_end(self, *, has_source: bool) -> NoReturn:
        token = self._token
        if token.kind == "word" and token.text.upper() in _REFUSED and token.text.upper() != "NOT":
            self._fail(f"{token.text.upper()} is not part of IoT SQL", token)
        expected = ("WHERE",) if has_source else ("FROM", "WHERE", "AS")
        near = get_close_matches(token.text.upper(), expected, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else None
        self._fail(f"the statement should end here, or go on with {expected[0]}", token, hint)


_NEVER_NAMES = frozenset(["FROM", "WHERE", "AND", "OR", "NOT", "AS", "THEN", "WHEN", "ELSE", "END"])
_AFTER_A_NAME = frozenset(
    {"", ",", ".", "AS", "FROM", "WHERE"}.union(*_LEVELS).difference(("*", "-"))
)
"""What makes the word VALUE a name: nothing of this can begin an expression."""

_OPENINGS: dict[str, Callable[[_Parser, Token], Node]] = {
    "(": _Parser._group,
    "[": _Parser._array,
    "{": _Parser._object,
    "*": _Parser._star,
}
