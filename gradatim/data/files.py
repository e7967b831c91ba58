"""Where data is cached, and writing a file whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from gradatim.graph.errors import DataError


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


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary name beside `path`; what the block leaves there becomes `path`, at once.

    If the block fails, `path` is as it was, the temporary file is gone, and an `OSError` comes out
    as a `DataError` of one line.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "table.csv"
        >>> with replacing(path) as temporary:
        ...     _ = temporary.write_text("a,b")
        >>> path.read_text()
        'a,b'
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise DataError(_why_not_written(path, error)) from error
        raise


def _why_not_written(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"cannot write {path}: the disk is full; free some space and try again"
    if path.is_dir():
        return f"cannot write {path}: it is a directory; add a file name"
    if not path.parent.is_dir():
        return f"cannot write {path}: there is no folder {path.parent}; make it first"
    return f"cannot write {path}: {error.strerror or error}; choose a folder you can write to"
