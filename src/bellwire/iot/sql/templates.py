"""Substitution templates: texts with `${expression}` in them, for the parameters of actions.

The expressions see the message as it came, and the variables of SET; not what SELECT made of it.
https://docs.aws.amazon.com/iot/latest/developerguide/iot-substitution-templates.html
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from bellwire.errors import SqlSyntaxError
from bellwire.iot.sql.compiler import Compiler
from bellwire.iot.sql.nodes import Node
from bellwire.iot.sql.parser import parse_expression
from bellwire.iot.sql.scope import Evaluate, Scope
from bellwire.iot.sql.values import Undefined, Value, to_text


@dataclass(frozen=True, slots=True)
class Template:
    """A template ready to be filled in; the rest is as in `Compiled`."""

    parts: tuple[str | Evaluate, ...]
    newer: tuple[str, ...] = ()
    broker: tuple[str, ...] = ()
    external: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_constant(self) -> bool:
        """Whether nothing in it depends on a message."""
        return all(isinstance(part, str) for part in self.parts)

    def render(self, scope: Scope) -> str:
        """Fill it in: each value converted to String; what has none, as Undefined, is empty."""
        only = self.parts[0] if len(self.parts) == 1 else ""
        if not isinstance(only, str):  # most templates are one expression
            return _text(only(scope))
        return "".join(part if isinstance(part, str) else _text(part(scope)) for part in self.parts)


def compile_template(
    text: str, version: str, *, variables: Collection[str] = (), external: Collection[str] = ()
) -> Template:
    """Compile a template; `variables` are those that the statement sets.

    Raises SqlSyntaxError with the place in the text, and UnsupportedFeatureError as
    `compile_statement` does.
    """
    parts: list[str | Evaluate] = []
    compiler = Compiler(text, version, external, variables)
    position = 0
    while (start := text.find("${", position)) >= 0:
        end = _closing(text, start)
        parts += (text[position:start], compiler.compile(_parse(text, start + 2, end)))
        position = end + 1
    parts.append(text[position:])
    return Template(
        tuple(part for part in parts if part != ""),
        tuple(compiler.newer),
        tuple(compiler.broker),
        tuple(compiler.external),
        tuple(compiler.warnings),
    )


def _closing(text: str, start: int) -> int:
    """Return where the `}` of the `${` at `start` is: not in a string, not that of an object."""
    depth, quote = 0, ""
    for position in range(start + 2, len(text)):
        character = text[position]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "{":
            depth += 1
        elif character == "}" and depth == 0:
            return position
        elif character == "}":
            depth -= 1
    raise SqlSyntaxError(
        "${ is not closed", sql=text, position=start, length=2, hint="write ${expression}"
    )


def _parse(text: str, start: int, end: int) -> Node:
    # Spaces for what stands before: so places are those in the whole text.
    try:
        return parse_expression(" " * start + text[start:end])
    except SqlSyntaxError as error:
        raise SqlSyntaxError(
            error.message,
            sql=text,
            position=error.position,
            length=error.length,
            hint=error.hint,
        ) from None


def _text(value: Value) -> str:
    text = to_text(value)
    return "" if isinstance(text, Undefined) else text
