"""docs/iot-sql.md says what the cases say, of every feature and function."""

from __future__ import annotations

import pytest

from bellwire.iot.sql.functions import NAMES
from tests.sql_page import FEATURES, PAGE, Read, page, read_all


@pytest.fixture(scope="module")
def reads() -> list[Read]:
    return read_all()


def test_the_page_is_what_make_sql_page_writes(reads: list[Read]) -> None:
    assert PAGE.read_text() == page(reads)


def test_every_function_has_cases(reads: list[Read]) -> None:
    shown = {name for read in reads for name in read.functions}
    assert NAMES - shown == set()


def test_every_feature_has_cases(reads: list[Read]) -> None:
    assert [name for name, (_, shows) in FEATURES.items() if not any(map(shows, reads))] == []
