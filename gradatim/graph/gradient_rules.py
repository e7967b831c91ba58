"""The gradient of each primitive: one rule per primitive, in primitives.

A rule gets the gradient `g` of its Node, the Node, and the Node's inputs, and gives one gradient
(or None) an input:

    for `out = mul(a, b)`:   ∂L/∂a = ∂L/∂out · b      ∂L/∂b = ∂L/∂out · a

It also says which values it needs later (`saves`): those must not be overwritten in place before
backward(), and they are what makes a second backward() impossible.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import int64
from gradatim.graph.node import Node, Shape
from gradatim.graph.polygamma import polygamma

Rule = Callable[..., Sequence[Node | None]]
OUT = -1  # in `saves`: the result itself
EVERY = -2  # in `saves`: each of the inputs

RULES: dict[p.Primitive, tuple[Rule, tuple[tuple[int, int], ...]]] = {}


def gradient_of(name: str, *saves: tuple[int, int]) -> Callable[[Rule], Rule]:
    """Register a rule. Each pair of `saves` is (what is kept, for the gradient of which input)."""

    def register(rule: Rule) -> Rule:
        RULES[p.PRIMITIVES[name]] = (rule, saves)
        return rule

    return register


def _number(x: Node, number: float) -> Node:
    return p.constant(number, x.dtype, x.device)


def zeros_like(x: Node) -> Node:
    return p.full(x.shape, 0, x.dtype, x.device)


def sum_to(g: Node, shape: Shape) -> Node:
    """Undo a broadcast: add up what was spread out."""
    if g.shape == shape:
        return g
    return p.reshape(p.sum_(g, _spread_axes(g.shape, shape)), shape)


@functools.lru_cache(4096)
def _spread_axes(wide: Shape, shape: Shape) -> tuple[int, ...]:
    """The axes of `wide` along which a value of `shape` was repeated."""
    lead = len(wide) - len(shape)
    return tuple(k for k, n in enumerate(wide) if k < lead or (shape[k - lead] == 1 and n != 1))


def _keep_axes(x: Node, axes: tuple[int, ...], shape: Shape) -> Node:
    """A reduced value with its lost axes back at size 1, spread to `shape`."""
    return p.expand(p.reshape(x, _with_ones(shape, axes)), shape)


@functools.lru_cache(4096)
def _with_ones(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple(1 if k in axes else n for k, n in enumerate(shape))


# --- elementwise, one input ----------------------------------------------------------------------


@gradient_of("neg")
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.neg(g),)


@gradient_of("abs", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(g, p.sign(x)),)


def _flat(g: Node, out: Node, x: Node) -> Any:
    """A step function is flat wherever it has a slope."""
    return (zeros_like(x),)


for _name in ("sign", "floor", "ceil", "trunc", "round"):
    gradient_of(_name)(_flat)


@gradient_of("sqrt", (OUT, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.div(g, p.mul(_number(x, 2), out)),)


@gradient_of("rsqrt", (OUT, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(p.mul(_number(x, -0.5), g), p.mul(out, p.mul(out, out))),)


@gradient_of("exp", (OUT, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(g, out),)


@gradient_of("exp2", (OUT, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(g, p.mul(out, _number(x, math.log(2)))),)


@gradient_of("expm1", (OUT, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(g, p.add(out, _number(x, 1))),)


@gradient_of("log", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.div(g, x),)


@gradient_of("log2", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.div(g, p.mul(x, _number(x, math.log(2)))),)


@gradient_of("log10", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.div(g, p.mul(x, _number(x, math.log(10)))),)


@gradient_of("log1p", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.div(g, p.add(x, _number(x, 1))),)


@gradient_of("sin", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(g, p.cos(x)),)


@gradient_of("cos", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(g, p.neg(p.sin(x))),)


@gradient_of("tan", (OUT, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(g, p.add(p.mul(out, out), _number(x, 1))),)


def _one_minus_square(x: Node) -> Node:
    return p.sub(_number(x, 1), p.mul(x, x))


@gradient_of("asin", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(g, p.rsqrt(_one_minus_square(x))),)


@gradient_of("acos", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(g, p.neg(p.rsqrt(_one_minus_square(x)))),)


@gradient_of("atan", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.div(g, p.add(p.mul(x, x), _number(x, 1))),)


@gradient_of("sinh", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(g, p.cosh(x)),)


@gradient_of("cosh", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(g, p.sinh(x)),)


@gradient_of("tanh", (OUT, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(g, _one_minus_square(out)),)


@gradient_of("asinh", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(g, p.rsqrt(p.add(p.mul(x, x), _number(x, 1)))),)


@gradient_of("acosh", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(g, p.rsqrt(p.sub(p.mul(x, x), _number(x, 1)))),)


@gradient_of("atanh", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.div(g, _one_minus_square(x)),)


@gradient_of("sigmoid", (OUT, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(g, p.mul(out, p.sub(_number(x, 1), out))),)


@gradient_of("relu", (OUT, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    zero = _number(x, 0)
    return (p.select(p.le(out, zero), zero, g),)


@gradient_of("erf", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    bell = p.mul(_number(x, 2 / math.sqrt(math.pi)), p.exp(p.neg(p.mul(x, x))))
    return (p.mul(g, bell),)


@gradient_of("erfc", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    bell = p.mul(_number(x, -2 / math.sqrt(math.pi)), p.exp(p.neg(p.mul(x, x))))
    return (p.mul(g, bell),)


@gradient_of("erfinv", (OUT, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    slope = p.mul(_number(x, math.sqrt(math.pi) / 2), p.exp(p.mul(out, out)))
    return (p.mul(g, slope),)


@gradient_of("lgamma", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(g, p.digamma(x)),)


@gradient_of("digamma", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.mul(g, polygamma(1, x)),)


@gradient_of("cast")
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.cast(g, x.dtype),)


# --- elementwise, two inputs and more ------------------------------------------------------------


@gradient_of("add")
def _(g: Node, out: Node, a: Node, b: Node) -> Any:
    return (
        sum_to(g, a.shape) if a.history else None,
        sum_to(g, b.shape) if b.history else None,
    )


@gradient_of("sub")
def _(g: Node, out: Node, a: Node, b: Node) -> Any:
    return (
        sum_to(g, a.shape) if a.history else None,
        sum_to(p.neg(g), b.shape) if b.history else None,
    )


@gradient_of("mul", (1, 0), (0, 1))
def _(g: Node, out: Node, a: Node, b: Node) -> Any:
    return (
        sum_to(p.mul(g, b), a.shape) if a.history else None,
        sum_to(p.mul(g, a), b.shape) if b.history else None,
    )


@gradient_of("div", (1, 0), (0, 1), (1, 1))
def _(g: Node, out: Node, a: Node, b: Node) -> Any:
    return (
        sum_to(p.div(g, b), a.shape) if a.history else None,
        sum_to(p.mul(p.neg(g), p.div(p.div(a, b), b)), b.shape) if b.history else None,
    )


def _is_number(x: Node) -> bool:
    return x.primitive is p.CONSTANT


@gradient_of("pow", (0, 0), (1, 0), (0, 1), (1, 1), (OUT, 1))
def _(g: Node, out: Node, a: Node, b: Node) -> Any:
    grad_a = grad_b = None
    zero = _number(a, 0)
    if a.history:
        if _is_number(b):
            exponent = b.params[0]
            if exponent == 0:
                grad_a = zeros_like(out)
            else:
                power = a if exponent == 2 else p.pow_(a, _number(a, exponent - 1))
                grad_a = p.mul(g, p.mul(b, power))
        else:
            power = p.pow_(a, p.sub(b, _number(a, 1)))
            grad_a = p.select(p.eq(b, zero), zero, p.mul(g, p.mul(b, power)))
        grad_a = sum_to(grad_a, a.shape)
    if b.history:
        flat = p.and_(p.eq(a, zero), p.ge(b, zero))
        grad_b = sum_to(p.select(flat, zero, p.mul(g, p.mul(out, p.log(a)))), b.shape)
    return grad_a, grad_b


def _extreme(wins: Callable[[Node, Node], Node]) -> Rule:
    def rule(g: Node, out: Node, a: Node, b: Node) -> Any:
        zero, half = _number(a, 0), p.mul(g, _number(a, 0.5))
        tie = p.eq(a, b)  # shared equally
        return (
            sum_to(p.select(tie, half, p.select(wins(b, a), zero, g)), a.shape)
            if a.history
            else None,
            sum_to(p.select(tie, half, p.select(wins(a, b), zero, g)), b.shape)
            if b.history
            else None,
        )

    return rule


_both = ((0, 0), (1, 0), (0, 1), (1, 1))
gradient_of("maximum", *_both)(_extreme(p.gt))
gradient_of("minimum", *_both)(_extreme(p.lt))


@gradient_of("remainder", (0, 1), (1, 1))
def _(g: Node, out: Node, a: Node, b: Node) -> Any:
    quotient = p.floor(p.div(a, b))
    return sum_to(g, a.shape), sum_to(p.mul(p.neg(g), quotient), b.shape)


@gradient_of("fmod", (0, 1), (1, 1))
def _(g: Node, out: Node, a: Node, b: Node) -> Any:
    quotient = p.trunc(p.div(a, b))
    return sum_to(g, a.shape), sum_to(p.mul(p.neg(g), quotient), b.shape)


@gradient_of("atan2", *_both)
def _(g: Node, out: Node, a: Node, b: Node) -> Any:
    scaled = p.div(g, p.add(p.mul(a, a), p.mul(b, b)))
    return sum_to(p.mul(scaled, b), a.shape), sum_to(p.mul(p.neg(scaled), a), b.shape)


@gradient_of("copysign", (0, 0), (OUT, 0))
def _(g: Node, out: Node, a: Node, b: Node) -> Any:
    zero = _number(a, 0)
    ratio = p.select(p.eq(a, zero), zero, p.div(out, a))
    return sum_to(p.mul(g, ratio), a.shape), zeros_like(b)


@gradient_of("select", (0, 1), (0, 2))
def _(g: Node, out: Node, condition: Node, a: Node, b: Node) -> Any:
    zero = _number(g, 0)
    return (
        None,
        sum_to(p.select(condition, g, zero), a.shape) if a.history else None,
        sum_to(p.select(condition, zero, g), b.shape) if b.history else None,
    )


# --- reductions ----------------------------------------------------------------------------------


@gradient_of("sum")
def _(g: Node, out: Node, x: Node) -> Any:
    return (_keep_axes(g, out.params[0], x.shape),)


def _products_before(x: Node, axis: int) -> Node:
    """The product of all elements before each one along `axis`: 1 for the first."""
    low = tuple(int(k == axis) for k in range(x.ndim))
    return p.cumprod(p.pad(x, _number(x, 1), low, tuple(-n for n in low)), axis)


@gradient_of("prod", (0, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    # The product of all the others: of those before times those behind. (`out / x` would not do
    # where x is 0.)
    (axes,) = out.params
    others = tuple(k for k in range(x.ndim) if k not in axes)
    order = (*others, *axes)
    last = len(others)
    lines = p.permute(x, order)
    line = p.reshape(lines, (*lines.shape[:last], math.prod(lines.shape[last:])))
    behind = p.flip(_products_before(p.flip(line, (last,)), last), (last,))
    slope = p.reshape(p.mul(_products_before(line, last), behind), lines.shape)
    slope = p.permute(slope, tuple(order.index(k) for k in range(x.ndim)))
    return (p.mul(_keep_axes(g, axes, x.shape), slope),)


def _extreme_reduction(g: Node, out: Node, x: Node) -> Any:
    (axes,) = out.params
    wins = p.eq(x, _keep_axes(out, axes, x.shape))  # shared equally among equals
    count = _keep_axes(p.sum_(p.cast(wins, x.dtype), axes), axes, x.shape)
    share = p.div(_keep_axes(g, axes, x.shape), count)
    return (p.select(wins, share, _number(x, 0)),)


gradient_of("max", (0, 0), (OUT, 0))(_extreme_reduction)
gradient_of("min", (0, 0), (OUT, 0))(_extreme_reduction)


def _first_zero(x: Node, axis: int) -> Node:
    """Where the first zero along `axis` stands."""
    zero = p.eq(x, _number(x, 0))
    count = p.cumsum(p.cast(zero, int64), axis)
    return p.and_(zero, p.eq(count, p.constant(1, int64, x.device)))


def _sum_from_the_end(x: Node, axis: int) -> Node:
    return p.flip(p.cumsum(p.flip(x, (axis,)), axis), (axis,))


@gradient_of("cumsum")
def _(g: Node, out: Node, x: Node) -> Any:
    return (_sum_from_the_end(g, out.params[0]),)


@gradient_of("cumprod", (0, 0), (OUT, 0))
def _(g: Node, out: Node, x: Node) -> Any:
    # Up to the first zero: Σ_{i≥k} g_i out_i / x_k. At it: the same with that zero left out. Behind
    # it: 0.
    (axis,) = out.params
    zero, one = _number(x, 0), _number(x, 1)
    first = _first_zero(x, axis)
    filled = p.select(first, one, x)
    dead = p.eq(filled, zero)
    ahead = p.div(_sum_from_the_end(p.mul(g, out), axis), p.select(dead, one, filled))
    at = _sum_from_the_end(p.mul(g, p.cumprod(filled, axis)), axis)
    return (p.select(first, at, ahead),)


# --- movement ------------------------------------------------------------------------------------


@gradient_of("reshape")
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.reshape(g, x.shape),)


@gradient_of("permute")
def _(g: Node, out: Node, x: Node) -> Any:
    (axes,) = out.params
    return (p.permute(g, tuple(axes.index(k) for k in range(len(axes)))),)


@gradient_of("expand")
def _(g: Node, out: Node, x: Node) -> Any:
    return (sum_to(g, x.shape),)


@gradient_of("pad")
def _(g: Node, out: Node, x: Node, fill: Node) -> Any:
    low, high = out.params
    inner = p.pad(g, _number(g, 0), tuple(-a for a in low), tuple(-b for b in high))
    axes = tuple(range(g.ndim))
    grad_fill = None
    if fill.history:  # what was padded: everything but the middle
        grown_low, grown_high = [max(0, a) for a in low], [max(0, b) for b in high]
        middle = tuple(n - a - b for n, a, b in zip(g.shape, grown_low, grown_high))
        blank = p.update_slice(
            g,
            p.full(middle, 0, g.dtype, g.device),
            [p.constant(a, int64, g.device) for a in grown_low],
            (1,) * g.ndim,
        )
        grad_fill = p.sum_(blank, axes)
    return inner, grad_fill


@gradient_of("slice")
def _(g: Node, out: Node, x: Node) -> Any:
    starts, _, steps = out.params
    if set(steps) <= {1}:
        high = tuple(n - a - size for n, a, size in zip(x.shape, starts, g.shape))
        return (p.pad(g, _number(g, 0), starts, high),)
    places = [p.constant(a, int64, g.device) for a in starts]
    return (p.update_slice(zeros_like(x), g, places, steps),)


@gradient_of("dynamic_slice")
def _(g: Node, out: Node, x: Node, *starts: Node) -> Any:
    steps = out.params[1]
    return (p.update_slice(zeros_like(x), g, starts, steps), *[None] * len(starts))


@gradient_of("update_slice")
def _(g: Node, out: Node, x: Node, update: Node, *starts: Node) -> Any:
    (steps,) = out.params
    return (
        p.update_slice(g, zeros_like(update), starts, steps) if x.history else None,
        p.dynamic_slice(g, starts, update.shape, steps) if update.history else None,
        *[None] * len(starts),
    )


@gradient_of("flip")
def _(g: Node, out: Node, x: Node) -> Any:
    return (p.flip(g, out.params[0]),)


@gradient_of("concatenate")
def _(g: Node, out: Node, *parts: Node) -> Any:
    (axis,) = out.params
    grads = []
    start = 0
    for part in parts:
        stop = start + part.shape[axis]
        starts = tuple(start if k == axis else 0 for k in range(g.ndim))
        stops = tuple(stop if k == axis else n for k, n in enumerate(g.shape))
        grads.append(p.slice_(g, starts, stops, (1,) * g.ndim))
        start = stop
    return grads


# --- indexing, contraction, sorting --------------------------------------------------------------


@gradient_of("gather", (1, 0))
def _(g: Node, out: Node, x: Node, index: Node) -> Any:
    return p.scatter_add(zeros_like(x), index, g), None


@gradient_of("scatter_add", (1, 2))
def _(g: Node, out: Node, x: Node, index: Node, updates: Node) -> Any:
    return g, None, p.gather(g, index) if updates.history else None


@gradient_of("scatter_set", (1, 0), (1, 2))
def _(g: Node, out: Node, x: Node, index: Node, updates: Node) -> Any:
    return (
        p.scatter_set(g, index, zeros_like(updates)) if x.history else None,
        None,
        p.gather(g, index) if updates.history else None,
    )


@gradient_of("contract", (1, 0), (0, 1))
def _(g: Node, out: Node, a: Node, b: Node) -> Any:
    for_a, for_b = _contract_gradients(out.params, len(a.shape), len(b.shape))
    grad_a = _contract_gradient(g, b, *for_a) if a.history else None
    grad_b = _contract_gradient(g, a, *for_b) if b.history else None
    return grad_a, grad_b


def _contract_gradient(g: Node, other: Node, axes: Any, is_turned: bool, order: Any) -> Node:
    product = p.contract(other, g, *axes) if is_turned else p.contract(g, other, *axes)
    return product if order is None else p.permute(product, order)


@functools.lru_cache(4096)
def _contract_gradients(params: tuple[Any, ...], a_ndim: int, b_ndim: int) -> Any:
    """For each operand of a contraction, how its gradient is the contraction of `g` with the other
    operand: the axes, whether the other operand comes first, and the permutation that puts the
    product's axes in place, if one is needed.
    """
    a_axes, b_axes, a_batch, b_batch = params
    a_free = [k for k in range(a_ndim) if k not in a_axes and k not in a_batch]
    b_free = [k for k in range(b_ndim) if k not in b_axes and k not in b_batch]
    batch = tuple(range(len(a_batch)))
    middle = len(batch) + len(a_free)
    g_rows = tuple(range(len(batch), middle))
    g_columns = tuple(range(middle, middle + len(b_free)))

    def gradient(
        ndim: int, batches: Sequence[int], free: Sequence[int], axes: Sequence[int],
        other_batch: tuple[int, ...], other_free: Sequence[int], other_axes: Sequence[int],
        summed: tuple[int, ...],
    ) -> Any:  # fmt: skip
        # The product's axes are: batch, this operand's free ones, the other's contracted ones; or
        # these before those.
        contracted = [axes[other_axes.index(k)] for k in sorted(other_axes)]
        stands, places = [*batches, *free, *contracted], list(range(ndim))
        if stands != places and [*batches, *contracted, *free] == places:
            return (tuple(other_free), summed, other_batch, batch), True, None
        order = tuple(stands.index(k) for k in places)
        axes_of_product = (summed, tuple(other_free), batch, other_batch)
        return axes_of_product, False, None if stands == places else order

    return (
        gradient(a_ndim, a_batch, a_free, a_axes, b_batch, b_free, b_axes, g_columns),
        gradient(b_ndim, b_batch, b_free, b_axes, a_batch, a_free, a_axes, g_rows),
    )


def along_axis(index: Node, shape: Shape, axis: int) -> Node:
    """For each element of `index`, which says a place along `axis` of a tensor of `shape`, the
    place in that tensor flattened. The other coordinates are the element's own.
    """
    flat: Node | None = None
    stride = 1
    for k in range(len(shape) - 1, -1, -1):
        place = index if k == axis else None
        if place is None and index.shape[k] > 1:
            place = p.iota(
                tuple(n if j == k else 1 for j, n in enumerate(index.shape)), k, int64, index.device
            )
        if place is not None:
            if stride != 1:
                place = p.mul(place, p.fixed(stride, int64, index.device))
            flat = place if flat is None else p.add(flat, place)
        stride *= shape[k]
    return index if flat is None else flat


@gradient_of("sort", (OUT, 0))
def _(grads: Any, out: Node, x: Node) -> Any:
    g = grads[0]
    if g is None or x.ndim == 0:
        return (g,)
    places = p.reshape(along_axis(p.pick(out, 1), x.shape, out.params[0]), (x.size,))
    flat = p.full((x.size,), 0, x.dtype, x.device)
    return (p.reshape(p.scatter_add(flat, places, p.reshape(g, (x.size,))), x.shape),)


# --- markers -------------------------------------------------------------------------------------


@gradient_of("copy")
def _(g: Node, out: Node, x: Node) -> Any:
    return (g,)


@gradient_of("substitute")
def _(g: Node, out: Node, x: Node, original: Node) -> Any:
    return None, g


@gradient_of("custom_gradient", (OUT, 0))
def _(grads: Any, out: Node, *inputs: Node) -> Any:
    count = out.params[0]
    return (*[None] * count, *custom_gradients(out, grads, inputs[count:]))


def custom_gradients(
    node: Node, grads: Sequence[Node | None], inputs: Sequence[Node]
) -> Sequence[Node | None]:
    """What the user's backward of a `custom_gradient` gives for its inputs."""
    if getattr(node.meta, "takes_inputs", False):
        return node.meta(grads, inputs)  # type: ignore[no-any-return]
    return node.meta(grads)  # type: ignore[no-any-return]


@gradient_of("barrier")
def _(grads: Any, out: Node, *inputs: Node) -> Any:
    return (*grads, *[None] * (len(inputs) - out.params[0]))


# --- windows: convolution and pooling have a file of their own -----------------------------------

# --- linear algebra has one too ------------------------------------------------------------------
import gradatim.graph.linalg_gradient_rules  # noqa: E402
import gradatim.graph.window_gradient_rules  # noqa: E402, F401  (it registers itself above)
