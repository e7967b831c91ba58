"""Reductions, matrix products and einsum of random shapes against PyTorch.

Each line is made from a seed and is Python that can be pasted, so that a failure reads as an
example.
"""

from __future__ import annotations

import string

import numpy as np

rng = np.random.default_rng(2)

OVER_MANY = ["sum", "mean", "amax", "amin", "var", "std", "any", "all", "nansum", "norm"]
OVER_ONE = ["prod", "max", "min", "argmax", "argmin", "aminmax"]
RUNNING = ["cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "diff"]


def random_shape(largest_ndim: int = 4) -> tuple[int, ...]:
    sizes = rng.choice([0, 1, 2, 3, 4], p=[0.06, 0.34, 0.2, 0.2, 0.2], size=largest_ndim)
    return tuple(sizes[: rng.integers(largest_ndim + 1)].tolist())


def narrowed(shape: list[int]) -> tuple[int, ...]:
    """A shape that broadcasts to `shape`: fewer dimensions, some of them 1."""
    sizes = [n if rng.random() < 0.6 else 1 for n in shape]
    return tuple(sizes[rng.integers(len(sizes) + 1) :])


def kind() -> str:
    return str(rng.choice(["normal", "whole"]))


def reductions() -> tuple[str, str]:
    shape = random_shape()
    lines = []
    for name in rng.choice(OVER_MANY, 3):
        dims = rng.permutation(len(shape))[: rng.integers(1, len(shape) + 1)] if shape else ()
        dims = tuple(int(d) - len(shape) * int(rng.integers(2)) for d in dims)
        keep = f", keepdim={bool(rng.integers(2))}" if dims else ""
        order = "2, " if name == "norm" else ""
        lines.append(f"x.{name}({order}dim={dims}{keep})" if dims else f"x.{name}()")
    if shape and 0 not in shape:
        dim = int(rng.integers(-len(shape), len(shape)))
        lines += [f"x.{name}({dim}, keepdim=True)" for name in rng.choice(OVER_ONE[:-1], 2)]
        lines += [f"x.{name}(dim={dim})" for name in rng.choice(RUNNING, 2)]
    return f"x = normal{shape}", "\n".join(lines)


def products() -> tuple[str, str]:
    batch = rng.integers(0, 4, rng.integers(4)).tolist()
    n, k, m = rng.integers(0, 4, 3).tolist()
    left, right = (*narrowed(batch), n, k), (*narrowed(batch), k, m)
    left = (k,) if rng.random() < 0.15 else left
    right = (k,) if rng.random() < 0.15 else right
    draw = kind()
    return f"x = {draw}{left}\ny = {draw}{right}", "t.matmul(x, y)"


def equations() -> tuple[str, str]:
    letters = string.ascii_letters[22:28]  # small and large ones
    sizes = dict(zip(letters, rng.integers(1, 4, len(letters)).tolist()))
    wide = rng.integers(1, 4, rng.integers(3)).tolist()  # what "..." stands for
    groups, inputs = [], []
    for operand in range(rng.integers(1, 5)):
        group = "".join(rng.choice(list(letters), rng.integers(4)))
        shape = [1 if group.count(c) == 1 and rng.random() < 0.1 else sizes[c] for c in group]
        if rng.random() < 0.3:
            place = int(rng.integers(len(group) + 1))
            shape[place:place] = narrowed(wide)
            group = f"{group[:place]}...{group[place:]}"
        groups.append(group)
        inputs.append(f"x{operand} = normal{tuple(shape)}")
    equation = ",".join(groups)
    if rng.random() < 0.8:
        used = sorted({*equation} - {",", "."})
        result = "".join(c for c in rng.permutation(used) if rng.random() < 0.5) if used else ""
        equation += "->" + ("..." if "..." in equation else "") + result
    operands = ", ".join(f"x{k}" for k in range(len(groups)))
    return "\n".join(inputs), f"t.einsum('{equation}', {operands})"


TABLES: dict[str, tuple[str, str]] = {
    **{f"reduction {k}": reductions() for k in range(40)},
    **{f"product {k}": products() for k in range(60)},
    **{f"equation {k}": equations() for k in range(80)},
}


def test_the_same_as_pytorch(peers, table_case):
    """Both give the same, or both refuse."""
    try:
        peers.run(peers.torch, table_case)
    except (RuntimeError, IndexError) as theirs:
        try:
            peers.run(peers.gd, table_case)
        except type(theirs):
            return
        raise AssertionError(f"PyTorch raises {theirs!r}") from None
    peers.agree(table_case)
