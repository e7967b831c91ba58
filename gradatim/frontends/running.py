"""Running a program written for another framework, as `python script.py` would run it.

The program is `__main__`, has its own arguments, and finds modules beside itself. Its errors are
shown with its own lines: the frames of the runner and of Gradatim's inside are left out.
"""

from __future__ import annotations

import builtins
import importlib
import os
import sys
import traceback
import types
from collections.abc import Sequence
from typing import Any

from gradatim.device import DeviceMissing, stand_in
from gradatim.frontends.importing import frameworks
from gradatim.graph.errors import DataError, DataNotFound

FAILED, REFUSED, INTERRUPTED = 1, 2, 130
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

_IMPORTLIB = os.path.dirname(importlib.__file__) + os.sep

is_running = False
"""Whether the whole process is a program of another framework's."""


def run(
    script: str, arguments: Sequence[str] = (), device: str | None = None, debug: bool = False
) -> int:
    """Run a program, and give its exit status.

    Args:
        script: the file.
        arguments: what it finds in `sys.argv` behind its own name.
        device: "cpu" runs on the processor what the program would put on a GPU.
        debug: show all frames of an error.

    Raises:
        DataNotFound, DataError: if the file is not there or cannot be read.
        SystemExit: if the program ends itself.
    """
    global is_running
    source = _read(script)
    path = os.path.abspath(script)
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=builtins, __cached__=None)
    kept = sys.argv, sys.path[:], sys.modules.get("__main__"), is_running
    sys.argv = [script, *arguments]
    sys.path[:1] = [os.path.dirname(os.path.realpath(path))]
    sys.modules["__main__"] = main
    is_running = True
    try:
        with frameworks(), stand_in("cuda", device):
            try:
                exec(compile(source, path, "exec"), main.__dict__)
            except (Exception, KeyboardInterrupt) as error:
                return _report(error, path, debug)
        return 0
    finally:
        sys.argv, sys.path[:], before, is_running = kept
        if before is not None:
            sys.modules["__main__"] = before


def _read(script: str) -> bytes:
    try:
        with open(script, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise DataNotFound(f"there is no file {script}: expected a Python program") from None
    except IsADirectoryError:
        raise DataError(f"{script} is a directory: expected a Python program") from None


# --- errors --------------------------------------------------------------------------------------


def _report(error: BaseException, path: str, debug: bool) -> int:
    """Show an error as Python shows it, and give the exit status."""
    sys.stdout.flush()
    if isinstance(error, DeviceMissing) and not debug:
        line = _line_of(error, path)
        print(f"gradatim: {os.path.basename(path)}{line}: {error}", file=sys.stderr)
        return REFUSED
    if sys.excepthook is not sys.__excepthook__:
        sys.excepthook(type(error), error, error.__traceback__)
    else:
        shown = traceback.TracebackException.from_exception(error, compact=True)
        if not debug:
            _keep_own_lines(shown, set())
        print("".join(shown.format()), end="", file=sys.stderr)
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED


def _line_of(error: BaseException, path: str) -> str:
    """Where in the program it happened."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
    return f", line {lines[-1]}" if lines else ""


def _is_inside(frame: Any) -> bool:
    return frame.filename.startswith((_PACKAGE, _IMPORTLIB, "<frozen importlib"))


def _keep_own_lines(shown: traceback.TracebackException, seen: set[int]) -> None:
    """Leave out the frames that are not the program's, in the error and in those behind it."""
    if id(shown) in seen:
        return
    seen.add(id(shown))
    frames = [frame for frame in shown.stack if not _is_inside(frame)]
    shown.stack[:] = frames
    for name in ("__cause__", "__context__"):
        behind = getattr(shown, name)
        if behind is not None:
            _keep_own_lines(behind, seen)
            if not behind.stack:  # it happened inside altogether
                setattr(shown, name, None)
    for each in getattr(shown, "exceptions", None) or ():
        _keep_own_lines(each, seen)
