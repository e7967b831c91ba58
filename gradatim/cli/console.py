"""Where wide tables go."""

from __future__ import annotations

from typing import Any

WIDE = 116  # characters of a line where no terminal says how long it is: in a file, in a pipe


def wide_console() -> Any:
    """A console for tables."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDE)
