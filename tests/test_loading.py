"""A service loaded as a whole: what is said of its rules."""

from __future__ import annotations

from pathlib import Path

from bellwire import loading
from bellwire.settings import Settings


SERVICE = """\
service: shown
provider: {name: aws, runtime: python3.11}
functions:
  hear:
    handler: handler.hear
    events:
      - iot: {sql: "SELECT clientid() AS c, principal() AS p FROM 'a/#'", name: who}
      - iot: {sql: "SELECT isUndefined(a) AS a FROM 'a/#'", name: newer}
"""


def test_rules_are_told_what_the_broker_does_not_know_and_the_version_has_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "serverless.yml").write_text(SERVICE)
    (tmp_path / "handler.py").write_text("def hear(event, context): ...\n")
    loaded = loading.load(Settings(directory=tmp_path), {})
    told = [finding.message for finding in loaded.findings if "rule " in finding.message]
    unknown = "the NATS broker does not tell who published or how, so it is always"
    assert told == [
        f"rule who uses clientid(): {unknown} n/a here",
        f"rule who uses principal(): {unknown} Undefined here",
        "rule newer: isUndefined(): not in version 2015-10-08, which is AWS's default; set "
        "sqlVersion: '2016-03-23'",
    ]
