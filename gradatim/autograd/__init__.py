"""Gradients for users. The mathematics is in `graph/gradients.py`; here it meets tensors."""

import importlib
from typing import Any

from gradatim.autograd.checking import gradcheck, gradgradcheck
from gradatim.autograd.function import Function, FunctionCtx, GradFn
from gradatim.autograd.hooks import (
    RemovableHandle,
    register_after_accumulate,
    register_hook,
    retain_grad,
)
from gradatim.autograd.recording import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from gradatim.autograd.reverse import backward
from gradatim.autograd.transforms import grad, value_and_grad
from gradatim.realize import detect_anomaly

_ROOMS = ("forward_ad", "functional")  # imported when first named


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"gradatim.autograd.{name}")
    raise AttributeError(f"module 'gradatim.autograd' has no attribute {name!r}")


__all__ = [
    "Function",
    "FunctionCtx",
    "GradFn",
    "RemovableHandle",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "register_after_accumulate",
    "register_hook",
    "retain_grad",
    "set_grad_enabled",
    "value_and_grad",
]
