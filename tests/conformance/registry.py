"""The requirements: one small function each, with its sentence and its source.

A module under `checks/` makes a `Chapter` and registers its checks with it; tests run each of
them, and docs/conformance.md lists each.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.conformance.session import Session


CheckFunction: TypeAlias = Callable[[Session], None]

_PAGES = "https://docs.aws.amazon.com/apigateway/latest/developerguide/"


def page(name: str) -> str:
    """Return the address of a page of the API Gateway Developer Guide."""
    return f"{_PAGES}{name}.html"


def issue(repository: str, number: int) -> str:
    """Return the address of an issue on GitHub, where AWS's behaviour was seen."""
    return f"https://github.com/{repository}/issues/{number}"


@dataclass(frozen=True, slots=True)
class Check:
    """A requirement and the function that shows it; raises AssertionError where it is not met."""

    name: str
    requirement: str
    source: str
    service: str
    run: CheckFunction


@dataclass(frozen=True, slots=True)
class Chapter:
    """Requirements that belong together. `service` is the one its checks run against."""

    title: str
    service: str
    checks: list[Check] = field(default_factory=list)

    def check(
        self, requirement: str, source: str, *, service: str | None = None
    ) -> Callable[[CheckFunction], CheckFunction]:
        """Register a function as the check of a requirement; `source` is a page's address."""

        def register(function: CheckFunction) -> CheckFunction:
            name = function.__name__.replace("_", "-")
            self.checks.append(Check(name, requirement, source, service or self.service, function))
            return function

        return register


CHAPTERS = (
    "routes",
    "events",
    "opening",
    "authorizers",
    "callers",
    "messages",
    "integrations",
    "connections",
    "management",
    "stages",
)
"""The modules under `checks/`, in the order of the page."""


def chapters() -> list[Chapter]:
    """Return all chapters."""
    chapters: list[Chapter] = [
        importlib.import_module(f"tests.conformance.checks.{name}").CHAPTER for name in CHAPTERS
    ]
    return chapters
