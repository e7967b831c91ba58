"""Where data is cached, and writing a file whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from gradatim.graph.errors import DataError, NowhereToWrite


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
            kind = DataError if path.parent.is_dir() else NowhereToWrite
            raise kind(_why_not_written(path, error)) from error
        raise


def _why_not_written(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"cannot write {path}: the disk is full; free some space and try again"
    if path.is_dir():
        return f"cannot write {path}: it is a directory; add a file name"
    if not path.parent.is_dir():
        return f"cannot write {path}: there is no folder {path.parent}; make it first"
    return f"cannot write {path}: {error.strerror or error}; choose a folder you can write to"
