"""Nested queries: what they may look at is bounded, whatever a message holds."""

from __future__ import annotations

import time

import orjson
import pytest

from bellwire.iot.sql.scope import Message, World
from bellwire.iot.sql.trial import Trial


def result(sql: str, message: object) -> object:
    trial = Trial(sql, "2016-03-23")
    output = trial.run(Message("t", orjson.dumps(message), 0), World(lambda bits: 0)).output
    assert output is not None
    return orjson.loads(output)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT VALUE (SELECT VALUE a FROM @l) FROM @l",
        "SELECT VALUE 1 FROM list WHERE @l = @l",
        "SELECT VALUE 1 FROM list WHERE 'x' IN @l",
        "SELECT VALUE @l + '' FROM list",
        "SELECT VALUE o.list FROM list AS i",
        "SELECT VALUE (SELECT VALUE i IN o.list FROM o.list AS i) FROM w AS o",
    ],
)
def test_what_would_look_at_the_square_of_a_message_is_undefined(query: str) -> None:
    elements = [{"a": n} for n in range(8000)]
    message = {"list": elements, "w": [{"list": elements}]}
    started = time.perf_counter()
    result(f"SET @l = list SELECT ({query}) AS r, 1 AS one FROM 't'", message)
    assert time.perf_counter() - started < 5


def test_small_values_from_outside_cost_nothing() -> None:
    numbers = [{"n": n} for n in range(8000)]
    message = {"list": numbers, "least": {"n": 4000}}
    found = result(
        "SET @l = least SELECT (SELECT VALUE n FROM list WHERE n >= @l.n) AS r FROM 't'", message
    )
    assert found == {"r": list(range(4000, 8000))}


def test_an_outer_element_is_seen_from_the_inner_query() -> None:
    message = {"rooms": [{"name": str(n), "devices": [{"id": n}] * 20} for n in range(1000)]}
    found = result(
        "SELECT (SELECT VALUE (SELECT VALUE r.name + d.id FROM r.devices AS d) FROM rooms AS r) AS "
        "r FROM 't'",
        message,
    )
    assert found == {"r": [[f"{n}{n}"] * 20 for n in range(1000)]}


def test_the_message_is_not_changed_by_a_dotted_alias() -> None:
    sql = "SELECT *, 1 AS o.a, o AS copy FROM 't'"
    assert result(sql, {"o": {"b": 2}}) == {"o": {"b": 2, "a": 1}, "copy": {"b": 2}}
