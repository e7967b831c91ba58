"""The closed set of primitives: every operation that an engine must be able to run.

Each primitive has a builder, the function of the same name, which checks shapes and dtypes and
makes the Node. Everything else a user can call is composed from these in `ops/`.

Elementwise primitives broadcast as NumPy does, so that a bias or a scalar needs no Node of its own
to be spread out. Their inputs have one dtype: `ops/` promotes before it builds.

Edge cases, decided here for every engine (all are PyTorch's):

- integer arithmetic wraps around; the shift by a negative or too large amount gives 0 (`shl`, and
  `shr` of a positive number) or -1 (`shr` of a negative one);
- `floor_divide`, `remainder` and `fmod` of integers by zero are errors at run time;
- `maximum`, `minimum`, `max`, `min`, `argmax`, `argmin` and `sort` treat NaN as the largest, and
  the first of equal values wins; a reduction that meets NaN gives NaN;
- `gcd` goes on until nothing is left, however many steps that takes: loops of the graph cannot;
- a negative `pow` of an integer is 0, that of 1 and -1 is what it is;
- a cast from a float outside an integer's range gives what the processor gives (unspecified);
- `sum` and `prod` of float16 and bfloat16 accumulate in float32; `cumsum` and `cumprod` do too, and
  those of float32 in float64, so that a partial result beyond the range does not spoil the rest;
- `gather` and the scatters refuse an index outside the axis, negative ones too: `ops/` wraps
  negative indices first. Of several updates to one place, `scatter_set` keeps the last.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from gradatim.graph.dtypes import DType, bool_, int64
from gradatim.graph.errors import DeviceError, DTypeError, ShapeError
from gradatim.graph.node import LIVE, Node, Shape


class Primitive:
    """One operation's name and what is true of it whatever its inputs are.

    Attributes:
        name: as in this module.
        kind: the family, which engines may treat alike: "leaf", "unary", "binary", "reduce" ...
        differentiable: False where no gradient flows (comparisons, argmax, iota).
        kept: worth keeping when a value is looked at before backward(): not cheap to recompute.
    """

    __slots__ = ("differentiable", "kept", "kind", "name")

    def __init__(self, name: str, kind: str, differentiable: bool = True, kept: bool = False):
        self.name = name
        self.kind = kind
        self.differentiable = differentiable
        self.kept = kept
        PRIMITIVES[name] = self

    def __repr__(self) -> str:
        return self.name


PRIMITIVES: dict[str, Primitive] = {}


@functools.lru_cache(4096)
def broadcast(*shapes: Shape) -> Shape:
    """The common shape of several, as NumPy broadcasts.

    Raises:
        ShapeError: naming both sizes and the dimension.
    """
    result: list[int] = []
    for k in range(1, max(map(len, shapes), default=0) + 1):
        extent = 1
        for shape in shapes:
            if k <= len(shape) and shape[-k] != 1:
                if extent not in (1, shape[-k]):
                    dim = max(map(len, shapes)) - k
                    given = " and ".join(str(list(s)) for s in shapes)
                    raise ShapeError(
                        f"The size of tensor a ({extent}) must match the size of tensor b "
                        f"({shape[-k]}) at non-singleton dimension {dim}: shapes {given} do not "
                        f"broadcast"
                    )
                extent = shape[-k]
        result.append(extent)
    return tuple(reversed(result))


# The device of numbers, index tables and draws that no user put anywhere: they are computed where
# what they meet is.
ANYWHERE: Final = ""


def same_device(*nodes: Node) -> str:
    """The device the nodes share."""
    device = ANYWHERE
    for node in nodes:
        if node.device != device and node.device:
            if device:
                raise DeviceError(
                    f"Expected all tensors to be on the same device, but found at least two "
                    f"devices, {device} and {node.device}: move one with .to({device!r})"
                )
            device = node.device
    return device


# --- leaves --------------------------------------------------------------------------------------

VALUE: Final = Primitive("value", "leaf")
INPUT: Final = Primitive("input", "leaf")
CONSTANT: Final = Primitive("constant", "leaf")
IOTA: Final = Primitive("iota", "leaf", differentiable=False)

# Constants that are part of a Program's key, because code specialized for them is better. All other
# constants are run-time inputs: a learning rate that changes must not compile anew.
SPECIAL_CONSTANTS: Final = (0, 1, -1, 2, 0.5)


def value(buffer: Any, shape: Shape, dtype: DType, device: str = "cpu") -> Node:
    """A value that is there already."""
    return Node(VALUE, (), (), shape, dtype, device, buffer)


def program_input(position: int, shape: Shape, dtype: DType, device: str = ANYWHERE) -> Node:
    """The `position`-th input of a Program."""
    return Node(INPUT, (), (position,), shape, dtype, device)


_constants: dict[tuple[float, DType, str], Node] = {}


def constant(number: bool | int | float, dtype: DType, device: str = ANYWHERE) -> Node:
    """A 0-d number, params `(number,)`: of the dtype's own kind, so that keys print the same."""
    if dtype.is_floating_point:
        number = float(number)
    elif dtype.is_integer:
        number = int(number)
    else:
        number = bool(number)
    key = (number, dtype, device)
    found = _constants.get(key)
    if found is not None and (number or math.copysign(1.0, number) > 0):
        return found
    node = Node(CONSTANT, (), (number,), (), dtype, device)
    if found is None and number in SPECIAL_CONSTANTS and str(number) != "-0.0":
        node.meta = _SPECIAL
        _constants[key] = node
    return node


