"""Averages of a model's weights over training: SWA (equal weights) and EMA (fading weights).

Izmailov et al. 2018, *Averaging weights leads to wider optima and better generalization*.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any

from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.graph.dtypes import int64
from gradatim.graph.errors import ArgumentError
from gradatim.nn import Module
from gradatim.nn.normalization import _BatchNorm
from gradatim.optim.lr_scheduler.base import LRScheduler, Rate, per_group
from gradatim.optim.optimizer import Optimizer
from gradatim.tensor import Tensor

Tensors = Sequence[Tensor]


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ArgumentError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[[Tensors, Tensors, Any], None]:
    """For `AveragedModel(multi_avg_fn=...)`: average ← decay · average + (1 - decay) · weights.

    Raises:
        ArgumentError: `decay` is not in [0, 1].
    """
    _check_decay(decay)

    def ema_update(averages: Tensors, weights: Tensors, num_averaged: Any) -> None:
        with no_grad():
            for average, weight in zip(averages, weights, strict=True):
                if average.is_floating_point():
                    average.lerp_(weight, 1 - decay)
                else:
                    average.copy_(average * decay + weight * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> Callable[[Tensors, Tensors, Any], None]:
    """For `AveragedModel(multi_avg_fn=...)`: the mean of all weights so far."""

    def swa_update(averages: Tensors, weights: Tensors, num_averaged: Any) -> None:
        share = float(1 / (num_averaged + 1))  # of a tensor: in float32, as in PyTorch
        with no_grad():
            for average, weight in zip(averages, weights, strict=True):
                if average.is_floating_point():
                    average.lerp_(weight, share)
                else:
                    average.copy_(average + (weight - average) / (num_averaged + 1))

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Tensor, Tensor, Any], Tensor]:
    """For `AveragedModel(avg_fn=...)`: decay · average + (1 - decay) · weights.

    Raises:
        ArgumentError: `decay` is not in [0, 1].
    """
    _check_decay(decay)

    def ema_update(average: Tensor, weight: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return decay * average + (1 - decay) * weight

    return ema_update


def get_swa_avg_fn() -> Callable[[Tensor, Tensor, Any], Tensor]:
    """For `AveragedModel(avg_fn=...)`: the mean of all weights so far."""

    def swa_update(average: Tensor, weight: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return average + (weight - average) / (num_averaged + 1)

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose weights are averages over the model's updates.

    Args:
        model: the model that is trained; it is copied.
        device: where the copy lives.
        avg_fn: `(average, weights, number of updates so far) -> new average`, for one tensor.
        multi_avg_fn: the same for lists of tensors, in place.
            Without either, all updates count alike (SWA).
        use_buffers: average the buffers, too; else they are copied.

    Attributes:
        module: the copy.
        n_averaged: how many updates it has seen, int64.

    Raises:
        ArgumentError: both `avg_fn` and `multi_avg_fn`.

    Example:
        >>> import gradatim as gd
        >>> model = gd.nn.Linear(1, 1, bias=False)
        >>> average = AveragedModel(model)
        >>> for value in (1.0, 2.0, 6.0):
        ...     _ = gd.nn.init.constant_(model.weight, value)
        ...     average.update_parameters(model)
        >>> average.module.weight
        Parameter containing:
        tensor([[3.]], requires_grad=True)
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[[Tensor, Tensor, Any], Tensor] | None = None,
        multi_avg_fn: Callable[[Tensors, Tensors, Any], None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AveragingError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", ops.tensor(0, dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the weights of `model` into the averages. The first time they are copied."""
        averages, weights = self._averaged_of(self.module), self._averaged_of(model)
        with no_grad():
            if self.n_averaged == 0:
                for average, weight in zip(averages, weights):
                    average.copy_(weight)
            elif self.multi_avg_fn is None:
                average_one = self.avg_fn or get_swa_avg_fn()
                for average, weight in zip(averages, weights):
                    average.copy_(average_one(average, weight, self.n_averaged))
            else:
                by_dtype: dict[Any, tuple[list[Tensor], list[Tensor]]] = {}
                for average, weight in zip(averages, weights):
                    alike = by_dtype.setdefault(average.dtype, ([], []))
                    alike[0].append(average)
                    alike[1].append(weight)
                for alike in by_dtype.values():
                    self.multi_avg_fn(*alike, self.n_averaged)
            if not self.use_buffers:
                for ours, theirs in zip(self.module.buffers(), model.buffers(), strict=True):
                    ours.copy_(theirs)
            self.n_averaged += 1

    def _averaged_of(self, model: Module) -> list[Tensor]:
        buffers = model.buffers() if self.use_buffers else ()
        return [tensor.detach() for tensor in chain(model.parameters(), buffers)]


class AveragingError(ArgumentError, AssertionError):
    """Averaging functions that exclude each other (PyTorch raises an AssertionError for it)."""


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of batch normalization anew, with one pass over the data.

    Averaged weights need it: the statistics of the weights that they are averages of do not fit.

    Args:
        loader: gives batches: tensors, or lists and tuples whose first entry is the input.
        model: the model; it is run in training mode, and left in the mode it was in.
        device: where the batches are moved to.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, _BatchNorm)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    was_training = model.training
    model.train()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over all batches
    with no_grad():
        for batch in loader:
            inputs = batch[0] if isinstance(batch, list | tuple) else batch
            model(inputs if device is None else inputs.to(device))
    for layer, momentum in zip(layers, momenta):
        layer.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Moves the learning rate to a fixed value, and stays there.

    Args:
        optimizer: the optimizer whose learning rates are set.
        swa_lr: the rate to go to: one for all groups, or one for each.
        anneal_epochs: how many steps it takes.
        anneal_strategy: "cos" or "linear", how it goes there.
        last_epoch: see `LRScheduler`.

    Raises:
        ArgumentError: another strategy; `anneal_epochs` is no whole number of 0 or more.

    Example:
        >>> import gradatim as gd
        >>> optimizer = gd.optim.SGD([gd.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = SWALR(optimizer, 0.5, anneal_epochs=2, anneal_strategy="linear")
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        ...     print(scheduler.get_last_lr())
        [0.75]
        [0.5]
        [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for group, rate in zip(optimizer.param_groups, per_group("swa_lr", optimizer, swa_lr)):
            group["swa_lr"] = rate
        if anneal_strategy not in _SHARES:
            raise ArgumentError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ArgumentError(
                f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}"
            )
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """The next rates, from the current ones: the rate at the start is found from them."""
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        share = _SHARES[self._anneal_strategy]
        before, now = (share(self._progress(n)) for n in (step - 1, step))
        rates = []
        for group in self.optimizer.param_groups:
            lr, swa_lr = group["lr"], group["swa_lr"]
            first = swa_lr if before == 1 else (lr - before * swa_lr) / (1 - before)
            rates.append(swa_lr * now + first * (1 - now))
        return rates

    def _progress(self, step: int) -> float:
        return max(0, min(1, step / max(1, self.anneal_epochs)))


_SHARES: dict[str, Callable[[float], float]] = {
    "linear": lambda progress: progress,
    "cos": lambda progress: (1 - math.cos(math.pi * progress)) / 2,
}
"""How much of the way to the last rate is done, by how much of the time is over."""
