"""torch.backends: switches of libraries that are not here. They can be set, and change nothing."""

from __future__ import annotations

import sys
import types
from typing import Any

from gradatim.frontends.names import look_in

__path__: list[str] = []  # modules below it can be imported: import torch.backends.cudnn


def _no() -> bool:
    return False


def _backend(name: str, **switches: Any) -> types.ModuleType:
    module = types.ModuleType(f"{__name__}.{name}", f"torch.backends.{name}: it is not here.")
    vars(module).update({"is_available": _no, "is_built": _no, "version": lambda: None} | switches)
    sys.modules[module.__name__] = module
    return module


cudnn = _backend(
    "cudnn", enabled=False, benchmark=False, deterministic=True, allow_tf32=False, benchmark_limit=0
)
_matmul = types.SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=False,
    allow_bf16_reduced_precision_reduction=False,
)
cuda = _backend("cuda", matmul=_matmul)
mps = _backend("mps")
mkldnn = _backend("mkldnn", enabled=False)
mkl = _backend("mkl")
openmp = _backend("openmp")

__getattr__, __dir__ = look_in("torch.backends", globals())