_SPECIAL = "special"


def fixed(number: bool | int | float, dtype: DType, device: str = ANYWHERE) -> Node:
    """A constant that follows from shapes: like the special ones, it is part of a Program's key,
    so that an engine can rely on it."""
    node = Node(CONSTANT, (), (number,), (), dtype, device)
    node.meta = _SPECIAL
    return node


def is_special(node: Node) -> bool:
    """Whether a constant is part of the Program's key."""
    return node.meta is _SPECIAL


def iota(shape: Shape, axis: int, dtype: DType, device: str = ANYWHERE) -> Node:
    """0, 1, 2 ... along `axis`, the same along the others; params `(axis,)`."""
    return Node(IOTA, (), (axis,), shape, dtype, device)


def full(shape: Shape, number: bool | int | float, dtype: DType, device: str = ANYWHERE) -> Node:
    """A constant of any shape (expand of a 0-d one)."""
    return expand(constant(number, dtype, device), shape)


# --- elementwise ---------------------------------------------------------------------------------

Unary = Callable[[Node], Node]
Binary = Callable[[Node, Node], Node]


def _unary(name: str, result: DType | None = None, differentiable: bool = True) -> Unary:
    primitive = Primitive(name, "unary", differentiable)

    def build(x: Node) -> Node:
        return Node(primitive, (x,), (), x.shape, result or x.dtype, x.device)

    build.__name__ = name
    return build


def _binary(name: str, result: DType | None = None, differentiable: bool = True) -> Binary:
    primitive = Primitive(name, "binary", differentiable)

    def build(a: Node, b: Node) -> Node:
        if a.dtype is not b.dtype:
            raise DTypeError(
                f"{name} expects one dtype, got {a.dtype.name} and {b.dtype.name}: "
                f"cast one of them with .to(...)"
            )
        if a.shape == b.shape or not b.shape:
            shape = a.shape
        else:
            shape = broadcast(a.shape, b.shape) if a.shape else b.shape
        device = a.device if a.device == b.device else same_device(a, b)
        return Node(primitive, (a, b), (), shape, result or a.dtype, device)

    build.__name__ = name
    return build


neg = _unary("neg")
abs_ = _unary("abs")
sign = _unary("sign")
floor = _unary("floor")
ceil = _unary("ceil")
trunc = _unary("trunc")
round_ = _unary("round")  # halves to even
sqrt = _unary("sqrt")
rsqrt = _unary("rsqrt")
exp = _unary("exp")
exp2 = _unary("exp2")
expm1 = _unary("expm1")
log = _unary("log")
log2 = _unary("log2")
log10 = _unary("log10")
log1p = _unary("log1p")
sin = _unary("sin")
cos = _unary("cos")
tan = _unary("tan")
asin = _unary("asin")
acos = _unary("acos")
atan = _unary("atan")
sinh = _unary("sinh")
cosh = _unary("cosh")
tanh = _unary("tanh")
asinh = _unary("asinh")
acosh = _unary("acosh")
atanh = _unary("atanh")
sigmoid = _unary("sigmoid")
relu = _unary("relu")  # not maximum(x, 0): at 0 its gradient is 0, and not shared
erf = _unary("erf")
erfc = _unary("erfc")
erfinv = _unary("erfinv")
lgamma = _unary("lgamma")
digamma = _unary("digamma")
not_ = _unary("not", differentiable=False)  # bits of an integer, the opposite of a bool

