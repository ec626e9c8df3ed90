"""How handlers fail. The first line of each says how; the page shows it."""

from __future__ import annotations

import json
import sys
import warnings
from dataclasses import dataclass, field
from typing import Any, NoReturn


def handler(event: Any, context: Any) -> Any:
    return globals()[event["do"]](event.get("event"), context)


class OwnError(Exception):
    """With a text of its own."""

    def __str__(self) -> str:
        return "own words"


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class NoText(Exception):
    def __str__(self) -> str:
        return None  # type: ignore[return-value]


class OddRepr:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def raises(event: Any, context: Any) -> NoReturn:
    """An exception"""
    raise ValueError("on purpose")


def raises_nothing(event: Any, context: Any) -> NoReturn:
    """An exception without words"""
    raise ValueError


def raises_unicode(event: Any, context: Any) -> NoReturn:
    """An exception with words of all planes and several lines"""
    raise ValueError("ä € 😀\nsecond line\n\n  indented")


def raises_surrogate(event: Any, context: Any) -> NoReturn:
    """An exception with a lone surrogate in its words"""
    raise ValueError("\ud800")


def raises_arguments(event: Any, context: Any) -> NoReturn:
    """An exception with several arguments"""
    raise ValueError("one", 2, {"three": None})


def raises_own(event: Any, context: Any) -> NoReturn:
    """An exception of one's own class"""
    raise OwnError("hidden")


def raises_local(event: Any, context: Any) -> NoReturn:
    """An exception whose class is local to a function"""

    class Local(KeyError):
        pass

    raise Local("key")


def raises_unprintable(event: Any, context: Any) -> NoReturn:
    """An exception whose __str__ raises"""
    raise Unprintable


def raises_no_text(event: Any, context: Any) -> NoReturn:
    """An exception whose __str__ returns no text"""
    raise NoText


def raises_odd_repr(event: Any, context: Any) -> Any:
    """An exception about an object whose __repr__ raises"""
    raise KeyError(OddRepr())


def raises_from(event: Any, context: Any) -> NoReturn:
    """An exception with a cause"""
    try:
        raise KeyError("first")
    except KeyError as error:
        raise RuntimeError("second") from error


def raises_while(event: Any, context: Any) -> Any:
    """An exception while another is handled"""
    try:
        json.loads("{")
    except ValueError:
        raise RuntimeError("second")  # noqa: B904  # the context is meant


def raises_noted(event: Any, context: Any) -> NoReturn:
    """An exception with notes"""
    error = ValueError("noted")
    error.add_note("a note")
    raise error


def raises_group(event: Any, context: Any) -> NoReturn:
    """A group of exceptions"""
    raise ExceptionGroup("several", [ValueError("a"), KeyError("b")])


def raises_from_library(event: Any, context: Any) -> Any:
    """An exception out of the standard library"""
    return json.loads("{]")


def raises_from_compiled(event: Any, context: Any) -> Any:
    """An exception out of compiled code"""
    return sorted([1, "a"])


def raises_import(event: Any, context: Any) -> Any:
    """An ImportError while the handler runs"""
    import no_such_module  # type: ignore[import-not-found]

    return no_such_module


def raises_warning(event: Any, context: Any) -> NoReturn:
    """A warning, raised"""
    raise DeprecationWarning("old")


def raises_stop(event: Any, context: Any) -> NoReturn:
    """StopIteration"""
    raise StopIteration


def raises_large(event: Any, context: Any) -> NoReturn:
    """An exception with words of 100 KB"""
    raise ValueError("x" * 100_000)


def raises_memory(event: Any, context: Any) -> NoReturn:
    """MemoryError"""
    raise MemoryError


def allocates(event: Any, context: Any) -> Any:
    """More memory than there can be"""
    return bytearray(2**62)


def recursion(event: Any, context: Any) -> Any:
    """A function that calls itself without end"""
    return recursion(event, context)


def divides(event: Any, context: Any) -> Any:
    """A division by zero, three frames deep"""

    def inner(number: int) -> float:
        return number / 0

    return [inner(number) for number in (1,)]


def asserts(event: Any, context: Any) -> Any:
    """An assertion"""
    assert event == "something else", "not that"


def timeout_error(event: Any, context: Any) -> NoReturn:
    """TimeoutError, which is no time-out"""
    raise TimeoutError(110, "Connection timed out")


def unserialisable_after_output(event: Any, context: Any) -> Any:
    """Output, and then a result that is no JSON"""
    print("printed")
    return object()


def raises_after_warning(event: Any, context: Any) -> NoReturn:
    """A warning shown, then an exception"""
    warnings.warn_explicit("shown", UserWarning, "somewhere.py", 7)
    raise ValueError("after it")


@dataclass
class Generated:
    value: float = field(default_factory=lambda: 1 / 0)


def raises_in_generated(event: Any, context: Any) -> Any:
    """An exception in code that has no file"""
    return Generated()


def throws_not_an_exception(event: Any, context: Any) -> Any:
    """Something raised that is no exception"""
    raise "text"  # type: ignore[misc]  # noqa: B016


def keyboard_interrupt(event: Any, context: Any) -> NoReturn:
    """KeyboardInterrupt: ends the process"""
    raise KeyboardInterrupt


def generator_exit(event: Any, context: Any) -> NoReturn:
    """GeneratorExit: ends the process"""
    raise GeneratorExit


class Base(BaseException):
    pass


def base_exception(event: Any, context: Any) -> NoReturn:
    """An exception that derives from BaseException only: ends the process"""
    raise Base("base")


def base_group(event: Any, context: Any) -> NoReturn:
    """A BaseExceptionGroup with a KeyboardInterrupt in it: ends the process"""
    raise BaseExceptionGroup("several", [KeyboardInterrupt()])


def replaces_excepthook(event: Any, context: Any) -> NoReturn:
    """A replaced sys.excepthook: is not asked"""
    sys.excepthook = lambda *_: print("the hook")
    raise ValueError("hooked")
