"""tf.nn: activations, layers as functions, losses. Images are (N, height, width, channels)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradatim import ops
from gradatim.frontends.names import look_in, own_names
from gradatim.frontends.tensorflow import dtypes, math, shapes
from gradatim.frontends.tensorflow.arrays import gather
from gradatim.frontends.tensorflow.errors import ShapeMismatch
from gradatim.frontends.tensorflow.graph import Tensor, constant, convert, make, together
from gradatim.frontends.tensorflow.random import keep_mask
from gradatim.nn import functional as F
from gradatim.tensor import Tensor as Value

# --- activations ---------------------------------------------------------------------------------

_ACTIVATIONS: dict[str, Callable[[Value], Value]] = {
    "relu": ops.relu, "relu6": F.relu6, "elu": F.elu, "selu": ops.selu, "sigmoid": ops.sigmoid,
    "tanh": ops.tanh, "softplus": F.softplus, "softsign": F.softsign,
    "log_sigmoid": F.logsigmoid, "swish": F.silu, "l2_loss": lambda x: (x * x).sum() / 2,
}  # fmt: skip
_KINDS = {"l2_loss": "L2Loss", "log_sigmoid": "LogSigmoid"}


def _activation(name: str, function: Callable[[Value], Value]) -> Callable[..., Tensor]:
    kind = _KINDS.get(name, name.capitalize())

    def apply(features: Any = None, name: str | None = None, **other: Any) -> Tensor:
        (x,) = other.values() if features is None else (features,)  # x=, t=, ...
        return make(kind, function, [convert(x)], name)

    apply.__name__, apply.__doc__ = name, f"`{name}` of a tensor."
    return apply


NAMES: dict[str, Any] = {name: _activation(name, f) for name, f in _ACTIVATIONS.items()}
globals().update(NAMES)


def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Tensor:
    """x, and alpha * x below 0."""
    return make("LeakyRelu", lambda x: F.leaky_relu(x, alpha), [convert(features)], name)


def _soft(kind: str, function: Callable[..., Value]) -> Callable[..., Tensor]:
    def apply(
        logits: Any, axis: int | None = None, name: str | None = None, dim: Any = None
    ) -> Tensor:
        place = -1 if axis is None and dim is None else int(dim if axis is None else axis)
        return make(kind, lambda x: function(x, place), [convert(logits)], name)

    return apply


softmax, log_softmax = _soft("Softmax", ops.softmax), _soft("LogSoftmax", ops.log_softmax)


def l2_normalize(
    x: Any, axis: Any = None, epsilon: float = 1e-12, name: Any = None, dim: Any = None
) -> Tensor:
    """The tensor divided by its Euclidean norm along an axis."""
    axis = dim if axis is None else axis

    def function(value: Value) -> Value:
        square = (value * value).sum(math._axes(axis, value), keepdim=True)
        return value * ops.maximum(square, ops.full_like(square, epsilon)).rsqrt()

    return make("L2Normalize", function, [convert(x)], name)


# --- losses --------------------------------------------------------------------------------------


def softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, dim: int = -1,
    name: str | None = None, axis: int | None = None,
) -> Tensor:  # fmt: skip
    """For each row, minus the sum of labels times the logarithms of the softmax."""
    place = dim if axis is None else axis
    inputs = _labelled("softmax_cross_entropy_with_logits", _sentinel, labels, logits)

    def function(y: Value, x: Value) -> Value:
        return -(y.detach() * ops.log_softmax(x, place)).sum(place)

    return make("SoftmaxCrossEntropyWithLogits", function, inputs, name)


def softmax_cross_entropy_with_logits_v2(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, dim: int | None = None,
    name: str | None = None, axis: int | None = None,
) -> Tensor:  # fmt: skip
    """For each row, minus the sum of labels times the logarithms of the softmax. Gradients flow to
    the labels too."""
    place = -1 if dim is None and axis is None else int(dim if axis is None else axis)
    inputs = _labelled("softmax_cross_entropy_with_logits_v2", _sentinel, labels, logits)

    def function(y: Value, x: Value) -> Value:
        return -(y * ops.log_softmax(x, place)).sum(place)

    return make("SoftmaxCrossEntropyWithLogits", function, inputs, name)


def sparse_softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """For each row, minus the logarithm of the softmax at its label."""
    _refuse("sparse_softmax_cross_entropy_with_logits", _sentinel, labels, logits)

    def function(y: Value, x: Value) -> Value:
        return -ops.log_softmax(x, -1).gather(-1, y.long().unsqueeze(-1)).squeeze(-1)

    found = [convert(labels), convert(logits)]
    return make("SparseSoftmaxCrossEntropyWithLogits", function, found, name, dtype=found[1].dtype)


def sigmoid_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """For each element, the cross entropy of a probability and the sigmoid of a logit."""
    inputs = _labelled("sigmoid_cross_entropy_with_logits", _sentinel, labels, logits)
    return make(
        "LogisticLoss", lambda y, x: ops.relu(x) - x * y + (-x.abs()).exp().log1p(), inputs, name
    )


def _refuse(name: str, sentinel: Any, labels: Any, logits: Any) -> None:
    if sentinel is not None or labels is None or logits is None:
        raise ShapeMismatch(
            f"Only call `{name}` with named arguments (labels=..., logits=..., ...)"
        )


def _labelled(name: str, sentinel: Any, labels: Any, logits: Any) -> list[Tensor]:
    _refuse(name, sentinel, labels, logits)
    x = convert(logits)
    return [convert(labels, x.dtype), x]


def in_top_k(predictions: Any, targets: Any, k: int, name: str | None = None) -> Tensor:
    """Whether the target is among the k largest predictions."""

    def function(x: Value, y: Value) -> Value:
        own = x.gather(-1, y.long().unsqueeze(-1))
        return (x > own).sum(-1) < k

    return make(
        "InTopK", function, [convert(predictions), convert(targets)], name, dtype=dtypes.bool
    )


# --- layers --------------------------------------------------------------------------------------


def bias_add(
    value: Any, bias: Any, data_format: str | None = None, name: str | None = None
) -> Tensor:
    """The value plus a bias for each channel."""
    first = data_format == "NCHW"

    def function(x: Value, b: Value) -> Value:
        return x + (b.reshape([-1] + [1] * (x.ndim - 2)) if first else b)

    return make("BiasAdd", function, together(value, bias), name)


def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """x times weights plus biases."""
    return make("XwPlusB", lambda a, w, b: a @ w + b, together(x, weights, biases), name)


def dropout(
    x: Any, keep_prob: Any = None, noise_shape: Any = None, seed: int | None = None,
    name: str | None = None, rate: Any = None,
) -> Tensor:  # fmt: skip
    """Each element is kept with probability `keep_prob` and divided by it, else 0. Along the axes
    that are 1 in `noise_shape`, all elements share one draw."""
    node = convert(x)
    if rate is not None:
        keep_prob = 1 - rate
    if not isinstance(keep_prob, Tensor) and keep_prob == 1:
        return node
    keep = convert(keep_prob, node.dtype)
    mask = keep_mask(node, keep, seed, shapes.known(noise_shape))
    return make("Dropout", lambda v, p, m: v / p * m, [node, keep, mask], name, sizes=node.sizes)


def conv2d(
    input: Any, filter: Any = None, strides: Any = (1, 1, 1, 1), padding: str = "SAME",
    use_cudnn_on_gpu: bool = True, data_format: str = "NHWC", dilations: Any = (1, 1, 1, 1),
    name: str | None = None, filters: Any = None,
) -> Tensor:  # fmt: skip
    """Convolve images (N, height, width, in) with filters (height, width, in, out)."""
    spatial = slice(1, 3) if data_format == "NHWC" else slice(2, 4)
    stride, dilation = (_pair(strides, spatial), _pair(dilations, spatial))

    def function(x: Value, w: Value) -> Value:
        x = _to_first(x, data_format)
        w = w.permute(3, 2, 0, 1)
        sizes = [dilation[k] * (w.shape[2 + k] - 1) + 1 for k in (0, 1)]
        x = _padded(x, sizes, stride, padding, 0.0)
        return _to_last(F.conv2d(x, w, None, stride, 0, dilation), data_format)

    return make("Conv2D", function, together(input, filters if filter is None else filter), name)


def _pooling(kind: str, function: Callable[..., Value], average: bool) -> Callable[..., Tensor]:
    def apply(
        value: Any = None, ksize: Any = None, strides: Any = None, padding: str = "VALID",
        data_format: str = "NHWC", name: str | None = None, input: Any = None,
    ) -> Tensor:  # fmt: skip
        spatial = slice(1, 3) if data_format == "NHWC" else slice(2, 4)
        size, stride = _pair(ksize, spatial), _pair(strides, spatial)

        def pool(x: Value) -> Value:
            x = _to_first(x, data_format)
            padded = _padded(x, size, stride, padding, 0.0 if average else float("-inf"))
            found = function(padded, size, stride)
            if average and padded is not x:  # what is beyond the border does not count
                inside = _padded(ops.ones_like(x), size, stride, padding, 0.0)
                found = found / function(inside, size, stride)
            return _to_last(found, data_format)

        return make(kind, pool, [convert(input if value is None else value)], name)

    return apply


max_pool = _pooling("MaxPool", F.max_pool2d, average=False)
avg_pool = _pooling("AvgPool", F.avg_pool2d, average=True)


def _pair(sizes: Any, spatial: slice) -> list[int]:
    if isinstance(sizes, int):
        return [sizes, sizes]
    return list(sizes) if len(sizes) == 2 else list(sizes)[spatial]


def _to_first(x: Value, data_format: str) -> Value:
    return x.permute(0, 3, 1, 2) if data_format == "NHWC" else x


def _to_last(x: Value, data_format: str) -> Value:
    return x.permute(0, 2, 3, 1) if data_format == "NHWC" else x


def _padded(
    x: Value, sizes: Sequence[int], stride: Sequence[int], padding: Any, value: float
) -> Value:
    """With "SAME", a border such that there are size / stride results, rounded up; what is odd goes
    below and to the right."""
    if padding == "VALID":
        return x
    if padding != "SAME":
        raise ShapeMismatch(f"padding must be 'SAME' or 'VALID', got {padding!r}")
    borders: list[int] = []
    for k in (1, 0):
        size = x.shape[2 + k]
        count = -(-size // stride[k])
        total = max((count - 1) * stride[k] + sizes[k] - size, 0)
        borders += [total // 2, total - total // 2]
    return F.pad(x, borders, value=value) if any(borders) else x


def moments(
    x: Any,
    axes: Any,
    shift: Any = None,
    name: str | None = None,
    keep_dims: bool = False,
    keepdims: bool = False,
) -> tuple[Tensor, Tensor]:
    """Mean and variance along the given axes."""
    keep = keep_dims or keepdims
    dims = list(axes)
    node = convert(x)
    mean = make("Mean", lambda v: v.mean(dims, keepdim=keep), [node])
    variance = make("Variance", lambda v: v.var(dims, correction=0, keepdim=keep), [node])
    return mean, variance


def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: float,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """(x - mean) / sqrt(variance + epsilon) * scale + offset."""
    one = constant(1.0)
    inputs = together(
        x, mean, variance, one if scale is None else scale, 0 * one if offset is None else offset
    )

    def function(v: Value, m: Value, s: Value, gamma: Value, beta: Value) -> Value:
        return (v - m) * (s + variance_epsilon).rsqrt() * gamma + beta

    return make("BatchNorm", function, inputs, name)


def embedding_lookup(
    params: Any, ids: Any, partition_strategy: str = "mod", name: str | None = None, **options: Any
) -> Tensor:
    """The rows of a table at the given places."""
    return gather(params, ids, name=name)


def top_k(
    input: Any, k: int = 1, sorted: bool = True, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """The k largest along the last axis, and where they are."""
    node = convert(input)
    values = make("TopKV2", lambda x: x.topk(k, -1)[0], [node], name)
    return values, make("TopKV2", lambda x: x.topk(k, -1)[1].int(), [node], name)


__all__ = [*own_names(__name__), "softmax", "log_softmax"]
__getattr__, __dir__ = look_in("tf.nn", globals())
