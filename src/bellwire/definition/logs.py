"""What a function's log looks like: `functions.*.logs`, else `provider.logs.lambda`.

github.com/oss-serverless/osls/blob/main/docs/guides/functions.md
docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html
"""

from __future__ import annotations

import re
from collections.abc import Collection

from bellwire.definition.model import Logging
from bellwire.definition.suggestion import clipped
from bellwire.definition.values import Fields
from bellwire.definition.vocabulary import LAMBDA_LOGS_KEYS
from bellwire.errors import DefinitionError


_APPLICATION_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_SYSTEM_LEVELS = ("DEBUG", "INFO", "WARN")
_DEFAULT_LEVEL = "INFO"
_GROUP = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
"""[docs.aws.amazon.com/lambda/latest/api/API_LoggingConfig.html]"""


def read_logging(function: Fields, provider: Fields) -> Logging:
    """Read how a function logs; its own settings replace the provider's. Raises DefinitionError."""
    fields = function.fields("logs") or _provided(provider)
    if fields is None:
        return Logging()
    fields.check_keys(LAMBDA_LOGS_KEYS)
    log_format = _word(fields, "logFormat", ("Text", "JSON"))
    application = _word(fields, "applicationLogLevel", _APPLICATION_LEVELS)
    system = _word(fields, "systemLogLevel", _SYSTEM_LEVELS)
    group = _group(fields)
    if log_format == "JSON":
        return Logging("JSON", application or _DEFAULT_LEVEL, system or _DEFAULT_LEVEL, group)
    if application or system:
        key = "applicationLogLevel" if application else "systemLogLevel"
        raise DefinitionError(
            f"`{fields.path(key)}` is for JSON logs: Lambda does not filter others",
            place=fields.place(key),
            hint="write `logFormat: JSON` beside it",
        )
    return Logging(group=group)


def _provided(provider: Fields) -> Fields | None:
    logs = provider.fields("logs")
    return logs.fields("lambda") if logs else None


def _word(fields: Fields, key: str, words: Collection[str]) -> str | None:
    text = fields.text(key)
    if text is not None and text not in words:
        raise DefinitionError(
            f"`{fields.path(key)}` must be one of {', '.join(words)}, not {clipped(text)}",
            place=fields.place(key),
        )
    return text


def _group(fields: Fields) -> str | None:
    group = fields.text("logGroup")
    if group is not None and not _GROUP.fullmatch(group):
        raise DefinitionError(
            f"{clipped(group)} is no name for a log group: up to 512 letters, digits, "
            "`.`, `-`, `_`, `/` and `#`",
            place=fields.place("logGroup"),
        )
    return group
