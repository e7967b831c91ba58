"""Integrals and derivatives of sampled functions: the trapezoidal rule and finite differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradatim.graph.dtypes import bool_
from gradatim.graph.errors import DTypeError, IndexOutOfRange, ShapeError
from gradatim.ops.arguments import as_tensor_operand, is_number, wrap_dim, wrap_dims
from gradatim.ops.creation import zeros
from gradatim.ops.joining import cat
from gradatim.tensor import Tensor

__all__ = ["cumulative_trapezoid", "gradient", "trapezoid", "trapz"]

# --- the trapezoidal rule ------------------------------------------------------------------------


def _areas(name: str, y: Any, x: Any, dx: Any, dim: int) -> Tensor:
    """The area between each two neighbouring samples, still without the ½."""
    y = as_tensor_operand(y, name)
    if y.dtype is bool_ or (isinstance(x, Tensor) and x.dtype is bool_):
        which = "y" if y.dtype is bool_ else "x"
        raise DTypeError(f"{name}: received a bool input for `{which}`, but bool is not supported")
    axis = wrap_dim(dim, y.ndim)
    if y.ndim == 0:
        raise IndexOutOfRange(f"{name}: dimension {dim} of a tensor that has no dimensions")
    size = y.shape[axis]
    if size == 0:
        return zeros(*(n for k, n in enumerate(y.shape) if k != axis), dtype=y.dtype).unsqueeze(
            axis
        )
    sums = y.narrow(axis, 1, size - 1) + y.narrow(axis, 0, size - 1)
    if x is None:
        return sums * dx
    return sums * _widths(name, y, as_tensor_operand(x, name), axis)


def _widths(name: str, y: Tensor, x: Tensor, axis: int) -> Tensor:
    """How far the sample points lie apart, in a shape that broadcasts with `y`."""
    if x.ndim == 1:
        points = x.shape[0]
        if points != y.shape[axis]:
            raise ShapeError(
                f"{name}: There must be one `x` value for each sample point: got {points} for "
                f"{y.shape[axis]} points"
            )
        return x.diff().reshape(*(-1 if k == axis else 1 for k in range(y.ndim)))
    if x.ndim < y.ndim:  # the missing dimensions are in front
        x = x.reshape(*(1,) * (y.ndim - x.ndim), *x.shape)
    across = x.shape[axis]
    if across != y.shape[axis] and across != 1:
        raise ShapeError(
            f"{name}: There must be one `x` value for each sample point: got {across} for "
            f"{y.shape[axis]} points"
        )
    return x.narrow(axis, 1, across - 1) - x.narrow(axis, 0, across - 1)


def trapezoid(y: Tensor, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral along `dim` by the trapezoidal rule.

    Args:
        x: where the samples were taken: 1-d, or of a shape that broadcasts with `y`.
        dx: how far apart they are, without `x`; 1 by default.

    Example:
        >>> import gradatim as gd
        >>> gd.trapezoid(gd.tensor([1.0, 2.0, 4.0]), dx=2)
        tensor(9.)
    """
    axis = wrap_dim(dim, as_tensor_operand(y, "trapezoid").ndim)
    result: Tensor = _areas("trapezoid", y, x, 1 if dx is None else dx, dim).sum(axis) / 2
    return result


