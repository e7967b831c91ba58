"""TensorFlow's arithmetic: elementwise functions, comparisons, reductions, products; and operators.

Each is a node around one of Gradatim's functions; the tables say which.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.frontends.names import look_in, own_names
from gradatim.frontends.tensorflow import dtypes
from gradatim.frontends.tensorflow.dtypes import DType
from gradatim.frontends.tensorflow.errors import DTypeMismatch
from gradatim.frontends.tensorflow.graph import Tensor, convert, make, together
from gradatim.tensor import Tensor as Value

# --- elementwise ---------------------------------------------------------------------------------

_UNARY: dict[str, Callable[..., Any]] = {
    "abs": ops.abs, "negative": ops.neg, "exp": ops.exp, "expm1": ops.expm1, "log": ops.log,
    "log1p": ops.log1p, "sqrt": ops.sqrt, "rsqrt": ops.rsqrt, "square": ops.square,
    "sigmoid": ops.sigmoid, "tanh": ops.tanh, "sinh": ops.sinh, "cosh": ops.cosh, "sin": ops.sin,
    "cos": ops.cos, "tan": ops.tan, "asin": ops.asin, "acos": ops.acos, "atan": ops.atan,
    "floor": ops.floor, "ceil": ops.ceil, "round": ops.round, "sign": ops.sign,
    "reciprocal": ops.reciprocal, "erf": ops.erf, "erfc": ops.erfc, "lgamma": ops.lgamma,
    "digamma": ops.digamma, "logical_not": ops.logical_not, "is_nan": ops.isnan,
    "is_inf": ops.isinf, "is_finite": ops.isfinite,
}  # fmt: skip


def _divide(x: Any, y: Any) -> Any:
    """TensorFlow's `/`: integers give float64."""
    if isinstance(x, Value) and x.dtype.is_integer:
        x, y = x.double(), y.double()
    return operator.truediv(x, y)


def _divide_as_python2(x: Any, y: Any) -> Any:
    """`tf.div`: integers stay integers."""
    whole = not isinstance(x, Value) or x.dtype.is_integer
    return operator.floordiv(x, y) if whole else operator.truediv(x, y)


def _cast_to(wanted: str) -> Callable[..., Tensor]:
    def apply(x: Any, name: str | None = None) -> Tensor:
        return cast(x, wanted, name)

    return apply


_BINARY: dict[str, Callable[..., Any]] = {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": _divide,
    "truediv": _divide, "realdiv": _divide, "div": _divide_as_python2,
    "floordiv": operator.floordiv, "floormod": operator.mod, "mod": operator.mod,
    "pow": operator.pow, "maximum": ops.maximum, "minimum": ops.minimum, "atan2": ops.atan2,
    "squared_difference": lambda x, y: (x - y) * (x - y), "equal": operator.eq,
    "not_equal": operator.ne, "greater": operator.gt, "greater_equal": operator.ge,
    "less": operator.lt, "less_equal": operator.le, "logical_and": ops.logical_and,
    "logical_or": ops.logical_or, "logical_xor": ops.logical_xor,
}  # fmt: skip


_QUESTIONS = ("equal", "not_equal", "greater", "greater_equal", "less", "less_equal")


def kind_of(name: str) -> str:
    """TensorFlow's name of an operation's kind: `squared_difference` is SquaredDifference."""
    return "".join(part.capitalize() for part in name.split("_"))


def _unary(name: str, function: Callable[..., Any]) -> Callable[..., Tensor]:
    kind = kind_of(name)

    def apply(x: Any, name: str | None = None) -> Tensor:
        return make(kind, function, [convert(x)], name, dtype=truth)

    truth = dtypes.bool if name.startswith("is_") else None
    apply.__name__, apply.__doc__ = name, f"`{name}` of each element."
    return apply


def _binary(name: str, function: Callable[..., Any]) -> Callable[..., Tensor]:
    kind = kind_of(name)

    def apply(x: Any, y: Any, name: str | None = None) -> Tensor:
        inputs = together(x, y)
        if inputs[0].dtype is not inputs[1].dtype:
            raise DTypeMismatch(
                f"Input 'y' of '{kind}' Op has type {inputs[1].dtype.name} that does not match "
                f"type {inputs[0].dtype.name} of argument 'x': use tf.cast"
            )
        return make(kind, function, inputs, name, dtype=truth, refuses=True)

    truth = dtypes.bool if name in _QUESTIONS else None
    apply.__name__, apply.__doc__ = name, f"`{name}` of two tensors, element by element."
    return apply


