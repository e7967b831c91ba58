"""tf.gradients: a node for each gradient. Its value comes from Gradatim's own reverse mode, run on
the values that the session has made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradatim import autograd, ops
from gradatim.frontends.names import own_names
from gradatim.frontends.tensorflow import dtypes
from gradatim.frontends.tensorflow.errors import DTypeMismatch
from gradatim.frontends.tensorflow.graph import Tensor, convert, make
from gradatim.tensor import Tensor as Value

_BARRIERS = {"StopGradient", "ArgMax", "ArgMin", "Shape", "Size", "Rank", "OneHot", "Assign"}


class Gradients(Tensor):
    """All gradients of one call of tf.gradients. Its value is a list."""

    def __init__(self, ys: Sequence[Tensor], xs: Sequence[Tensor], grad_ys: Sequence[Tensor]):
        super().__init__("Gradients", None, (*ys, *xs, *grad_ys), dtypes.float32, None, "gradients")
        self.ys, self.xs, self.grad_ys = tuple(ys), tuple(xs), tuple(grad_ys)

    def compute(self, values: dict[Tensor, Any], again: bool) -> list[Value]:
        """The gradients, from the values of all nodes; `again`: they are differentiated too."""
        ys = [values[y] for y in self.ys]
        xs = [values[x] for x in self.xs]
        flows = [y for y in ys if y.requires_grad]
        if not flows:
            return [ops.zeros_like(x) for x in xs]
        weights = [values[g] for g in self.grad_ys] or [ops.ones_like(y) for y in ys]
        weights = [weight for weight, y in zip(weights, ys) if y.requires_grad]
        found = autograd.grad(
            flows, xs, weights, retain_graph=True, create_graph=again, allow_unused=True
        )
        return [ops.zeros_like(x) if g is None else g for x, g in zip(xs, found)]


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
    unconnected_gradients: Any = None,
) -> list[Tensor | None]:
    """The gradients of the sum of `ys` with respect to each of `xs`; None where no `ys` depends on
    it."""
    ys, xs = _listed(ys), _listed(xs)
    weights = [] if grad_ys is None else [convert(g) for g in _listed(grad_ys)]
    for x in xs:
        if not isinstance(x, Tensor):
            raise DTypeMismatch(f"tf.gradients: expected tensors or variables, got {x!r}")
    above = _what_depends(ys, xs)
    reached = [x for x in xs if x in above and x.dtype.is_floating]
    if not reached:
        return [None for _ in xs]
    together = Gradients(ys, reached, weights)
    nodes = {
        x: Tensor("Gradient", _Pick(k), (together,), x.dtype, x.sizes, f"{name}/{x.op.name}_grad")
        for k, x in enumerate(reached)
    }
    return [nodes.get(x) for x in xs]


class _Pick:
    """The gradient at one place of the list."""

    def __init__(self, place: int):
        self.place = place

    def __call__(self, found: list[Value]) -> Value:
        return found[self.place]


def _listed(values: Any) -> list[Any]:
    return list(values) if isinstance(values, (list, tuple)) else [values]


def _what_depends(ys: Sequence[Tensor], xs: Sequence[Tensor]) -> set[Tensor]:
    """Everything that ys depend on in a way that gradients flow along."""
    seen: set[Tensor] = set()
    open_ = list(ys)
    while open_:
        node = open_.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.kind not in _BARRIERS:
            open_ += [each for each in node.inputs if each.dtype.is_floating]
    return seen


def stop_gradient(input: Any, name: str | None = None) -> Tensor:
    """The same values; no gradient flows through."""
    return make("StopGradient", lambda x: x.detach(), [convert(input)], name)


__all__ = own_names(__name__)
