"""`--threads`: how many processors the engine, and the libraries below NumPy, may use."""

from __future__ import annotations

import os
import sys

from gradatim.graph.errors import ArgumentError

VARIABLES = (
    "GRADATIM_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""They are read once, when NumPy is loaded."""


def use_threads(count: int | None) -> None:
    """Begin this process again with the limit in place, if it is not.

    NumPy is already loaded when a command reads its options, and its libraries take the number of
    threads only from the environment that they were loaded in.
    """
    if count is None:
        return
    if count < 1:
        raise ArgumentError(f"threads is {count}: it has to be at least 1")
    if all(os.environ.get(name) == str(count) for name in VARIABLES):
        return
    environment = os.environ | dict.fromkeys(VARIABLES, str(count))
    os.execve(sys.executable, [sys.executable, "-m", "gradatim", *sys.argv[1:]], environment)
