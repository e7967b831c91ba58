"""scan: a Python function as the body of a compiled loop.

The function runs once, on stand-ins for the carry and for one slice of the input; what it does
becomes the Body of one `scan` Node. So the number of steps costs no time to build or compile.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, CaptureError, ShapeError
from gradatim.graph.node import NONE, Node, mode
from gradatim.graph.scan import Body, close_over, walk, with_inputs
from gradatim.graph.scan import scan as scan_results
from gradatim.ops.arguments import as_tensor_operand, is_number
from gradatim.ops.creation import tensor
from gradatim.realize import Cell, compute, line_of, state
from gradatim.tensor import Tensor, named, user_site, wrap
from gradatim.tracing import Tracing

__all__ = ["scan"]

_LOOKED = (
    "gd.scan: the value of a tensor is looked at inside the loop, at {}: the steps are computed "
    "later, all together; use gd.where(condition, a, b) in place of `if`, or a Python loop"
)
_ESCAPED = (
    "this tensor was made inside the function that gd.scan repeats, and has no value outside of "
    "it: return it as a result of the step"
)


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Repeat `carry, y = f(carry, x)` for each slice x of `xs` along its first dimension, as
    `jax.lax.scan`: gives the last carry, and the y of all steps stacked.

    The loop is one operation, compiled once, whatever its length. `f` runs only once, to see what
    it does; tensors that it uses from outside (parameters, for example) are the same at every
    step, and gradients flow to them.

    Args:
        f: takes the carry and a slice, gives the new carry and a result of the step (or None).
        init: the first carry: a tensor, or tensors nested in tuples, lists and dicts. The new carry
            must have its structure, shapes and dtypes.
        xs: tensors, nested likewise, all with the same size of their first dimension; or None.
        length: the number of steps; needed if `xs` is None. May be 0.
        reverse: go from the last slice to the first; y stands where its x stood.

    Raises:
        ShapeError, DTypeError: for a carry that changes, and for `xs` of different lengths.
        CaptureError: if `f` looks at a value, writes to a tensor from outside, or draws random
            numbers.

    Example:
        >>> import gradatim as gd
        >>> def step(total, x):
        ...     total = total + x
        ...     return total, total * 2
        >>> gd.scan(step, gd.tensor(0.0), gd.tensor([1.0, 2.0, 3.0]))
        (tensor(6.), tensor([ 2.,  6., 12.]))
    """
    init_leaves, init_tree = _flatten(init, "init")
    xs_leaves, xs_tree = _flatten(xs, "xs")
    carries = [leaf._read() for leaf in init_leaves]
    sequences = [leaf._read() for leaf in xs_leaves]
    steps = _length(sequences, length)
    body, constants, tree = _trace(f, carries, init_tree, sequences, xs_tree)
    nodes = scan_results(body, carries, sequences, constants, steps, bool(reverse))
    if state.special and state.capture is None:  # at once, and together
        for node in nodes:
            node.site = user_site()
        compute(nodes)
    results = [named(node, "Scan") for node in nodes]
    count = len(carries)
    return _unflatten(init_tree, iter(results[:count])), _unflatten(tree, iter(results[count:]))


def _length(sequences: Sequence[Node], length: int | None) -> int:
    if any(not node.shape for node in sequences):
        raise ShapeError("gd.scan goes along the first dimension of xs, and a 0-d tensor has none")
    found = {node.shape[0] for node in sequences}
    if length is not None:
        found.add(int(length))
    if not found:
        raise ArgumentError("gd.scan needs xs, or length= to know how many steps there are")
    if len(found) > 1:
        sizes = ", ".join(map(str, sorted(found)))
        raise ShapeError(f"gd.scan: xs and length must agree on the number of steps, got {sizes}")
    steps = found.pop()
    if steps < 0:
        raise ArgumentError(f"gd.scan: length must not be negative, got {steps}")
    return steps


# --- the function's graph ------------------------------------------------------------------------


class _Tracing(Tracing):
    """What stands in for a capture while the function of a scan runs."""

    escaped = _ESCAPED
    is_loop = True

    def note_write(self, cell: Cell) -> None:
        if cell not in self.own:
            raise CaptureError(
                f"gd.scan: a tensor from outside is written in place inside the loop, at "
                f"{line_of(user_site())}: carry it from step to step, and write it afterwards"
            )

    def refuse_look(self) -> None:
        raise CaptureError(_LOOKED.format(line_of(user_site())))

    def add_draw(self, node: Node, draw: Callable[[], Any]) -> None:
        raise CaptureError(
            f"gd.scan: random numbers are drawn inside the loop, at {line_of(user_site())}: they "
            f"would be the same at every step; draw them for all steps outside, and give them as xs"
        )

    def note_grad(self, tensor: Tensor, cleared: bool) -> None:
        raise CaptureError(
            f"gd.scan: `.grad` is set inside the loop, at {line_of(user_site())}: use gd.grad"
        )

    def give_up(self, reason: str) -> None:
        raise CaptureError(f"gd.scan: {reason} inside the loop, at {line_of(user_site())}")


