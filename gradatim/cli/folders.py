"""The folder of a command's results: looked at before the work begins, made when it is done."""

from __future__ import annotations

import os
from pathlib import Path

from gradatim.graph.errors import ArgumentError


def check_free(output: str | None) -> None:
    """Raise `ArgumentError` for a folder that a command cannot have to itself."""
    if output is None:
        return
    path = Path(output)
    if path.exists() and not path.is_dir():
        raise ArgumentError(f"--output {path} is a file: the results need a folder of their own")
    if path.is_dir() and os.listdir(path):
        raise ArgumentError(f"--output {path} is not empty: the results need a folder of their own")


def make_folder(output: str | None, parent: str, name: str) -> Path:
    """The folder that was asked for, or the next number under `parent`."""
    from gradatim.train.run import make_free_folder

    if output is None:
        return make_free_folder(parent, name)
    try:
        Path(output).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentError(f"cannot make the folder {output}: {error.strerror}") from error
    return Path(output)
