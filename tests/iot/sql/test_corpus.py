"""Real statements: all parse, and what Bellwire has not is said by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from bellwire.errors import UnsupportedFeatureError
from bellwire.iot.sql.compiler import compile_statement
from bellwire.iot.sql.functions import EXTERNAL_FUNCTIONS
from bellwire.iot.sql.parser import parse_statement


CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "iot_sql.txt"
VERSION = "2016-03-23"


@pytest.fixture(scope="module")
def corpus() -> list[str]:
    if not CORPUS.exists():
        pytest.skip("the corpus of real statements is not beside us")
    statements = CORPUS.read_text().splitlines()
    assert len(statements) > 80
    return statements


def test_every_real_statement_compiles_or_names_the_function_it_needs(corpus: list[str]) -> None:
    for sql in corpus:
        statement = parse_statement(sql)
        needs = [name for name in EXTERNAL_FUNCTIONS if f"{name}(" in sql]
        if needs:
            with pytest.raises(UnsupportedFeatureError, match=rf"{needs[0]}\(\)"):
                compile_statement(statement, sql, VERSION)
        assert compile_statement(statement, sql, VERSION, needs).external == tuple(needs)