add = _binary("add")
sub = _binary("sub")
mul = _binary("mul")
div = _binary("div")  # floating dtypes only
floor_divide = _binary("floor_divide", differentiable=False)
remainder = _binary("remainder")  # the sign of the divisor, as Python's %
fmod = _binary("fmod")  # the sign of the dividend, as C's
gcd = _binary("gcd", differentiable=False)  # of integers, not negative; gcd(0, 0) is 0
pow_ = _binary("pow")
maximum = _binary("maximum")
minimum = _binary("minimum")
atan2 = _binary("atan2")
copysign = _binary("copysign")
nextafter = _binary("nextafter", differentiable=False)
and_ = _binary("and", differentiable=False)
or_ = _binary("or", differentiable=False)
xor = _binary("xor", differentiable=False)
shl = _binary("shl", differentiable=False)
shr = _binary("shr", differentiable=False)
eq = _binary("eq", bool_, differentiable=False)
ne = _binary("ne", bool_, differentiable=False)
lt = _binary("lt", bool_, differentiable=False)
le = _binary("le", bool_, differentiable=False)
gt = _binary("gt", bool_, differentiable=False)
ge = _binary("ge", bool_, differentiable=False)

SELECT: Final = Primitive("select", "select")
CAST: Final = Primitive("cast", "cast")
BITCAST: Final = Primitive("bitcast", "cast", differentiable=False)


def select(condition: Node, a: Node, b: Node) -> Node:
    """`a` where the bool `condition` holds, else `b`."""
    if a.dtype is not b.dtype or condition.dtype is not bool_:
        raise DTypeError(
            f"select expects a bool and two values of one dtype, got {condition.dtype.name}, "
            f"{a.dtype.name} and {b.dtype.name}"
        )
    shape = broadcast(condition.shape, a.shape, b.shape)
    return Node(SELECT, (condition, a, b), (), shape, a.dtype, same_device(condition, a, b))


def cast(x: Node, dtype: DType) -> Node:
    """`x` in another dtype, params `(dtype,)`; to bool: whether it is not zero."""
    return x if x.dtype is dtype else Node(CAST, (x,), (dtype,), x.shape, dtype, x.device)


def bitcast(x: Node, dtype: DType) -> Node:
    """The same bits read as another dtype of the same size, params `(dtype,)`."""
    if x.dtype.itemsize != dtype.itemsize:
        raise DTypeError(
            f"bitcast expects a dtype of {x.dtype.itemsize} bytes like {x.dtype.name}, "
            f"got {dtype.name} of {dtype.itemsize}"
        )
    return Node(BITCAST, (x,), (dtype,), x.shape, dtype, x.device)


# --- reductions ----------------------------------------------------------------------------------


