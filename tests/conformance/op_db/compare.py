"""Running one sample through both libraries and comparing what comes out."""

from __future__ import annotations

import copy
import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.testing import assert_close

import gradatim as gd
from tests.conformance.op_db.scope import operators
from tests.conformance.op_db.twins import (
    NotTaken,
    OutOfScope,
    our_operator,
    our_tensor,
    to_array,
    to_ours,
)

# Whatever lies in the memory: only shape and dtype are compared.
UNDEFINED = {
    "empty", "empty_like", "new_empty", "empty_strided", "new_empty_strided", "empty_permuted",
    "resize_", "resize_as_",
}  # fmt: skip

# Vectors that are right with either sign, and bases of null spaces: their gradients are compared
# through the functions that PyTorch's own tests put behind them, and so are their values.
UP_TO_SIGN = {
    "svd", "linalg.svd", "linalg.eigh", "svd_lowrank", "pca_lowrank", "qr", "linalg.qr",
    "geqrf",
}  # fmt: skip


# Of these PyTorch gives a gradient to the triangle that is not read, too; its own tests take theirs
# through a function that makes the argument a triangle first.
ONE_TRIANGLE = {"cholesky_inverse", "cholesky_solve"}

# Of equal elements any may be named: what is compared is the element that an index names.
TIES = {"topk", "kthvalue", "sort", "argsort", "mode", "median", "nanmedian"}


class Different(AssertionError):
    """The two libraries say different things."""


@dataclass
class Sample:
    """One call, in PyTorch's objects and in ours."""

    op: Any
    torch_sample: Any
    with_gradients: bool

    def run(self) -> None:
        """Compare results, and gradients if wanted.

        Raises:
            Different: saying what differs.
            OutOfScope: if it needs what Gradatim leaves out.
        """
        theirs = self._theirs()
        known: dict[int, gd.Tensor] = {}
        sample = self.torch_sample
        input, args, kwargs = to_ours((sample.input, sample.args, sample.kwargs), known)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gd.manual_seed(0)
            if self.with_gradients and self.op.name in ONE_TRIANGLE:
                wrapper = to_ours(self.op.gradcheck_wrapper)
                ours = wrapper(our_operator(self.op), input, *args, **kwargs)
            else:
                ours = our_operator(self.op)(input, *args, **kwargs)
        if self.op.name in UP_TO_SIGN:
            ours, theirs = self._processed(ours, our=True), self._processed(theirs, our=False)
            compare(ours, theirs, "result", op=self.op.name)
        elif self.op.name in TIES:
            compare(_named_elements(self.op, input, ours, args, kwargs),
                    _named_elements(self.op, sample.input, theirs, sample.args, sample.kwargs),
                    "result", op=self.op.name)  # fmt: skip
        else:
            compare(ours, theirs, "result", values=self.op.name not in UNDEFINED, op=self.op.name)
        if self.with_gradients:
            self._compare_gradients(ours, theirs, known)

    def _theirs(self) -> Any:
        sample = self.torch_sample
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(0)
            if self.with_gradients and self.op.name in ONE_TRIANGLE:
                return self.op.gradcheck_wrapper(
                    self.op.op, sample.input, *sample.args, **sample.kwargs
                )
            return self.op.op(sample.input, *sample.args, **sample.kwargs)

    def _processed(self, result: Any, *, our: bool) -> Any:
        """What PyTorch's tests take gradients of: the same whatever the signs of vectors are."""
        function = self.torch_sample.output_process_fn_grad
        return (to_ours(function) if our else function)(result)

    def _compare_gradients(self, ours: Any, theirs: Any, known: dict[int, gd.Tensor]) -> None:
        if self.op.name not in UP_TO_SIGN:
            ours, theirs = self._processed(ours, our=True), self._processed(theirs, our=False)
        pairs = [
            (a, b) for a, b in zip(flat(ours), flat(theirs))
            if isinstance(b, torch.Tensor) and b.requires_grad
        ]  # fmt: skip
        leaves = [
            t for t in flat((self.torch_sample.input, self.torch_sample.args,
                             list(self.torch_sample.kwargs.values())))
            if isinstance(t, torch.Tensor) and t.requires_grad
        ]  # fmt: skip
        if not pairs or not leaves:
            return
        rng = np.random.default_rng(0)
        seeds = [torch.tensor(rng.normal(size=tuple(b.shape)), dtype=b.dtype) for _, b in pairs]
        for a, _ in pairs:
            if not a.requires_grad:
                raise Different("our result has no gradient")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = torch.autograd.grad([b for _, b in pairs], leaves, seeds, allow_unused=True)
            got = gd.autograd.grad(
                [a for a, _ in pairs], [known[id(t)] for t in leaves],
                [our_tensor(s) for s in seeds], allow_unused=True,
            )  # fmt: skip
        for k, (mine, other) in enumerate(zip(got, expected)):
            if other is None or mine is None:
                rest = mine if other is None else other
                if rest is not None and np.any(rest.detach().numpy(force=True)):
                    raise Different(f"gradient {k}: only one library has one")
                continue
            compare(mine, other, f"gradient {k}", op=self.op.name)


