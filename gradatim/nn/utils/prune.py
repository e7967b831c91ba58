"""Pruning: parts of a parameter set to 0 and kept there by a mask (Le Cun et al., 1990; Han et al.,
2015).

The parameter becomes `NAME_orig`, the mask a buffer `NAME_mask`, and before each forward `NAME` is
computed as their product. Pruned again, the new method chooses among what is left.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Iterator
from typing import Any

from gradatim import ops
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, Error, IndexOutOfRange
from gradatim.tensor import Tensor

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]


class PruningError(Error, AssertionError):
    """Shapes of masks or scores that are not those of the parameter."""


def _need_shape(found: Tensor, wanted: Tensor, what: str) -> None:
    if found.shape != wanted.shape:
        raise PruningError(
            f"{what} should have the shape of the parameter, got {list(found.shape)} and "
            f"{list(wanted.shape)}"
        )


# --- methods -------------------------------------------------------------------------------------


class BasePruningMethod:
    """A way to choose what is pruned, and the hook that applies it before each forward.

    A subclass defines `compute_mask`, and says in `PRUNING_TYPE` what it looks at: "unstructured"
    (elements), "structured" (slices of a dimension `dim`) or "global" (everything).
    """

    PRUNING_TYPE = "global"
    _tensor_name: str | None = None

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, str(self._tensor_name), self.apply_mask(module))

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for scores `t`, where `default_mask` is what is left of earlier pruning."""
        raise NotImplementedError(f"{type(self).__name__} defines no compute_mask()")

    def apply_mask(self, module: Any) -> Tensor:
        """The pruned parameter."""
        original: Tensor = getattr(module, f"{self._tensor_name}_orig")
        return getattr(module, f"{self._tensor_name}_mask").to(original.dtype) * original

    @classmethod
    def apply(
        cls, module: Any, name: str, *args: Any, importance_scores: Tensor | None = None,
        **kwargs: Any,
    ) -> BasePruningMethod:  # fmt: skip
        """Prune a module's parameter by this method.

        Args:
            importance_scores: of the parameter's shape; None: the parameter itself.
            args, kwargs: of the method.
        """
        method = cls(*args, **kwargs)
        method._tensor_name = name
        earlier = _hook_of(module, name)
        if earlier is not None:
            key, hook = earlier
            del module._forward_pre_hooks[key]
            if not isinstance(hook, PruningContainer):
                hook = PruningContainer(hook)
            hook.add_pruning_method(method)
            method = hook
        parameter = getattr(module, name)
        scores = parameter if importance_scores is None else importance_scores
        _need_shape(scores, parameter, "importance_scores")
        if earlier is None:
            left = ops.ones_like(parameter.detach())
        else:
            left = getattr(module, f"{name}_mask").detach().clone()
        mask = method.compute_mask(scores.detach(), default_mask=left)
        if earlier is None:
            module.register_parameter(f"{name}_orig", parameter)
            del module._parameters[name]
        module.register_buffer(f"{name}_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(
        self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None
    ) -> Tensor:
        """A tensor pruned by this method, with no module."""
        scores = t if importance_scores is None else importance_scores
        _need_shape(scores, t, "importance_scores")
        left = ops.ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=left)

    def remove(self, module: Any) -> None:
        """Make the pruned parameter an ordinary one, with 0 where the mask is."""
        name = str(self._tensor_name)
        pruned = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters.pop(f"{name}_orig")
        del module._buffers[f"{name}_mask"]
        original.data = pruned.detach()
        setattr(module, name, original)


class PruningContainer(BasePruningMethod):
    """Several methods applied to one parameter, one after the other."""

    def __init__(self, *methods: BasePruningMethod):
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if len(methods) == 1:
            self._tensor_name = methods[0]._tensor_name
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Add one, for the same parameter."""
        if not isinstance(method, BasePruningMethod):
            raise ArgumentTypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method._tensor_name != self._tensor_name:
            raise ArgumentError(
                f"Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask after the last method, which sees only what the earlier ones left."""
        method = self._pruning_methods[-1]
        kind, mask = method.PRUNING_TYPE, default_mask.to(t.dtype).clone()
        if kind == "unstructured":
            left: Any = default_mask == 1
        elif kind == "structured":
            dim = method.dim % t.ndim  # type: ignore[attr-defined]
            others = [k for k in range(t.ndim) if k != dim]
            left = tuple(
                default_mask.sum(dim=others) != 0 if k == dim else slice(None)
                for k in range(t.ndim)
            )
        elif kind == "global":
            left = (slice(None),) * t.ndim
        else:
            raise ArgumentError(f"Unrecognized PRUNING_TYPE {kind}")
        mask[left] = method.compute_mask(t[left], default_mask=default_mask[left]).to(mask.dtype)
        return mask


