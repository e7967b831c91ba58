"""Attention: values averaged with weights that say how well each key answers each query (Vaswani et
al., 2017, section 3.2).

Scores and averages are two contractions; the heads are batch axes of them, wherever they stand, so
that nothing is transposed or repeated in memory first.
"""

from __future__ import annotations

import math

from gradatim import ops
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, int64
from gradatim.graph.errors import DTypeError, ShapeError
from gradatim.graph.node import Node
from gradatim.ops.draws import dropout_mask
from gradatim.ops.dropouts import check_probability
from gradatim.ops.loss_reduction import need_tensors
from gradatim.ops.reduce import kept_shape, widened
from gradatim.tensor import Tensor, op, wrap

__all__ = ["scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None,
    dropout_p: float = 0.0, is_causal: bool = False, scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """softmax(query keyᵀ · scale + mask) value.

    Args:
        query: (..., H, L, E), floating.
        key: (..., H, S, E). Leading dimensions broadcast.
        value: (..., H, S, Ev).
        attn_mask: broadcasts to (..., L, S): bool, True where a query may look; or floating, added
            to the scores. A query that may look nowhere gets zeros.
        dropout_p: the probability that a weight is dropped. There is no training mode here: give 0
            in evaluation.
        is_causal: query l may look at the keys up to l alone.
        scale: 1/√E if not given.
        enable_gqa: key and value may have fewer heads, each for several heads of the query in a row
            (Ainslie et al., 2023).

    Returns:
        (..., H, L, Ev).

    Raises:
        DTypeError: for different dtypes.
        ShapeError: for shapes that do not fit; for a mask when `is_causal`.

    Example:
        >>> import gradatim as gd
        >>> q, k = gd.tensor([[1.0, 0.0]]), gd.tensor([[0.0, 1.0], [0.0, -1.0]])
        >>> gd.nn.functional.scaled_dot_product_attention(q, k, gd.tensor([[2.0], [4.0]]))
        tensor([[3.]])
    """
    need_tensors("scaled_dot_product_attention", query=query, key=key, value=value)
    if not query.dtype is key.dtype is value.dtype or not query.dtype.is_floating_point:
        raise DTypeError(
            f"Expected query, key, and value to have the same floating dtype, but got query: "
            f"{query.dtype.name}, key: {key.dtype.name}, and value: {value.dtype.name} instead"
        )
    if query.ndim < 2 or key.ndim < 2 or value.ndim < 2:
        raise ShapeError(
            f"Expected query, key, and value to all be at least 2 dimensional, but got "
            f"{query.ndim}, {key.ndim} and {value.ndim} dimensions instead"
        )
    if attn_mask is not None and is_causal:
        raise ShapeError("Explicit attn_mask should not be set when is_causal=True")
    groups = _heads_per_key(query, key, value) if enable_gqa else 1
    mask = _mask_of(attn_mask, query, key, is_causal)
    if groups > 1:
        query, key, value = _grouped(query, groups), key.unsqueeze(-3), value.unsqueeze(-3)
        mask = mask if mask is None or mask.ndim < 3 else _grouped(mask, groups)
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1]) if query.shape[-1] else 1.0
    result = _attend(query, key, value, mask, scale, dropout_p)
    return result.flatten(-4, -3) if groups > 1 else result


def _heads_per_key(query: Tensor, key: Tensor, value: Tensor) -> int:
    """How many heads of the query share one of the key."""
    if min(query.ndim, key.ndim, value.ndim) < 3:
        raise ShapeError("enable_gqa expects query, key and value of at least 3 dimensions")
    heads, shared = query.shape[-3], key.shape[-3]
    if value.shape[-3] != shared or not shared or heads % shared:
        raise ShapeError(
            f"Number of heads in key and value must divide the number of heads in query, got "
            f"{shared} and {value.shape[-3]} for {heads}"
        )
    return int(heads // shared)


def _grouped(x: Tensor, groups: int) -> Tensor:
    """(..., H, L, E) as (..., H / groups, groups, L, E)."""
    return x.unsqueeze(-3) if x.shape[-3] == 1 else x.unflatten(-3, (-1, groups))


def _mask_of(
    attn_mask: Tensor | None, query: Tensor, key: Tensor, is_causal: bool
) -> Tensor | None:
    if is_causal:
        return wrap(causal_mask(query.shape[-2], key.shape[-2]))
    if attn_mask is not None and attn_mask.dtype not in (bool_, query.dtype):
        raise DTypeError(
            f"Expected attn_mask dtype to be bool or to match query dtype, but got "
            f"attn_mask.dtype: {attn_mask.dtype.name} and query.dtype: {query.dtype.name} instead."
        )
    return attn_mask


@op("ScaledDotProductAttention")
def _attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float, dropout_p: float
) -> Tensor:
    dtype = query.dtype
    q, k, v = (wrap(widened(x._read())) for x in (query, key, value))
    scores = (q * scale) @ k.transpose(-2, -1)
    weights = wrap(attention_weights(scores._read(), None if mask is None else mask._read()))
    weights = dropped(weights, dropout_p)
    return (weights @ v).to(dtype)


# --- what every attention is made of -------------------------------------------------------------


def causal_mask(queries: int, keys: int) -> Node:
    """(queries, keys), True where a query may look: at the keys up to its own place."""
    return p.ge(p.iota((queries, 1), 0, int64), p.iota((1, keys), 1, int64))


def attention_weights(scores: Node, mask: Node | None) -> Node:
    """The softmax over the last axis, of what the mask lets through.

    A row that is masked out as a whole has no largest score: there the weights are zeros.
    """
    if mask is None:
        return ops.softmax(wrap(scores), -1)._read()
    if mask.dtype is bool_:
        scores = p.select(mask, scores, p.constant(-math.inf, scores.dtype))
    else:
        scores = p.add(scores, p.cast(mask, scores.dtype))
    axes = (scores.ndim - 1,)
    kept = kept_shape(scores.shape, axes)
    if not scores.shape[-1]:
        return scores
    largest = p.max_(p.stop_gradient(scores), axes)
    zero, one = p.constant(0, scores.dtype), p.constant(1, scores.dtype)
    blind = p.eq(largest, p.constant(-math.inf, scores.dtype))
    shift = p.reshape(p.select(blind, zero, largest), kept)
    exponentials = p.exp(p.sub(scores, shift))
    total = p.sum_(exponentials, axes)
    total = p.select(blind, one, total)
    return p.div(exponentials, p.reshape(total, kept))


def dropped(weights: Tensor, dropout_p: float) -> Tensor:
    """Dropout of attention weights, drawn in their order in memory."""
    check_probability(dropout_p)
    if dropout_p == 0 or not weights.numel():
        return weights
    if dropout_p == 1:
        return weights * 0.0
    return weights * (
        dropout_mask(tuple(weights.shape), 1 - dropout_p, weights.dtype) / (1 - dropout_p)
    )
