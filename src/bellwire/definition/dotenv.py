"""`.env` files, which `useDotenv: true` reads for `${env:…}`.

They mean here what they mean to the Serverless Framework, that is, to the libraries dotenv and
dotenv-expand of Node.js: other readers of such files differ in quotes, escapes and `$NAME`
[www.serverless.com/framework/docs/environment-variables].
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bellwire.definition.suggestion import clipped
from bellwire.errors import DefinitionError, Place
from bellwire.limits import DEFINITION_BYTES, VARIABLE_DEPTH


_ASSIGNMENT = re.compile(
    r"""
    ^ [^\S\n]* (?: export [^\S\n]+ )? (?P<name> [A-Za-z0-9_.-]+ ) (?: \s*=[^\S\n]* | :[^\S\n]+ )
    (?: (?P<quoted> (?P<quote> ['"`] ) (?: \\(?P=quote) | (?!(?P=quote)). )* (?P=quote) )
        (?= [^\S\n]* (?: \# [^\n]* )? $ )
      | (?P<plain> [^#\n]* )
    )
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
"""A quoted value may have several lines; any other ends with its line, or at a `#`."""

_REFERENCE = re.compile(r"(?<!\\)\$(?:\{(?P<braced>[^{}]+)\}|(?P<name>[A-Za-z_][A-Za-z0-9_]*))")
_OPERATOR = re.compile(r":?[-+]")


def read_dotenv(directory: Path, stage: str, env: Mapping[str, str]) -> dict[str, str]:
    """Return `env` with the variables of the folder's `.env.{stage}`, or of `.env` without one.

    What `env` holds wins, but for what is empty there. Raises DefinitionError, which shows no
    value: they may be secrets.
    """
    for name in (f".env.{stage}", ".env"):
        text = _read(directory / name)
        if text is not None:
            return _Expansion(parse_dotenv(text), env, str(directory / name)).environment()
    return dict(env)


def parse_dotenv(text: str) -> dict[str, str]:
    """Return the variables of a `.env` file as they are written there, quotes removed."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return {found["name"]: _unquoted(found) for found in _ASSIGNMENT.finditer(lines)}


def _read(file: Path) -> str | None:
    try:
        with file.open("rb") as stream:
            data = stream.read(DEFINITION_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DefinitionError(f"{file} cannot be read: {error.strerror}") from None
    if len(data) > DEFINITION_BYTES:
        raise DefinitionError(f"{file} is larger than {DEFINITION_BYTES // 1024} KiB")
    return data.decode("utf-8-sig", "replace")


def _unquoted(found: re.Match[str]) -> str:
    value = (found["quoted"] or found["plain"]).strip()
    content = value
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"`":
        content = value[1:-1]
    if value.startswith('"'):
        content = content.replace("\\n", "\n").replace("\\r", "\r")
    return content


class _Expansion:
    """Replaces `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+value}` in one file's values."""

    def __init__(self, values: Mapping[str, str], env: Mapping[str, str], file: str) -> None:
        self._values = values
        self._env = env
        self._place = Place(file, 1, 1)
        self._known: dict[str, str] = {}
        self._open: list[str] = []
        self._size = 0

    def environment(self) -> dict[str, str]:
        """Return the environment with the file's variables."""
        finished = {
            name: self._env.get(name) or self._opened(name, text).replace("\\$", "$")
            for name, text in self._values.items()
        }
        return {**self._env, **finished}

    def _value(self, name: str) -> str:
        """Return what a reference stands for; empty if there is nothing, or itself again."""
        if name in self._open:
            return ""
        if name not in self._known:
            text = self._env.get(name, self._values.get(name, ""))
            self._known[name] = self._opened(name, text)
        return self._known[name]

    def _opened(self, name: str, text: str) -> str:
        if len(self._open) >= VARIABLE_DEPTH:
            raise self._too_much("leads over too many others")
        self._open.append(name)
        text = self._expanded(text)
        self._open.pop()
        return text

    def _expanded(self, text: str) -> str:
        # The innermost first, so that a default may hold variables.
        for _ in range(VARIABLE_DEPTH):
            text, count = _REFERENCE.subn(self._replaced, text)
            if not count:
                return text
        raise self._too_much("is nested too deeply")

    def _replaced(self, found: re.Match[str]) -> str:
        expression = found["braced"] or found["name"]
        operator = _OPERATOR.search(expression)
        if operator is None:
            text = self._value(expression)
        else:
            value = self._value(expression[: operator.start()])
            other = expression[operator.end() :]
            text = (other if value else "") if operator[0].endswith("+") else (value or other)
        self._size += len(text)
        if self._size > DEFINITION_BYTES:
            raise self._too_much("is too long")
        return text

    def _too_much(self, why: str) -> DefinitionError:
        return DefinitionError(f"the variable {clipped(self._open[0])} {why}", place=self._place)
