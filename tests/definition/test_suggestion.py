from __future__ import annotations

import pytest

from bellwire.definition.nodes import MappingNode, ScalarNode, SequenceNode
from bellwire.definition.suggestion import clipped, described, did_you_mean, listed, nearest
from bellwire.errors import Place


PLACE = Place("f.yml", 1, 1)


def test_the_nearest_word_is_found_whatever_its_case() -> None:
    known = ["handler", "runtime", "memorySize"]
    assert nearest("handlr", known) == "handler"
    assert nearest("memorysize", known) == "memorySize"
    assert nearest("MemorySise", known) == "memorySize"
    assert nearest("vpc", known) is None
    assert nearest("handler" * 50, known) is None


def test_the_hint_asks() -> None:
    assert did_you_mean("handlr", ["handler"]) == "did you mean `handler`?"
    assert did_you_mean("x", ["handler"]) is None


def test_words_are_listed() -> None:
    assert listed(["a"]) == "`a`"
    assert listed(["a", "b"]) == "`a` and `b`"
    assert listed(["a", "b", "c"]) == "`a`, `b` and `c`"


def test_a_long_or_broken_text_fits_into_a_message() -> None:
    assert clipped("a\n  b") == "`a b`"
    assert clipped("\x1b[31m\0") == "`\ufffd[31m\ufffd`"
    assert clipped("x" * 80) == f"`{'x' * 80}`"
    assert clipped("x" * 81) == f"`{'x' * 79}…`"


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (SequenceNode((), PLACE), "a list"),
        (MappingNode({}, PLACE), "a map"),
        (ScalarNode(None, PLACE), "empty"),
        (ScalarNode("", PLACE), "an empty text"),
        (ScalarNode(3.5, PLACE), "`3.5`"),
        (ScalarNode(False, PLACE), "`false`"),
    ],
)
def test_a_value_is_described(node: ScalarNode | SequenceNode | MappingNode, words: str) -> None:
    assert described(node) == words
