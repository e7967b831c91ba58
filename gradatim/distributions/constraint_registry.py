"""From a constraint to a transform onto it: `biject_to` and `transform_to`.

`biject_to(constraint)` is invertible, with a Jacobian: for densities. `transform_to(constraint)`
covers the region in whatever way is good for optimization, and need not be invertible.

Example:
    >>> import gradatim as gd
    >>> from gradatim.distributions import constraints, transform_to
    >>> free = gd.zeros(2, requires_grad=True)          # what an optimizer moves
    >>> scale = transform_to(constraints.positive)(free)
    >>> scale
    tensor([1., 1.], grad_fn=<ExpBackward0>)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim.distributions import constraints, transforms
from gradatim.graph.errors import ArgumentTypeError, Unsupported

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """Which transform leads onto a constraint, by the constraint's kind."""

    def __init__(self) -> None:
        self._by_kind: dict[Any, Callable[[Any], transforms.Transform]] = {}

    def register(self, constraint: Any, factory: Any = None) -> Any:
        """Register `factory(constraint)`, which gives the transform, for a class of constraints or
        for one like the instance given. Without a factory: a decorator.

        Raises:
            ArgumentTypeError: for anything but a constraint.
        """
        if factory is None:
            return lambda made: self.register(constraint, made)
        is_class = isinstance(constraint, type) and issubclass(constraint, constraints.Constraint)
        if not is_class and not isinstance(constraint, constraints.Constraint):
            raise ArgumentTypeError(
                f"Expected constraint to be either a Constraint subclass or instance, but got "
                f"{constraint}"
            )
        self._by_kind[_kind(constraint)] = factory
        return factory

    def __call__(self, constraint: constraints.Constraint) -> transforms.Transform:
        """The transform onto a constraint.

        Raises:
            Unsupported: for a constraint of a kind that is not registered.
        """
        factory = self._by_kind.get(_kind(constraint))
        if factory is None:
            raise Unsupported(
                f"Cannot transform {type(constraint).__name__} constraints: register a factory"
            )
        return factory(constraint)


def _kind(constraint: Any) -> Any:
    """Its class; of the named regions, which share one, the name."""
    if isinstance(constraint, type):
        return constraint
    return getattr(constraint, "_name", type(constraint))


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()
c, t = constraints, transforms


def _is_number(bound: Any, number: float) -> bool:
    return isinstance(bound, (int, float)) and bound == number


def _inside(constraint: Any) -> transforms.Transform:
    lower, upper = constraint.lower_bound, constraint.upper_bound
    if _is_number(lower, 0) and _is_number(upper, 1):
        return t.SigmoidTransform()
    return t.ComposeTransform([t.SigmoidTransform(), t.AffineTransform(lower, upper - lower)])


def _above(constraint: Any) -> transforms.Transform:
    if _is_number(constraint.lower_bound, 0):
        return t.ExpTransform()
    return t.ComposeTransform([t.ExpTransform(), t.AffineTransform(constraint.lower_bound, 1)])


def _below(constraint: Any) -> transforms.Transform:
    return t.ComposeTransform([t.ExpTransform(), t.AffineTransform(constraint.upper_bound, -1)])


def _fill(registry: ConstraintRegistry) -> None:
    """What both have."""

    def independent(constraint: Any) -> transforms.Transform:
        base = registry(constraint.base_constraint)
        return t.IndependentTransform(base, constraint.reinterpreted_batch_ndims)

    def cat(constraint: Any) -> transforms.Transform:
        parts = [registry(each) for each in constraint.cseq]
        return t.CatTransform(parts, constraint.dim, constraint.lengths)

    def stack(constraint: Any) -> transforms.Transform:
        return t.StackTransform([registry(each) for each in constraint.cseq], constraint.dim)

    registry.register(c.real, lambda _: t.identity_transform)
    registry.register(c.independent, independent)
    registry.register(c.greater_than, _above)
    registry.register(c.greater_than_eq, _above)
    registry.register(c.less_than, _below)
    registry.register(c.interval, _inside)
    registry.register(c.half_open_interval, _inside)
    registry.register(c.corr_cholesky, lambda _: t.CorrCholeskyTransform())
    registry.register(c.cat, cat)
    registry.register(c.stack, stack)


_fill(biject_to)
_fill(transform_to)
biject_to.register(c.simplex, lambda _: t.StickBreakingTransform())
transform_to.register(c.simplex, lambda _: t.SoftmaxTransform())
transform_to.register(c.lower_cholesky, lambda _: t.LowerCholeskyTransform())
for _each in (c.positive_definite, c.positive_semidefinite):
    transform_to.register(_each, lambda _: t.PositiveDefiniteTransform())
