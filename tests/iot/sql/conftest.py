"""The SQL cases of tests/cases/sql, given to the tests that ask for one."""

from __future__ import annotations

from tests.sql_cases import all_cases


def pytest_generate_tests(metafunc: object) -> None:
    """Give `case` every case of tests/cases/sql."""
    if "case" in getattr(metafunc, "fixturenames", ()):
        cases = all_cases()
        metafunc.parametrize("case", cases, ids=[case.place for case in cases])  # type: ignore[attr-defined]
