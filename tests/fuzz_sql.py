"""`make fuzz`: statements that were true once, cut, doubled and mixed, for a minute.

Whatever comes of them, lexer, parser, compiler and evaluation may only answer or refuse with an
error of Bellwire's; what parses is printed and parses again to the same. A failure is shrunk to the
smallest statement that fails, and ends the run with exit code 1.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from bellwire.errors import BellwireError, SqlSyntaxError
from bellwire.iot.sql.compiler import compile_statement
from bellwire.iot.sql.lexer import tokenize
from bellwire.iot.sql.parser import parse_statement
from bellwire.iot.sql.printer import print_statement
from bellwire.iot.sql.scope import Message, World
from bellwire.iot.sql.templates import compile_template
from bellwire.iot.sql.trial import Trial


CASES = Path(__file__).parent / "cases" / "sql"
EXAMPLES = 500
"""Examples of a round; the clock is looked at between rounds."""
WORLD = World(lambda bits: 2 ** (bits - 1), "123456789012", lambda question: {"a": [1, "x"]})
EXTERNAL = ("aws_lambda", "get_thing_shadow", "get_dynamodb")


def statements() -> list[str]:
    """Return the statements of the cases."""
    lines = [line for path in sorted(CASES.glob("*.sql")) for line in path.read_text().split("\n")]
    return [line.rstrip(";") for line in lines if line.startswith(("SELECT", "SET"))]


SEEDS = statements()


def mutated() -> st.SearchStrategy[str]:
    """Return statements of which pieces were cut out, doubled, or taken from others."""
    piece = st.builds(_cut, st.sampled_from(SEEDS), st.integers(0, 200), st.integers(0, 60))
    noise = st.text(max_size=4) | st.sampled_from(
        ["(", ")", "'", '"', "${", "}", "--", "NOT ", "@"]
    )
    return st.lists(piece | noise | st.sampled_from(SEEDS), min_size=1, max_size=6).map("".join)


def _cut(sql: str, start: int, length: int) -> str:
    return sql[start : start + length]


PAYLOADS = st.binary(max_size=30) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "b", "e", "n", "state", "value"]), inner, max_size=3
        )
    ),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())


def check(sql: str, payload: bytes) -> None:
    """Put a statement through everything."""
    for version in ("2015-10-08", "2016-03-23"):
        try:
            tokenize(sql)
            statement = parse_statement(sql)
            assert parse_statement(print_statement(statement)) == statement
            compile_statement(statement, sql, version, EXTERNAL)
            trial = Trial(sql, version, EXTERNAL)
            trial.run(Message("a/b", payload, 1_700_000_000_000), WORLD, explain=True)
        except SqlSyntaxError as error:
            if not 0 <= error.position <= len(sql):
                raise
            error.excerpt()
        except BellwireError:
            pass
    with suppress(BellwireError):
        compile_template(sql, "2016-03-23")


def main() -> None:
    """Fuzz for so many seconds."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_sql", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=time.time_ns(), help="to see a run again")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    end = time.monotonic() + arguments.seconds
    rounds = 0
    while time.monotonic() < end:
        _round(arguments.seed + rounds)
        rounds += 1
    print(f"{rounds * EXAMPLES} statements, none failed")


def _round(number: int) -> None:
    options = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    seed(number)(options(given(mutated(), PAYLOADS)(check)))()


if __name__ == "__main__":
    main()
