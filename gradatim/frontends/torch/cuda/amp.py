"""torch.cuda.amp: the names that mixed precision had before `torch.amp`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim.frontends.names import look_in
from gradatim.frontends.torch import amp


class autocast(amp.autocast):
    """`torch.amp.autocast("cuda", ...)`."""

    def __init__(self, enabled: bool = True, dtype: Any = None, cache_enabled: bool = True):
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """`torch.amp.GradScaler("cuda", ...)`: switched off, for want of a GPU."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__("cuda", *args, **options)


def custom_fwd(fwd: Any = None, **options: Any) -> Callable[..., Any]:
    """The `forward` of a Function itself: no dtype is changed."""
    return fwd if callable(fwd) else lambda forward: forward


custom_bwd = custom_fwd

__getattr__, __dir__ = look_in("torch.cuda.amp", globals())
