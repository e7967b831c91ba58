"""The table that says what each primitive is in XLA, and how a run is told to fail.

A meaning takes the Node and traced arrays and gives a traced array (a tuple for several results).
What can go wrong at run time is *checked*: the meaning calls `check` with a condition, and goes on
with harmless values. The conditions of a Program leave it as one small array, which is read before
any result is handed out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np

Array = Any  # a traced array
Meaning = Callable[..., Any]  # (node, *arrays) -> array, or a tuple for several results

MEANING: dict[str, Meaning] = {}
DETAILS = 2  # numbers that a message may quote


def means(name: str) -> Callable[[Meaning], Meaning]:
    """Register what a primitive computes."""

    def register(function: Meaning) -> Meaning:
        MEANING[name] = function
        return function

    return register


def widen(x: Array) -> Array:
    """float32 for float16 and bfloat16, which compute in it and round once."""
    return x.astype(jnp.float32) if x.dtype in (jnp.float16, jnp.bfloat16) else x


# --- failures ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Check:
    """What a row of the array of conditions stands for.

    Attributes:
        error: the class to raise.
        message: takes the row's details and gives the message.
        position: of the Node in the trace, or None.
    """

    error: type[Exception]
    message: Callable[..., str]
    position: int | None


@dataclass(slots=True)
class Checks:
    """The conditions met while a function is traced."""

    known: list[Check] = field(default_factory=list)
    rows: list[Array] = field(default_factory=list)  # int64 [1 + DETAILS]: whether, and the details
    position: int | None = None  # of the Node being traced

    def array(self) -> Array:
        """All rows, int64 [checks, 1 + DETAILS]."""
        if not self.rows:
            return jnp.zeros((0, 1 + DETAILS), jnp.int64)
        return jnp.stack(self.rows)


class _Current(threading.local):
    checks: Checks | None = None


_current = _Current()


@contextmanager
def collecting() -> Iterator[Checks]:
    """The checks of what is traced inside, which may be a part of what is being traced."""
    outer = _current.checks
    _current.checks = Checks(position=None if outer is None else outer.position)
    try:
        yield _current.checks
    finally:
        _current.checks = outer


def at(position: int | None) -> None:
    """The Node at this position of the trace comes next."""
    assert _current.checks is not None
    _current.checks.position = position


def check(
    error: type[Exception], message: Callable[..., str], failed: Array, *details: Array
) -> None:
    """Let the run fail where `failed` (a 0-d bool) holds, with the message made of the details
    (0-d integers)."""
    row = [failed, *details, *[0] * (DETAILS - len(details))]
    add_row(error, message, jnp.stack([jnp.asarray(x).astype(jnp.int64) for x in row]))


def add_row(error: type[Exception], message: Callable[..., str], row: Array) -> None:
    """The same with a row that is made already."""
    checks = _current.checks
    assert checks is not None
    checks.known.append(Check(error, message, checks.position))
    checks.rows.append(row)


def check_first(
    error: type[Exception], message: Callable[..., str], failed: Array, *details: Array
) -> None:
    """Let the run fail where any element of `failed` holds, with the details at the first one."""
    if failed.size:
        first = jnp.argmax(failed.reshape(-1))
        quoted = (jnp.broadcast_to(x, failed.shape).reshape(-1)[first] for x in details)
        check(error, message, jnp.any(failed), *quoted)


def number(value: Any, dtype: Any) -> Array:
    """A constant of the dtype, 0-d."""
    return jnp.asarray(np.asarray(value).astype(dtype))
