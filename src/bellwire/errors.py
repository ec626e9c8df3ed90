"""Every error Bellwire raises on purpose. The type says whose fault it is.

BellwireError
 ├─ DefinitionError        the service's files: file, line, column, hint
 │   ├─ UnknownKeyError            a key or name that does not exist, with the nearest one
 │   ├─ UnresolvedVariableError    a `${…}` that leads nowhere
 │   ├─ SqlSyntaxError             an IoT SQL statement; knows the position in it
 │   └─ UnsupportedFeatureError    valid on AWS, not built here (yet)
 ├─ CallerError            the caller of an API: HTTP status and AWS error code
 │   ├─ BadRequestError            400
 │   ├─ ForbiddenError             403
 │   ├─ NotFoundError              404
 │   ├─ GoneError                  410
 │   ├─ PayloadTooLargeError       413
 │   └─ TooManyRequestsError       429
 ├─ StartError             the node cannot start here: a port in use, a folder nobody may write
 └─ UpstreamError          something Bellwire leans on: the bus, a broker; says if a retry may help
     └─ BusError

A bug is any other exception. `bellwire` prints the first four as one sentence and a hint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class BellwireError(Exception):
    """The root: a sentence that says what is wrong, and a hint that says what to do."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


_EXCERPT_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file; `line` and `column` count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class DefinitionError(BellwireError):
    """The service's files are wrong at a known place."""

    def __init__(
        self, message: str, *, place: Place | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.place = place

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class UnknownKeyError(DefinitionError):
    """A key or a name that does not exist; the hint names the nearest that does."""


class UnresolvedVariableError(DefinitionError):
    """A `${…}` variable that leads nowhere."""


class UnsupportedFeatureError(DefinitionError):
    """Valid on AWS, not built here: refused when loaded, never ignored."""


class SqlSyntaxError(DefinitionError):
    """An IoT SQL statement that AWS would refuse with SqlParseException.

    `position` is the 0-based offset in `sql`, `length` the number of characters at fault.
    `excerpt()` shows the line of the statement with the fault underlined, cut where it is long.
    """

    def __init__(
        self,
        message: str,
        *,
        sql: str,
        position: int,
        length: int = 1,
        place: Place | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, place=place, hint=hint)
        self.sql = sql
        self.position = position
        self.length = max(length, 1)

    def at(self, place: Place) -> SqlSyntaxError:
        """Return the same error, placed in the file that holds the statement."""
        return SqlSyntaxError(
            self.message,
            sql=self.sql,
            position=self.position,
            length=self.length,
            place=place,
            hint=self.hint,
        )

    def excerpt(self) -> str:
        """Return two lines: the statement's line at fault, and carets under the fault."""
        start = self.sql.rfind("\n", 0, self.position) + 1
        end = self.sql.find("\n", self.position)
        line = self.sql[start : end if end >= 0 else len(self.sql)]
        offset = self.position - start
        if len(line) > _EXCERPT_CHARACTERS:
            cut = max(0, offset - _EXCERPT_CHARACTERS // 2)
            line = f"…{line[cut : cut + _EXCERPT_CHARACTERS]}…"
            offset += 1 - cut
        carets = "^" * max(1, min(self.length, len(line) - offset))
        blank = "".join("\t" if character == "\t" else " " for character in line[:offset])
        return f"{line}\n{blank.ljust(offset)}{carets}"


class CallerError(BellwireError):
    """The caller of one of our APIs did something wrong; answered with `status`."""

    status: ClassVar[int] = 400
    aws_code: ClassVar[str] = "BadRequestException"


class BadRequestError(CallerError):
    """400: the request does not have the form the API asks for."""


class ForbiddenError(CallerError):
    """403: not allowed, or no such API or stage."""

    status = 403
    aws_code = "ForbiddenException"


class NotFoundError(CallerError):
    """404: the named resource does not exist."""

    status = 404
    aws_code = "ResourceNotFoundException"


class GoneError(CallerError):
    """410: the connection no longer exists, or is not open yet."""

    status = 410
    aws_code = "GoneException"


class PayloadTooLargeError(CallerError):
    """413: larger than the API accepts."""

    status = 413
    aws_code = "PayloadTooLargeException"


class TooManyRequestsError(CallerError):
    """429: a bound has been reached; try again later."""

    status = 429
    aws_code = "TooManyRequestsException"


class StartError(BellwireError):
    """The node cannot start on this machine as asked."""


class UpstreamError(BellwireError):
    """Something outside this program failed; `retryable` says if trying again may help."""

    def __init__(self, message: str, *, retryable: bool, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retryable = retryable


class BusError(UpstreamError):
    """NATS is unreachable or refused a request."""
