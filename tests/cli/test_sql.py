"""`bellwire sql`: the result on stdout, why there is none on stderr, the exit code."""

from __future__ import annotations

import subprocess
import sys
from typing import NamedTuple


class Ran(NamedTuple):
    code: int
    stdout: str
    stderr: str


def sql(*arguments: str, stdin: str = "{}") -> Ran:
    ran = subprocess.run(
        [sys.executable, "-m", "bellwire", "sql", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def test_the_result_is_one_line_of_json() -> None:
    message = '{\n "a": 1,\n "b": {"c": 2.0}\n}\n'
    ran = sql("SELECT a, b.c, topic(2) AS d FROM 'x/+'", "--topic", "x/y", stdin=message)
    assert ran == Ran(0, '{"a":1,"c":2,"d":"y"}\n', "")


def test_where_does_not_hold_and_why() -> None:
    statement = "SELECT a FROM 't' WHERE a > 1 AND b = 2"
    assert sql(statement, stdin='{"a":1}') == Ran(1, "", "")
    ran = sql(statement, "-v", stdin='{"a":5}')
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.splitlines() == [
        "WHERE does not hold: it is Undefined",
        "WHERE:",
        "  a > 1 AND b = 2  Undefined",
        "    a > 1          true",
        "      a            5",
        "    b = 2          Undefined",
        "      b            Undefined",
    ]


def test_what_does_not_parse_is_underlined() -> None:
    ran = sql("SELECT a FRM 't'")
    assert (ran.code, ran.stdout) == (2, "")
    assert "             ^^^" in ran.stderr.splitlines()


def test_a_topic_that_from_does_not_take() -> None:
    ran = sql("SELECT * FROM 'a/#'", "--topic", "b")
    assert ran == Ran(1, "", "b is no topic of FROM 'a/#'\n")


def test_lines_are_messages() -> None:
    ran = sql("SELECT a FROM 't' WHERE a > 1", "--lines", stdin='{"a":1}\n\n{"a":2}\n{"a":3}')
    assert ran == Ran(0, '{"a":2}\n{"a":3}\n', "")


def test_versions_differ() -> None:
    old = sql("SELECT a, [1] AS b FROM 't'", "--sql-version", "2015-10-08", stdin='{"a":5.0}')
    assert old == Ran(
        0, '{"a":5.0,"b":[1]}\n', "warning: not in version 2015-10-08: array literals\n"
    )
    assert sql("SELECT a FROM 't'", "--sql-version", "2017-01-01").code == 2


def test_services_are_answered_by_the_caller() -> None:
    statement = "SELECT get_thing_shadow('t', 'role').on AS r FROM 't'"
    refused = sql(statement)
    assert (refused.code, refused.stdout) == (2, "")
    assert refused.stderr.splitlines()[-1] == "hint: say what it gives: --answer NAME=JSON"
    ran = sql(statement, "--answer", 'get_thing_shadow={"on":true}')
    assert ran == Ran(0, '{"r":true}\n', "")
    assert sql(statement, "--answer", "get_thing_shadow=x").code == 2
    assert sql(statement, "--answer", "upper=1").code == 2


def test_a_message_of_128_kb_that_is_no_json_has_an_answer() -> None:
    ran = sql("SELECT * FROM 't'", stdin="x" * 128 * 1024)
    assert (ran.code, ran.stdout) == (1, "")
    assert ran.stderr.startswith("the message is no JSON object or array")
