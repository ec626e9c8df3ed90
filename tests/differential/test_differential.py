"""Bellwire's worker does what Lambda's runtime does, or the difference is listed and shown."""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
from pathlib import Path

import pytest

from tests.differential import page
from tests.differential.cases import Case, cases
from tests.differential.comparison import Comparison, Outcome, compare
from tests.differential.differences import DIFFERENCES
from tests.differential.telemetry import decode_messages


PAGE = Path(__file__).parents[2] / "docs" / "differential.md"


@pytest.fixture(scope="module")
def comparisons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Comparison]:
    """All cases, run once."""
    if importlib.util.find_spec("awslambdaric") is None:
        pytest.skip("awslambdaric, which is for Linux only, is not installed")
    found = asyncio.run(compare(cases(), tmp_path_factory.mktemp("service")))
    return {each.case.name: each for each in found}


@pytest.mark.parametrize("name", [case.name for case in cases()])
def test_the_worker_does_what_lambda_does(comparisons: dict[str, Comparison], name: str) -> None:
    assert page.problems([comparisons[name]]) == []


def test_names_are_those_of_cases_and_no_case_has_two() -> None:
    names = [case.name for case in cases()]
    assert len(names) == len(set(names))
    assert set(DIFFERENCES) - set(names) == set()


def test_the_page_says_what_is_so(comparisons: dict[str, Comparison]) -> None:
    text = PAGE.read_text()
    version = importlib.metadata.version("awslambdaric")
    fresh = page.render(list(comparisons.values()), version)
    if page.PYTHON in text:
        assert page.rows(text) == page.rows(fresh)
    else:  # another Python words some errors in another way
        assert [verdict(row) for row in page.rows(text)] == [
            verdict(row) for row in page.rows(fresh)
        ]
    assert f"{len(comparisons)} cases;" in text


def verdict(row: str) -> list[str]:
    """The name of a case, what it is, and whether it comes to the same in both."""
    _, name, what, *_, last, _ = row.split(" | ")
    return [name, what, last.partition(":")[0]]


def made(ours: Outcome, theirs: Outcome, name: str = "result-nothing") -> Comparison:
    return Comparison(Case(name, "Nothing", "results", "h.f", b"1"), ours, theirs)


def test_a_difference_that_is_not_listed_is_a_problem() -> None:
    outcome = Outcome("1", False, ("a",))
    assert page.problems([made(outcome, outcome)]) == []
    [problem] = page.problems([made(outcome, Outcome("1", False, ("b",)))])
    assert problem.startswith("result-nothing: log differs, and nothing is listed.")
    [problem] = page.problems([made(outcome, Outcome("2", False, ("a",)))])
    assert problem.startswith("result-nothing: result differs, and nothing is listed.")


def test_a_listed_difference_that_is_none_is_a_problem() -> None:
    outcome = Outcome("1", False, ())
    [problem] = page.problems([made(outcome, outcome, "around-modules-imported")])
    assert problem.startswith("around-modules-imported: nothing differs, and result is listed.")


def frame(message: bytes, kind: int = 0xA55A0017) -> bytes:
    return b"".join((kind.to_bytes(4, "big"), len(message).to_bytes(4, "big"), bytes(8), message))


def test_records_and_output_are_read_in_order() -> None:
    data = b"one\ntw" + frame(b"record\nof two\n\n") + b"o\n" + frame("ä".encode()) + b"end"
    assert decode_messages(data) == ["one", "record\nof two", "two", "ä", "end"]
    assert decode_messages(b"") == []
