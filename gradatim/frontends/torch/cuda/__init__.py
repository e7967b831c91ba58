"""torch.cuda: there is no GPU, and a program that asks is told so.

With `gradatim run --device cpu` the processor does what the program would do on a GPU.
"""

from __future__ import annotations

from typing import Any

from gradatim.device import Device
from gradatim.frontends.names import look_in
from gradatim.frontends.torch.cuda import amp as amp
from gradatim.frontends.torch.legacy import NAMES, tensor_type
from gradatim.realize import synchronize as _synchronize

globals().update({name: tensor_type(name, "torch.cuda", "cuda") for name in NAMES})


def is_available() -> bool:
    """No."""
    return False


def is_initialized() -> bool:
    """No."""
    return False


def is_bf16_supported() -> bool:
    """No."""
    return False


def device_count() -> int:
    """None."""
    return 0


def current_device() -> int:
    """The number of the GPU in use; an error without one."""
    Device("cuda")
    return 0


def set_device(device: Any) -> None:
    """Choose the GPU in use; an error without one."""
    Device("cuda")


def get_device_name(device: Any = None) -> str:
    """The name of a GPU; an error without one."""
    return str(Device("cuda"))


def manual_seed(seed: int) -> None:
    """Nothing: without a GPU there is no stream to seed (as in PyTorch)."""


manual_seed_all = manual_seed


def empty_cache() -> None:
    """Nothing: memory is given back when it is free."""


def synchronize(device: Any = None) -> None:
    """Compute everything that is pending; an error without a GPU."""
    Device("cuda")
    _synchronize()


def memory_allocated(device: Any = None) -> int:
    """No bytes of a GPU."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing: no bytes of a GPU are counted."""


__getattr__, __dir__ = look_in("torch.cuda", globals())
