"""Whether operations get history: no_grad and its kin."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from gradatim.graph.node import mode


class _Recording:
    """A context manager and decorator that turns the recording of history on or off."""

    recording = False

    def __init__(self, function: Callable[..., Any] | None = None):
        self._before: list[bool] = []
        self._function = function
        if function is not None:
            functools.update_wrapper(self, function)

    def __enter__(self) -> None:
        self._before.append(mode.recording)
        mode.recording = self.recording

    def __exit__(self, *error: Any) -> None:
        mode.recording = self._before.pop()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._function is None:  # used as @no_grad()
            function = args[0]

            @functools.wraps(function)
            def call(*a: Any, **k: Any) -> Any:
                with type(self)():
                    return function(*a, **k)

            return call
        with type(self)():  # used as @no_grad
            return self._function(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else functools.partial(self, instance)


class no_grad(_Recording):
    """Operations inside get no history; a context manager and a decorator.

    Example:
        >>> import gradatim as gd
        >>> x = gd.ones(2, requires_grad=True)
        >>> with gd.no_grad():
        ...     y = x * 2
        >>> y.requires_grad
        False
    """


class inference_mode(_Recording):
    """The same as `no_grad`."""

    def __init__(self, mode: Any = True):
        super().__init__(mode if callable(mode) else None)
        self.recording = mode is False


class enable_grad(_Recording):
    """Operations inside get history again, within `no_grad`."""

    recording = True


class set_grad_enabled(_Recording):
    """Turn history on or off, at once, or for a `with` block."""

    def __init__(self, mode_: bool):
        super().__init__()
        self.recording = bool(mode_)
        self._outer = mode.recording
        mode.recording = self.recording

    def __enter__(self) -> None:
        self._before.append(self._outer)
        mode.recording = self.recording

    def __call__(self, function: Any) -> Any:  # type: ignore[override]
        mode.recording = self._outer
        wanted = self.recording

        @functools.wraps(function)
        def call(*a: Any, **k: Any) -> Any:
            with set_grad_enabled(wanted):
                return function(*a, **k)

        return call


def is_grad_enabled() -> bool:
    """Whether operations get history now."""
    return mode.recording
