"""The command line: `gradatim train`, `predict`, `evaluate`, `run`, `info`, `data export`, ...

A thin layer: options, words and tables for a person. What happens is in `gradatim.train`. Every
mistake of the user's ends in one line and exit status 2, without a traceback (unless `--debug`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from gradatim.graph.errors import Error

USER_ERROR, DEFECT, INTERRUPTED = 2, 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit status.

    Example:
        >>> main(["--version"])  # doctest: +ELLIPSIS
        gradatim ...
        0
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    own = arguments[: _count_own(arguments)]
    debug = "--debug" in own
    try:
        rest = arguments[len(own) :]
        return _run([argument for argument in own if argument != "--debug"] + rest, debug)
    except KeyboardInterrupt:
        return _fail("stopped", INTERRUPTED)
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if _among_others():
            from gradatim import hosts

            hosts.failed()
            if not isinstance(error, Error):
                hosts.await_verdict(error)
        if debug:
            raise
        return _fail(*_explain(error))


def _among_others() -> bool:
    """Whether this process trains with others."""
    return "gradatim.hosts" in sys.modules


def _count_own(arguments: list[str]) -> int:
    """How many arguments are Gradatim's: what follows the script of `gradatim run` is not.

    Example:
        >>> _count_own(["run", "--device", "cpu", "script.py", "--debug"])
        4
    """
    if arguments[:1] == ["launch"] and "--" in arguments:
        return arguments.index("--")
    if arguments[:1] != ["run"]:
        return len(arguments)
    place = 1
    while place < len(arguments) and arguments[place].startswith("-"):
        place += 2 if arguments[place] == "--device" else 1
    return min(place + 1, len(arguments))


def _run(arguments: list[str], debug: bool) -> int:
    import typer

    from gradatim.cli.app import app

    command = typer.main.get_command(app)
    status = command.main(args=arguments, prog_name="gradatim", standalone_mode=False, obj=debug)
    return status if isinstance(status, int) else 0


def _explain(error: Exception) -> tuple[str, int]:
    """The line and the exit status for what went wrong."""
    if isinstance(error, Error):
        return str(error), USER_ERROR
    if hasattr(error, "format_message"):  # typer's own: an unknown option, a missing argument, ...
        return f"{error.format_message()} (see  gradatim --help)", USER_ERROR
    if type(error).__name__ == "Abort":
        return "stopped", INTERRUPTED
    if isinstance(error, MemoryError):
        return "there is not enough memory: use less data, a smaller batch or network", USER_ERROR
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror or error}", USER_ERROR
    name = type(error).__name__
    return f"a defect of Gradatim's own, {name}: {error} (--debug shows where)", DEFECT


def _fail(message: str, status: int) -> int:
    line = " ".join(message.split())
    print(f"gradatim: {line}", file=sys.stderr)
    return status
