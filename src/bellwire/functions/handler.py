"""Finding the handler that a function names, with the errors of Lambda's Python runtime.

docs.aws.amazon.com/lambda/latest/dg/python-handler.html#python-handler-naming
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable
from types import ModuleType, TracebackType


Handler = Callable[[object, object], object]


class HandlerFault(Exception):
    """What the runtime says in its own name, not the handler's; becomes an error document."""

    def __init__(self, error_type: str, message: str, trace: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.trace = trace


def load_handler(name: str) -> Handler:
    """Import `package.module.function` (or `package/module.function`) and return the function.

    Raises HandlerFault; an exception that the module itself raised passes through.
    """
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise HandlerFault(
            "Runtime.MalformedHandlerName",
            f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)",
        )
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise HandlerFault(
            "Runtime.BuiltInModuleConflict",
            f"Cannot use built-in module {module_name} as a handler module",
        )
    module = _import(module_name)
    try:
        handler: Handler = getattr(module, function_name)
    except AttributeError:
        raise HandlerFault(
            "Runtime.HandlerNotFound",
            f"Handler '{function_name}' missing on module '{module_name}'",
        ) from None
    return handler


def _import(module_name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise HandlerFault(
            "Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}"
        ) from None
    except SyntaxError as error:
        place = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'
        raise HandlerFault(
            "Runtime.UserCodeSyntaxError",
            f"Syntax error in module '{module_name}': {error}",
            (place,),
        ) from None


def format_trace(trace: TracebackType | None, *, runtime_folder: str) -> list[str]:
    """Return the frames of a traceback, one text each, without the runtime's own at its head."""
    # Made anew without columns: the runtime of Lambda marks no part of a line either.
    frames = [
        traceback.FrameSummary(frame.filename, frame.lineno, frame.name, line=frame.line)
        for frame in traceback.extract_tb(trace)
    ]
    while len(frames) > 1 and frames[0].filename.startswith(runtime_folder):
        frames.pop(0)
    return traceback.format_list(frames)
