"""Multi-head attention: projections of query, key and value, an attention of each head, and a
projection of the heads' results (Vaswani et al., 2017, section 3.2.2).

Arguments, shapes and checks are those of PyTorch's function, which `nn.MultiheadAttention` calls.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from gradatim import ops
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_
from gradatim.graph.errors import AssertedError, ShapeError
from gradatim.graph.node import Node
from gradatim.ops.attention import attention_weights, causal_mask, dropped
from gradatim.ops.linear import linear
from gradatim.tensor import Tensor, wrap

__all__ = ["multi_head_attention_forward"]


def multi_head_attention_forward(
    query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int,
    in_proj_weight: Tensor | None, in_proj_bias: Tensor | None, bias_k: Tensor | None,
    bias_v: Tensor | None, add_zero_attn: bool, dropout_p: float, out_proj_weight: Tensor,
    out_proj_bias: Tensor | None, training: bool = True, key_padding_mask: Tensor | None = None,
    need_weights: bool = True, attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None, v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None, static_v: Tensor | None = None,
    average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Multi-head attention as a function of all its parameters.

    Args:
        query: (L, N, E), or (L, E) without a batch.
        key, value: (S, N, Ek), (S, N, Ev), or without a batch.
        embed_dim_to_check: E.
        num_heads: H, which divides E.
        in_proj_weight: (3 E, E), the three projections one below the other.
        in_proj_bias: (3 E,).
        bias_k, bias_v: (1, 1, E), one more key and value.
        add_zero_attn: one more key and value, of zeros.
        dropout_p: of the weights, in training.
        out_proj_weight, out_proj_bias: (E, E), (E,).
        training: whether weights are dropped.
        key_padding_mask: (N, S), True at keys that are none; or floating, added to the scores.
        need_weights: give the weights too. If not, a query that may look nowhere gets zeros, and if
            so NaN, as in PyTorch.
        attn_mask: (L, S) or (N · H, L, S), True where a query may *not* look; or floating, added to
            the scores.
        use_separate_proj_weight: take the three `..._proj_weight` and not `in_proj_weight`.
        q_proj_weight, k_proj_weight, v_proj_weight: (E, E), (E, Ek), (E, Ev).
        static_k, static_v: (N · H, S, E / H), taken instead of the projected ones.
        average_attn_weights: give the mean of the heads' weights, (N, L, S), and not each head's,
            (N, H, L, S).
        is_causal: the mask that is given is the causal one.

    Returns:
        `(output, weights)`: (L, N, E), and None unless `need_weights`.

    Raises:
        AssertedError, ShapeError: for shapes that do not fit.
    """
    is_batched = _check_dims(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not is_batched:
        separate = key is not value, query is not key
        query, key, value = (x.unsqueeze(1) for x in (query, key, value))
        value = value if separate[0] else key
        key = key if separate[1] or separate[0] else query
        value = value if separate[0] else key
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    if is_causal and attn_mask is None:
        raise ShapeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    other = None if attn_mask is None else attn_mask.dtype
    padding = float_mask(key_padding_mask, query, "key_padding_mask", other, "attn_mask")
    only_causal = is_causal and padding is None and not need_weights
    mask = None if only_causal else float_mask(attn_mask, query, "attn_mask")

    length, batch, width = query.shape
    heads = (batch, num_heads)
    _check_sizes(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    if use_separate_proj_weight:
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = _project_each(query, key, value, weights, in_proj_bias)
    else:
        q, k, v = _project(query, key, value, in_proj_weight, in_proj_bias)
    mask = _four_dims(mask, heads, length, key.shape[0])

    k, v = _with_biases(k, v, bias_k, bias_v, static_k, static_v)
    extra = k.shape[0] - key.shape[0]
    k, v = _in_heads(k, heads, static_k, "static_k"), _in_heads(v, heads, static_v, "static_v")
    if add_zero_attn:
        k, v = (ops.pad(x, (0, 0, 0, 0, 0, 0, 0, 1)) for x in (k, v))
        extra += 1
    if extra:
        mask, padding = (x if x is None else ops.pad(x, (0, extra)) for x in (mask, padding))
    if padding is not None:
        if tuple(padding.shape) != (batch, k.shape[0]):
            raise AssertedError(
                f"expected key_padding_mask of shape {(batch, k.shape[0] - extra)}, got "
                f"{(padding.shape[0], padding.shape[1] - extra)}"
            )
        padding = padding.reshape(batch, 1, 1, -1)
        mask = padding if mask is None else mask + padding
    if only_causal:
        mask = wrap(causal_mask(length, k.shape[0]))

    q = q.unflatten(2, (num_heads, -1))
    results, shares = _attend(q, k, v, mask, dropout_p if training else 0.0, need_weights)
    output = linear(results.reshape(length, batch, width), out_proj_weight, out_proj_bias)
    if not is_batched:
        output = output.squeeze(1)
    if not need_weights:
        return output, None
    if average_attn_weights:
        shares = shares.mean(1)
    return output, shares if is_batched else shares.squeeze(0)


# --- checks --------------------------------------------------------------------------------------


def _check_dims(
    query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None,
    attn_mask: Tensor | None, num_heads: int,
) -> bool:  # fmt: skip
    """Whether there is a batch, after a look at the number of dimensions of everything."""
    dims = query.ndim
    if dims not in (2, 3):
        raise AssertedError(
            f"query should be unbatched 2D or batched 3D tensor but received {dims}-D query tensor"
        )
    which = f"For {'batched (3-D)' if dims == 3 else 'unbatched (2-D)'} `query`, expected"
    if key.ndim != dims or value.ndim != dims:
        raise AssertedError(
            f"{which} `key` and `value` to be {dims}-D but found {key.ndim}-D and {value.ndim}-D "
            f"tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.ndim != dims - 1:
        raise AssertedError(
            f"{which} `key_padding_mask` to be `None` or {dims - 1}-D but found "
            f"{key_padding_mask.ndim}-D tensor instead"
        )
    if attn_mask is not None and attn_mask.ndim not in (2, 3):
        raise AssertedError(
            f"{which} `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.ndim}-D tensor "
            f"instead"
        )
    if dims == 2 and attn_mask is not None and attn_mask.ndim == 3:
        expected = (num_heads, query.shape[0], key.shape[0])
        if tuple(attn_mask.shape) != expected:
            raise AssertedError(
                f"Expected `attn_mask` shape to be {expected} but got {tuple(attn_mask.shape)}"
            )
    return dims == 3


def _check_sizes(
    query: Tensor, key: Tensor, value: Tensor, width: int, num_heads: int, is_separate: bool
) -> None:
    if query.shape[2] != width:
        raise AssertedError(
            f"was expecting embedding dimension of {width}, but got {query.shape[2]}"
        )
    if num_heads <= 0 or width % num_heads:
        raise AssertedError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    if is_separate and key.shape[:2] != value.shape[:2]:
        raise AssertedError(
            f"key's sequence and batch dims {tuple(key.shape[:2])} do not match value's "
            f"{tuple(value.shape[:2])}"
        )
    if not is_separate and key.shape != value.shape:
        raise AssertedError(
            f"key shape {tuple(key.shape)} does not match value shape {tuple(value.shape)}"
        )


def float_mask(
    mask: Tensor | None, like: Tensor, name: str, other: Any = None, other_name: str = ""
) -> Tensor | None:
    """A mask to be added to scores: -inf where a bool one is True."""
    if mask is None:
        return None
    if mask.dtype is not bool_ and not mask.dtype.is_floating_point:
        raise AssertedError(
            f"only bool and floating types of {name} are supported, got {mask.dtype.name}"
        )
    if other is not None and mask.dtype is not other:
        warnings.warn(
            f"Support for mismatched {name} and {other_name} is deprecated. Use same type for both "
            f"instead.",
            stacklevel=3,
        )
    if mask.dtype is not bool_:
        return mask
    return ops.where(mask, -math.inf, 0.0).to(like.dtype)


def _four_dims(
    mask: Tensor | None, heads: tuple[int, int], length: int, keys: int
) -> Tensor | None:
    """A mask as it meets scores (N, H, L, S)."""
    if mask is None:
        return None
    batch, num_heads = heads
    lead = () if mask.ndim == 2 else (batch * num_heads,)
    if tuple(mask.shape) != (*lead, length, keys):
        raise ShapeError(
            f"The shape of the {mask.ndim}D attn_mask is {tuple(mask.shape)}, but should be "
            f"{(*lead, length, keys)}."
        )
    return mask if mask.ndim == 2 else mask.reshape(batch, num_heads, length, keys)


# --- projections ---------------------------------------------------------------------------------


def _parts(x: Tensor | None, sizes: Sequence[int]) -> Sequence[Any]:
    return [None] * len(sizes) if x is None else x.split(list(sizes))


def _project(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor | None, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """By one matrix for all three; inputs that are the same are multiplied once."""
    if weight is None:
        raise AssertedError("use_separate_proj_weight is False but in_proj_weight is None")
    width = query.shape[-1]
    if query is key is value:
        q, k, v = linear(query, weight, bias).split(width, -1)
        return q, k, v
    if key is value:
        sizes = (width, 2 * width)
        (w_q, w_kv), (b_q, b_kv) = weight.split(list(sizes)), _parts(bias, sizes)
        k, v = linear(key, w_kv, b_kv).split(width, -1)
        return linear(query, w_q, b_q), k, v
    return _each((query, key, value), weight.split(width), _parts(bias, (width,) * 3))


def _project_each(
    query: Tensor, key: Tensor, value: Tensor, weights: Sequence[Tensor | None], bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """By a matrix for each."""
    width = query.shape[-1]
    biases = _parts(bias, (width,) * 3)
    for name, x, weight in zip("qkv", (query, key, value), weights):
        if weight is None:
            raise AssertedError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
        if tuple(weight.shape) != (width, x.shape[-1]):
            raise AssertedError(
                f"expecting {name}_proj_weight of shape {(width, x.shape[-1])}, but got "
                f"{tuple(weight.shape)}"
            )
    return _each((query, key, value), weights, biases)


def _each(inputs: Any, weights: Any, biases: Any) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v = (linear(x, w, b) for x, w, b in zip(inputs, weights, biases))
    return q, k, v


def _with_biases(
    k: Tensor, v: Tensor, bias_k: Tensor | None, bias_v: Tensor | None, static_k: Tensor | None,
    static_v: Tensor | None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Keys and values with one more of each at the end."""
    if bias_k is None and bias_v is None:
        return k, v
    if bias_k is None or bias_v is None:
        raise AssertedError("bias_k and bias_v must be given together: one of them is None")
    if static_k is not None or static_v is not None:
        raise AssertedError("bias cannot be added to static key or value.")
    batch = k.shape[1]
    return (
        ops.cat([k, bias_k.expand(1, batch, k.shape[2])]),
        ops.cat([v, bias_v.expand(1, batch, v.shape[2])]),
    )


def _in_heads(x: Tensor, heads: tuple[int, int], static: Tensor | None, name: str) -> Tensor:
    """(S, N, E) as (S, N, H, D), or the static ones (N · H, S, D) in that order."""
    batch, num_heads = heads
    if static is None:
        return x.unflatten(2, (num_heads, -1))
    size = x.shape[2] // num_heads
    if static.shape[0] != batch * num_heads or static.shape[2] != size:
        raise AssertedError(
            f"expecting {name} of shape ({batch * num_heads}, S, {size}), but got "
            f"{tuple(static.shape)}"
        )
    return static.reshape(batch, num_heads, -1, size).permute(2, 0, 1, 3)


# --- attention -----------------------------------------------------------------------------------


def _attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float, strict: bool
) -> tuple[Tensor, Tensor]:
    """The heads' results (L, N, H, D) of query, key and value in that order, and the weights
    (N, H, L, S).

    Args:
        strict: a query that may look nowhere gets NaN.
    """
    q, k, v = query._read(), key._read(), value._read()
    scale = p.constant(math.sqrt(1 / q.shape[3]), q.dtype)
    scores: Node = p.contract(p.mul(q, scale), k, (3,), (3,), (1, 2), (1, 2))
    if strict and mask is not None:
        weights = ops.softmax(wrap(scores) + mask, -1)
    else:
        weights = wrap(attention_weights(scores, None if mask is None else mask._read()))
    weights = dropped(weights, dropout_p)
    results = p.contract(weights._read(), v, (3,), (0,), (0, 1), (1, 2))
    return wrap(p.permute(results, (2, 0, 1, 3))), weights
