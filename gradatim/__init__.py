"""Gradatim: deep learning, step by step. The public names, nothing else.

Example:
    >>> import gradatim as gd
    >>> gd.ones(2) + 1
    tensor([2., 2.])
"""

from __future__ import annotations

import importlib
from math import e, inf, nan, pi
from typing import Any

from gradatim import autograd, ops, random, switches
from gradatim.autograd import (
    enable_grad,
    grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
    value_and_grad,
)
from gradatim.compile import compile
from gradatim.device import devices
from gradatim.engines import set_engine
from gradatim.graph.dtypes import (
    DType,
    bfloat16,
    float16,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    set_default_dtype,
    uint8,
    uint16,
    uint32,
    uint64,
)
from gradatim.graph.dtypes import bool_ as bool
from gradatim.graph.dtypes import promote as promote_types
from gradatim.graph.errors import (
    ArgumentError,
    ArgumentTypeError,
    CaptureError,
    CheckpointError,
    DataError,
    DeviceError,
    DTypeError,
    Error,
    GradientError,
    IndexOutOfRange,
    MissingExtra,
    NonFiniteError,
    ShapeError,
)
from gradatim.limits import finfo, iinfo
from gradatim.memory_format import Layout as layout
from gradatim.memory_format import MemoryFormat as memory_format
from gradatim.memory_format import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    preserve_format,
    strided,
)
from gradatim.ops.arguments import result_dtype as result_type
from gradatim.printing import set_printoptions
from gradatim.random import (
    Generator,
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from gradatim.realize import detect_anomaly, eager, synchronize
from gradatim.settings import (
    from_file,
    get_default_device,
    is_storage,
    set_default_device,
    set_flush_denormal,
    typename,
)
from gradatim.tensor import Device as device
from gradatim.tensor import Size, Tensor

__version__ = "0.1.0"

globals().update({name: getattr(switches, name) for name in switches.__all__})

half, float, double = float16, float32, float64
short, int, long = int16, int32, int64
newaxis = None
dtype = DType

globals().update(ops.top_level())
globals().update(ops.in_place_functions())
from gradatim.ops.native_norms import batch_norm, instance_norm  # noqa: E402

# Rooms that are imported when first named, so that `import gradatim` stays fast; and names in them.
_ROOMS = (
    "array_api", "cli", "data", "distributions", "explain", "func", "linalg", "metrics", "nn",
    "optim", "signal", "special", "train", "utils", "weights",
)  # fmt: skip
_NAMES = {
    "explain_program": "gradatim.explain.program",
    "load": "gradatim.train.saved",
    "Mesh": "gradatim.mesh",
    "save": "gradatim.weights.saving",
    "shard": "gradatim.mesh",
    "save_model": "gradatim.train.saved",
    "summary": "gradatim.train.summary",
    "Trainer": "gradatim.train.trainer",
    "vmap": "gradatim.func.vmap",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"gradatim.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'gradatim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS, *_NAMES})


importlib.import_module("gradatim.interop").install()
