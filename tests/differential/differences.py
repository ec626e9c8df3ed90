"""Where Bellwire's worker does otherwise than Lambda's runtime, and why.

A case that is not named here must come to the same; one that is must differ in just these aspects.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.differential.cases import INITS


class Difference(NamedTuple):
    """The aspects that differ (`result`, `log`), and the reason in one sentence."""

    aspects: frozenset[str]
    reason: str


_RESULT, _LOG = frozenset({"result"}), frozenset({"log"})
_BOTH = _RESULT | _LOG

_SURROGATE = "a text that is no Unicode ends Lambda's process; here it is an error of its own"
_COROUTINE = (
    "the error says what is wrong; Python's remark about it, which names a line of the runtime, "
    "is left out"
)
_TOO_LARGE = (
    "Lambda's process hears of it from the Runtime API and ends; here it checks by itself and lives"
)
_NOT_JSON = (
    "Lambda's runtime reads with another parser; no caller notices, as Invoke refuses what is no "
    "JSON"
)
_WARNING = (
    "Lambda's runtime also logs a `LAMBDA_WARNING` about its managed updates, which are not here"
)


_FAILING_INITS = {
    name
    for name in INITS
    if name.startswith(("no-", "import-", "raises", "relative", "backslash", "built-in"))
    or name.endswith("-error")
} - {"no-function"} | {"nul-byte", "module-getattr"}

DIFFERENCES: dict[str, Difference] = {
    "result-lone-surrogate": Difference(_BOTH, _SURROGATE),
    "result-lone-surrogate-key": Difference(_BOTH, _SURROGATE),
    "result-surrogate-pair": Difference(_BOTH, _SURROGATE),
    "event-lone-surrogate": Difference(_BOTH, _SURROGATE),
    "failure-raises-surrogate": Difference(_BOTH, _SURROGATE),
    "json-failure-raises-surrogate": Difference(_BOTH, _SURROGATE),
    "result-coroutine": Difference(_LOG, _COROUTINE),
    "result-slow-coroutine": Difference(_LOG, _COROUTINE),
    "output-never-awaited": Difference(_LOG, _COROUTINE),
    "result-over-the-limit": Difference(_LOG, _TOO_LARGE),
    "result-seven-megabytes": Difference(_LOG, _TOO_LARGE),
    "event-not-a-number": Difference(_BOTH, _NOT_JSON),
    "event-byte-order-mark": Difference(_BOTH, _NOT_JSON),
    "event-control-character": Difference(_BOTH, _NOT_JSON),
    "event-no-json": Difference(_BOTH, _NOT_JSON),
    "event-trailing": Difference(_BOTH, _NOT_JSON),
    "event-depth-without-end": Difference(_BOTH, "the two parsers word it differently"),
    **{f"init-{name}": Difference(_LOG, _WARNING) for name in _FAILING_INITS},
    "output-writes-surrogate": Difference(
        _RESULT, "a frame of Lambda's own runtime ends the trace; ours writes without one"
    ),
    "around-modules-imported": Difference(
        _RESULT, "Lambda's runtime brings `simplejson`; the worker imports nothing foreign"
    ),
}