NAMES: dict[str, Any] = {}
NAMES |= {name: _unary(name, function) for name, function in _UNARY.items()}
NAMES |= {name: _binary(name, function) for name, function in _BINARY.items()}
NAMES |= {
    f"to_{short}": _cast_to(name)
    for short, name in (
        ("float", "float32"), ("double", "float64"), ("int32", "int32"), ("int64", "int64"),
    )
}  # fmt: skip
# The names before TensorFlow 1.0.
_OLD = {"mul": "multiply", "sub": "subtract", "neg": "negative"}
NAMES |= {old: NAMES[new] for old, new in _OLD.items()}
globals().update(NAMES)


def add_n(inputs: Sequence[Any], name: str | None = None) -> Tensor:
    """The sum of several tensors of one shape."""
    return make("AddN", lambda *values: sum(values[1:], values[0]), together(*inputs), name)


def cast(x: Any, dtype: Any, name: str | None = None) -> Tensor:
    """The tensor with another element type."""
    wanted = dtypes.as_dtype(dtype)

    def function(value: Any) -> Any:
        return value.to(wanted.element) if isinstance(value, Value) else _cast_host(value, wanted)

    return make("Cast", function, [convert(x)], name, dtype=wanted)


def _cast_host(value: Any, wanted: DType) -> Any:
    array = np.asarray(value).astype(wanted.element.numpy)
    return ops.tensor(array) if wanted.is_floating else array


def clip_by_value(
    t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None
) -> Tensor:
    """Each element, cut to the two limits."""
    inputs = together(t, clip_value_min, clip_value_max)
    return make("ClipByValue", lambda x, a, b: ops.minimum(ops.maximum(x, a), b), inputs, name)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """The tensor, scaled down if its Euclidean norm is more than `clip_norm`."""

    def function(x: Value, limit: Value) -> Value:
        dims = _axes(axes, x)
        norm = (x * x).sum(dims, keepdim=True).sqrt() if dims else x.abs()
        return x * limit / ops.maximum(norm, limit)

    return make("ClipByNorm", function, together(t, clip_norm), name)


def global_norm(t_list: Sequence[Any], name: str | None = None) -> Tensor:
    """The Euclidean norm of several tensors, as of one vector that holds them all."""
    found = together(*[each for each in t_list if each is not None])
    return make("GlobalNorm", lambda *v: sum((x * x).sum() for x in v).sqrt(), found, name)


def clip_by_global_norm(
    t_list: Sequence[Any], clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Tensor]:
    """The tensors, all scaled by one factor if their norm together is more than `clip_norm`."""
    norm = global_norm(t_list) if use_norm is None else use_norm
    limit = convert(clip_norm, norm.dtype)
    scaled = [
        None
        if t is None
        else make("Mul", lambda x, n, c: x * c / ops.maximum(n, c), [t, norm, limit])
        for t in t_list
    ]
    return scaled, norm


# --- reductions ----------------------------------------------------------------------------------

_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "reduce_sum": ops.sum,
    "reduce_mean": ops.mean,
    "reduce_max": ops.amax,
    "reduce_min": ops.amin,
    "reduce_all": ops.all,
    "reduce_any": ops.any,
    "reduce_logsumexp": ops.logsumexp,
}


def _axes(axis: Any, value: Value) -> list[int]:
    """The dimensions that are reduced; None is all of them."""
    if axis is None:
        return list(range(value.ndim))
    return [int(each) for each in np.atleast_1d(np.asarray(axis, int))]


def _reduction(name: str, function: Callable[..., Any]) -> Callable[..., Tensor]:
    kind = {"reduce_logsumexp": "LogSumExp"}.get(name, name.removeprefix("reduce_").capitalize())

    def apply(
        input_tensor: Any,
        axis: Any = None,
        keepdims: bool | None = None,
        name: str | None = None,
        reduction_indices: Any = None,
        keep_dims: bool | None = None,
    ) -> Tensor:
        axis = reduction_indices if axis is None else axis
        keep = bool(keepdims or keep_dims)

        def reduce(value: Value) -> Value:
            value = value if isinstance(value, Value) else ops.tensor(np.asarray(value))
            dims = _axes(axis, value)
            if not dims:
                return value
            found = function(value, dims, keepdim=keep)
            return found.to(value.dtype) if value.dtype.is_integer else found

        return make(kind, reduce, [convert(input_tensor)], name)

    apply.__name__ = name
    apply.__doc__ = f"`{name}` along `axis` (all axes if it is None)."
    return apply


