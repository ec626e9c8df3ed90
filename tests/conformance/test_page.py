"""docs/conformance.md cannot rot: it lists what is checked, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conformance import page
from tests.conformance.autobahn import suite
from tests.conformance.documents import AN_ID, expect
from tests.conformance.registry import chapters
from tests.conformance.runner import Result


PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


def listed(text: str) -> list[str]:
    """Return titles and requirements as they stand on a page, without the results."""
    lines = re.findall(r"^## (?!The wire).*$|^\| `[^`]+` \| .*?\]\([^)]+\) \|", text, re.MULTILINE)
    return [str(line) for line in lines]


def test_the_page_lists_exactly_the_checks() -> None:
    results = {check.name: Result("ok") for chapter in chapters() for check in chapter.checks}
    fresh = page.render(chapters(), results, results, "1.2.3", {})
    assert listed(PAGE.read_text()) == listed(fresh)


def test_the_page_says_what_differs() -> None:
    checks = [check for chapter in chapters() for check in chapter.checks]
    results = {check.name: Result("ok") for check in checks}
    peer = results | {checks[0].name: Result("differs", "a | b")}
    text = page.render(chapters(), results, peer, "1.2.3", {"7.1.5": suite.Outcome("failed", "no")})
    assert "| ok | differs: a \\| b |" in text
    assert "- 7.1.5: no" in text
    assert f"| serverless-offline | {len(checks) - 1} | 1 | 0 |" in text


def entry(behavior: str, closing: str = "OK", code: int | None = 1000) -> dict[str, object]:
    return {"behavior": behavior, "behaviorClose": closing, "remoteCloseCode": code}


@pytest.mark.parametrize(
    ("case", "found", "verdict"),
    [
        ("1.1.1", entry("OK"), suite.PASSED),
        ("6.4.1", entry("NON-STRICT"), suite.PASSED),
        ("7.13.1", entry("INFORMATIONAL", "INFORMATIONAL"), suite.INFORMATIONAL),
        ("7.1.5", entry("OK", "WRONG CODE", 1002), suite.FAILED),
        ("1.1.1", entry("FAILED", "OK", None), suite.FAILED),
        ("1.1.1", entry("UNIMPLEMENTED"), suite.FAILED),
        ("1.2.1", entry("FAILED", "FAILED", 1003), suite.REFUSED),
        ("9.8.6", entry("OK"), suite.FAILED),
        ("9.8.6", entry("FAILED", "FAILED", 1009), suite.FAILED),
        ("12.1.1", entry("UNIMPLEMENTED"), suite.UNIMPLEMENTED),
        ("13.7.18", entry("OK"), suite.FAILED),
    ],
)
def test_an_entry_of_autobahns_report_has_one_verdict(
    case: str, found: dict[str, object], verdict: str
) -> None:
    assert suite.judge(case, found).verdict == verdict


@pytest.mark.parametrize(
    ("actual", "expected", "words"),
    [
        ("a", "b", "it: `a`, not `b`"),
        (True, 1, "it: `True`, not `1`"),
        ("short", AN_ID, "it: `short`, not an id of 16 characters"),
        ({"a": 1}, {"b": {"c": 2}}, "it lacks `b`; adds `a`"),
        ({"b": {"c": 1}}, {"b": {"c": 2}}, "it has another `b.c`"),
    ],
)
def test_a_difference_is_told_in_a_few_words(actual: object, expected: object, words: str) -> None:
    with pytest.raises(AssertionError) as raised:
        expect(actual, expected, "it")
    assert str(raised.value) == words