def _named_elements(op: Any, x: Any, result: Any, args: Any, kwargs: Any) -> list[Any]:
    """The values, and the elements of `x` that the indices name."""
    parts = [result] if op.name == "argsort" else list(result) if isinstance(result, tuple) else []
    if not parts:  # the median of everything has no index
        return [result]
    position = 1 if op.name in ("topk", "kthvalue") else 0
    dim = kwargs.get("dim", args[position] if len(args) > position else -1)
    indices = parts.pop()
    if tuple(indices.shape) == tuple(x.shape) or x.ndim == 0:
        return [*parts, x.gather(dim, indices) if x.ndim else x, str(indices.dtype)]
    kept = kwargs.get("keepdim", args[position + 1] if len(args) > position + 1 else False)
    if op.name != "topk" and not kept:
        indices = indices.unsqueeze(dim)
    return [*parts, x.gather(dim, indices), tuple(indices.shape)]


def flat(value: Any) -> list[Any]:
    """The leaves of nested tuples, lists and dicts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)) and not isinstance(value, (torch.Size, gd.Size)):
        return [leaf for each in value for leaf in flat(each)]
    return [value]


@functools.cache
def tolerances(name: str, dtype: torch.dtype) -> dict[str, float]:
    """PyTorch's own: the default, or what its tests of this operator on a CPU allow."""
    from torch.testing._comparison import default_tolerances
    from torch.testing._internal.common_device_type import precisionOverride, toleranceOverride

    rtol, atol = default_tolerances(dtype)
    for op in (op for op in operators().values() if op.name == name):
        for given in op.decorators:
            if getattr(given, "device_type", None) not in (None, "cpu"):
                continue
            for each in getattr(given, "decorators", [given]):
                if isinstance(each, toleranceOverride) and dtype in each.d:
                    rtol, atol = max(rtol, each.d[dtype].rtol), max(atol, each.d[dtype].atol)
                elif isinstance(each, precisionOverride) and dtype in each.d:
                    atol = max(atol, each.d[dtype])
    return {"rtol": rtol, "atol": atol}


def compare(ours: Any, theirs: Any, what: str, *, values: bool = True, op: str = "") -> None:
    """The same structure, dtypes, shapes, and values within PyTorch's tolerances for `op`."""
    mine, others = flat(ours), flat(theirs)
    if len(mine) != len(others):
        raise Different(f"{what}: {len(mine)} parts, not {len(others)}")
    for k, (a, b) in enumerate(zip(mine, others)):
        where = what if len(others) == 1 else f"{what}, part {k}"
        if not isinstance(b, torch.Tensor):
            if isinstance(a, gd.Tensor) or (a != b and repr(a) != repr(b).replace("torch.", "")):
                close = isinstance(b, float) and isinstance(a, float)
                if not (close and np.allclose(a, b, equal_nan=True)):
                    raise Different(f"{where}: {a!r}, not {b!r}")
            continue
        if not isinstance(a, gd.Tensor):
            raise Different(f"{where}: {a!r}, not a tensor")
        if b.is_complex() or b.layout != torch.strided:
            raise OutOfScope(str(b.dtype))
        if repr(a.dtype) != repr(b.dtype):
            raise Different(f"{where}: dtype {a.dtype}, not {b.dtype}")
        if tuple(a.shape) != tuple(b.shape):
            raise Different(f"{where}: shape {tuple(a.shape)}, not {tuple(b.shape)}")
        if values:
            _compare_values(a, b, where, op)


def _compare_values(a: gd.Tensor, b: torch.Tensor, where: str, op: str) -> None:
    allowed = tolerances(op, b.dtype)
    if repr(a.dtype) == "torch.bfloat16":
        a, b = a.float(), b.float()
    array = np.array(a.detach().numpy())
    mine, other = torch.from_numpy(array), torch.from_numpy(np.array(to_array(b)))
    try:
        assert_close(mine, other, equal_nan=True, **allowed)
    except AssertionError as error:
        raise Different(f"{where}: " + " ".join(str(error).split())) from None


# --- other forms of the same operator ------------------------------------------------------------


def method_form(op: Any) -> Callable[..., Any] | None:
    """The method, where PyTorch has one."""
    if op.method_variant is None:
        return None
    return lambda x, *args, **kwargs: getattr(x, op.method_variant.__name__)(*args, **kwargs)


def in_place_form(op: Any) -> Callable[..., Any] | None:
    """The in-place method, on a copy."""
    if op.inplace_variant is None:
        return None

    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(x.clone(), op.inplace_variant.__name__)(*args, **kwargs)

    return call


def run_form(op: Any, form: Callable[..., Any], sample: Any) -> None:
    """Compare one form of an operator in both libraries.

    Raises:
        NotTaken: PyTorch has no such form of this sample.
    """
    if not isinstance(sample.input, torch.Tensor):
        raise NotTaken
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        try:
            theirs = form(copy.copy(sample.input), *sample.args, **sample.kwargs)
        except Exception as error:  # PyTorch itself refuses this sample in this form
            raise NotTaken from error
        input, args, kwargs = to_ours((sample.input, sample.args, sample.kwargs), {})
        gd.manual_seed(0)
        ours = form(input, *args, **kwargs)
    compare(ours, theirs, "result", values=op.name not in UNDEFINED | UP_TO_SIGN, op=op.name)
