"""Distribution: what all of them have. Shapes are told apart as in PyTorch:

    sample_shape   how many independent draws are asked for
    batch_shape    how many distributions one object holds, each with parameters of its own
    event_shape    the shape of one draw from one of them: () for a number

A sample has the shape `(*sample_shape, *batch_shape, *event_shape)`.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from gradatim import ops
from gradatim.autograd.recording import no_grad
from gradatim.distributions import constraints
from gradatim.distributions._common import lazy_property
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, Unsupported
from gradatim.realize import state
from gradatim.size import Size
from gradatim.tensor import Tensor


class Distribution:
    """The base of all distributions.

    Args:
        batch_shape, event_shape: see above.
        validate_args: check parameters and values (which looks at them); by default as
            `set_default_validate_args` says. In a compiled step and inside vmap nothing is checked.

    Raises:
        ArgumentError: for a parameter or a value outside its constraint.
    """

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: ClassVar[Any] = {}
    support: Any = None
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions made from now on check their arguments."""
        if value not in (True, False):
            raise ArgumentError(f"expected True or False, got {value!r}")
        Distribution._validate_args = value

    def __init__(self, batch_shape: Any = (), event_shape: Any = (), validate_args: Any = None):
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args and state.capture is None:
            for name, constraint in self.arg_constraints.items():
                if constraints.is_dependent(constraint):
                    continue
                lazy = isinstance(getattr(type(self), name, None), lazy_property)
                if lazy and name not in self.__dict__:
                    continue
                value = getattr(self, name)
                with no_grad():
                    valid = bool(constraint.check(value).all())
                if not valid:
                    raise ArgumentError(
                        f"Expected parameter {name} ({type(value).__name__} of shape "
                        f"{tuple(value.shape)}) of distribution {self!r} to satisfy the constraint "
                        f"{constraint!r}, but found invalid values:\n{value}"
                    )

    # --- shapes ----------------------------------------------------------------------------------

    @property
    def batch_shape(self) -> Size:
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        return self._event_shape

    def _extended_shape(self, sample_shape: Any = ()) -> Size:
        try:
            return Size((*sample_shape, *self._batch_shape, *self._event_shape))
        except TypeError:
            raise ArgumentTypeError(
                f"sample_shape must be a tuple of ints such as ({sample_shape!r},), got "
                f"{sample_shape!r} of type {type(sample_shape).__name__}"
            ) from None

    # Names of the parameters that are tensors of the batch's shape: what `expand` spreads.
    _parameters: tuple[str, ...] = ()

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The distribution with its parameters spread to `batch_shape`."""
        new = self._copy(batch_shape, _instance)
        for name in self._parameters:
            if name in self.__dict__:
                new.__dict__[name] = self.__dict__[name].expand(new._batch_shape)
        return new

    def _copy(self, batch_shape: Any, instance: Any = None) -> Any:
        """A new object of the class, with the shapes and no parameters yet."""
        new = type(self).__new__(type(self)) if instance is None else instance
        new._batch_shape, new._event_shape = Size(batch_shape), self._event_shape
        new._validate_args = self._validate_args
        return new

    # --- what a distribution says ----------------------------------------------------------------

    def _missing(self, what: str) -> Unsupported:
        return Unsupported(f"{type(self).__name__} has no {what}")

    @property
    def mean(self) -> Tensor:
        raise self._missing("mean")

    @property
    def mode(self) -> Tensor:
        raise self._missing("mode")

    @property
    def variance(self) -> Tensor:
        raise self._missing("variance")

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws, without history."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws as a differentiable function of the parameters."""
        raise self._missing("reparametrized samples (rsample)")

    def sample_n(self, n: int) -> Tensor:
        """n draws; older name for `sample((n,))`."""
        warnings.warn("sample_n will be deprecated. Use .sample((n,)) instead", stacklevel=2)
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or of the probability, at `value`."""
        raise self._missing("log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of a draw at most `value`."""
        raise self._missing("cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of `cdf`."""
        raise self._missing("icdf")

    def entropy(self) -> Tensor:
        """In nats, for each distribution of the batch."""
        raise self._missing("entropy")

    def perplexity(self) -> Tensor:
        return ops.exp(self.entropy())

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values there are, along a new first dimension."""
        raise self._missing("enumerate_support")

    def _validate_sample(self, value: Any) -> None:
        """Raise for a value that is none of this distribution's."""
        if not self._validate_args:
            return
        if not isinstance(value, Tensor):
            raise ArgumentError(
                f"The value argument to log_prob must be a Tensor, got {type(value).__name__}"
            )
        first = value.ndim - len(self._event_shape)
        if first < 0 or tuple(value.shape[first:]) != tuple(self._event_shape):
            raise ArgumentError(
                f"The right-most size of value must match event_shape: {tuple(value.shape)} vs "
                f"{tuple(self._event_shape)}."
            )
        expected = (*self._batch_shape, *self._event_shape)
        for given, wanted in zip(reversed(value.shape), reversed(expected)):
            if given != 1 and wanted != 1 and given != wanted:
                raise ArgumentError(
                    f"Value is not broadcastable with batch_shape+event_shape: "
                    f"{tuple(value.shape)} vs {expected}."
                )
        if state.capture is not None:
            return
        try:
            support = self.support
        except NotImplementedError:
            return
        if support is None:
            return
        with no_grad():
            valid = bool(support.check(value).all())
        if not valid:
            raise ArgumentError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) "
                f"to be within the support ({support!r}) of the distribution {self!r}, but found "
                f"invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        parts = []
        for name in self.arg_constraints:
            if name in self.__dict__:
                value = self.__dict__[name]
                shown = value if value.numel() == 1 else value.shape
                parts.append(f"{name}: {shown}")
        return f"{type(self).__name__}({', '.join(parts)})"


class ExponentialFamily(Distribution):
    """Densities of the form exp(⟨t(x), θ⟩ - F(θ) + k(x)): a marker, as in PyTorch. Entropies and
    divergences have formulas of their own."""
