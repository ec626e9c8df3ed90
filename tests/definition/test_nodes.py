from __future__ import annotations

import pytest

from bellwire.definition.nodes import Value, value_text, well_formed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        ("as it is ", "as it is "),
        (0, "0"),
        (-0.0, "0"),
        (7, "7"),
        (1.0, "1"),
        (1.5, "1.5"),
        (-12.25, "-12.25"),
        (1000.0, "1000"),
        # JavaScript numbers are doubles.
        (12345678901234567890, "12345678901234567000"),
        (100000000000000000000, "100000000000000000000"),
        (10**21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (0.000001, "0.000001"),
        (1.5e-7, "1.5e-7"),
        (-2e-10, "-2e-10"),
    ],
)
def test_a_value_becomes_the_text_that_javascript_makes_of_it(value: Value, text: str) -> None:
    assert value_text(value) == text


def test_half_a_surrogate_pair_is_replaced() -> None:
    assert well_formed("ascii") == "ascii"
    assert well_formed("é😀") == "é😀"
    assert well_formed("a\ud83db\ude00") == "a\ufffdb\ufffd"
    assert well_formed("\ud83d\ude00") == "😀"
