"""Which lines of a function's output its application level lets through, in JSON format.

docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

from bellwire.definition.model import Logging


_DEFAULT = "INFO"
_LEVELS: Mapping[str, int] = MappingProxyType(
    {"TRACE": 5, "DEBUG": 10, "INFO": 20, "WARN": 30, "ERROR": 40, "FATAL": 50}
    # as Python's logging names them
    | {"WARNING": 30, "CRITICAL": 50}
)


def is_shown(text: str, logging: Logging) -> bool:
    """Tell whether a line that the function wrote belongs in its log.

    In JSON format Lambda drops what is below the application level; a line that is no JSON object,
    or has no `level` that Lambda knows, counts as INFO. In Text nothing is dropped.
    """
    if logging.format == "Text":
        return True
    return _level_of(text) >= _LEVELS[logging.application_level or _DEFAULT]


def _level_of(text: str) -> int:
    if text.startswith("{") and '"level"' in text:
        try:
            return _LEVELS[json.loads(text)["level"].upper()]
        except (ValueError, RecursionError, LookupError, AttributeError):
            pass
    return _LEVELS[_DEFAULT]
