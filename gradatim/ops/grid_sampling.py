"""Reading an image between its elements, at places that a tensor names (Jaderberg et al., 2015).

A place is given from -1 to 1 along each dimension. It is brought to the image's own units, where
elements have width 1; what lies outside is left out (zeros), moved to the edge (border) or mirrored
(reflection); and the elements around the place are read and weighed.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int64
from gradatim.graph.errors import (
    ArgumentError,
    DTypeError,
    ShapeError,
    UnsupportedDType,
    UnsupportedInput,
)
from gradatim.graph.node import Node, Shape
from gradatim.ops._windows import constant_table
from gradatim.ops.arguments import as_tensor_operand
from gradatim.tensor import Tensor, named

__all__ = [
    "affine_grid",
    "affine_grid_generator",
    "grid_sample",
    "grid_sampler",
    "grid_sampler_2d",
    "grid_sampler_3d",
]

_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")


def _number(like: Node, value: float) -> Node:
    return p.fixed(float(value), like.dtype, like.device)


# --- where a place lies --------------------------------------------------------------------------


def _in_units(place: Node, n: int, align_corners: bool) -> Node:
    """From -1 ... 1 to the image's units: the middles of the first and last element, or their
    outer edges, are at -1 and 1."""
    one, half = _number(place, 1), _number(place, 0.5)
    if align_corners:
        return p.mul(p.mul(p.add(place, one), half), _number(place, n - 1))
    return p.mul(p.sub(p.mul(p.add(place, one), _number(place, n)), one), half)


def _at_edge(place: Node, n: int) -> Node:
    """Moved inside 0 ... n - 1; no gradient flows where it was moved, or lay on the edge."""
    low, high = _number(place, 0), _number(place, n - 1)
    inside = p.and_(p.gt(place, low), p.lt(place, high))
    moved = p.select(p.ge(place, high), high, low)  # (NaN goes to 0)
    return p.select(inside, place, moved)


def _mirrored(place: Node, n: int, align_corners: bool) -> Node:
    """Reflected at the middles of the end elements (`align_corners`) or at their outer edges, as
    often as it takes."""
    low, span = (0.0, float(n - 1)) if align_corners else (-0.5, float(n))
    if span == 0:
        return p.mul(place, _number(place, 0))
    least, width = _number(place, low), _number(place, span)
    behind = p.sub(place, least)
    distance = p.select(p.lt(behind, _number(place, 0)), p.neg(behind), behind)
    rest = p.fmod(distance, width)
    turns = p.floor(p.div(p.stop_gradient(distance), width))
    odd = p.ne(p.fmod(turns, _number(place, 2)), _number(place, 0))
    return _at_edge(p.add(p.select(odd, p.sub(width, rest), rest), least), n)


def _treated(place: Node, n: int, padding_mode: str, align_corners: bool) -> Node:
    if padding_mode == "border":
        return _at_edge(place, n)
    if padding_mode == "reflection":
        return _mirrored(place, n, align_corners)
    return place


# --- reading -------------------------------------------------------------------------------------


class _Image:
    """An input (N, C, *spatial), to be read at whole places."""

    def __init__(self, x: Node):
        self.lead, self.spatial = x.shape[:2], x.shape[2:]
        self.flat = p.reshape(x, (*self.lead, math.prod(self.spatial)))

    def read(self, corner: Sequence[Node]) -> Node:
        """The elements at places (N, 1, P), whole but floating, of each dimension: (N, C, P), and 0
        outside."""
        inside: Node | None = None
        for place, n in zip(corner, self.spatial):
            here = p.and_(p.ge(place, _number(place, 0)), p.le(place, _number(place, n - 1)))
            inside = here if inside is None else p.and_(inside, here)
        assert inside is not None
        at: Node = p.constant(0, int64)
        for place, n in zip(corner, self.spatial):
            safe = p.cast(p.select(inside, p.stop_gradient(place), _number(place, 0)), int64)
            at = p.add(p.mul(at, p.fixed(n, int64)), safe)
        shape = (*self.lead, at.shape[-1])
        found = p.window_gather(self.flat, p.expand(at, shape), 1)
        return p.select(inside, found, _number(found, 0))


def _weighted_sum(terms: Iterator[tuple[Node, Node]]) -> Node:
    total: Node | None = None
    for value, weight in terms:
        term = p.mul(value, weight)
        total = term if total is None else p.add(total, term)
    assert total is not None
    return total


def _linear(image: _Image, places: list[Node]) -> Node:
    """The 2 or 4 or 8 elements around, by distance."""
    one = _number(places[0], 1)
    before = [p.floor(p.stop_gradient(place)) for place in places]
    shares = [p.sub(place, first) for place, first in zip(places, before)]
    sides = [
        ((first, p.sub(one, share)), (p.add(first, one), share))
        for first, share in zip(before, shares)
    ]
    return _weighted_sum(_product(image, sides))


def _product(image: _Image, sides: Sequence[Sequence[tuple[Node, Node]]]) -> Iterator[Any]:
    """For each choice of a (place, weight) in every dimension: what is there, and its weight."""
    for chosen in itertools.product(*sides):
        weight = chosen[0][1]
        for _, factor in chosen[1:]:
            weight = p.mul(weight, factor)
        yield image.read([place for place, _ in chosen]), weight


def _cubic_weights(share: Node) -> list[Node]:
    """The weights of the four elements around a place that is `share` behind the second: Keys
    (1981), equation 4, with a = -3/4."""
    one, a = _number(share, 1), -0.75

    def polynomial(x: Node, *coefficients: float) -> Node:
        total = _number(x, coefficients[0])
        for coefficient in coefficients[1:]:
            total = p.add(p.mul(total, x), _number(x, coefficient))
        return total

    def near(x: Node) -> Node:
        return polynomial(x, a + 2, -(a + 3), 0, 1)

    def far(x: Node) -> Node:
        return polynomial(x, a, -5 * a, 8 * a, -4 * a)

    rest = p.sub(one, share)
    return [far(p.add(share, one)), near(share), near(rest), far(p.add(rest, one))]


def _cubic(image: _Image, places: list[Node], padding_mode: str, align_corners: bool) -> Node:
    """The 16 elements around, by Keys' kernel; each is treated as outside or inside by itself."""
    sides = []
    for place, n in zip(places, image.spatial):
        first = p.floor(p.stop_gradient(place))
        weights = _cubic_weights(p.sub(place, first))
        sides.append(
            [
                (
                    _treated(p.add(first, _number(first, k - 1)), n, padding_mode, align_corners),
                    weight,
                )
                for k, weight in enumerate(weights)
            ]
        )
    return _weighted_sum(_product(image, sides))