def _mean_of_integers(value: Value, dims: list[int], keepdim: bool) -> Value:
    if value.dtype.is_integer:
        return ops.mean(value.double(), dims, keepdim=keepdim).trunc()
    return ops.mean(value, dims, keepdim=keepdim)


def _product(value: Value, dims: list[int], keepdim: bool) -> Value:
    for dim in sorted((dim % value.ndim for dim in dims), reverse=True):
        value = ops.prod(value, dim, keepdim=keepdim)
    return value


_REDUCTIONS |= {"reduce_mean": _mean_of_integers, "reduce_prod": _product}
NAMES |= {name: _reduction(name, function) for name, function in _REDUCTIONS.items()}
globals().update(NAMES)


def _place(name: str, function: Callable[..., Any]) -> Callable[..., Tensor]:
    def apply(
        input: Any,
        axis: Any = None,
        name: str | None = None,
        dimension: Any = None,
        output_type: Any = dtypes.int64,
    ) -> Tensor:
        axis = dimension if axis is None else axis
        dim = 0 if axis is None else int(axis)
        wanted = dtypes.as_dtype(output_type)
        return make(
            kind,
            lambda value: function(value, dim).to(wanted.element),
            [convert(input)],
            name,
            dtype=wanted,
        )

    kind = {"argmax": "ArgMax", "argmin": "ArgMin"}[name]
    apply.__name__ = name
    apply.__doc__ = f"Where along `axis` (the first, if it is None) the {name[3:]}imum is."
    return apply


argmax, argmin = _place("argmax", ops.argmax), _place("argmin", ops.argmin)
arg_max, arg_min = argmax, argmin


def cumsum(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False,
           name: str | None = None) -> Tensor:  # fmt: skip
    """Running sums along an axis."""

    def function(value: Value) -> Value:
        turned = value.flip(axis) if reverse else value
        sums = ops.cumsum(turned, axis)
        sums = sums - turned if exclusive else sums
        return sums.flip(axis) if reverse else sums

    return make("Cumsum", function, [convert(x)], name)


# --- products ------------------------------------------------------------------------------------


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """The matrix product, of the last two axes."""

    def function(x: Value, y: Value) -> Value:
        x = x.transpose(-1, -2) if transpose_a or adjoint_a else x
        y = y.transpose(-1, -2) if transpose_b or adjoint_b else y
        return x @ y

    return make("MatMul", function, together(a, b), name, refuses=True)


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """The sum of products over the given axes."""
    return make("Tensordot", lambda x, y: ops.tensordot(x, y, axes), together(a, b), name)


def einsum(equation: str, *inputs: Any, name: str | None = None) -> Tensor:
    """Sums of products, as the equation says."""
    return make("Einsum", lambda *v: ops.einsum(equation, *v), together(*inputs), name)


def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
) -> Tensor:
    """A norm of the whole tensor, or of vectors along an axis."""
    order = 2.0 if ord == "euclidean" else float(ord)

    def function(x: Value) -> Value:
        return ops.linalg_vector_norm(x, order, axis, bool(keepdims))

    return make("Norm", function, [convert(tensor)], name)


# --- operators -----------------------------------------------------------------------------------

_OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "truediv",
    "floordiv": "floordiv", "mod": "floormod", "pow": "pow", "and": "logical_and",
    "or": "logical_or", "xor": "logical_xor",
}  # fmt: skip
_COMPARISONS = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}


def _install() -> None:
    """Give tensors their operators."""
    for own, name in (_OPERATORS | _COMPARISONS).items():
        function = NAMES[name]
        setattr(Tensor, f"__{own}__", lambda self, other, f=function: f(self, other))
        if own in _OPERATORS:
            setattr(Tensor, f"__r{own}__", lambda self, other, f=function: f(other, self))
    Tensor.__matmul__ = lambda self, other: matmul(self, other)  # type: ignore[attr-defined]
    Tensor.__rmatmul__ = lambda self, other: matmul(other, self)  # type: ignore[attr-defined]
    for own, name in (("neg", "negative"), ("abs", "abs"), ("invert", "logical_not")):
        setattr(Tensor, f"__{own}__", lambda self, f=NAMES[name]: f(self))


_install()


__all__ = own_names(__name__)
__getattr__, __dir__ = look_in("tf.math", globals())