@functools.lru_cache(4096)
def _without(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple(extent for k, extent in enumerate(shape) if k not in axes)


def _reduction(name: str) -> Callable[[Node, tuple[int, ...]], Node]:
    primitive = Primitive(name, "reduce", kept=True)

    def build(x: Node, axes: tuple[int, ...]) -> Node:
        return Node(primitive, (x,), (axes,), _without(x.shape, axes), x.dtype, x.device)

    build.__name__ = name
    return build


sum_ = _reduction("sum")  # params (axes,), ascending; the axes disappear
prod = _reduction("prod")
max_ = _reduction("max")
min_ = _reduction("min")


def _arg_reduction(name: str) -> Callable[[Node, int], Node]:
    primitive = Primitive(name, "argreduce", differentiable=False)

    def build(x: Node, axis: int) -> Node:
        return Node(primitive, (x,), (axis,), x.shape[:axis] + x.shape[axis + 1 :], int64, x.device)

    build.__name__ = name
    return build


argmax = _arg_reduction("argmax")  # params (axis,)
argmin = _arg_reduction("argmin")


def _cumulative(name: str, result: DType | None = None) -> Callable[[Node, int], Node]:
    primitive = Primitive(name, "cumulative", differentiable=result is None, kept=True)

    def build(x: Node, axis: int) -> Node:
        return Node(primitive, (x,), (axis,), x.shape, result or x.dtype, x.device)

    build.__name__ = name
    return build


cumsum = _cumulative("cumsum")  # params (axis,)
cumprod = _cumulative("cumprod")
# Where the largest (smallest) of all up to each place stands: of equal ones the last, and the last
# NaN once there is one.
cumargmax = _cumulative("cumargmax", int64)
cumargmin = _cumulative("cumargmin", int64)

# --- movement ------------------------------------------------------------------------------------

RESHAPE: Final = Primitive("reshape", "movement")
PERMUTE: Final = Primitive("permute", "movement")
EXPAND: Final = Primitive("expand", "movement")
PAD: Final = Primitive("pad", "movement")
SLICE: Final = Primitive("slice", "movement")
DYNAMIC_SLICE: Final = Primitive("dynamic_slice", "movement")
UPDATE_SLICE: Final = Primitive("update_slice", "movement")
FLIP: Final = Primitive("flip", "movement")
CONCATENATE: Final = Primitive("concatenate", "movement")


def reshape(x: Node, shape: Shape) -> Node:
    """The elements in row-major order, in another shape; params `(shape,)`."""
    if shape == x.shape:
        return x
    if math.prod(shape) != x.size:
        raise ShapeError(f"shape '{list(shape)}' is invalid for input of size {x.size}")
    return Node(RESHAPE, (x,), (shape,), shape, x.dtype, x.device)


def permute(x: Node, axes: tuple[int, ...]) -> Node:
    """Axis k of the result is axis `axes[k]` of `x`; params `(axes,)`."""
    if axes == tuple(range(len(axes))):
        return x
    return Node(PERMUTE, (x,), (axes,), tuple(x.shape[k] for k in axes), x.dtype, x.device)


def expand(x: Node, shape: Shape) -> Node:
    """Broadcast to `shape`; params `(shape,)`."""
    if shape == x.shape:
        return x
    if broadcast(x.shape, shape) != shape:
        raise ShapeError(f"cannot expand a tensor of shape {list(x.shape)} to {list(shape)}")
    return Node(EXPAND, (x,), (shape,), shape, x.dtype, x.device)


def pad(x: Node, fill: Node, low: tuple[int, ...], high: tuple[int, ...]) -> Node:
    """`low[k]` elements of the 0-d `fill` before axis k and `high[k]` after it (a negative number
    crops); params `(low, high)`.
    """
    if not any(low) and not any(high):
        return x
    shape = tuple(n + a + b for n, a, b in zip(x.shape, low, high))
    if any(extent < 0 for extent in shape):
        raise ShapeError(
            f"padding {list(low)} before and {list(high)} after the axes of shape {list(x.shape)} "
            f"gives the negative size {list(shape)}"
        )
    return Node(PAD, (x, fill), (low, high), shape, x.dtype, same_device(x, fill))


def slice_(x: Node, starts: Shape, stops: Shape, steps: Shape) -> Node:
    """`x[start:stop:step, ...]` with bounds inside the shape and positive steps; params
    `(starts, stops, steps)`.
    """
    shape = tuple(max(0, -(-(b - a) // s)) for a, b, s in zip(starts, stops, steps))
    if shape == x.shape:
        return x
    return Node(SLICE, (x,), (starts, stops, steps), shape, x.dtype, x.device)


def dynamic_slice(x: Node, starts: Sequence[Node], sizes: Shape, steps: Shape) -> Node:
    """A slice whose starts (0-d int64, one an axis) are known at run time only, and clamped so
    that it fits; params `(sizes, steps)`.
    """
    device = same_device(x, *starts)
    return Node(DYNAMIC_SLICE, (x, *starts), (sizes, steps), sizes, x.dtype, device)


def update_slice(x: Node, update: Node, starts: Sequence[Node], steps: Shape) -> Node:
    """`x` with the slice of `update`'s shape at `starts` (0-d int64) replaced; params
    `(steps,)`."""
    device = same_device(x, update, *starts)
    return Node(UPDATE_SLICE, (x, update, *starts), (steps,), x.shape, x.dtype, device)


def flip(x: Node, axes: tuple[int, ...]) -> Node:
    """The axes in reverse order; params `(axes,)`."""
    return Node(FLIP, (x,), (axes,), x.shape, x.dtype, x.device) if axes else x


def concatenate(nodes: Sequence[Node], axis: int) -> Node:
    """The nodes one after the other along `axis`; params `(axis,)`."""
    first = nodes[0]
    for node in nodes:
        if (
            node.shape[:axis] != first.shape[:axis]
            or node.shape[axis + 1 :] != first.shape[axis + 1 :]
        ):
            raise ShapeError(
                f"Sizes of tensors must match except in dimension {axis}: "
                f"got {list(first.shape)} and {list(node.shape)}"
            )
    extent = sum(node.shape[axis] for node in nodes)
    shape = (*first.shape[:axis], extent, *first.shape[axis + 1 :])
    return Node(CONCATENATE, tuple(nodes), (axis,), shape, first.dtype, same_device(*nodes))


# --- indexing ------------------------------------------------------------------------------------

GATHER: Final = Primitive("gather", "gather")
SCATTER_ADD: Final = Primitive("scatter_add", "scatter")
SCATTER_SET: Final = Primitive("scatter_set", "scatter")


def gather(x: Node, index: Node, dim: int = 0) -> Node:
    """`x[index]`: rows of axis 0. `index` is int64 of any shape, which takes axis 0's place.

    Params `(dim,)`: what an error calls axis 0, which stands for the user's dimension `dim`.
    """
    shape = index.shape + x.shape[1:]
    return Node(GATHER, (x, index), (dim,), shape, x.dtype, same_device(x, index))


def scatter_add(x: Node, index: Node, updates: Node) -> Node:
    """`x` with `updates[k]` added to row `index[k]`, for every k."""
    return Node(SCATTER_ADD, (x, index, updates), (), x.shape, x.dtype, same_device(x, index))


def scatter_set(x: Node, index: Node, updates: Node) -> Node:
    """`x` with row `index[k]` replaced by `updates[k]`, for every k in order."""
    return Node(SCATTER_SET, (x, index, updates), (), x.shape, x.dtype, same_device(x, index))


# --- contraction ---------------------------------------------------------------------------------

CONTRACT: Final = Primitive("contract", "contract", kept=True)


def contract(
    a: Node,
    b: Node,
    a_axes: tuple[int, ...],
    b_axes: tuple[int, ...],
    a_batch: tuple[int, ...] = (),
    b_batch: tuple[int, ...] = (),
) -> Node:
    """Batched product: the sum over the paired axes `a_axes`, `b_axes`, for each index of the
    paired batch axes. Result axes: batch, the rest of `a`, the rest of `b`.
    Params `(a_axes, b_axes, a_batch, b_batch)`.
    """
    if a.dtype is not b.dtype:
        raise DTypeError(
            f"expected m1 and m2 to have the same dtype, but got: {a.dtype.name} != {b.dtype.name}:"
            f" cast one of them with .to(...)"
        )
    shape = _contracted(a.shape, b.shape, a_axes, b_axes, a_batch, b_batch)
    params = (a_axes, b_axes, a_batch, b_batch)
    device = a.device if a.device == b.device else same_device(a, b)
    return Node(CONTRACT, (a, b), params, shape, a.dtype, device)


@functools.lru_cache(4096)
def _contracted(
    a: Shape,
    b: Shape,
    a_axes: tuple[int, ...],
    b_axes: tuple[int, ...],
    a_batch: tuple[int, ...],
    b_batch: tuple[int, ...],
) -> Shape:
    """The shape of a contraction of shapes."""
    for i, j in (*zip(a_axes, b_axes), *zip(a_batch, b_batch)):
        if a[i] != b[j]:
            raise ShapeError(
                f"shapes {list(a)} and {list(b)} cannot be multiplied: "
                f"axis {i} of the first has {a[i]}, axis {j} of the second {b[j]}"
            )
    return (
        tuple(a[k] for k in a_batch)
        + tuple(n for k, n in enumerate(a) if k not in a_axes and k not in a_batch)
        + tuple(n for k, n in enumerate(b) if k not in b_axes and k not in b_batch)
    )


# --- sorting, and nodes with several results -----------------------------------------------------

SORT: Final = Primitive("sort", "sort")
PICK: Final = Primitive("pick", "pick")


def pick(node: Node, position: int) -> Node:
    """One result of a Node that has several; params `(position,)`."""
    buffer = None if node.buffer is None else node.buffer[position]
    shape, dtype = node.shape[position], node.dtype[position]
    return Node(PICK, (node,), (position,), shape, dtype, node.device, buffer)


def sort(x: Node, axis: int, descending: bool) -> tuple[Node, Node]:
    """Sorted values and their int64 places in `x` (stable); params `(axis, descending)`."""
    both = Node(SORT, (x,), (axis, descending), (x.shape, x.shape), (x.dtype, int64), x.device)
    return pick(both, 0), pick(both, 1)


# --- markers: they compute nothing, and say something to gradients or to rewrites ----------------

VARIABLE: Final = Primitive("variable", "marker")
STOP_GRADIENT: Final = Primitive("stop_gradient", "marker", differentiable=False)
COPY: Final = Primitive("copy", "marker")
SUBSTITUTE: Final = Primitive("substitute", "marker")
CUSTOM_GRADIENT: Final = Primitive("custom_gradient", "marker", kept=True)
BARRIER: Final = Primitive("barrier", "marker")


def variable(x: Node) -> Node:
    """A leaf that gradients are wanted for: where history begins."""
    node = Node(VARIABLE, (x,), (), x.shape, x.dtype, x.device, x.buffer)
    node.history = LIVE
    return node


def stop_gradient(x: Node) -> Node:
    """`x`, with no history."""
    if not x.history:
        return x
    return Node(STOP_GRADIENT, (x,), (), x.shape, x.dtype, x.device, x.buffer)


def copy(x: Node) -> Node:
    """`x` in memory of its own."""
    return Node(COPY, (x,), (), x.shape, x.dtype, x.device)


def substitute(x: Node, original: Node) -> Node:
    """The value of `x` with the history of `original`: what is left of a tensor whose memory was
    written through `detach()` or `.data`.
    """
    return Node(SUBSTITUTE, (x, original), (), x.shape, x.dtype, x.device)


def custom_gradient(results: Sequence[Node], inputs: Sequence[Node], backward: Any) -> list[Node]:
    """The results as they are, with a gradient of the user's own: `backward(grads)` gives the
    gradients of the inputs."""
    both = Node(
        CUSTOM_GRADIENT,
        (*results, *inputs),
        (len(results),),
        tuple(node.shape for node in results),
        tuple(node.dtype for node in results),
        results[0].device,
    )
    both.meta = backward
    return [pick(both, k) for k in range(len(results))]


def barrier(values: Sequence[Node], after: Sequence[Node]) -> list[Node]:
    """The values as they are, for work that is to be done once `after` is there: what is computed
    from them is not merged with the same computation on `values` themselves.

    Params `(count of values,)`. It is how a checkpoint is computed a second time.
    """
    both = Node(
        BARRIER,
        (*values, *map(stop_gradient, after)),
        (len(values),),
        tuple(node.shape for node in values),
        tuple(node.dtype for node in values),
        values[0].device,
    )
    return [pick(both, k) for k in range(len(values))]


# --- in files of their own, as they are more than a rule of shapes -------------------------------

from gradatim.graph.linalg_primitives import *  # noqa: E402, F403
from gradatim.graph.scan import SCAN as SCAN  # noqa: E402 (they need what stands above)
from gradatim.graph.scan import Body as Body  # noqa: E402
from gradatim.graph.scan import scan as scan  # noqa: E402
from gradatim.graph.window_primitives import *  # noqa: E402, F403
