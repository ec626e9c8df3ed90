"""docs/choices.md names every check that holds Bellwire to a choice of its own, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conformance.registry import chapters


CHOICES = Path(__file__).parents[2] / "docs" / "choices.md"


def checks_named() -> set[str]:
    rows = re.findall(r"^\| (?!point).*\| ([^|]*) \|$", CHOICES.read_text(), re.MULTILINE)
    return {name for cell in rows for name in re.findall(r"`([^`]+)`", cell)}


def test_every_choice_that_is_checked_is_explained() -> None:
    checks = [check for chapter in chapters() for check in chapter.checks]
    chosen = {check.name for check in checks if "our choice" in check.requirement.lower()}
    assert chosen - checks_named() == set()


def test_every_check_that_is_named_exists() -> None:
    names = {check.name for chapter in chapters() for check in chapter.checks}
    assert checks_named() - names == set()
