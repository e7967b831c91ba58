"""Random numbers. They are seeded, and Gradatim's: TensorFlow's own streams are not imitated.

With `tf.set_random_seed`, each session begins with that seed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim import ops
from gradatim.frontends.names import look_in, own_names
from gradatim.frontends.tensorflow import dtypes, shapes
from gradatim.frontends.tensorflow.arrays import _with_shape
from gradatim.frontends.tensorflow.graph import Tensor, convert, get_default_graph, make
from gradatim.random import Generator
from gradatim.tensor import Tensor as Value


def set_random_seed(seed: int) -> None:
    """Each session of this graph begins with this seed."""
    get_default_graph().seed = seed


def _stream(seed: int | None) -> Any:
    """The generator of an operation with a seed of its own; else the one stream."""
    return None if seed is None else Generator().manual_seed(seed)


def _draw(
    kind: str,
    shape: Any,
    function: Callable[[list[int], Any], Value],
    dtype: Any,
    seed: Any,
    name: Any,
) -> Tensor:
    stream = _stream(seed)
    known = _with_shape(kind, lambda sizes: ops.zeros(sizes), [], shape, name or kind)
    draw = known.function
    fixed = known.sizes

    def call(*values: Any) -> Value:
        sizes = fixed if not values else draw(*values).shape  # type: ignore[misc]
        return function([int(size) for size in sizes], stream)  # type: ignore[union-attr]

    known.function = call
    known._dtype = dtypes.as_dtype(dtype)
    return known


def random_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = dtypes.float32,
    seed: int | None = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Normally distributed numbers."""
    element = dtypes.as_dtype(dtype).element

    def function(sizes: list[int], stream: Any) -> Value:
        return ops.randn(sizes, dtype=element, generator=stream) * stddev + mean

    return _draw("random_normal", shape, function, dtype, seed, name)


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = dtypes.float32,
    seed: int | None = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Normally distributed numbers, none farther from the mean than two standard deviations: the
    normal distribution's quantiles of numbers between its values at -2 and 2."""
    element = dtypes.as_dtype(dtype).element

    def function(sizes: list[int], stream: Any) -> Value:
        uniform = ops.rand(sizes, dtype=element, generator=stream)
        edge = 0.9544997361036416  # erf(2 / sqrt(2))
        return ops.erfinv((uniform * 2 - 1) * edge) * (2**0.5 * stddev) + mean

    return _draw("truncated_normal", shape, function, dtype, seed, name)


def random_uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = dtypes.float32,
    seed: int | None = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Uniformly distributed numbers from minval to before maxval."""
    wanted = dtypes.as_dtype(dtype)
    top = 1 if maxval is None else maxval

    def function(sizes: list[int], stream: Any) -> Value:
        if wanted.is_integer:
            return ops.randint(minval, top, sizes, dtype=wanted.element, generator=stream)
        return ops.rand(sizes, dtype=wanted.element, generator=stream) * (top - minval) + minval

    return _draw("random_uniform", shape, function, dtype, seed, name)


def random_shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """The slices along the first axis in random order."""
    node = convert(value)
    stream = _stream(seed)

    def function(x: Value) -> Value:
        return x.index_select(0, ops.randperm(x.shape[0], generator=stream))

    return make("RandomShuffle", function, [node], name, dtype=node.dtype, sizes=node.sizes)


def keep_mask(node: Tensor, keep: Tensor, seed: int | None, sizes: shapes.Known = None) -> Tensor:
    """1 with the given probability, else 0, in the shape of a node, or in one that spreads to it
    (where None is a size of the node's)."""
    stream = _stream(seed)

    def function(x: Value, p: Value) -> Value:
        drawn = [n if k is None else k for n, k in zip(x.shape, sizes or x.shape)]
        return (ops.rand(drawn, dtype=x.dtype, generator=stream) < p).to(x.dtype)

    return make("KeepMask", function, [node, keep], dtype=node.dtype, sizes=sizes or node.sizes)


__all__ = own_names(__name__)
__getattr__, __dir__ = look_in("tf.random", globals())
