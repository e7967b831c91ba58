"""Python floats among the arguments of a compiled step: inputs of its Program, not parts of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType
from gradatim.graph.node import Node
from gradatim.realize import local


class TracedFloat(float):
    """A float argument in capture: arithmetic stays traceable, so that the next call's value is
    used; looking at it (`if x > 1`) makes the captured Program good for this value alone."""

    read: Callable[[], float]

    def __new__(cls, value: float, read: Callable[[], float]) -> TracedFloat:
        new = super().__new__(cls, value)
        new.read = read
        return new

    def _combined(self, other: Any, function: Callable[[float, float], float]) -> Any:
        if hasattr(other, "_cell"):
            return NotImplemented
        read = self.read
        get = other.read if isinstance(other, TracedFloat) else (lambda: other)
        value = function(float.__float__(self), get())
        return TracedFloat(value, lambda: function(read(), get()))

    def _pin(self) -> float:
        value = float.__float__(self)
        read = self.read
        if local.capture is not None:
            local.capture.guards.append((read, value))
        return value


def _arithmetic(name: str, function: Callable[[float, float], float]) -> None:
    def call(self: TracedFloat, other: Any) -> Any:
        return self._combined(other, function)

    def swapped(self: TracedFloat, other: Any) -> Any:
        return self._combined(other, lambda a, b: function(b, a))

    setattr(TracedFloat, f"__{name}__", call)
    setattr(TracedFloat, f"__r{name}__", swapped)


_arithmetic("add", lambda a, b: a + b)
_arithmetic("sub", lambda a, b: a - b)
_arithmetic("mul", lambda a, b: a * b)
_arithmetic("truediv", lambda a, b: a / b)
_arithmetic("pow", lambda a, b: a**b)
TracedFloat.__neg__ = lambda self: self._combined(0.0, lambda a, b: -a)  # type: ignore[method-assign]
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):

    def _compare(self: TracedFloat, other: Any, _name: str = _name) -> Any:
        if hasattr(other, "_cell"):
            return NotImplemented
        return getattr(float, f"__{_name}__")(self._pin(), other)

    setattr(TracedFloat, f"__{_name}__", _compare)
for _name in ("bool", "int", "float", "hash", "repr", "str", "round", "trunc", "floor", "ceil"):

    def _look(self: TracedFloat, *args: Any, _name: str = _name) -> Any:
        return getattr(float, f"__{_name}__")(self._pin(), *args)

    setattr(TracedFloat, f"__{_name}__", _look)


def traced_node(number: TracedFloat, dtype: DType) -> Node:
    """A 0-d input that holds the number's value of each call."""
    read = number.read
    array = np.asarray(float.__float__(number)).astype(dtype.numpy)
    node = p.value(array, (), dtype, p.ANYWHERE)
    assert local.capture is not None
    if dtype.is_floating_point:
        local.capture.effects.append(lambda: array.fill(read()))
        local.capture.add_source(node, None)
    else:
        local.capture.add_source(node, lambda: np.asarray(read()).astype(dtype.numpy))
    return node
