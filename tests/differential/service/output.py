"""What handlers write. The first line of each says what; the page shows it."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
import traceback
import warnings
from typing import Any


logger = logging.getLogger("mine")


def handler(event: Any, context: Any) -> Any:
    return globals()[event["do"]](event.get("event"), context)


def prints(event: Any, context: Any) -> None:
    """print, of one line and of several"""
    print("one")
    print("two\nthree\n\nfive")
    print("a", 1, None, sep=", ")


def prints_unicode(event: Any, context: Any) -> None:
    """print, with characters of all planes"""
    print("ä € 😀 \x1b[1m tab\t nul\x00.")


def prints_unended(event: Any, context: Any) -> None:
    """Output without a newline at the end"""
    print("no newline", end="")


def prints_unended_then_logs(event: Any, context: Any) -> None:
    """Output without a newline, then a log record"""
    print("no newline", end="")
    logging.warning("logged")


def prints_return(event: Any, context: Any) -> None:
    """Carriage returns"""
    print("a\rb\r\nc")


def writes_both(event: Any, context: Any) -> None:
    """sys.stdout and sys.stderr by turns"""
    for number in range(3):
        sys.stdout.write(f"out {number}\n")
        sys.stderr.write(f"err {number}\n")


def writes_lines(event: Any, context: Any) -> None:
    """sys.stdout.writelines and an unflushed half line"""
    sys.stdout.writelines(["a\n", "b\n", "c"])


def writes_buffer(event: Any, context: Any) -> None:
    """sys.stdout.buffer"""
    sys.stdout.buffer.write(b"raw bytes\n")
    sys.stdout.flush()


def writes_descriptor(event: Any, context: Any) -> None:
    """Descriptors 1 and 2"""
    os.write(1, b"one\n")
    os.write(2, b"two\n")


def writes_original(event: Any, context: Any) -> None:
    """sys.__stdout__"""
    print("original", file=sys.__stdout__, flush=True)


def writes_surrogate(event: Any, context: Any) -> None:
    """A lone surrogate printed"""
    print("\ud800")


def child_prints(event: Any, context: Any) -> None:
    """A child process that prints"""
    subprocess.run(["echo", "from a child"], check=True)


def logs_every_level(event: Any, context: Any) -> None:
    """Records of every level, the root logger as it comes"""
    for level in (5, 10, 15, 20, 25, 30, 40, 50, 60):
        logging.log(level, "level %d", level)


def logs_from_debug(event: Any, context: Any) -> None:
    """Records of every level, the root logger set to DEBUG"""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    try:
        logs_every_level(event, context)
    finally:
        root.setLevel(before)


def logs_by_name(event: Any, context: Any) -> None:
    """A logger with a name and a level of its own"""
    logger.setLevel(logging.INFO)
    logger.info("info of mine")
    logger.debug("debug of mine")
    logger.getChild("child").warning("of a child: %s", {"a": 1})


def logs_exception(event: Any, context: Any) -> None:
    """logging.exception, with its traceback"""
    try:
        json.loads("{")
    except ValueError:
        logging.exception("it failed")


def logs_stack(event: Any, context: Any) -> None:
    """A record with stack_info"""
    logging.warning("where", stack_info=True, stacklevel=2)


def logs_lines(event: Any, context: Any) -> None:
    """A record of several lines, and one that ends in a newline"""
    logging.warning("one\ntwo")
    logging.warning("ended\n")
    logging.warning("")


def logs_unicode(event: Any, context: Any) -> None:
    """A record with characters of all planes"""
    logging.warning("ä € 😀")


def logs_extra(event: Any, context: Any) -> None:
    """A record with extra fields and objects"""
    logging.warning({"a": 1}, extra={"user": "me", "at": object})


def logs_bad_format(event: Any, context: Any) -> None:
    """A record whose arguments do not fit its format"""
    logging.raiseExceptions = False
    logging.warning("%d", "no number")
    logging.raiseExceptions = True


def own_formatter(event: Any, context: Any) -> None:
    """A formatter of one's own on Lambda's handler, with aws_request_id"""
    handler = logging.getLogger().handlers[0]
    before = handler.formatter
    handler.setFormatter(logging.Formatter("%(name)s|%(aws_request_id)s|%(message)s\n"))
    try:
        logging.warning("formatted")
    finally:
        handler.setFormatter(before)


def own_formatter_without_newline(event: Any, context: Any) -> None:
    """A formatter that ends its records with no newline"""
    handler = logging.getLogger().handlers[0]
    before = handler.formatter
    handler.setFormatter(logging.Formatter("%(message)s"))
    try:
        logging.warning("first")
        logging.warning("second")
    finally:
        handler.setFormatter(before)


def own_handler(event: Any, context: Any) -> None:
    """A handler of one's own beside Lambda's"""
    own = logging.StreamHandler()
    own.setFormatter(logging.Formatter("own: %(message)s"))
    logger.addHandler(own)
    try:
        logger.warning("twice")
    finally:
        logger.removeHandler(own)


def basic_config(event: Any, context: Any) -> None:
    """logging.basicConfig: does nothing, as there is a handler"""
    logging.basicConfig(level=logging.DEBUG, format="mine %(message)s")
    logging.info("not shown")
    logging.warning("shown")


def gmtime(event: Any, context: Any) -> Any:
    """The clock of every formatter, and what the root logger has"""
    root = logging.getLogger()
    return {
        "converter": getattr(logging.Formatter.converter, "__name__", ""),
        "level": root.level,
        "handlers": len(root.handlers),
    }


def context_log(event: Any, context: Any) -> None:
    """context.log"""
    context.log("by the context")
    context.log({"a": 1})
    context.log("ended\n")


def warns(event: Any, context: Any) -> None:
    """warnings.warn"""
    warnings.warn("careful", UserWarning, stacklevel=1)


def warns_captured(event: Any, context: Any) -> None:
    """warnings sent to logging"""
    logging.captureWarnings(True)
    try:
        warnings.warn_explicit("captured", UserWarning, "somewhere.py", 7)
    finally:
        logging.captureWarnings(False)


def prints_traceback(event: Any, context: Any) -> None:
    """traceback.print_exc"""
    try:
        json.loads("{")
    except ValueError:
        traceback.print_exc()


def thread_raises(event: Any, context: Any) -> None:
    """An exception in a thread"""
    thread = threading.Thread(target=json.loads, args=("{",), name="mine")
    thread.start()
    thread.join()


def thread_left(event: Any, context: Any) -> str:
    """A thread left behind that prints later: its line is the next invocation's"""

    def later() -> None:
        time.sleep(0.05)
        print("of the thread")

    threading.Thread(target=later).start()
    return "left"


def after_thread(event: Any, context: Any) -> str:
    """The invocation after it"""
    time.sleep(0.15)
    return "after"


async def never_awaited(event: Any, context: Any) -> None:
    """An async handler: no remark that nobody awaited it reaches the log"""


def unraisable(event: Any, context: Any) -> None:
    """An exception in __del__"""

    class Falls:
        def __del__(self) -> None:
            raise ValueError("in __del__")

    Falls()


def streams(event: Any, context: Any) -> Any:
    """What sys.stdout says of itself"""
    return {
        "encoding": sys.stdout.encoding,
        "number": sys.stdout.fileno(),
        "terminal": sys.stdout.isatty(),
        "writable": sys.stdout.writable(),
        "numbers": [sys.stdin.fileno(), sys.stderr.fileno()],
    }
