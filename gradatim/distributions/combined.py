"""Distributions made of others: Independent, MixtureSameFamily, TransformedDistribution."""

from __future__ import annotations

from typing import Any, ClassVar

from gradatim import ops
from gradatim.autograd.recording import no_grad
from gradatim.distributions import constraints
from gradatim.distributions._common import sum_rightmost
from gradatim.distributions.categorical import Categorical
from gradatim.distributions.distribution import Distribution
from gradatim.distributions.transforms import ComposeTransform, Transform
from gradatim.graph.errors import ArgumentError
from gradatim.size import Size
from gradatim.tensor import Tensor


class Independent(Distribution):
    """A distribution whose last batch dimensions are part of the event: its log_prob is one number
    for all of them.

    Example:
        >>> import gradatim as gd
        >>> normal = gd.distributions.Normal(gd.zeros(3), gd.ones(3))
        >>> both = gd.distributions.Independent(normal, 1)
        >>> both.event_shape, both.log_prob(gd.zeros(3))
        (torch.Size([3]), tensor(-2.7568))
    """

    arg_constraints: ClassVar[Any] = {}
    base_dist: Distribution

    def __init__(
        self, base_distribution: Distribution, reinterpreted_batch_ndims: int,
        validate_args: Any = None,
    ):  # fmt: skip
        batch = base_distribution.batch_shape
        if reinterpreted_batch_ndims > len(batch):
            raise ArgumentError(
                f"Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual "
                f"{reinterpreted_batch_ndims} vs {len(batch)}"
            )
        cut = len(batch) - reinterpreted_batch_ndims
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        event = (*batch[cut:], *base_distribution.event_shape)
        super().__init__(batch[:cut], event, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._copy(batch_shape, _instance)
        inner = self._event_shape[: self.reinterpreted_batch_ndims]
        new.base_dist = self.base_dist.expand(Size((*batch_shape, *inner)))
        new.reinterpreted_batch_ndims = self.reinterpreted_batch_ndims
        return new

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        return self.reinterpreted_batch_ndims == 0 and self.base_dist.has_enumerate_support

    @constraints.dependent_property
    def support(self) -> constraints.Constraint:
        found = self.base_dist.support
        if self.reinterpreted_batch_ndims:
            found = constraints.independent(found, self.reinterpreted_batch_ndims)
        return found  # type: ignore[no-any-return]

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        if self.reinterpreted_batch_ndims:
            raise self._missing("enumeration of joint values")
        return self.base_dist.enumerate_support(expand)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamily(Distribution):
    """A mixture: a component is chosen, and the value drawn from it.

    Args:
        mixture_distribution: a Categorical over K components.
        component_distribution: its last batch dimension has K components.

    Example:
        >>> import gradatim as gd
        >>> d = gd.distributions
        >>> weights = d.Categorical(gd.tensor([0.5, 0.5]))
        >>> d.MixtureSameFamily(weights, d.Normal(gd.tensor([-1.0, 1.0]), gd.ones(2))).variance
        tensor(2.)
    """

    arg_constraints: ClassVar[Any] = {}

    def __init__(
        self, mixture_distribution: Categorical, component_distribution: Distribution,
        validate_args: Any = None,
    ):  # fmt: skip
        if not isinstance(mixture_distribution, Categorical):
            raise ArgumentError(
                " The Mixture distribution needs to be an instance of "
                "gradatim.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ArgumentError(
                "The Component distribution need to be an instance of "
                "gradatim.distributions.Distribution"
            )
        batch, wanted = mixture_distribution.batch_shape, component_distribution.batch_shape[:-1]
        for a, b in zip(reversed(batch), reversed(wanted)):
            if a != 1 and b != 1 and a != b:
                raise ArgumentError(
                    f"`mixture_distribution.batch_shape` ({batch}) is not compatible with "
                    f"`component_distribution.batch_shape` ({wanted})"
                )
        count = mixture_distribution._num_events
        components = component_distribution.batch_shape[-1:]
        if components and count != components[0]:
            raise ArgumentError(
                f"`mixture_distribution component` ({count}) does not equal "
                f"`component_distribution.batch_shape[-1]` ({components[0]})"
            )
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        self._num_component = count
        event = component_distribution.event_shape
        self._event_ndims = len(event)
        super().__init__(component_distribution.batch_shape[:-1], event, validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._copy(batch_shape, _instance)
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        wide = Size((*batch_shape, self._num_component))
        new._component_distribution = self._component_distribution.expand(wide)
        new._num_component, new._event_ndims = self._num_component, self._event_ndims
        return new

    @constraints.dependent_property
    def support(self) -> constraints.Constraint:
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Categorical:
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        return self._component_distribution

    def _weights(self) -> Tensor:
        probs = self._mixture_distribution.probs
        return probs.reshape(*probs.shape, *(1,) * self._event_ndims)

    @property
    def _place(self) -> int:
        return -1 - self._event_ndims

    @property
    def mean(self) -> Tensor:
        return (self._weights() * self._component_distribution.mean).sum(self._place)

    @property
    def variance(self) -> Tensor:
        # Within the components, and between them.
        means = self._component_distribution.mean
        within = (self._weights() * self._component_distribution.variance).sum(self._place)
        away = means - self.mean.unsqueeze(self._place)
        return within + (self._weights() * away**2).sum(self._place)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            lead = len(sample_shape) + len(self._batch_shape)
            chosen = self._mixture_distribution.sample(sample_shape)
            values = self._component_distribution.sample(sample_shape)
            chosen = chosen.expand(values.shape[:lead])
            index = chosen.reshape(*chosen.shape, 1, *(1,) * self._event_ndims)
            shape = (*chosen.shape, 1, *self._event_shape)
            return values.gather(lead, index.expand(shape)).squeeze(lead)

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        each = self._component_distribution.log_prob(value.unsqueeze(self._place))
        weights = ops.log_softmax(self._mixture_distribution.logits, -1)
        return ops.logsumexp(each + weights, -1)

    def cdf(self, value: Tensor) -> Tensor:
        each = self._component_distribution.cdf(value.unsqueeze(self._place))
        return (each * self._mixture_distribution.probs).sum(-1)

    def __repr__(self) -> str:
        return (
            f"MixtureSameFamily(\n  {self._mixture_distribution},\n  "
            f"{self._component_distribution})"
        )


class TransformedDistribution(Distribution):
    """Numbers of a base distribution, sent through transforms.

    Args:
        base_distribution: where they come from.
        transforms: a Transform, or a list of them, the first one first.

    Example:
        >>> import gradatim as gd
        >>> d = gd.distributions
        >>> logistic = d.TransformedDistribution(
        ...     d.Uniform(0.0, 1.0), [d.SigmoidTransform().inv, d.AffineTransform(2.0, 3.0)])
        >>> logistic.cdf(gd.tensor(2.0))
        tensor(0.5000)
    """

    arg_constraints: ClassVar[Any] = {}
    base_dist: Any
    transforms: list[Transform]

    def __init__(
        self, base_distribution: Distribution, transforms: Any, validate_args: Any = None
    ):  # fmt: skip
        if isinstance(transforms, Transform):
            self.transforms = [transforms]
        elif isinstance(transforms, list) and all(isinstance(t, Transform) for t in transforms):
            self.transforms = transforms
        else:
            raise ArgumentError(f"transforms must be a Transform or list, but was {transforms!r}")
        shape = Size((*base_distribution.batch_shape, *base_distribution.event_shape))
        base_event = len(base_distribution.event_shape)
        whole = ComposeTransform(self.transforms)
        if len(shape) < whole.domain.event_dim:
            raise ArgumentError(
                f"base_distribution needs to have shape with size at least "
                f"{whole.domain.event_dim}, but got {shape}."
            )
        forward = Size(whole.forward_shape(shape))
        base_shape = Size(whole.inverse_shape(forward))
        if tuple(base_shape) != tuple(shape):
            cut = len(base_shape) - base_event
            base_distribution = base_distribution.expand(base_shape[:cut])
        more = whole.domain.event_dim - base_event
        if more > 0:
            base_distribution = Independent(base_distribution, more)
        self.base_dist = base_distribution
        event_dim = max(
            whole.codomain.event_dim,
            base_event + whole.codomain.event_dim - whole.domain.event_dim,
        )
        cut = len(forward) - event_dim
        super().__init__(forward[:cut], forward[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._copy(batch_shape, _instance)
        whole = ComposeTransform(self.transforms)
        base = Size(whole.inverse_shape(Size((*batch_shape, *self._event_shape))))
        cut = len(base) - len(self.base_dist.event_shape)
        new.base_dist = self.base_dist.expand(base[:cut])
        new.transforms = self.transforms
        return new

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> constraints.Constraint:
        if not self.transforms:
            return self.base_dist.support  # type: ignore[no-any-return]
        found = self.transforms[-1].codomain
        more = len(self._event_shape) - found.event_dim
        return constraints.independent(found, more) if more > 0 else found

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return bool(self.base_dist.has_rsample)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            x = self.base_dist.sample(sample_shape)
            for transform in self.transforms:
                x = transform(x)
            return x  # type: ignore[no-any-return]

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        x = self.base_dist.rsample(sample_shape)
        for transform in self.transforms:
            x = transform(x)
        return x  # type: ignore[no-any-return]

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        dims = len(self._event_shape)
        total: Any = 0.0
        y = value
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            dims += transform.domain.event_dim - transform.codomain.event_dim
            own = transform.log_abs_det_jacobian(x, y)
            total = total - sum_rightmost(own, dims - transform.domain.event_dim)
            y = x
        base = sum_rightmost(self.base_dist.log_prob(y), dims - len(self.base_dist.event_shape))
        return total + base  # type: ignore[no-any-return]

    def _turned(self, value: Tensor) -> Tensor:
        """A probability, counted from the other end where the transforms fall."""
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        if isinstance(sign, int) and sign == 1:
            return value
        return sign * (value - 0.5) + 0.5  # type: ignore[no-any-return]

    def cdf(self, value: Tensor) -> Tensor:
        for transform in reversed(self.transforms):
            value = transform.inv(value)
        if self._validate_args:
            self.base_dist._validate_sample(value)
        return self._turned(self.base_dist.cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        value = self.base_dist.icdf(self._turned(value))
        for transform in self.transforms:
            value = transform(value)
        return value


__all__ = ["Independent", "MixtureSameFamily", "TransformedDistribution"]
