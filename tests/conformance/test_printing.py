"""The repr of thousands of random tensors, compared with PyTorch's to the byte."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from gradatim import printing
from gradatim.graph import dtypes

FLOATS = [dtype.name for dtype in dtypes.ALL if dtype.is_floating_point]
SPECIAL = [0.0, -0.0, math.nan, math.inf, -math.inf]
# Values next to the thresholds at which the notation changes.
BORDERS = [*SPECIAL, 5e-5, 1e-4, 0.1, 0.5, 99.99999, 100, 1000, 1001, 1e8, 1.1e8]

FLOAT_KINDS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "whole": lambda rng, shape: rng.integers(-5, 6, size=shape),
    "large whole": lambda rng, shape: np.round(rng.normal(size=shape) * 10.0 ** rng.integers(10)),
    "one magnitude": lambda rng, shape: rng.normal(size=shape) * 10.0 ** rng.integers(-8, 9),
    "all magnitudes": lambda rng, shape: 10.0 ** rng.integers(-10, 10, size=shape),
    "borders": lambda rng, shape: rng.choice(BORDERS, size=shape),
    "special": lambda rng, shape: rng.choice(SPECIAL, size=shape),
    "any bits": lambda rng, shape: rng.integers(0, 2**63, size=(*shape, 1)).view(np.float64),
    "subnormal": lambda rng, shape: rng.integers(0, 99, size=(*shape, 1)).view(np.float64),
}

OPTIONS = {
    "precision": [None, None, 0, 1, 2, 8, 17],
    "threshold": [None, None, 0, 1, 5, 50, math.inf],
    "edgeitems": [None, None, 0, 1, 2, 5],
    "linewidth": [None, None, 0, 10, 30, 40, 60, 100, 200],
    "profile": [None, None, None, "default", "short", "full"],
    "sci_mode": [None, None, True, False],
}


@pytest.fixture(autouse=True)
def default_state():
    yield
    printing.set_printoptions(profile="default")
    torch.set_printoptions(profile="default")
    torch.set_default_dtype(torch.float32)


def pick(rng, choices):
    return choices[rng.integers(len(choices))]


def random_shape(rng) -> tuple[int, ...]:
    if rng.random() < 0.05:
        return (pick(rng, [999, 1000, 1001, 3000]),)
    ndim = rng.integers(6)
    return tuple(pick(rng, [0, 1, 1, 2, 3, 5, 7, 13 if ndim < 4 else 4]) for _ in range(ndim))


def random_values(rng, dtype, shape) -> np.ndarray:
    if dtype is dtypes.bool_:
        return np.asarray(rng.integers(0, 2, shape), bool)
    if dtype.is_integer:
        low, high = dtypes.integer_range(dtype)
        reach = pick(rng, [1, 10, 1000, 2**64])
        low, high = max(low, -reach), min(high, reach)
        return np.asarray(rng.integers(low, high, shape, dtype.numpy, endpoint=True))
    kind = pick(rng, list(FLOAT_KINDS.values()))
    values = np.asarray(kind(rng, shape), np.float64).reshape(shape)
    if rng.random() < 0.3:
        values = np.where(rng.random(shape) < 0.3, rng.choice(SPECIAL, size=shape), values)
    with np.errstate(all="ignore"):
        return np.asarray(values).astype(dtype.numpy)


def as_torch(values: np.ndarray, dtype) -> torch.Tensor:
    flat = np.array(values).reshape(-1)
    if dtype is dtypes.bfloat16:
        tensor = torch.from_numpy(flat.view(np.uint16)).view(torch.bfloat16)
    else:
        tensor = torch.from_numpy(flat)
    return tensor.reshape(values.shape)


def check(rng, dtype, shape) -> None:
    values = random_values(rng, dtype, shape)
    tensor = as_torch(values, dtype)
    default = pick(rng, FLOATS)
    torch.set_default_dtype(getattr(torch, default))
    gradient = {}
    if dtype.is_floating_point:
        gradient = pick(rng, [{}, {"requires_grad": True}, {"grad_fn": "MulBackward0"}])
        if gradient:
            tensor.requires_grad_()
        if "grad_fn" in gradient:
            tensor = tensor * 1

    ours = printing.tensor_repr(values, dtype, is_default_dtype=dtype.name == default, **gradient)
    context = f"{printing.get_printoptions()}, default dtype {default}"
    assert ours == repr(tensor), context


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("dtype", dtypes.ALL, ids=str)
def test_default_options(dtype, seed):
    rng = np.random.default_rng(seed)
    for _ in range(15):
        check(rng, dtype, random_shape(rng))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("dtype", dtypes.ALL, ids=str)
def test_random_options(dtype, seed):
    rng = np.random.default_rng(seed)
    for _ in range(15):
        # Not reset in between: what a call leaves unsaid stays as an earlier call set it.
        options = {name: pick(rng, choices) for name, choices in OPTIONS.items()}
        printing.set_printoptions(**options)
        torch.set_printoptions(**options)
        assert printing.get_printoptions() == torch._tensor_str.get_printoptions()
        check(rng, dtype, random_shape(rng))


@pytest.mark.parametrize("linewidth", range(120))
def test_every_linewidth(linewidth):
    printing.set_printoptions(linewidth=linewidth)
    torch.set_printoptions(linewidth=linewidth)
    rng = np.random.default_rng(linewidth)
    for shape in [(), (1,), (0, 2), (7,), (40,), (3, 11), (2, 2, 5)]:
        check(rng, dtypes.float64, shape)
        check(rng, dtypes.int32, shape)


def test_a_subclass_and_a_parameter():
    class Weight(torch.Tensor):
        pass

    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    facts = {"is_default_dtype": True}
    ours = printing.tensor_repr(values, dtypes.float32, prefix="Weight(", **facts)
    assert ours == repr(torch.from_numpy(values).as_subclass(Weight))

    ours = printing.tensor_repr(values, dtypes.float32, requires_grad=True, **facts)
    theirs = repr(torch.nn.Parameter(torch.from_numpy(values)))
    assert "Parameter containing:\n" + ours == theirs


def test_device_comes_first(monkeypatch):
    # With another default device, PyTorch names the CPU, as it would name a GPU.
    monkeypatch.setattr(torch._C, "_get_default_device", lambda: "cuda")
    values = np.zeros((0, 2))
    expected = repr(torch.from_numpy(values)).replace("cpu", "tpu")
    ours = printing.tensor_repr(values, dtypes.float64, is_default_dtype=False, device="tpu")
    assert ours == expected
