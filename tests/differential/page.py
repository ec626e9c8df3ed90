"""docs/differential.md: each case, what it comes to, and where the two differ."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterable, Sequence

from tests.differential.cases import CHAPTERS
from tests.differential.comparison import Comparison, Outcome
from tests.differential.differences import DIFFERENCES


INTRODUCTION = """\
# The Python worker and Lambda's runtime, side by side

`make differential` writes this page. It runs each handler below twice: in Bellwire's worker, and in
[awslambdaric](https://github.com/aws/aws-lambda-python-runtime-interface-client) {version}, the
client that Lambda's managed Python runtimes run, on Bellwire's Runtime API, with {python}.
Results and error documents are compared byte for byte, logs message for message; `make test` does
it too. Left out are times, addresses, and the runtime's own frames in a traceback. The handlers are
in [tests/differential](../tests/differential).

{count} cases; {same} come to the same in both. The others say what differs, with Bellwire's side
first, and why.
"""
PYTHON = f"Python {sys.version_info.major}.{sys.version_info.minor}"
_CELL = 80


def render(comparisons: Sequence[Comparison], version: str) -> str:
    """Return the page; `version` is that of awslambdaric."""
    same = sum(not each.differing for each in comparisons)
    parts = [INTRODUCTION.format(version=version, python=PYTHON, count=len(comparisons), same=same)]
    for chapter, title in CHAPTERS.items():
        lines = [f"## {title}", "", "| case | | outcome | in both |", "|---|---|---|---|"]
        lines += [row(each) for each in comparisons if each.case.chapter == chapter]
        parts.append("\n".join([*lines, ""]))
    return "\n".join(parts)


def row(comparison: Comparison) -> str:
    """Return the line of one case."""
    case, verdict = comparison.case, "same"
    if comparison.differing:
        difference = DIFFERENCES.get(case.name)
        reason = difference.reason if difference else "no reason is given"
        verdict = f"differs: {reason}. {_shown_difference(comparison)}"
    return f"| `{case.name}` | {_escaped(case.what)} | {_outcome(comparison.ours)} | {verdict} |"


def _outcome(outcome: Outcome) -> str:
    """Return a result, or the type and message of an error, and how much was logged."""
    if not outcome.failed:
        shown = _code(outcome.payload)
    else:
        document = json.loads(outcome.payload)
        message = document["errorMessage"].partition("Error: ")
        shown = f"{document['errorType']}: {_code(message[2] or message[0])}"
    return shown + _logged(len(outcome.messages))


def _logged(count: int) -> str:
    match count:
        case 0:
            return ""
        case 1:
            return "; 1 message"
        case _:
            return f"; {count} messages"


def _shown_difference(comparison: Comparison) -> str:
    ours, theirs = comparison.ours, comparison.theirs
    if (ours.payload, ours.failed) != (theirs.payload, theirs.failed):
        return f"{_outcome(ours)} · {_outcome(theirs)}"
    lines = [
        line
        for line in difflib.ndiff(theirs.messages, ours.messages)
        if line.startswith(("+ ", "- ")) and line[2:].strip()
    ]
    shown = lines[0]
    side = "only here" if shown.startswith("+") else "only there"
    return f"{side}: {_code(shown[2:])}"


def _code(text: str) -> str:
    """Return a text as code in a cell of a table, cut where it is long."""
    if not text:
        return "no bytes"
    if len(text) > _CELL:
        text = f"{text[:_CELL]}… ({len(text)} characters)"
    quotes = "``" if "`" in text else "`"
    return f"{quotes}{_visible(text)}{quotes}"


def _visible(text: str) -> str:
    made = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
    return _escaped(made)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def rows(text: str) -> list[str]:
    """Return the lines of a page's tables."""
    return [line for line in text.splitlines() if line.startswith("| `")]


def problems(comparisons: Iterable[Comparison]) -> list[str]:
    """Return what differs and should not, and what should and does not; empty when all is well."""
    found = []
    for comparison in comparisons:
        name, differing = comparison.case.name, comparison.differing
        listed = DIFFERENCES[name].aspects if name in DIFFERENCES else frozenset()
        if differing != listed:
            was, ought = (", ".join(sorted(each)) or "nothing" for each in (differing, listed))
            found.append(f"{name}: {was} differs, and {ought} is listed. {row(comparison)}")
    return found