def _sampled(x: Node, grid: Node, mode: str, padding_mode: str, align_corners: bool) -> Node:
    image = _Image(x)
    batch, sizes, rank = grid.shape[0], grid.shape[1:-1], grid.shape[-1]
    points = math.prod(sizes)
    # The grid names the last dimension first; the image's places go from the first to the last.
    table = p.permute(p.reshape(grid, (batch, points, rank)), (2, 0, 1))
    places = []
    for k, n in enumerate(image.spatial):
        row = rank - 1 - k
        place = p.slice_(table, (row, 0, 0), (row + 1, batch, points), (1, 1, 1))
        places.append(_in_units(p.reshape(place, (batch, 1, points)), n, align_corners))
    if mode == "bicubic":
        result = _cubic(image, places, padding_mode, align_corners)
    else:
        places = [
            _treated(place, n, padding_mode, align_corners)
            for place, n in zip(places, image.spatial)
        ]
        if mode == "bilinear":
            result = _linear(image, places)
        else:
            result = image.read([p.round_(p.stop_gradient(place)) for place in places])
            if grid.history:  # it is a function of the grid, with gradient 0
                nothing = p.mul(places[0], _number(places[0], 0))
                result = p.substitute(result, p.add(result, nothing))
    return p.reshape(result, (*x.shape[:2], *sizes))


# --- the operations ------------------------------------------------------------------------------


def _read(where: str, input: Any, grid: Any, mode: str) -> tuple[Node, Node]:
    x, g = as_tensor_operand(input, where)._read(), as_tensor_operand(grid, where)._read()
    if x.dtype is not g.dtype:
        raise DTypeError(
            f"{where}(): expected input and grid to have same dtype, but input has {x.dtype.name} "
            f"and grid has {g.dtype.name}: cast one of them with .to(...)"
        )
    if not x.dtype.is_floating_point:
        raise UnsupportedDType(
            f"{where}() is not implemented for {x.dtype.name}: cast it with .float()"
        )
    if x.ndim not in (4, 5) or x.ndim != g.ndim:
        raise ShapeError(
            f"{where}(): expected 4D or 5D input and grid with same number of dimensions, but got "
            f"input with sizes {list(x.shape)} and grid with sizes {list(g.shape)}"
        )
    if x.shape[0] != g.shape[0]:
        raise ShapeError(
            f"{where}(): expected grid and input to have same batch size, but got input with sizes "
            f"{list(x.shape)} and grid with sizes {list(g.shape)}"
        )
    if g.shape[-1] != x.ndim - 2:
        raise ShapeError(
            f"{where}(): expected grid to have size {x.ndim - 2} in last dimension, but got grid "
            f"with sizes {list(g.shape)}"
        )
    if 0 in x.shape[2:]:
        raise ShapeError(
            f"{where}(): expected input to have non-empty spatial dimensions, but input has sizes "
            f"{list(x.shape)}"
        )
    if mode == "bicubic" and x.ndim == 5:
        raise ShapeError(f"{where}(): bicubic interpolation only supports 4D input")
    return x, g


