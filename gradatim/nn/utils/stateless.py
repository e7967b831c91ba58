"""A module called with other tensors in place of its own, under its older name."""

from __future__ import annotations

import warnings
from typing import Any

from gradatim.tensor import Tensor

__all__ = ["functional_call"]


def functional_call(
    module: Any, parameters_and_buffers: dict[str, Tensor], args: Any = None,
    kwargs: dict[str, Any] | None = None, *, tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """`gradatim.func.functional_call`, which is the newer name."""
    from gradatim.func import functional_call as call

    warnings.warn(
        "nn.utils.stateless.functional_call is deprecated in favor of func.functional_call",
        FutureWarning,
        stacklevel=2,
    )
    return call(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )
