"""Where things are kept on this machine that can be made again."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_dir() -> Path:
    """The folder for what can be made again: `GRADATIM_CACHE`, or the system's usual place.

    That is `$XDG_CACHE_HOME/gradatim` or `~/.cache/gradatim` on Linux, `~/Library/Caches/gradatim`
    on macOS, `%LOCALAPPDATA%\\gradatim` on Windows. The folder may not exist yet, and may not be
    writable: everything works without it, only slower.
    """
    chosen = os.environ.get("GRADATIM_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return _home() / "Library" / "Caches" / "gradatim"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local or _home() / "AppData" / "Local") / "gradatim"
    # The XDG standard says that a relative path is to be ignored.
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(xdg) if os.path.isabs(xdg) else _home() / ".cache") / "gradatim"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a container's user without a home
        return Path(os.sep)
