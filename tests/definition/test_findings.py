from __future__ import annotations

from bellwire.definition.findings import Findings
from bellwire.definition.model import Finding
from bellwire.errors import Place


def at(line: int) -> Place:
    return Place("serverless.yml", line, 1)


def test_each_thing_is_said_once() -> None:
    findings = Findings()
    findings.skip_key("", "plugins", at(1))
    findings.skip_event("http", at(2))
    findings.skip_event("stream", at(3))
    findings.skip_event("http", at(4))
    findings.skip_key("", "package", at(5))
    findings.skip_key("functions.*", "vpc", at(6))
    findings.skip_key("functions.*", "vpc", at(7))
    findings.notice("doubtful", at(8), "a hint")
    findings.notice("doubtful", at(8), "a hint")
    assert findings.all() == (
        Finding("doubtful", at(8), "a hint"),
        Finding("`http` events are not served here: skipped, 2 of them", at(2)),
        Finding("`stream` events are not served here: skipped", at(3)),
        Finding("without effect here: `plugins` and `package`", at(1)),
        Finding("without effect here: `functions.*.vpc`", at(6)),
    )