def trapz(y: Tensor, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """`trapezoid` under its older name."""
    return trapezoid(y, x, dx=dx, dim=dim)


def cumulative_trapezoid(y: Tensor, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral from the first sample to each later one; arguments as for `trapezoid`.

    Example:
        >>> import gradatim as gd
        >>> gd.cumulative_trapezoid(gd.tensor([1.0, 2.0, 4.0]))
        tensor([1.5000, 4.5000])
    """
    areas = _areas("cumulative_trapezoid", y, x, 1 if dx is None else dx, dim)
    result: Tensor = areas.cumsum(wrap_dim(dim, y.ndim)) / 2
    return result


# --- finite differences --------------------------------------------------------------------------


def gradient(
    input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1
) -> list[Tensor]:
    """The derivative of a sampled function along each dimension of `dim`: inside by central
    differences of second order (B. Fornberg, "Generation of finite difference formulas on
    arbitrarily spaced grids", 1988), at the ends by one-sided ones.

    Args:
        spacing: how far apart the samples are: one number; a number for each dimension; or for each
            dimension a 1-d tensor of where they are.
        edge_order: 1 or 2, of the differences at the ends.

    Returns:
        One tensor of `input`'s shape for each dimension.

    Example:
        >>> import gradatim as gd
        >>> gd.gradient(gd.tensor([1.0, 2.0, 4.0]))
        (tensor([1.0000, 1.5000, 2.0000]),)
    """
    x = as_tensor_operand(input, "gradient")
    dims = tuple(range(x.ndim)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if edge_order not in (1, 2):
        raise ShapeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    axes = [wrap_dim(d, x.ndim) for d in dims]
    wrap_dims(dims, x.ndim)  # refuses one that comes twice
    steps = _spacings(spacing, len(axes), dim)
    for axis in axes:
        if x.shape[axis] < edge_order + 1:
            raise ShapeError(
                f"torch.gradient expected each dimension size to be at least edge_order+1, got "
                f"{x.shape[axis]} along dimension {axis}"
            )
    return tuple(_along(x, axis, step, edge_order) for axis, step in zip(axes, steps))  # type: ignore[return-value]


def _spacings(spacing: Any, count: int, dim: Any) -> list[Any]:
    """One for each dimension."""
    if spacing is None:
        spacing = 1
    if is_number(spacing):
        return [spacing] * count
    if isinstance(spacing, Tensor):
        if spacing.ndim == 0 and count:
            return [spacing.item()] * count
        spacing = [spacing]
    if not isinstance(spacing, Sequence) or len(spacing) != count:
        given = len(spacing) if isinstance(spacing, Sequence) else type(spacing).__name__
        raise ShapeError(
            f"torch.gradient expected spacing to be unspecified, a scalar or a list of {count} "
            f"elements, one for each dimension, but got {given}"
        )
    for each in spacing:
        if isinstance(each, Tensor) and each.ndim != 1:
            raise ShapeError(
                f"torch.gradient expected each element of spacing to have one dimension, but got "
                f"{each.ndim}"
            )
    return list(spacing)


def _along(x: Tensor, axis: int, step: Any, edge_order: int) -> Tensor:
    size = x.shape[axis]

    def piece(start: int, stop: int) -> Tensor:
        found: Tensor = x.narrow(axis, start, stop - start)
        return found

    if isinstance(step, Tensor):
        if step.shape[0] != size:
            raise ShapeError(
                f"torch.gradient expected each spacing tensor to have one coordinate for each of "
                f"the {size} samples along dimension {axis}, but got {step.shape[0]}"
            )
        widths = step.diff().reshape(*(-1 if k == axis else 1 for k in range(x.ndim)))
        return _uneven(piece, widths, axis, size, edge_order)
    first, last = (
        (piece(1, 2) - piece(0, 1)) / step,
        (piece(size - 1, size) - piece(size - 2, size - 1)) / step,
    )
    if edge_order == 2:
        first = (piece(0, 1) * -1.5 + piece(1, 2) * 2 - piece(2, 3) * 0.5) / step
        last = (
            piece(size - 3, size - 2) * 0.5 - piece(size - 2, size - 1) * 2
            + piece(size - 1, size) * 1.5
        ) / step  # fmt: skip
    middle = (piece(2, size) - piece(0, size - 2)) / (2 * step) if size > 2 else None
    return cat([t for t in (first, middle, last) if t is not None], axis)


def _uneven(piece: Any, widths: Tensor, axis: int, size: int, edge_order: int) -> Tensor:
    def width(start: int, stop: int) -> Tensor:
        found: Tensor = widths.narrow(axis, start, stop - start)
        return found

    parts = []
    left, right = width(0, size - 2), width(1, size - 1)
    if size > 2:
        middle = (
            piece(0, size - 2) * (-right / (left * (left + right)))
            + piece(1, size - 1) * ((right - left) / (left * right))
            + piece(2, size) * (left / (right * (left + right)))
        )
        parts.append(middle)
    if edge_order == 1:
        first = (piece(1, 2) - piece(0, 1)) / width(0, 1)
        last = (piece(size - 1, size) - piece(size - 2, size - 1)) / width(size - 2, size - 1)
    else:
        a, b = width(0, 1), width(1, 2)
        first = (
            piece(0, 1) * (-(2 * a + b) / (a * (a + b)))
            + piece(1, 2) * ((a + b) / (a * b))
            - piece(2, 3) * (a / (b * (a + b)))
        )
        a, b = width(size - 3, size - 2), width(size - 2, size - 1)
        last = (
            piece(size - 3, size - 2) * (b / (a * (a + b)))
            - piece(size - 2, size - 1) * ((a + b) / (a * b))
            + piece(size - 1, size) * ((a + 2 * b) / (b * (a + b)))
        )
    return cat([first, *parts, last], axis)
