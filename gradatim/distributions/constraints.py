"""Constraints: which values a parameter or a sample may take.

`constraint.check(value)` gives a bool for each event: for a vector, one answer for all of it. They
are PyTorch's, by name.

Example:
    >>> import gradatim as gd
    >>> from gradatim.distributions import constraints
    >>> constraints.positive.check(gd.tensor([1.0, -1.0]))
    tensor([ True, False])
    >>> constraints.simplex.check(gd.tensor([0.25, 0.75]))
    tensor(True)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradatim import ops
from gradatim.distributions._common import finfo
from gradatim.graph.dtypes import bool_
from gradatim.graph.errors import ArgumentError, Unsupported
from gradatim.tensor import Tensor

__all__ = [
    "Constraint", "MixtureSameFamilyConstraint", "boolean", "cat", "corr_cholesky", "dependent",
    "dependent_property", "greater_than", "greater_than_eq", "half_open_interval", "independent",
    "integer_interval", "interval", "is_dependent", "less_than", "lower_cholesky",
    "lower_triangular", "multinomial", "nonnegative", "nonnegative_integer", "one_hot", "positive",
    "positive_definite", "positive_integer", "positive_semidefinite", "real", "real_vector",
    "simplex", "square", "stack", "symmetric", "unit_interval",
]  # fmt: skip


class Constraint:
    """A region of values.

    Attributes:
        is_discrete: whether it holds separate points.
        event_dim: how many of the last dimensions one value takes.
    """

    is_discrete = False
    event_dim = 0

    def check(self, value: Tensor) -> Tensor:
        """For each event, whether it lies inside."""
        raise Unsupported(f"{self!r} cannot be checked")

    def __repr__(self) -> str:
        return self.__class__.__name__[1:] + "()"


class _Dependent(Constraint):
    """A region that depends on other values, and is not known here."""

    def __init__(self, *, is_discrete: Any = None, event_dim: Any = None):
        self._is_discrete, self._event_dim = is_discrete, event_dim

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        if self._is_discrete is None:
            raise Unsupported(".is_discrete cannot be determined statically")
        return bool(self._is_discrete)

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        if self._event_dim is None:
            raise Unsupported(".event_dim cannot be determined statically")
        return int(self._event_dim)

    def __call__(self, *, is_discrete: Any = None, event_dim: Any = None) -> _Dependent:
        return _Dependent(
            is_discrete=self._is_discrete if is_discrete is None else is_discrete,
            event_dim=self._event_dim if event_dim is None else event_dim,
        )

    def check(self, value: Tensor) -> Tensor:
        raise ArgumentError("Cannot determine validity of dependent constraint")


def is_dependent(constraint: Any) -> bool:
    """Whether the region depends on other values."""
    return isinstance(constraint, _Dependent)


class dependent_property(property, _Dependent):
    """A property that gives a constraint made of the distribution's parameters."""

    def __init__(
        self, fn: Any = None, *, is_discrete: Any = None, event_dim: Any = None
    ):  # fmt: skip
        property.__init__(self, fn)
        _Dependent.__init__(self, is_discrete=is_discrete, event_dim=event_dim)

    def __call__(self, fn: Any) -> dependent_property:  # type: ignore[override]
        return dependent_property(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


class independent(Constraint):
    """A constraint whose last batch dimensions are part of the event."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int):
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value: Tensor) -> Tensor:
        found = self.base_constraint.check(value)
        for _ in range(self.reinterpreted_batch_ndims):
            if found.ndim == 0:
                raise ArgumentError(
                    f"Expected value.dim() >= {self.event_dim} but got {value.ndim}"
                )
            found = found.all(-1)
        return found

    def __repr__(self) -> str:
        return f"IndependentConstraint({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(Constraint):
    """The support of a mixture: what every component allows."""

    def __init__(self, base_constraint: Constraint):
        self.base_constraint = base_constraint

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return self.base_constraint.event_dim

    def check(self, value: Tensor) -> Tensor:
        place = -1 - self.event_dim
        found = self.base_constraint.check(value.unsqueeze(place))
        return found.all(-1)

    def __repr__(self) -> str:
        return f"MixtureSameFamilyConstraint({self.base_constraint!r})"


# --- numbers -------------------------------------------------------------------------------------


class _Checked(Constraint):
    """A region told by one formula."""

    def __init__(
        self, name: str, test: Callable[[Tensor], Tensor], is_discrete: bool = False,
        event_dim: int = 0,
    ):  # fmt: skip
        self._name, self._test = name, test
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def check(self, value: Tensor) -> Tensor:
        return self._test(value)

    def __repr__(self) -> str:
        return f"{self._name}()"


class _Bounded(Constraint):
    """Between bounds; a subclass says which are included."""

    def __init__(self, **bounds: Any):
        self.__dict__.update(bounds)
        self._bounds = bounds

    def __repr__(self) -> str:
        name = type(self).__name__.title().replace("_", "")
        return f"{name}({', '.join(f'{key}={value}' for key, value in self._bounds.items())})"


class greater_than(_Bounded):
    """Above `lower_bound`."""

    def __init__(self, lower_bound: Any):
        super().__init__(lower_bound=lower_bound)

    def check(self, value: Tensor) -> Tensor:
        return self.lower_bound < value


class greater_than_eq(_Bounded):
    """At or above `lower_bound`."""

    def __init__(self, lower_bound: Any):
        super().__init__(lower_bound=lower_bound)

    def check(self, value: Tensor) -> Tensor:
        return self.lower_bound <= value


class less_than(_Bounded):
    """Below `upper_bound`."""

    def __init__(self, upper_bound: Any):
        super().__init__(upper_bound=upper_bound)

    def check(self, value: Tensor) -> Tensor:
        return value < self.upper_bound


class interval(_Bounded):
    """From `lower_bound` to `upper_bound`, both included."""

    def __init__(self, lower_bound: Any, upper_bound: Any):
        super().__init__(lower_bound=lower_bound, upper_bound=upper_bound)

    def check(self, value: Tensor) -> Tensor:
        return (self.lower_bound <= value) & (value <= self.upper_bound)


class half_open_interval(interval):
    """From `lower_bound` to below `upper_bound`."""

    def check(self, value: Tensor) -> Tensor:
        return (self.lower_bound <= value) & (value < self.upper_bound)


class integer_interval(interval):
    """Whole numbers from `lower_bound` to `upper_bound`."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value % 1 == 0) & (self.lower_bound <= value) & (value <= self.upper_bound)


class _integer_greater_than(_Bounded):
    is_discrete = True

    def __init__(self, lower_bound: Any):
        super().__init__(lower_bound=lower_bound)

    def check(self, value: Tensor) -> Tensor:
        return (value % 1 == 0) & (value >= self.lower_bound)


# --- vectors and matrices ------------------------------------------------------------------------


class multinomial(Constraint):
    """Counts that add up to `upper_bound` or less."""

    is_discrete = True
    event_dim = 1

    def __init__(self, upper_bound: Any):
        self.upper_bound = upper_bound

    def check(self, x: Tensor) -> Tensor:
        return (x >= 0).all(-1) & (x.sum(-1) <= self.upper_bound)

    def __repr__(self) -> str:
        return f"Multinomial(upper_bound={self.upper_bound})"


def _is_lower(x: Tensor) -> Tensor:
    return (x.tril() == x).flatten(-2).all(-1)


def _is_simplex(x: Tensor) -> Tensor:
    return (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6)


def _is_square(x: Tensor) -> Tensor:
    return ops.full(x.shape[:-2], x.shape[-2] == x.shape[-1], dtype=bool_)


def _is_symmetric(x: Tensor) -> Tensor:
    square_ = _is_square(x)
    if x.shape[-2] != x.shape[-1]:
        return square_
    return ops.isclose(x, x.mT, atol=1e-6).flatten(-2).all(-1)


def _is_positive_definite(x: Tensor) -> Tensor:
    symmetric_ = _is_symmetric(x)
    if not bool(symmetric_.all()):
        return symmetric_
    from gradatim import linalg

    return linalg.cholesky_ex(x).info == 0


def _is_positive_semidefinite(x: Tensor) -> Tensor:
    symmetric_ = _is_symmetric(x)
    if not bool(symmetric_.all()):
        return symmetric_
    from gradatim import linalg

    return (linalg.eigvalsh(x) >= 0).all(-1)


def _is_corr_cholesky(x: Tensor) -> Tensor:
    tolerance = finfo(x.dtype).eps * x.shape[-1] * 10
    norms = (x.detach() ** 2).sum(-1)
    return ((norms - 1).abs() <= tolerance).all(-1) & lower_cholesky.check(x)


dependent = _Dependent()
real = _Checked("Real", lambda x: x == x)
real_vector = independent(real, 1)
boolean = _Checked("Boolean", lambda x: (x == 0) | (x == 1), is_discrete=True)
one_hot = _Checked("OneHot", lambda x: ((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1), True, 1)
nonnegative_integer = _integer_greater_than(0)
positive_integer = _integer_greater_than(1)
positive = greater_than(0.0)
nonnegative = greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
simplex = _Checked("Simplex", _is_simplex, event_dim=1)
lower_triangular = _Checked("LowerTriangular", _is_lower, event_dim=2)
lower_cholesky = _Checked(
    "LowerCholesky",
    lambda x: _is_lower(x) & (ops.diagonal(x, dim1=-2, dim2=-1) > 0).all(-1),
    event_dim=2,
)
corr_cholesky = _Checked("CorrCholesky", _is_corr_cholesky, event_dim=2)
square = _Checked("Square", _is_square, event_dim=2)
symmetric = _Checked("Symmetric", _is_symmetric, event_dim=2)
positive_semidefinite = _Checked("PositiveSemidefinite", _is_positive_semidefinite, event_dim=2)
positive_definite = _Checked("PositiveDefinite", _is_positive_definite, event_dim=2)


# --- several of them -----------------------------------------------------------------------------


class cat(Constraint):
    """Constraints for pieces of a dimension, of the given lengths."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0, lengths: Any = None):
        self.cseq = list(cseq)
        self.lengths = list(lengths) if lengths is not None else [1] * len(self.cseq)
        self.dim = dim

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return any(c.is_discrete for c in self.cseq)

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return max(c.event_dim for c in self.cseq)

    def check(self, value: Tensor) -> Tensor:
        checks, start = [], 0
        for constraint, length in zip(self.cseq, self.lengths):
            checks.append(constraint.check(value.narrow(self.dim, start, length)))
            start += length
        return ops.cat(checks, self.dim)


class stack(Constraint):
    """A constraint for each place along a dimension."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0):
        self.cseq = list(cseq)
        self.dim = dim

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return any(c.is_discrete for c in self.cseq)

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        dim = max(c.event_dim for c in self.cseq)
        return dim + 1 if self.dim + dim < 0 else dim

    def check(self, value: Tensor) -> Tensor:
        parts = [value.select(self.dim, k) for k in range(value.shape[self.dim])]
        return ops.stack([c.check(v) for v, c in zip(parts, self.cseq)], self.dim)
