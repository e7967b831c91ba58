"""Thousands of random index expressions, read and written, against PyTorch.

Indexing only moves elements: values, shapes and strides must be equal, gradients up to the order of
a sum. In float64.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

gd = pytest.importorskip("gradatim")
torch = pytest.importorskip("torch")

# A gradient is a sum of at most a few hundred numbers of size 1, each rounded to 1e-16.
CLOSE = {"rtol": 1e-12, "atol": 1e-13}


class Draw:
    """Random index expressions, as text: the same for both libraries."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def among(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def shape(self, low: int = 0, high: int = 4) -> tuple[int, ...]:
        count = self.rng.integers(low, high + 1)
        sizes = self.rng.choice(6, count, p=[0.04, 0.16, 0.2, 0.2, 0.2, 0.2])
        return tuple(int(n) for n in sizes)

    def integer(self, size: int) -> int:
        return int(self.rng.integers(-size, size))

    def bound(self, size: int) -> str:
        return self.among("", str(self.rng.integers(-size - 2, size + 3)))

    def slice(self, size: int) -> str:
        step = self.among("", "", f":{self.rng.integers(1, 4)}")
        return f"{self.bound(size)}:{self.bound(size)}{step}"

    def indices(self, size: int, shape: tuple[int, ...], kinds: tuple[str, ...]) -> str:
        values = self.rng.integers(-size, size, shape).tolist() if size else np.zeros((0,)).tolist()
        kind = self.among(*kinds)
        if kind == "list":
            return str(values)
        if kind == "array":
            return f"np.array({values}, dtype=np.int64)"
        if kind == "pending":
            return f"(t.tensor({values}, dtype=t.int64) + 0)"
        return f"t.tensor({values}, dtype=t.{kind})"

    def mask(self, shape: tuple[int, ...]) -> str:
        bits = (self.rng.random(shape) < 0.5).astype(float).tolist()
        kinds = [
            f"t.tensor({bits}).reshape({shape}).bool()",
            f"(t.tensor({bits}).reshape({shape}) > 0)",
        ]
        if len(shape) == 1:  # PyTorch miscounts the dimensions of larger arrays
            kinds.append(f"np.array({bits}, dtype=bool)")
        return self.among(*kinds)

    def items(self, shape: tuple[int, ...]) -> list[str]:
        """The items of an index expression for a tensor of `shape`."""
        advanced = self.chance(0.6)
        common = self.shape(0 if self.chance(0.2) else 1, 2)
        if self.chance(0.8):
            common = tuple(max(n, 1) for n in common)
        kinds = ("int64", "int64", "int32", "list", "array", "pending")
        items: list[str] = []
        dim = 0
        while dim < len(shape):
            size = shape[dim]
            choice = self.rng.random()
            if self.chance(0.1):
                items.append("None")
            if advanced and self.chance(0.03):
                items.append(self.among("True", "False"))
            if advanced and choice < 0.35 and (size or 0 in common):
                own = tuple(1 if self.chance(0.2) else n for n in common)
                own = own[self.rng.integers(len(own) + 1) :] if self.chance(0.2) else own
                if size == 0 and 0 not in own:
                    own = common
                items.append(self.indices(size, own, kinds))
                dim += 1
            elif advanced and choice < 0.5:
                rank = int(self.rng.integers(1, min(3, len(shape) - dim) + 1))
                items.append(self.mask(shape[dim : dim + rank]))
                dim += rank
            elif choice < 0.65 and size:
                n = self.integer(size)
                items.append(self.among(f"{n}", f"{n}", f"np.int64({n})", f"t.tensor({n})"))
                dim += 1
            else:
                items.append(self.slice(size))
                dim += 1
        if self.chance(0.2):
            items = items[: self.rng.integers(len(items) + 1)]
        if self.chance(0.25) and items:  # an Ellipsis for some of the dimensions
            at = int(self.rng.integers(len(items)))
            if ":" in items[at] and "(" not in items[at]:
                items[at] = "..."
        return items

    def expression(self, shape: tuple[int, ...]) -> str:
        items = self.items(shape)
        return ", ".join(items) + ("," if len(items) == 1 and self.chance(0.5) else "") or "()"


def run(text: str, library, **names):
    """What a statement leaves in `y`; `t` is the library. An exception is a result too."""
    space = {"t": library, "np": np, **names}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(text, space)
    except Exception as error:
        return error
    return space["y"]


def pair(array: np.ndarray, layout: str):
    """One array in both libraries: contiguous, or a transposed or cut view, or not computed yet."""
    made = []
    for library in (torch, gd):
        x = library.zeros(array.shape, dtype=library.float64)  # torch.tensor([]) has odd strides
        x += library.tensor(array)
        if layout == "transposed":
            x = x.permute(tuple(reversed(range(x.ndim))))
        elif layout == "cut" and x.ndim:
            x = x[1:] if x.ndim == 1 else x[:, 1:]
        if layout != "pending":
            x.tolist()
        made.append(x)
    return made


LAYOUTS = ("plain", "plain", "pending", "transposed", "cut")


