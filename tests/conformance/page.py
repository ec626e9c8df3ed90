"""docs/conformance.md: what AWS requires, what Bellwire does, what serverless-offline does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.conformance.autobahn import suite
from tests.conformance.registry import Chapter, Check
from tests.conformance.runner import Result


Results = Mapping[str, Result]
"""Results by the name of the check."""

INTRODUCTION = """\
# Conformance with API Gateway

`make conformance` writes this page. It runs each requirement below against a real `bellwire run`,
and against serverless-offline {peer}, both started as their users start them, with the services in
[tests/conformance/services](../tests/conformance/services) and public clients: websockets, boto3,
bare sockets. `make test` runs the same checks against Bellwire. A link leads to the page of AWS's
documentation, or to the issue in which AWS's behaviour was seen. Where AWS says nothing, the line
begins with "Our choice"; [choices.md](choices.md) gives the reasons.

Shown is: ok · differs, and what was done instead · not offered, where the feature does not exist.
"""

AUTOBAHN = """\
## The wire: Autobahn

The fuzzing client of the
[Autobahn test suite](https://github.com/crossbario/autobahn-testsuite) talks to a node whose
`$default` route [echoes text](../tests/conformance/autobahn/service); its limits are raised to
32 MiB. API Gateway takes no binary frames, so the cases that want one echoed must end with close
code 1003, and are counted apart. Compression (12, 13) is not negotiated.
"""


def render(
    chapters: Iterable[Chapter],
    bellwire: Results,
    peer: Results,
    peer_version: str,
    outcomes: Mapping[str, suite.Outcome],
) -> str:
    """Return the page."""
    parts = [INTRODUCTION.format(peer=peer_version), summary(bellwire, peer)]
    parts += [_chapter(chapter, bellwire, peer) for chapter in chapters]
    parts.append(_autobahn(outcomes))
    return "\n".join(parts)


def summary(bellwire: Results, peer: Results) -> str:
    """Return how many requirements each of the two meets."""
    lines = ["| | ok | differs | not offered |", "|---|---|---|---|"]
    for name, results in (("Bellwire", bellwire), ("serverless-offline", peer)):
        counts = [
            sum(result.verdict == verdict for result in results.values())
            for verdict in ("ok", "differs", "not offered")
        ]
        lines.append(f"| {name} | {' | '.join(map(str, counts))} |")
    return "\n".join([*lines, ""])


def _chapter(chapter: Chapter, bellwire: Results, peer: Results) -> str:
    lines = [
        f"## {chapter.title}",
        "",
        "| | requirement | Bellwire | serverless-offline |",
        "|---|---|---|---|",
    ]
    lines += [_line(check, bellwire[check.name], peer[check.name]) for check in chapter.checks]
    return "\n".join([*lines, ""])


def _line(check: Check, bellwire: Result, peer: Result) -> str:
    label = "AWS" if "docs.aws" in check.source else "seen"
    if "datatracker" in check.source:
        label = "RFC"
    requirement = f"{_cell(check.requirement)} [{label}]({check.source})"
    return f"| `{check.name}` | {requirement} | {_result(bellwire)} | {_result(peer)} |"


def _result(result: Result) -> str:
    match result.verdict:
        case "differs":
            return f"differs: {_cell(result.words)}"
        case "not offered":
            return "not offered"
        case verdict:
            return verdict


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _autobahn(outcomes: Mapping[str, suite.Outcome]) -> str:
    verdicts = list(suite.VERDICTS)
    lines = [AUTOBAHN, f"| group | {' | '.join(verdicts)} |", f"|---{'|---' * len(verdicts)}|"]
    for group, counts in suite.by_group(outcomes).items():
        cells = " | ".join(str(counts[verdict] or "") for verdict in verdicts)
        lines.append(f"| {group} {suite.GROUPS[group]} | {cells} |")
    failed = [f"- {case}: {words}" for case, words in suite.failures(outcomes).items()]
    return "\n".join([*lines, "", *(["Failed:", "", *failed, ""] if failed else [])])
