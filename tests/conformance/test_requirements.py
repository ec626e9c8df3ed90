"""Each requirement of AWS's documentation, shown on a real node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.registry import Check, chapters
from tests.conformance.session import Session, Target
from tests.conformance.targets import Bellwire


CHECKS = [check for chapter in chapters() for check in chapter.checks]


@pytest.fixture(scope="module")
def bellwire() -> Iterator[Target]:
    target = Bellwire()
    yield target
    target.stop()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.name))
def test_bellwire_meets_the_requirement(check: Check, bellwire: Target) -> None:
    with Session(bellwire, check.service) as session:
        check.run(session)


def test_no_two_checks_have_one_name() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)


def test_every_check_says_what_aws_says_and_where() -> None:
    for check in CHECKS:
        assert check.requirement.endswith("."), check
        assert check.source.startswith(
            (
                "https://docs.aws.amazon.com/apigateway",
                "https://github.com/",
                "https://datatracker.",
            )
        ), check
