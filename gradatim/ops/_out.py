"""`out=`: a function's result written into a tensor that is there already.

PyTorch's functions take it, its methods do not; so it is put round the functions of the package,
by the tables below. The tensor is resized to the result's shape, and keeps its dtype.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from gradatim import views
from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentTypeError, DTypeError, GradientError, ShapeError
from gradatim.graph.node import mode
from gradatim.tensor import Tensor

# These make the numbers in the dtype of `out`.
_CREATION = {
    "arange", "empty", "eye", "full", "linspace", "logspace", "ones", "rand", "randint", "randn",
    "randperm", "range", "zeros",
}  # fmt: skip

# These read their input while they write: `out` must not share memory with it.
_READS_ON = {
    "cat", "concat", "concatenate", "gather", "index_add", "index_copy", "index_select",
    "kthvalue", "masked_select", "scatter", "scatter_add", "take",
}  # fmt: skip

# These want the result's own dtype.
_OF_THE_DTYPE = {
    "aminmax", "gather", "index_select", "masked_select", "multinomial", "nonzero", "take",
    "take_along_dim",
}  # fmt: skip

_REST = {
    "abs", "absolute", "acos", "acosh", "add", "addbmm", "addcdiv", "addcmul", "addmm", "addmv",
    "addr", "all", "amax", "amin", "aminmax", "angle", "any", "arccos", "arccosh", "arcsin",
    "arcsinh", "arctan", "arctan2", "arctanh", "argmax", "argmin", "argsort", "asin", "asinh",
    "atan", "atan2", "atanh", "baddbmm", "bernoulli", "bitwise_and", "bitwise_left_shift",
    "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "bmm", "bucketize",
    "ceil", "chain_matmul", "clamp", "clamp_max", "clamp_min", "clip", "column_stack",
    "conj_physical", "copysign", "cos", "cosh", "cross", "cummax", "cummin", "cumprod",
    "cumsum", "deg2rad", "diag", "diff", "digamma", "div", "divide", "dot", "dstack", "eq",
    "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "fix", "float_power", "floor",
    "floor_divide", "fmax", "fmin", "fmod", "frac", "frexp", "full_like", "gcd", "ge", "ger",
    "greater", "greater_equal", "gt", "hamming_window", "heaviside", "histc", "histogram",
    "histogramdd", "hstack", "hypot", "i0", "igamma", "igammac", "index_fill", "index_reduce",
    "inner", "isin", "isneginf", "isposinf", "kron", "kthvalue", "lcm", "ldexp", "le", "lerp",
    "less", "less_equal", "lgamma", "log", "log10", "log1p", "log2", "logaddexp", "logaddexp2",
    "logcumsumexp", "logical_and", "logical_not", "logical_or", "logical_xor", "logit",
    "logsumexp", "lt", "masked_fill", "masked_scatter", "matmul", "matrix_power", "max",
    "maximum", "mean", "median", "min", "minimum", "mm", "mode", "msort", "mul", "multinomial",
    "multiply", "mv", "mvlgamma", "nan_to_num", "nanmean", "nanmedian", "nanquantile", "nansum",
    "narrow_copy", "ne", "neg", "negative", "nextafter", "norm", "normal", "not_equal",
    "ones_like", "outer", "polygamma", "pow", "prod", "put", "quantile", "rad2deg", "rand_like",
    "randn_like", "reciprocal", "remainder", "renorm", "round", "row_stack", "rsqrt",
    "scatter_reduce", "searchsorted", "sgn", "sigmoid", "sign", "signbit", "sin", "sinc",
    "sinh", "softmax", "sort", "sqrt", "square", "stack", "std", "std_mean", "sub", "subtract",
    "sum", "tan", "tanh", "tensordot", "topk", "tril", "triu", "true_divide", "trunc", "var",
    "var_mean", "vdot", "vstack", "where", "xlogy", "zeros_like",
}  # fmt: skip

NAMES = _CREATION | _READS_ON | _OF_THE_DTYPE | _REST


def with_out(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the package, with `out=` if it is one that takes it."""
    if name not in NAMES:
        return function

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None) if kwargs else None
        if out is None:
            return function(*args, **kwargs)
        inputs = list(_tensors((*args, *kwargs.values())))
        _check_memory(out, inputs, name)
        if name in _CREATION:
            kwargs.setdefault("dtype", out.dtype)
        result = function(*args, **kwargs)
        if name in _READS_ON:
            pairs = [(out, result)] if isinstance(result, Tensor) else zip(out, result)
            for target, made in pairs:
                _check_apart(target, made.numel(), inputs)
        return into(out, result, name)

    return call


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _tensors(value)


def _span(tensor: Tensor) -> tuple[int, int]:
    """The first place in memory, and the one after the last."""
    start = tensor.storage_offset()
    reach = sum((n - 1) * s for n, s in zip(tensor.shape, tensor._strides()))
    return start, start + (reach + 1 if tensor.numel() else 0)


def _check_memory(out: Any, inputs: list[Tensor], name: str) -> None:
    """Refuse to write where elements share a place, or where a gradient would have to go.

    Raises:
        ArgumentTypeError: for anything but tensors.
        ShapeError: for elements that share a place.
        GradientError: if a gradient would have to flow through the write.
    """
    targets = list(out) if isinstance(out, (tuple, list)) else [out]
    for target in targets:
        if not isinstance(target, Tensor):
            raise ArgumentTypeError(
                f"{name}(): argument 'out' must be Tensor, not {type(target).__name__}"
            )
        if views.overlaps_itself(tuple(target.shape), target._strides()):
            raise ShapeError(
                "unsupported operation: more than one element of the written-to tensor refers to a "
                "single memory location. Please clone() the tensor before performing the operation."
            )
    if mode.recording and any(t.requires_grad for t in (*inputs, *targets)):
        raise GradientError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            f"but one of the arguments requires grad."
        )


def _check_apart(out: Tensor, size: int, inputs: list[Tensor]) -> None:
    """Refuse to write `size` elements where the function still reads.

    Raises:
        ShapeError: for memory that is shared.
    """
    low, high = _span(out)
    high = max(high, low + size)  # if it is resized
    for tensor in inputs:
        first, end = _span(tensor)
        if tensor is out or (tensor._cell is out._cell and first < high and low < end):
            raise ShapeError(
                "unsupported operation: some elements of the input tensor and the written-to "
                "tensor refer to a single memory location. Please clone() the tensor before "
                "performing the operation."
            )


def into(out: Any, result: Any, name: str) -> Any:
    """Write a result (or several) into the tensors given as `out`."""
    if not isinstance(result, Tensor):
        pairs = zip(out, result, strict=True)
        made = [into(target, each, name) for target, each in pairs]
        return type(result)(*made) if hasattr(result, "_fields") else type(result)(made)
    if name in _OF_THE_DTYPE and out.dtype is not result.dtype:
        raise DTypeError(
            f"{name}(): Expected out tensor to have dtype {result.dtype.name}, but got "
            f"{out.dtype.name} instead"
        )
    if out.dtype.category < result.dtype.category:
        raise DTypeError(
            f"{name}(): result type {result.dtype.name} can't be cast to the desired output type "
            f"{out.dtype.name}"
        )
    node = p.cast(result._read(), out.dtype)
    if tuple(out.shape) != node.shape:
        if out.numel():
            warnings.warn(
                f"An output with one or more elements was resized since it had shape "
                f"{list(out.shape)}, which does not match the required output shape "
                f"{list(node.shape)}. Give an empty tensor, or one of that shape.",
                stacklevel=3,
            )
        out.resize_(node.shape)
    return out._write(p.copy(node))