def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:  # fmt: skip
    """The input read at the places of a grid.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W), floating.
        grid: (N, H', W', 2), of x and y, or (N, D', H', W', 3), of x, y and z: from -1, the left,
            top or front, to 1. Of the input's dtype.
        mode: "bilinear" (trilinear, of volumes), "nearest", or of images "bicubic".
        padding_mode: what stands outside: "zeros", "border" or "reflection".
        align_corners: whether -1 and 1 are the middles of the end elements, not their outer edges
            (which they are by default).

    Returns:
        (N, C, H', W') or (N, C, D', H', W').

    Raises:
        ArgumentError: for another mode.
        ShapeError: for sizes that do not fit.

    Example:
        >>> import gradatim as gd
        >>> x = gd.arange(4.0).reshape(1, 1, 2, 2)
        >>> middle = gd.zeros(1, 1, 1, 2)
        >>> gd.nn.functional.grid_sample(x, middle, align_corners=False)
        tensor([[[[1.5000]]]])
    """
    if mode not in _MODES:
        raise ArgumentError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in _PADDINGS:
        raise ArgumentError(
            f"nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    if align_corners is None:
        warnings.warn(
            "grid_sample uses align_corners=False: give align_corners to say which is meant",
            stacklevel=2,
        )
    x, g = _read("grid_sampler", input, grid, mode)
    node = _sampled(x, g, mode, padding_mode, bool(align_corners))
    return named(node, f"GridSampler{x.ndim - 2}D")


def _by_number(rank: int | None) -> Callable[..., Tensor]:
    name = "grid_sampler" if rank is None else f"grid_sampler_{rank}d"

    def function(
        input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int,
        align_corners: bool,
    ) -> Tensor:  # fmt: skip
        if rank is not None and input.ndim != rank + 2:
            raise ShapeError(f"{name}(): expected {rank + 2}D input, got {list(input.shape)}")
        return grid_sample(
            input, grid, _MODES[interpolation_mode], _PADDINGS[padding_mode], bool(align_corners)
        )

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        "`nn.functional.grid_sample`, with the modes as numbers: 0 bilinear, 1 nearest, 2 bicubic; "
        "0 zeros, 1 border, 2 reflection."
    )
    return function


grid_sampler, grid_sampler_2d, grid_sampler_3d = map(_by_number, (None, 2, 3))

# --- grids ---------------------------------------------------------------------------------------


def _base(sizes: Shape, align_corners: bool) -> np.ndarray[Any, Any]:
    """(points, rank + 1): the grid that names every element of an image, and a column of ones."""
    lines = []
    for n in sizes:
        line = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        lines.append(line if align_corners else line * ((n - 1) / n))
    grids = np.meshgrid(*lines, indexing="ij")
    return np.stack([*(grid.ravel() for grid in reversed(grids)), np.ones(grids[0].size)], 1)


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The grid of an affine map, for `grid_sample`.

    Args:
        theta: (N, 2, 3) or (N, 3, 4), floating: what a place (x, y, 1) is multiplied by.
        size: of the image that is to come out, (N, C, H, W) or (N, C, D, H, W).
        align_corners: as for `grid_sample`.

    Returns:
        (N, H, W, 2) or (N, D, H, W, 3).

    Raises:
        ArgumentError: for another shape of `theta`, or an empty size.
        UnsupportedInput: for a size of another length.

    Example:
        >>> import gradatim as gd
        >>> identity = gd.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
        >>> gd.nn.functional.affine_grid(identity, (1, 1, 1, 2), align_corners=False)
        tensor([[[[-0.5000,  0.0000],
                  [ 0.5000,  0.0000]]]])
    """
    if align_corners is None:
        warnings.warn(
            "affine_grid uses align_corners=False: give align_corners to say which is meant",
            stacklevel=2,
        )
    matrices = as_tensor_operand(theta, "affine_grid")._read()
    if not matrices.dtype.is_floating_point:
        raise ArgumentError(
            f"Expected theta to have floating point type, but got {matrices.dtype.name}"
        )
    sizes = tuple(int(n) for n in size)
    if len(sizes) not in (4, 5):
        raise UnsupportedInput(
            f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {sizes}."
        )
    rank = len(sizes) - 2
    if matrices.ndim != 3 or matrices.shape[1:] != (rank, rank + 1):
        raise ArgumentError(
            f"Expected a batch of {rank}D affine matrices of shape Nx{rank}x{rank + 1} for size "
            f"{sizes}. Got {list(matrices.shape)}."
        )
    if min(sizes) <= 0:
        raise ArgumentError(f"Expected non-zero, positive output size. Got {sizes}")
    if matrices.shape[0] != sizes[0]:
        raise ShapeError(
            f"Expected theta and size to have the same batch size, got {list(matrices.shape)} and "
            f"{sizes}"
        )
    base = constant_table(_base, matrices.dtype, sizes[2:], bool(align_corners))
    grid = p.contract(base, matrices, (1,), (2,))
    grid = p.permute(grid, (1, 0, 2))
    return named(p.reshape(grid, (sizes[0], *sizes[2:], rank)), "AffineGridGenerator")


def affine_grid_generator(theta: Tensor, size: Any, align_corners: bool) -> Tensor:
    """`nn.functional.affine_grid` under its name in the main namespace."""
    return affine_grid(theta, size, bool(align_corners))
