"""How a process ends. The first line of each says how; the page shows it."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from typing import Any


def handler(event: Any, context: Any) -> Any:
    return globals()[event["do"]](event.get("event"), context)


def exit_0(event: Any, context: Any) -> Any:
    """sys.exit(0)"""
    sys.exit(0)


def exit_1(event: Any, context: Any) -> Any:
    """sys.exit(1)"""
    sys.exit(1)


def exit_bare(event: Any, context: Any) -> Any:
    """sys.exit()"""
    sys.exit()


def exit_words(event: Any, context: Any) -> Any:
    """sys.exit with words"""
    sys.exit("last words")


def exit_large(event: Any, context: Any) -> Any:
    """sys.exit(300)"""
    sys.exit(300)


def hard_exit_0(event: Any, context: Any) -> Any:
    """os._exit(0)"""
    os._exit(0)


def hard_exit_7(event: Any, context: Any) -> Any:
    """os._exit(7), with output before it"""
    print("before the end")
    os._exit(7)


def aborts(event: Any, context: Any) -> Any:
    """os.abort()"""
    os.abort()


def kills_itself(event: Any, context: Any) -> Any:
    """SIGKILL to itself"""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def terminates_itself(event: Any, context: Any) -> Any:
    """SIGTERM to itself"""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)


def segfaults(event: Any, context: Any) -> Any:
    """A segmentation fault"""
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(60)


def bus_error(event: Any, context: Any) -> Any:
    """SIGBUS"""
    os.kill(os.getpid(), signal.SIGBUS)
    time.sleep(60)


def alarm(event: Any, context: Any) -> Any:
    """An alarm clock that nobody handles"""
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    time.sleep(60)


def allocates(event: Any, context: Any) -> Any:
    """More memory than memorySize"""
    kept = b"x" * 300_000_000
    time.sleep(60)
    return len(kept)


def exits_in_thread(event: Any, context: Any) -> Any:
    """sys.exit in a thread: ends the thread only"""
    thread = threading.Thread(target=sys.exit, args=(3,))
    thread.start()
    thread.join()
    return "lives"


def hard_exit_in_thread(event: Any, context: Any) -> Any:
    """os._exit in a thread: ends the process"""
    threading.Thread(target=os._exit, args=(3,)).start()
    time.sleep(60)


def loops(event: Any, context: Any) -> Any:
    """A loop without end: the time-out"""
    while True:
        pass


def sleeps(event: Any, context: Any) -> Any:
    """Sleeps past the time-out, with output before it"""
    print("before the time-out")
    time.sleep(60)


def ignores_terminate(event: Any, context: Any) -> Any:
    """Ignores SIGTERM and sleeps past the time-out"""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)


def catches_everything(event: Any, context: Any) -> Any:
    """Catches what sys.exit raises"""
    try:
        sys.exit(3)
    except BaseException:
        return "caught"


def exit_handlers(event: Any, context: Any) -> Any:
    """sys.exit with a function registered for the end"""
    atexit.register(print, "at the end")
    sys.exit(4)


def exits_with_thread(event: Any, context: Any) -> Any:
    """sys.exit while a thread runs on for a while"""

    def goes_on() -> None:
        time.sleep(0.1)
        print("the thread has ended")

    threading.Thread(target=goes_on).start()
    sys.exit(5)