class Identity(BasePruningMethod):
    """Prunes nothing, but makes parameter and mask."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class _ByAmount(BasePruningMethod):
    """What methods share that prune an amount: a share from 0 to 1, or a number."""

    def __init__(self, amount: float):
        if not isinstance(amount, numbers.Real):
            raise ArgumentTypeError(f"Invalid type for amount: {amount}. Must be int or float.")
        whole = isinstance(amount, numbers.Integral)
        if amount < 0 or (not whole and amount > 1):
            raise ArgumentError(
                f"amount={amount} should either be a float in the range [0, 1] or a non-negative "
                f"integer"
            )
        self.amount = amount

    def _count(self, size: int) -> int:
        """How many of `size`."""
        if not isinstance(self.amount, numbers.Integral):
            return round(self.amount * size)
        if self.amount > size:
            raise ArgumentError(
                f"amount={self.amount} should be smaller than the number of parameters to "
                f"prune={size}"
            )
        return int(self.amount)


class _Unstructured(_ByAmount):
    """Elements one by one."""

    PRUNING_TYPE = "unstructured"

    def _smallest(self, t: Tensor, count: int) -> Tensor:
        """The places to prune, in `t` flattened."""
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = self._count(t.numel())
        mask = default_mask.clone()
        if count:
            mask.view(-1)[self._smallest(t, count)] = 0
        return mask


class RandomUnstructured(_Unstructured):
    """Elements at random."""

    def _smallest(self, t: Tensor, count: int) -> Tensor:
        return ops.topk(ops.rand_like(t).view(-1), count)[1]


class L1Unstructured(_Unstructured):
    """The elements of least magnitude."""

    def _smallest(self, t: Tensor, count: int) -> Tensor:
        return ops.topk(t.abs().reshape(-1), count, largest=False)[1]


class _Structured(_ByAmount):
    """Slices of a dimension."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1):
        super().__init__(amount)
        self.dim = dim

    def _kept(self, t: Tensor, size: int, count: int) -> Tensor:
        """Which slices stay: a bool for each, or their places."""
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if t.ndim <= 1:
            raise ArgumentError(
                f"Structured pruning can only be applied to multidimensional tensors. Found tensor "
                f"of shape {t.shape} with {t.ndim} dims"
            )
        if self.dim >= t.ndim:
            raise IndexOutOfRange(f"Invalid index {self.dim} for tensor of size {t.shape}")
        size = t.shape[self.dim]
        count = self._count(size)
        if not count:
            return default_mask
        mask = ops.zeros_like(t)
        place: list[Any] = [slice(None)] * t.ndim
        place[self.dim] = self._kept(t, size, count)
        mask[tuple(place)] = 1
        return mask * default_mask.to(mask.dtype)


class RandomStructured(_Structured):
    """Slices at random."""

    def _kept(self, t: Tensor, size: int, count: int) -> Tensor:
        draws = ops.rand(size)
        return draws > ops.kthvalue(draws, count)[0]


class LnStructured(_Structured):
    """The slices of least n-norm."""

    def __init__(self, amount: float, n: Any, dim: int = -1):
        super().__init__(amount, dim)
        self.n = n

    def _kept(self, t: Tensor, size: int, count: int) -> Tensor:
        others = [k for k in range(t.ndim) if k != self.dim % t.ndim]
        return ops.topk(t.norm(self.n, others), size - count)[1]


class CustomFromMask(BasePruningMethod):
    """What a mask says, 0 or 1 for each element."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor):
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        _need_shape(self.mask, default_mask, "the mask")
        return default_mask * self.mask.to(default_mask.dtype)


# --- functions -----------------------------------------------------------------------------------


def identity(module: Any, name: str) -> Any:
    """Make `NAME_orig` and `NAME_mask`, but prune nothing."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Any, name: str, amount: float) -> Any:
    """Prune elements at random.

    Args:
        amount: a share from 0 to 1, or a number of elements.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.utils.prune.random_unstructured(gd.nn.Linear(4, 3), "weight", 0.5)
        >>> layer.weight_mask.sum()
        tensor(6.)
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(
    module: Any, name: str, amount: float, importance_scores: Tensor | None = None
) -> Any:
    """Prune the elements of least magnitude (or score)."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Any, name: str, amount: float, dim: int) -> Any:
    """Prune slices of the dimension `dim` at random."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Any, name: str, amount: float, n: Any, dim: int,
    importance_scores: Tensor | None = None,
) -> Any:  # fmt: skip
    """Prune the slices of the dimension `dim` of least n-norm."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Any, name: str, mask: Tensor) -> Any:
    """Prune where a mask is 0."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Any, pruning_method: type[Any], importance_scores: Any = None, **kwargs: Any
) -> None:
    """Prune several parameters as if they were one.

    Args:
        parameters: pairs (module, name).
        pruning_method: an unstructured one, such as `L1Unstructured`.
        importance_scores: by pair, instead of the parameters themselves.
        kwargs: of the method, `amount` among them.
    """
    if not isinstance(parameters, Iterable):
        raise ArgumentTypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise ArgumentTypeError("global_unstructured(): importance_scores must be of type dict")
    pairs = list(parameters)
    found = [scores.get((module, name), getattr(module, name)) for module, name in pairs]
    left = [
        getattr(module, f"{name}_mask", ops.ones_like(getattr(module, name).detach()))
        for module, name in pairs
    ]
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise ArgumentTypeError(
            f'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    mask = PruningContainer(method).compute_mask(
        ops.cat([score.detach().reshape(-1) for score in found]),
        ops.cat([part.reshape(-1) for part in left]),
    )
    start = 0
    for module, name in pairs:
        parameter = getattr(module, name)
        stop = start + parameter.numel()
        custom_from_mask(module, name, mask[start:stop].view_as(parameter))
        start = stop


def remove(module: Any, name: str) -> Any:
    """Make a pruned parameter an ordinary one again, with 0 where it was pruned.

    Raises:
        ArgumentError: if it is not pruned.
    """
    found = _hook_of(module, name)
    if found is None:
        raise ArgumentError(
            f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
        )
    key, hook = found
    hook.remove(module)
    del module._forward_pre_hooks[key]
    return module


def _hook_of(module: Any, name: str) -> tuple[int, BasePruningMethod] | None:
    for key, (hook, _) in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            return key, hook
    return None


def is_pruned(module: Any) -> bool:
    """Whether a parameter of the module or below it is pruned."""
    return any(
        isinstance(hook, BasePruningMethod)
        for _, submodule in module.named_modules()
        for hook, _ in submodule._forward_pre_hooks.values()
    )
