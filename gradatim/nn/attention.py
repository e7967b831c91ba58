"""MultiheadAttention as a layer. What it computes is in `ops/multi_head_attention.py`."""

from __future__ import annotations

from typing import Any

from gradatim import ops
from gradatim.graph.errors import ArgumentError, AssertedError
from gradatim.nn import functional as F
from gradatim.nn import init
from gradatim.nn.layers import Linear
from gradatim.nn.module import Module
from gradatim.nn.parameter import Parameter
from gradatim.tensor import Tensor


class NonDynamicallyQuantizableLinear(Linear):
    """`Linear`, by the name that PyTorch's layers print for the last projection."""


class MultiheadAttention(Module):
    """Attention of several heads, each in a projection of its own (Vaswani et al., 2017, 3.2.2).

    The initial projections are Glorot's uniform ones, the biases zeros; the output projection's
    weight is that of a `Linear`.

    Args:
        embed_dim: E, the size of queries and results.
        num_heads: H, which divides E.
        dropout: the probability that a weight is dropped in training.
        bias: whether the projections have biases.
        add_bias_kv: learn one more key and value.
        add_zero_attn: add one more key and value of zeros.
        kdim, vdim: the sizes of keys and values, if not E.
        batch_first: whether the batch is the first dimension of query, key, value and output.
        device, dtype: of the parameters.

    Attributes:
        in_proj_weight: (3 E, E), the projections of query, key and value one below the other; or
            with `kdim` or `vdim` q_proj_weight, k_proj_weight, v_proj_weight.
        in_proj_bias: (3 E,) or None.
        out_proj: a `Linear`.
        bias_k, bias_v: (1, 1, E) or None.

    Shape:
        query (L, N, E), key (S, N, kdim), value (S, N, vdim), or all without N; with `batch_first`
        (N, L, E) ... key_padding_mask (N, S), attn_mask (L, S) or (N · H, L, S): True where no
        query may look, or floating and added to the scores.
        returns: `(output, weights)`: (L, N, E), and (N, L, S), without `average_attn_weights`
        (N, H, L, S), or without `need_weights` None.

    Raises:
        ArgumentError: for sizes that are not positive.
        AssertedError, ShapeError: for shapes that do not fit.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.MultiheadAttention(8, 2, batch_first=True)
        >>> x = gd.zeros(3, 5, 8)
        >>> output, weights = layer(x, x, x)
        >>> output.shape, weights.shape
        (torch.Size([3, 5, 8]), torch.Size([3, 5, 5]))
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True,
        add_bias_kv: bool = False, add_zero_attn: bool = False, kdim: int | None = None,
        vdim: int | None = None, batch_first: bool = False, device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        if embed_dim <= 0 or num_heads <= 0:
            raise ArgumentError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead"
            )
        if embed_dim % num_heads:
            raise AssertedError(
                f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        self.add_zero_attn = add_zero_attn

        def parameter(*shape: int) -> Parameter:
            return Parameter(ops.empty(*shape, device=device, dtype=dtype))

        sizes = {"q": embed_dim, "k": self.kdim, "v": self.vdim}
        for name, size in sizes.items():
            weight = None if self._qkv_same_embed_dim else parameter(embed_dim, size)
            self.register_parameter(f"{name}_proj_weight", weight)
        packed = parameter(3 * embed_dim, embed_dim) if self._qkv_same_embed_dim else None
        self.register_parameter("in_proj_weight", packed)
        self.register_parameter("in_proj_bias", parameter(3 * embed_dim) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(
            embed_dim, embed_dim, bias=bias, device=device, dtype=dtype
        )
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, parameter(1, 1, embed_dim) if add_bias_kv else None)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw the projections of query, key and value anew, and zero the biases."""
        for weight in (
            self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight,
        ):  # fmt: skip
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)  # type: ignore[arg-type]
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None,
        need_weights: bool = True, attn_mask: Tensor | None = None,
        average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        is_turned = self.batch_first and query.ndim == 3
        if is_turned:  # one view of what is one tensor: the function multiplies it once
            views = {id(x): x.transpose(0, 1) for x in (query, key, value)}
            query, key, value = (views[id(x)] for x in (query, key, value))
        output, weights = F.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight,
            self.in_proj_bias, self.bias_k, self.bias_v, self.add_zero_attn, self.dropout,
            self.out_proj.weight, self.out_proj.bias, training=self.training,
            key_padding_mask=key_padding_mask, need_weights=need_weights, attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight, k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight, average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )  # fmt: skip
        return output.transpose(0, 1) if is_turned else output, weights
