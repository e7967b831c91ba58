"""torch.autograd.set_detect_anomaly."""

from __future__ import annotations

from typing import Any

from gradatim.realize import detect_anomaly

__all__ = ["set_detect_anomaly"]

_lasting: list[Any] = []  # the contexts that a call entered and nobody has left


class set_detect_anomaly:
    """Raise at the first operation that makes a NaN or an infinity: from now on, or, as a context,
    until its end.

    Example:
        >>> import gradatim as gd
        >>> with set_detect_anomaly(True):
        ...     gd.zeros(1).log()
        Traceback (most recent call last):
            ...
        gradatim.graph.errors.NonFiniteError: log gave -inf ...
    """

    def __init__(self, mode: bool, check_nan: bool = True):
        self._context = detect_anomaly(mode, check_nan)
        self._context.__enter__()
        _lasting.append(self._context)

    def __enter__(self) -> None:
        _lasting.remove(self._context)

    def __exit__(self, *error: Any) -> None:
        self._context.__exit__(None, None, None)
