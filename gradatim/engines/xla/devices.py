"""Which devices there are, and what they are called: "gpu:1", "tpu", "xla:cpu"."""

from __future__ import annotations

from typing import Any

import jax

from gradatim.graph.errors import DeviceError

INSTALL = {
    "gpu": "pip install 'jax[cuda13]' (NVIDIA) or 'jax[rocm7-local]' (AMD)",
    "tpu": "pip install 'jax[tpu]' on a TPU machine",
}


def platform_devices(platform: str) -> list[Any]:
    """JAX's devices of a platform; none where it is not there."""
    try:
        return list(jax.local_devices(backend=platform))
    except RuntimeError:
        return []


def names() -> list[str]:
    """Every device by its name, XLA's CPU last."""
    found = [f"{kind}:{k}" for kind in ("gpu", "tpu") for k, _ in enumerate(platform_devices(kind))]
    count = len(platform_devices("cpu"))
    return [*found, "xla:cpu", *(f"xla:cpu:{k}" for k in range(1, count))]


def find(name: str) -> Any:
    """JAX's device of a name; "cpu" too is XLA's CPU here.

    Raises:
        DeviceError: saying how to get one.
    """
    kind, _, number = name.removeprefix("xla:").partition(":")
    platform = "cpu" if kind in ("cpu", "xla") else kind
    found = platform_devices(platform)
    if not found:
        raise DeviceError(
            f"JAX finds no {platform.upper()}. To use one: {INSTALL[platform]}. The same code runs "
            f"on XLA's CPU with GRADATIM_DEVICE=xla:cpu"
        )
    place = int(number or 0)
    if place >= len(found):
        raise DeviceError(f"There is no {name!r}: the last of its kind has number {len(found) - 1}")
    return found[place]
