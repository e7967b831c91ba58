"""Shapes of which not all is known: TensorShape and Dimension, and how an operation's is found.

What an operation gives is asked of the operation itself: it is called on tensors that are never
computed, once with 7 and once with 11 in place of each unknown size. Where the two results differ,
the size is unknown. So the rules for shapes and dtypes are Gradatim's own, and said only once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gradatim import ops
from gradatim.graph.dtypes import DType
from gradatim.tensor import Tensor

Known = tuple[int | None, ...] | None
"""A shape with unknown sizes; None is a shape of which nothing is known."""


class Dimension:
    """One size, or None."""

    def __init__(self, value: int | None):
        self.value = value

    def __int__(self) -> int:
        return int(self.value)  # type: ignore[arg-type]

    __index__ = __int__

    def __eq__(self, other: object) -> bool:
        return self.value == (other.value if isinstance(other, Dimension) else other)

    def __hash__(self) -> int:
        return hash(self.value)

    def __mul__(self, other: Any) -> Dimension:
        return _combined(self, other, lambda a, b: a * b)

    def __add__(self, other: Any) -> Dimension:
        return _combined(self, other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> Dimension:
        return _combined(self, other, lambda a, b: a - b)

    def __floordiv__(self, other: Any) -> Dimension:
        return _combined(self, other, lambda a, b: a // b)

    __rmul__, __radd__ = __mul__, __add__

    def __str__(self) -> str:
        return "?" if self.value is None else str(self.value)

    def __repr__(self) -> str:
        return f"Dimension({self.value})"


def _combined(a: Any, b: Any, function: Callable[[int, int], int]) -> Dimension:
    x, y = (each.value if isinstance(each, Dimension) else each for each in (a, b))
    return Dimension(None if x is None or y is None else function(x, y))


class TensorShape:
    """A shape with unknown sizes.

    Example:
        >>> shape = TensorShape([None, 784])
        >>> shape, shape.as_list(), shape[1].value
        (TensorShape([Dimension(None), Dimension(784)]), [None, 784], 784)
    """

    def __init__(self, sizes: Any):
        self.sizes = known(sizes)

    @property
    def dims(self) -> list[Dimension] | None:
        return None if self.sizes is None else [Dimension(size) for size in self.sizes]

    @property
    def ndims(self) -> int | None:
        return None if self.sizes is None else len(self.sizes)

    rank = ndims

    def as_list(self) -> list[int | None]:
        if self.sizes is None:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return list(self.sizes)

    def is_fully_defined(self) -> bool:
        return self.sizes is not None and None not in self.sizes

    def num_elements(self) -> int | None:
        if self.sizes is None or None in self.sizes:
            return None
        count = 1
        for size in self.sizes:
            count *= int(size or 0)
        return count

    def __getitem__(self, key: Any) -> Any:
        if self.sizes is None:
            return TensorShape(None) if isinstance(key, slice) else Dimension(None)
        found = self.sizes[key]
        return TensorShape(found) if isinstance(key, slice) else Dimension(found)  # type: ignore

    def __len__(self) -> int:
        if self.sizes is None:
            raise ValueError("Cannot take the length of shape with unknown rank.")
        return len(self.sizes)

    def __iter__(self) -> Iterator[Dimension]:
        if self.sizes is None:
            raise ValueError("Cannot iterate over a shape with unknown rank.")
        return iter([Dimension(size) for size in self.sizes])

    def __eq__(self, other: object) -> bool:
        return self.sizes == known(other)

    def __hash__(self) -> int:
        return hash(self.sizes)

    def __str__(self) -> str:
        return text(self.sizes)

    def __repr__(self) -> str:
        return f"TensorShape({self.dims})"


def known(sizes: Any) -> Known:
    """A shape from what a program may give for one."""
    if sizes is None:
        return None
    if isinstance(sizes, TensorShape):
        return sizes.sizes
    if isinstance(sizes, (int, Dimension)):
        sizes = [sizes]
    found = [size.value if isinstance(size, Dimension) else size for size in sizes]
    return tuple(None if size is None or size == -1 else int(size) for size in found)


def text(sizes: Known) -> str:
    """The text of a shape, as TensorFlow writes it.

    Example:
        >>> text((None, 3)), text(None), text((2,))
        ('(?, 3)', '<unknown>', '(2,)')
    """
    if sizes is None:
        return "<unknown>"
    inside = ", ".join("?" if size is None else str(size) for size in sizes)
    return f"({inside},)" if len(sizes) == 1 else f"({inside})"


def fits(shape: Sequence[int], sizes: Known) -> bool:
    """Whether an array's shape is one that a known shape allows."""
    if sizes is None:
        return True
    return len(shape) == len(sizes) and all(b is None or a == b for a, b in zip(shape, sizes))


_STAND_INS = (7, 11)


def infer(
    function: Callable[..., Any],
    inputs: Sequence[tuple[Known, DType] | Any],
    refuses: bool = False,
) -> tuple[Known, DType | None]:
    """The shape and dtype of what a function of tensors gives. Nothing is computed.

    Args:
        function: on Gradatim's tensors.
        inputs: for each argument its shape and dtype.
        refuses: the function is one that takes all shapes or none but for sizes that must be equal
            (or 1): if it refuses every size there is for the unknown ones, the shapes do not fit.

    Raises:
        What the function raises, if all shapes are known, or no sizes fit.

    Example:
        >>> from gradatim.graph.dtypes import float32
        >>> infer(lambda a, b: a @ b, [((None, 3), float32), ((3, 2), float32)])
        ((None, 2), torch.float32)
    """
    if any(shape is None for shape, _ in inputs):
        return None, None
    certain = all(None not in shape for shape, _ in inputs)
    found = []
    for size in _STAND_INS[:1] if certain else _STAND_INS:
        try:
            result = _try(function, inputs, size)
        except Exception:
            if certain or (refuses and not _some_fit(function, inputs)):
                raise
            return None, None
        if not isinstance(result, Tensor):
            return None, None
        found.append(result)
    first, last = found[0], found[-1]
    if first.ndim != last.ndim:
        return None, first.dtype
    sizes = tuple(int(a) if a == b else None for a, b in zip(first.shape, last.shape))
    return sizes, first.dtype


def _try(function: Callable[..., Any], inputs: Any, size: int) -> Any:
    """What the function gives with one size for all unknown ones."""
    return function(
        *(
            ops.zeros([size if n is None else n for n in shape], dtype=dtype)
            for shape, dtype in inputs
        )
    )


def _some_fit(function: Callable[..., Any], inputs: Any) -> bool:
    """Whether the function takes any of the sizes that stand in the shapes, or 1, for the unknown
    ones."""
    for size in {1, *(n for shape, _ in inputs for n in shape if n is not None)}:
        try:
            _try(function, inputs, size)
        except Exception:
            continue
        return True
    return False


__all__ = ["Dimension", "TensorShape"]
