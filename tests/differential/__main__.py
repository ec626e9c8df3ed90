"""`python -m tests.differential`: run all cases under both, and write docs/differential.md."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from tests.differential import page
from tests.differential.cases import cases
from tests.differential.comparison import compare


PAGE = Path(__file__).parents[2] / "docs" / "differential.md"


def main() -> int:
    """Run the cases and write the page; return 1 where something differs that is not listed."""
    with TemporaryDirectory(prefix="bellwire-differential-") as folder:
        comparisons = uvloop.run(compare(cases(), Path(folder)))
    PAGE.write_text(page.render(comparisons, importlib.metadata.version("awslambdaric")))
    print(f"{len(comparisons)} cases; written: docs/{PAGE.name}")
    problems = page.problems(comparisons)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
