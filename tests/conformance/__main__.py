"""`python -m tests.conformance`: run all there is, and write docs/conformance.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from tests.conformance import page, runner
from tests.conformance.autobahn import suite
from tests.conformance.registry import chapters
from tests.conformance.session import Target
from tests.conformance.targets import PLUGIN, Bellwire, ServerlessOffline


PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
AUTOBAHN = Path(__file__).parent / "autobahn"


def run_checks(make: Callable[[], Target]) -> dict[str, runner.Result]:
    """Run every check against a target; print what it does not meet."""
    target = make()
    results: dict[str, runner.Result] = {}
    try:
        for check, result in runner.run(target, chapters()):
            results[check.name] = result
    finally:
        target.stop()
    met = sum(result.verdict == "ok" for result in results.values())
    print(f"{target.name}: {met} of {len(results)} requirements met", flush=True)
    return results


def run_autobahn() -> dict[str, suite.Outcome]:
    """Run the Autobahn test suite against a node; print how it went."""
    target = Bellwire(AUTOBAHN)
    try:
        outcomes = suite.run(target.start("service").websocket_url)
    finally:
        target.stop()
    failed = suite.failures(outcomes)
    print(f"Autobahn: {len(outcomes)} cases, {len(failed)} failed", flush=True)
    return outcomes


def main() -> int:
    """Run the checks and Autobahn; return 1 where Bellwire fails."""
    results = run_checks(Bellwire)
    problems = [
        f"{name}: {result.words}" for name, result in results.items() if result.verdict != "ok"
    ]
    missing = []
    if ServerlessOffline.is_installed():
        peer = run_checks(ServerlessOffline)
    else:
        missing.append("serverless-offline is not installed: sh tests/tools/setup.sh peers")
    if suite.is_installed():
        outcomes = run_autobahn()
        problems += [
            f"Autobahn {case}: {words}" for case, words in suite.failures(outcomes).items()
        ]
    else:
        missing.append("the Autobahn test suite is not installed: it needs a Python 2.7")
    if missing:
        print(f"{PAGE.name} is left as it is: {'; '.join(missing)}")
    else:
        version = json.loads((PLUGIN / "package.json").read_text())["version"]
        PAGE.write_text(page.render(chapters(), results, peer, version, outcomes))
        print(f"written: docs/{PAGE.name}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
