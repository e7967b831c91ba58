"""torch.amp: mixed precision. Gradatim computes float32 in float32, at the speed of the compiler.

`autocast` is accepted and changes no dtype: results are at least as exact as asked for. (PyTorch
without a GPU does the same for `autocast("cuda")`.) `GradScaler` scales, checks and skips as
PyTorch's; for a GPU that is not there it is switched off, as there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.frontends.names import look_in
from gradatim.graph.dtypes import float32
from gradatim.graph.errors import ArgumentError
from gradatim.tensor import Tensor


class autocast:
    """A context, or a decorator, in which PyTorch would compute with fewer bits.

    Example:
        >>> import gradatim as gd
        >>> with autocast("cpu"):
        ...     (gd.ones(2, 2) @ gd.ones(2, 2)).dtype
        torch.float32
    """

    def __init__(
        self,
        device_type: str = "cuda",
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ):
        self.device_type = device_type if isinstance(device_type, str) else "cuda"
        self.dtype = float32 if dtype is None else dtype
        self.enabled = enabled

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *error: Any) -> None:
        return None

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return call


class GradScaler:
    """Multiplies the loss, so that small gradients are not lost in float16, and divides the
    gradients again before the update; an update with an Inf or NaN among them is left out.

    Args:
        device: "cuda" (switched off, for want of one) or "cpu".
        init_scale: the factor at first.
        growth_factor, growth_interval: it grows after so many updates without Inf.
        backoff_factor: what it is multiplied by after an Inf.
        enabled: False leaves everything as it is.

    Example:
        >>> import gradatim as gd
        >>> scaler = GradScaler("cpu", init_scale=8.0)
        >>> scaler.scale(gd.tensor(2.0))
        tensor(16.)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        self._enabled = enabled and device == "cpu"
        self._scale = float(init_scale)
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval = growth_interval
        self._growth = 0
        self._found_inf: dict[int, bool] = {}  # of the optimizers whose gradients are divided

    def is_enabled(self) -> bool:
        """Whether it does anything."""
        return self._enabled

    def get_scale(self) -> float:
        """The factor."""
        return self._scale if self._enabled else 1.0

    def scale(self, outputs: Any) -> Any:
        """The loss (or several) times the factor."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        return type(outputs)(self.scale(each) for each in outputs)

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer's parameters by the factor, once before a step."""
        if not self._enabled:
            return
        if id(optimizer) in self._found_inf:
            raise ArgumentError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        grads = [p.grad for p in parameters if p.grad is not None]
        with no_grad():
            for grad in grads:
                grad.mul_(1 / self._scale)
            self._found_inf[id(optimizer)] = not all(bool(ops.isfinite(g).all()) for g in grads)

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step()`, unless a gradient is Inf or NaN."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if id(optimizer) not in self._found_inf:
            self.unscale_(optimizer)
        return None if self._found_inf[id(optimizer)] else optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | None = None) -> None:
        """Choose the factor for the next step."""
        if new_scale is not None:
            self._scale = float(new_scale)
        elif any(self._found_inf.values()):
            self._scale *= self._backoff_factor
            self._growth = 0
        elif self._found_inf:
            self._growth += 1
            if self._growth == self._growth_interval:
                self._scale *= self._growth_factor
                self._growth = 0
        self._found_inf = {}

    def state_dict(self) -> dict[str, Any]:
        """The factor and its rule, to be saved."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        if not self._enabled:
            return
        self._scale = float(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth = state_dict["_growth_tracker"]


__all__ = ["GradScaler", "autocast"]
__getattr__, __dir__ = look_in("torch.amp", globals())
