"""Words for messages: what was meant, and what stands there."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from bellwire.definition.nodes import MappingNode, Node, SequenceNode, value_text


_LONGEST_WORD = 80
_CUTOFF = 0.65
"""How alike two words must be, from 0 to 1, by difflib: `ulr` and `url` are."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was most likely meant, None if none is near."""
    if len(word) > _LONGEST_WORD:
        return None
    by_lower = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=_CUTOFF)
    return by_lower[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the hint `did you mean …?`, None if no known word is near."""
    found = nearest(word, known)
    return f"did you mean `{found}`?" if found else None


def listed(words: Iterable[str]) -> str:
    """Return words as `a`, `b` and `c`."""
    quoted = [f"`{word}`" for word in words]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def clipped(text: str) -> str:
    """Return a text short enough for a message, in backquotes."""
    line = "".join(char if char.isprintable() else "\ufffd" for char in " ".join(text.split()))
    return f"`{line}`" if len(line) <= _LONGEST_WORD else f"`{line[: _LONGEST_WORD - 1]}…`"


def described(node: Node) -> str:
    """Say what a value is, for `expected …, not …`."""
    if isinstance(node, SequenceNode):
        return "a list"
    if isinstance(node, MappingNode):
        return "a map"
    if node.value is None:
        return "empty"
    if node.value == "":
        return "an empty text"
    return clipped(value_text(node.value))
