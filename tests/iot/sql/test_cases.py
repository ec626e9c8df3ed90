"""Every case of tests/cases/sql: a statement, a message, what comes out."""

from __future__ import annotations

from tests.sql_cases import Case, differs


def test_case(case: Case) -> None:
    assert differs(case) is None
