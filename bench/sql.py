"""IoT SQL: nanoseconds for one evaluation of typical statements, and what reading a message adds.

The goal of DESIGN is 2 µs for the first, on a parsed message.
"""

from __future__ import annotations

import secrets
import time

from bellwire.definition.model import TopicRule
from bellwire.errors import Place
from bellwire.iot.rules import compile_rule
from bellwire.iot.sql.compiler import compile_statement
from bellwire.iot.sql.parser import parse_statement
from bellwire.iot.sql.scope import Message, World


VERSION = "2016-03-23"
PAYLOAD = (
    b'{"a":21.5,"b":{"c":"on"},"e":7,"value":{"temperature":21.5,"humidity":60},"thing":"t-1",'
    b'"readings":[{"n":"temperature","v":22.5},{"n":"light","v":135},{"n":"sound","v":14}]}'
)
STATEMENTS = {
    "SELECT a, b.c AS d WHERE e > 3": "SELECT a, b.c AS d FROM 'devices/+/p' WHERE e > 3",
    "SELECT topic(2) AS id, * AS payload": (
        "SELECT topic(2) AS device_id, * AS payload FROM 'devices/+/p'"
    ),
    "arithmetic, a text function, a comparison of texts": (
        "SELECT (a - 32) * 5 / 9 AS celsius, upper(b.c) AS c FROM 'devices/+/p' "
        "WHERE b.c = 'on' AND NOT isUndefined(thing)"
    ),
    "a nested query": (
        "SELECT get((SELECT VALUE v FROM readings WHERE n = 'light'), 0) AS light "
        "FROM 'devices/+/p'"
    ),
    "CASE, encode, a regular expression": (
        "SELECT CASE e > 5 WHEN TRUE THEN 'high' ELSE 'low' END AS level, encode(thing, 'base64') "
        "AS data FROM 'devices/+/p' WHERE regexp_matches(thing, '^t-[0-9]+$')"
    ),
}
ROUNDS = 20_000


def run() -> dict[tuple[str, str], float]:
    """Evaluate each statement many times; the message is parsed once, but for the last figure."""
    message = Message("devices/t-1/p", PAYLOAD, 1_700_000_000_000)
    world = World(secrets.randbits, "000000000000")
    figures = {
        (name, "ns"): _evaluation_ns(sql, message, world) for name, sql in STATEMENTS.items()
    }
    first = next(iter(STATEMENTS.values()))
    figures["the first, from bytes to the function's event", "ns"] = _rule_ns(first, message, world)
    return figures


def _evaluation_ns(sql: str, message: Message, world: World) -> float:
    compiled = compile_statement(parse_statement(sql), sql, VERSION)
    scope = compiled.scope(message, world)
    fires, select = compiled.fires, compiled.select
    started = time.perf_counter_ns()
    for _ in range(ROUNDS):
        if fires(scope):
            select(scope)
    return (time.perf_counter_ns() - started) / ROUNDS


def _rule_ns(sql: str, message: Message, world: World) -> float:
    place = Place("serverless.yml", 1, 1)
    rule = compile_rule(TopicRule("r", sql, VERSION, (), None, True, "", place))
    started = time.perf_counter_ns()
    for _ in range(ROUNDS):
        rule.evaluate(message, world)
    return (time.perf_counter_ns() - started) / ROUNDS