def _trace(
    f: Callable[[Any, Any], tuple[Any, Any]],
    carries: Sequence[Node],
    init_tree: Any,
    sequences: Sequence[Node],
    xs_tree: Any,
) -> tuple[Body, list[Node], Any]:
    """The body that `f` is, what it reads from outside, and the structure of its y."""
    with _Tracing(state.capture).running():
        ins = [_stand_in(node, node.shape) for node in carries]
        ins += [_stand_in(node, node.shape[1:]) for node in sequences]
        inputs = [each._cell.node for each in ins]
        given = iter(ins)
        carry, x = _unflatten(init_tree, given), _unflatten(xs_tree, given)
        result = f(carry, x)
        if not isinstance(result, tuple) or len(result) != 2:
            raise ArgumentTypeError(
                f"gd.scan: f must return a pair (carry, y), got {type(result).__name__}"
            )
        new, new_tree = _flatten(result[0], "the carry that f returns")
        ys, tree = _flatten(result[1], "the y that f returns")
        if new_tree != init_tree:
            raise ArgumentTypeError(
                f"gd.scan: the carry must keep its structure: it goes in as "
                f"{_describe(init_tree)}, and f returns {_describe(new_tree)}"
            )
        outputs = [each._read() for each in (*new, *ys)]
        _check_carry(carries, outputs)
        del ins, given, carry, x, result, new, ys
    if mode.recording:
        outputs = _with_stops(outputs, inputs)
    body, constants = close_over(outputs, inputs)
    return body, constants, tree


def _stand_in(node: Node, shape: tuple[int, ...]) -> Tensor:
    """What `f` sees: of floating ones a leaf with history, so that detach() leaves its mark."""
    inner = p.program_input(0, shape, node.dtype, node.device)
    if not (node.dtype.is_floating_point and mode.recording):
        return wrap(inner)
    inner = p.variable(inner)
    found = wrap(inner)
    inner.meta = weakref.ref(found)
    return found


def _check_carry(before: Sequence[Node], after: Sequence[Node]) -> None:
    for k, (old, new) in enumerate(zip(before, after)):
        if old.shape != new.shape or old.dtype is not new.dtype:
            which = f"tensor {k} of the carry" if len(before) > 1 else "the carry"
            raise ShapeError(
                f"gd.scan: {which} must keep its shape and dtype: it goes in as {old.type}, and f "
                f"returns {new.type}"
            )


def _with_stops(outputs: Sequence[Node], inputs: Sequence[Node]) -> list[Node]:
    """What was computed under no_grad() has no history: in the body, that must be said."""
    known: dict[Node, Node] = {node: node for node in inputs}
    first = min((node.number for node in inputs), default=0)
    for node in walk(outputs, set(inputs), first):
        known[node] = node
        if node.buffer is not None or node.number < first:
            continue
        reads = tuple(known[n] for n in node.inputs)
        if reads != node.inputs:
            known[node] = with_inputs(node, reads)
        if (
            node.history == NONE
            and node.primitive.differentiable
            and any(n.history for n in node.inputs)
            and not isinstance(node.dtype, tuple)
            and node.dtype.is_floating_point
        ):
            known[node] = _stopped(known[node])
    return [known[node] for node in outputs]


def _stopped(x: Node) -> Node:
    return Node(p.STOP_GRADIENT, (x,), (), x.shape, x.dtype, x.device)


# --- nested tensors ------------------------------------------------------------------------------

_LEAF = "a tensor"


def _flatten(tree: Any, what: str) -> tuple[list[Tensor], Any]:
    """The tensors of nested tuples, lists and dicts, and the structure without them."""
    leaves: list[Tensor] = []

    def structure(each: Any) -> Any:
        if each is None:
            return None
        if isinstance(each, (tuple, list)):
            return type(each), *[structure(child) for child in each]
        if isinstance(each, dict):
            return type(each), tuple(each), *[structure(child) for child in each.values()]
        if is_number(each):
            each = tensor(each)
        leaves.append(as_tensor_operand(each, f"gd.scan, {what}"))
        return _LEAF

    return leaves, structure(tree)


def _unflatten(tree: Any, leaves: Any) -> Any:
    if tree is None:
        return None
    if tree is _LEAF:
        return next(leaves)
    kind, *children = tree
    if issubclass(kind, dict):
        keys, *children = children
        return kind(zip(keys, [_unflatten(child, leaves) for child in children]))
    made = [_unflatten(child, leaves) for child in children]
    return kind(*made) if hasattr(kind, "_fields") else kind(made)


def _describe(tree: Any) -> str:
    if tree is None or tree is _LEAF:
        return str(tree)
    kind, *children = tree
    if issubclass(kind, dict):
        keys, *children = children
        inside = ", ".join(f"{key!r}: {_describe(c)}" for key, c in zip(keys, children))
        return f"{{{inside}}}"
    inside = ", ".join(map(_describe, children))
    return f"[{inside}]" if issubclass(kind, list) else f"({inside})"