def assert_equal(ours, theirs, what: str) -> None:
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)), f"{what}: {theirs!r} in PyTorch, got {ours!r}"
        return
    if isinstance(ours, Exception):
        raise AssertionError(f"{what}: {ours!r}") from ours
    assert tuple(ours.shape) == tuple(theirs.shape), what
    np.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy(), err_msg=what)


def is_basic(index: str) -> bool:
    return not any(mark in index for mark in ("[", "array", "True", "False", "> 0", "bool"))


@pytest.mark.parametrize("seed", range(40))
def test_reading(seed):
    draw = Draw(seed)
    for _ in range(30):
        theirs, ours = pair(draw.rng.normal(size=draw.shape()), draw.among(*LAYOUTS))
        index = draw.expression(tuple(theirs.shape))
        what = f"x[{index}] of {tuple(theirs.shape)}"
        statement = f"y = x[{index}]"
        expected, found = run(statement, torch, x=theirs), run(statement, gd, x=ours)
        assert_equal(found, expected, what)
        if is_basic(index) and not isinstance(expected, Exception):
            assert found.stride() == expected.stride(), what
            assert found.storage_offset() == expected.storage_offset(), what


@pytest.mark.parametrize("seed", range(40))
def test_gradient_of_reading(seed):
    draw = Draw(1000 + seed)
    for _ in range(15):
        shape = draw.shape()
        array = draw.rng.normal(size=shape)
        index = draw.expression(shape)
        grads = []
        cotangent = None
        for library in (torch, gd):
            x = library.tensor(array, requires_grad=True)
            y = run(f"y = (x * 2)[{index}]", library, x=x)
            if isinstance(y, Exception):
                break
            cotangent = draw.rng.normal(size=tuple(y.shape)) if cotangent is None else cotangent
            y.backward(library.tensor(cotangent))
            grads.append(x.grad.numpy())
        else:
            np.testing.assert_allclose(grads[1], grads[0], **CLOSE, err_msg=f"{index} of {shape}")


def value_for(draw: Draw, place) -> str:
    """A value that can be assigned to a place: a number, or a tensor that broadcasts to it."""
    kind = draw.among("number", "0-d", "same", "row", "one", "prefixed")
    if kind == "number" or isinstance(place, Exception):
        return "7.5"
    if kind == "0-d":
        return "t.tensor(7.5, dtype=t.float64)"
    shape = tuple(place.shape)
    if kind == "row":
        shape = shape[draw.rng.integers(len(shape) + 1) :]
    elif kind == "one":
        shape = tuple(1 if draw.chance(0.5) else n for n in shape)
    elif kind == "prefixed":
        shape = (1, 1, *shape)
    numbers = draw.rng.integers(-99, 99, shape).astype(float).tolist()
    return f"t.tensor({numbers}, dtype=t.float64).reshape({shape})"


def names_a_place_twice(index: str, shape: tuple[int, ...]) -> bool:
    """Then PyTorch does not define which of two values stays."""
    places = run(f"y = x[{index}]", torch, x=torch.arange(int(np.prod(shape))).reshape(shape))
    return not isinstance(places, Exception) and places.unique().numel() != places.numel()


@pytest.mark.parametrize("seed", range(40))
def test_writing(seed):
    draw = Draw(2000 + seed)
    for _ in range(30):
        theirs, ours = pair(draw.rng.normal(size=draw.shape()), draw.among(*LAYOUTS))
        shape = tuple(theirs.shape)
        index = draw.expression(shape)
        value = value_for(draw, run(f"y = x[{index}]", torch, x=theirs))
        if names_a_place_twice(index, shape):
            value = "7.5"
        statement = f"x[{index}] = {value}; y = x"
        expected, found = run(statement, torch, x=theirs), run(statement, gd, x=ours)
        assert_equal(found, expected, f"{statement} of {shape}")


@pytest.mark.parametrize("seed", range(40))
def test_gradient_of_writing(seed):
    draw = Draw(3000 + seed)
    for _ in range(15):
        shape = draw.shape()
        array = draw.rng.normal(size=shape)
        index = draw.expression(shape)
        place = run(f"y = x[{index}]", torch, x=torch.tensor(array))
        if isinstance(place, Exception) or names_a_place_twice(index, shape):
            continue
        value = draw.rng.normal(size=tuple(place.shape))
        cotangent = draw.rng.normal(size=shape)
        grads = []
        for library in (torch, gd):
            x = library.tensor(array, requires_grad=True)
            v = library.tensor(value, requires_grad=True)
            y = run(f"y = x * 2; y[{index}] = v * 3", library, x=x, v=v)
            if isinstance(y, Exception):
                raise AssertionError(f"{index} of {shape}") from y
            y.backward(library.tensor(cotangent))
            grads.append([x.grad, v.grad])
        for other, mine in zip(*grads):
            zeros = np.zeros(tuple(other.shape)) if mine is None else mine.numpy()
            np.testing.assert_allclose(zeros, other.numpy(), **CLOSE, err_msg=f"{index} of {shape}")
