"""Drives the Autobahn test suite's fuzzing client against a node and reads its report.

https://github.com/crossbario/autobahn-testsuite
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


WSTEST = Path(__file__).parent / ".venv" / "wstest" / "bin" / "wstest"
WITHIN_S = 300

GROUPS = {
    "1": "Framing",
    "2": "Pings and pongs",
    "3": "Reserved bits",
    "4": "Opcodes",
    "5": "Fragmentation",
    "6": "UTF-8",
    "7": "Closing",
    "9": "Limits and speed, to 16 MiB",
    "10": "Frames cut up by TCP",
    "12": "Compression",
    "13": "Compression, parameters",
}
BINARY = ("1.2.", "9.2.", "9.4.", "9.6.", "9.8.")
"""The groups of cases that want a binary frame echoed; API Gateway closes with 1003."""


class Outcome(NamedTuple):
    """What became of a case: one of `VERDICTS`, and Autobahn's own words."""

    verdict: str
    words: str


PASSED, INFORMATIONAL, REFUSED, UNIMPLEMENTED, FAILED = VERDICTS = (
    "OK or non-strict",
    "informational",
    "binary, closed with 1003",
    "not negotiated",
    "failed",
)


def is_installed() -> bool:
    """Tell whether setup.sh has found a Python 2.7."""
    return WSTEST.exists()


def run(url: str) -> dict[str, Outcome]:
    """Run all cases against a server that echoes text; return their outcomes by case."""
    with tempfile.TemporaryDirectory(prefix="autobahn-") as folder:
        specification = Path(folder) / "spec.json"
        report = Path(folder) / "report"
        document = {
            "outdir": str(report),
            "servers": [{"agent": "Bellwire", "url": url}],
            "cases": ["*"],
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        specification.write_text(json.dumps(document))
        subprocess.run(
            [str(WSTEST), "--mode", "fuzzingclient", "--spec", str(specification)],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=WITHIN_S,
        )
        cases = json.loads((report / "index.json").read_text())["Bellwire"]
    return {case: judge(case, found) for case, found in cases.items()}


def judge(case: str, found: Mapping[str, object]) -> Outcome:
    """Return what a case's entry in Autobahn's report means here."""
    behavior, closing = str(found["behavior"]), str(found["behaviorClose"])
    words = f"{behavior}, closing {closing}, code {found['remoteCloseCode']}"
    if case.startswith(BINARY):
        refused = found["remoteCloseCode"] == 1003
        return Outcome(REFUSED if refused else FAILED, words)
    if closing not in ("OK", "INFORMATIONAL"):
        return Outcome(FAILED, words)
    if case.startswith(("12.", "13.")):
        return Outcome(UNIMPLEMENTED if behavior == "UNIMPLEMENTED" else FAILED, words)
    verdicts = {"OK": PASSED, "NON-STRICT": PASSED, "INFORMATIONAL": INFORMATIONAL}
    return Outcome(verdicts.get(behavior, FAILED), words)


def by_group(outcomes: Mapping[str, Outcome]) -> dict[str, Counter[str]]:
    """Count the verdicts of each group of cases, every group of `GROUPS` in its order."""
    counts: dict[str, Counter[str]] = {group: Counter() for group in GROUPS}
    for case, outcome in outcomes.items():
        counts[case.partition(".")[0]][outcome.verdict] += 1
    return counts


def failures(outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    """Return Autobahn's words for each case that failed."""
    return {case: one.words for case, one in outcomes.items() if one.verdict == FAILED}
