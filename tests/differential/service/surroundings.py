"""What handlers find around them. The first line of each says what; the page shows it."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import __main__


count = 0


def handler(event: Any, context: Any) -> Any:
    return globals()[event["do"]](event.get("event"), context)


def client(event: Any, context: Any) -> Any:
    found = context.client_context
    parts = None if found is None else [found.custom, found.env, repr(found.client)]
    return [repr(found), parts, context.w3c()]


def context_fields(event: Any, context: Any) -> Any:
    """The fields of the context"""
    names = (
        "aws_request_id",
        "log_group_name",
        "log_stream_name",
        "function_name",
        "memory_limit_in_mb",
        "function_version",
        "invoked_function_arn",
        "client_context",
        "tenant_id",
    )
    return {name: getattr(context, name) for name in names}


def context_repr(event: Any, context: Any) -> str:
    """The context as text"""
    return repr(context)


def context_names(event: Any, context: Any) -> Any:
    """The public names of the context"""
    return sorted(name for name in dir(context) if not name.startswith("_"))


def context_identity(event: Any, context: Any) -> Any:
    """The identity in the context"""
    return [
        repr(context.identity),
        context.identity.cognito_identity_id,
        context.identity.cognito_identity_pool_id,
    ]


def context_w3c(event: Any, context: Any) -> Any:
    """The W3C trace context"""
    return context.w3c()


def context_attributes(event: Any, context: Any) -> Any:
    """An attribute hung on the context, and whether it is a new one each time"""
    fresh = not hasattr(context, "mine")
    context.mine = 1
    return [fresh, context.mine]


def context_class(event: Any, context: Any) -> Any:
    """The class of the context"""
    return type(context).__name__


def remaining(event: Any, context: Any) -> Any:
    """The time that remains: it goes down, is an integer and within the time-out"""
    first = context.get_remaining_time_in_millis()
    time.sleep(0.02)
    second = context.get_remaining_time_in_millis()
    return [type(first).__name__, 1000 < second < first <= 2000]


def lambda_variables(event: Any, context: Any) -> Any:
    """Lambda's variables, but those about the runtime itself"""
    names = {name for name in os.environ if name.startswith(("AWS_", "LAMBDA_", "_"))}
    names |= {"TZ", "LANG", "MINE"}
    return {
        name: os.environ.get(name)
        for name in sorted(
            names - {"AWS_LAMBDA_RUNTIME_API", "LAMBDA_RUNTIME_DIR", "_HANDLER", "_"}
        )
        if not name.startswith("AWS_ENDPOINT_URL_")
    }


def handler_variable(event: Any, context: Any) -> Any:
    """_HANDLER"""
    return os.environ["_HANDLER"]


def other_variables(event: Any, context: Any) -> Any:
    """All other variables"""
    return sorted(
        name for name in os.environ if not name.startswith(("AWS_", "LAMBDA_", "_", "LC_"))
    )


def trace_id(event: Any, context: Any) -> Any:
    """_X_AMZN_TRACE_ID"""
    return os.environ["_X_AMZN_TRACE_ID"]


def folder(event: Any, context: Any) -> Any:
    """The working directory, and that of the module"""
    return [os.getcwd(), str(Path(__file__).parent)]


def search_path(event: Any, context: Any) -> Any:
    """The head of sys.path"""
    return sys.path[0]


def search_path_rest(event: Any, context: Any) -> Any:
    """The rest of sys.path, its folders' names"""
    return [Path(folder).name for folder in sys.path[1:]]


def arguments(event: Any, context: Any) -> Any:
    """sys.argv from its second item on"""
    return sys.argv[1:]


def module_name(event: Any, context: Any) -> Any:
    """__name__, and the name of __main__"""
    return [__name__, __main__.__name__, __main__ is sys.modules["__main__"]]


def modules_imported(event: Any, context: Any) -> Any:
    """Modules that were there before the handler's"""
    return [
        name
        for name in ("boto3", "botocore", "asyncio.runners", "numpy", "simplejson")
        if name in sys.modules and name not in globals()
    ]


def module_state(event: Any, context: Any) -> Any:
    """Module state is kept between invocations"""
    global count
    count += 1
    return count


def flags(event: Any, context: Any) -> Any:
    """How Python runs"""
    return {
        "dev_mode": sys.flags.dev_mode,
        "optimize": sys.flags.optimize,
        "isolated": sys.flags.isolated,
        "warnoptions": sys.warnoptions,
        "encoding": sys.getfilesystemencoding(),
        "recursion": sys.getrecursionlimit(),
        "collects": gc.isenabled(),
    }


def safe_path(event: Any, context: Any) -> Any:
    """sys.flags.safe_path"""
    return sys.flags.safe_path


def threads(event: Any, context: Any) -> Any:
    """The threads there are, and which one runs the handler"""
    current = threading.current_thread()
    return [threading.active_count(), current.name, current is threading.main_thread()]


def signals(event: Any, context: Any) -> Any:
    """Signal handlers"""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGCHLD, signal.SIGHUP)
    return {number.name: repr(signal.getsignal(number)).split(" at ")[0] for number in numbers}


def sets_signal(event: Any, context: Any) -> Any:
    """A signal handler of one's own"""
    got: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: got.append(number))
    signal.raise_signal(signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)
    return got


def loop(event: Any, context: Any) -> Any:
    """An event loop of one's own, run to its end"""

    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    return asyncio.run(work())


def group(event: Any, context: Any) -> Any:
    """Whether the process leads its session"""
    return os.getsid(0) == os.getpgid(0)


def stdin(event: Any, context: Any) -> Any:
    """What standard input gives"""
    return sys.stdin.read()


def temporary(event: Any, context: Any) -> Any:
    """A temporary file"""
    with tempfile.NamedTemporaryFile() as file:
        return Path(file.name).exists()


def randomness(event: Any, context: Any) -> Any:
    """random is seeded: two numbers are not the same"""
    return random.random() != random.random()


def umask(event: Any, context: Any) -> Any:
    """The mask of new files"""
    mask = os.umask(0)
    os.umask(mask)
    return oct(mask)


def time_zone(event: Any, context: Any) -> Any:
    """The time zone"""
    return [time.tzname[0], time.timezone]
