"""The errors a user can meet: one tree under `Error`.

Each class is also a subclass of the builtin exception that PyTorch raises for the same mistake, so
that `except RuntimeError` in a script written for PyTorch keeps catching what it caught.

A message is one line: what was given, what was expected, where, and what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pickle import PicklingError, UnpicklingError


class Error(Exception):
    """The root of every error Gradatim raises on purpose."""


class InterruptedValue(Error, RuntimeError):
    """A value whose computation was cut off by Ctrl-C."""


class ShapeError(Error, RuntimeError):
    """Sizes that do not fit together."""


class DTypeError(Error, RuntimeError):
    """A dtype that an operation does not take."""


class UnsupportedDType(DTypeError, NotImplementedError):
    """A dtype that an operation is not made for (PyTorch raises a NotImplementedError for it)."""


class ArgumentError(Error, ValueError, RuntimeError):
    """An argument outside the values it may take (PyTorch raises now one, now the other)."""


class AssertedError(ShapeError, ArgumentError, AssertionError):
    """A mistake that PyTorch refuses with an assertion: some layers' sizes and masks."""


class Unsupported(Error, NotImplementedError):
    """Arguments, each good, that do not go together (PyTorch raises a NotImplementedError)."""


class NumberTooLarge(ArgumentError, OverflowError):
    """A number outside the range of the dtype that it is to have (an OverflowError in NumPy)."""


class ArgumentTypeError(Error, TypeError):
    """An argument of a type that a function does not take."""


class ZeroDivisor(ArgumentError, ZeroDivisionError):
    """A zero that PyTorch divides by in Python: some layers' numbers of groups."""


class WrongKind(ArgumentTypeError, AttributeError):
    """An argument of a kind that lacks what is needed, as None where a Tensor is expected (PyTorch
    raises a TypeError in some functions, and an AttributeError in others)."""


class UnsupportedInput(Error, NotImplementedError, ValueError):
    """A kind of input, or a mode, that an operation is not made for (PyTorch raises a
    NotImplementedError for it, and in some functions a ValueError)."""


class MissingKey(Error, KeyError):
    """A key that a dict or a container of modules lacks."""

    __str__ = Exception.__str__  # KeyError's would print the message in quotes


class MissingMember(Error, AttributeError):
    """A name that a module has no submodule, parameter or buffer of."""


class IndexOutOfRange(Error, IndexError):
    """An index, or a dimension, outside its range."""


class ElementOutOfRange(IndexOutOfRange, RuntimeError):
    """A value in a tensor of indices outside its range. PyTorch raises an IndexError for it in some
    functions, and a RuntimeError in others."""


class DivisionByZero(Error, RuntimeError):
    """An integer divided by zero (PyTorch raises a RuntimeError for it)."""


class LinAlgError(Error, RuntimeError):
    """A matrix that an operation of linear algebra cannot work on: it is singular, or not positive
    definite. It is `gd.linalg.LinAlgError`."""


class OutOfMemory(Error, MemoryError, RuntimeError):
    """More memory asked for than there is (PyTorch raises a RuntimeError for it)."""


class GradientError(Error, RuntimeError):
    """A gradient that was asked for and cannot be had."""


class VmapError(Error, RuntimeError):
    """Something that a function done for many values at once (`gd.vmap`) cannot do."""


class CaptureError(Error, RuntimeError):
    """A value used outside the compiled step that made it."""


class DeviceError(Error, RuntimeError, AssertionError):
    """A device that is not there, or two devices in one operation (PyTorch raises an AssertionError
    for a known kind of device that it was not built for)."""


class NonFiniteError(Error, RuntimeError):
    """A NaN or an infinity where training needs a finite number."""


class DataError(Error, ValueError):
    """Data that cannot be read or cannot be learned from."""


class DataNotFound(DataError, FileNotFoundError):
    """A data file that is not there."""


class CheckpointError(Error, RuntimeError):
    """A model or checkpoint file that is damaged, foreign, newer, or does not fit the model."""


class CheckpointNotFound(CheckpointError, FileNotFoundError):
    """A model or checkpoint file that is not there."""


class ForeignPickle(CheckpointError, UnpicklingError):
    """A pickle that names code, which is never run (PyTorch raises an UnpicklingError for it)."""


class Unpicklable(ArgumentTypeError, PicklingError):
    """A value that is no data, and is not written (PyTorch raises a PicklingError for it)."""


class NowhereToWrite(DataError, RuntimeError):
    """A file to be written where there is no folder (PyTorch raises a RuntimeError for it)."""


class MissingExtra(Error, ImportError):
    """A feature whose optional library is not installed."""


def missing_extra(feature: str, library: str, extra: str) -> MissingExtra:
    """The one line a user reads when `feature` needs a library that is not installed."""
    return MissingExtra(
        f"{feature} needs {library}, which is not installed: run  pip install 'gradatim[{extra}]'"
    )


class MissingName(Error, AttributeError):
    """A name that is not there. What is nearest to it is only looked up if the message is read:
    libraries ask with `hasattr` all the time.

    Args:
        text: what is missing.
        name: its name.
        say: gives the whole message.
    """

    def __init__(self, text: str, name: str, say: Callable[[], str]):
        super().__init__(text, name=name, obj=None)  # Python would add a guess of its own
        self.say = say

    def __str__(self) -> str:
        return self.say()

    def __reduce__(self) -> tuple[type[Error], tuple[str]]:
        return Error, (str(self),)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name most like another one, if any is.

    Example:
        >>> nearest("Conv2", ["Conv1d", "Conv2d", "Linear"])
        'Conv2d'
    """
    import difflib

    names = list(names)
    folded = {each.lower(): each for each in reversed(names)}
    if name.lower() in folded:
        return folded[name.lower()]
    near = difflib.get_close_matches(name.lower(), folded, n=1)
    near = near or sorted((each for each in folded if each.startswith(name.lower())), key=len)
    return folded[near[0]] if near else None
