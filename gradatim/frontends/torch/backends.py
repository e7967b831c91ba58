"""torch.backends: switches of libraries that are not here. They can be set, and change nothing."""

from __future__ import annotations

import types
from typing import Any

from gradatim.frontends.names import look_in


def _no() -> bool:
    return False


def _backend(**switches: Any) -> types.SimpleNamespace:
    return types.SimpleNamespace(is_available=_no, version=lambda: None, **switches)


cudnn = _backend(
    enabled=False, benchmark=False, deterministic=True, allow_tf32=False, benchmark_limit=0
)
cuda = types.SimpleNamespace(
    is_built=_no,
    matmul=types.SimpleNamespace(
        allow_tf32=False,
        allow_fp16_reduced_precision_reduction=False,
        allow_bf16_reduced_precision_reduction=False,
    ),
)
mps = types.SimpleNamespace(is_available=_no, is_built=_no)
mkldnn = _backend(enabled=False)
mkl = _backend()
openmp = _backend()

__getattr__, __dir__ = look_in("torch.backends", globals())
