"""The Transformer's layers (Vaswani et al., 2017, section 3): attention and a small network on each
position, each with a residual connection around it and a normalization.

The stacks of them, and the whole with encoder and decoder, are in `transformer_stacks.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim.graph.errors import ShapeError
from gradatim.nn import functional as F
from gradatim.nn.activations import GELU, ReLU
from gradatim.nn.attention import MultiheadAttention
from gradatim.nn.layers import Dropout, Linear
from gradatim.nn.module import Module
from gradatim.nn.normalization import LayerNorm
from gradatim.ops.multi_head_attention import float_mask
from gradatim.tensor import Tensor

Activation = Callable[[Tensor], Tensor]

_BY_NAME: dict[str, Activation] = {"relu": F.relu, "gelu": F.gelu}


def _activation(given: str | Activation) -> Activation:
    if not isinstance(given, str):
        return given
    if given not in _BY_NAME:
        raise ShapeError(f"activation should be relu/gelu, not {given}")
    return _BY_NAME[given]


class _Layer(Module):
    """What both layers are made of, and their blocks: attention or network, then dropout."""

    def _build(
        self, attentions: tuple[str, ...], d_model: int, nhead: int, dim_feedforward: int,
        dropout: float, activation: str | Activation, layer_norm_eps: float, batch_first: bool,
        norm_first: bool, bias: bool, device: Any, dtype: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        kind = {"bias": bias, "device": device, "dtype": dtype}
        for name in attentions:
            attention = MultiheadAttention(
                d_model, nhead, dropout=dropout, batch_first=batch_first, **kind
            )
            self.add_module(name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, **kind)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **kind)
        self.norm_first = norm_first
        blocks = range(1, len(attentions) + 2)
        for k in blocks:
            self.add_module(f"norm{k}", LayerNorm(d_model, eps=layer_norm_eps, **kind))
        for k in blocks:
            self.add_module(f"dropout{k}", Dropout(dropout))
        self.activation = _activation(activation)

    def _sa_block(
        self, x: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None,
        is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        return self.dropout1(
            self.self_attn(
                x, x, x, attn_mask=attn_mask, key_padding_mask=key_padding_mask,
                need_weights=False, is_causal=is_causal,
            )[0]
        )  # fmt: skip

    def _network(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_Layer):
    """Self-attention, then a network of two linear layers on each position; around each a residual
    connection, dropout and a layer normalization.

    Args:
        d_model: E, the size of each position.
        nhead: heads of the attention.
        dim_feedforward: the width of the network's hidden layer.
        dropout: the probability that an element is dropped, everywhere in the layer.
        activation: of the hidden layer: "relu", "gelu" or a function.
        layer_norm_eps: added to the variances.
        batch_first: (N, L, E) and not (L, N, E).
        norm_first: normalize what goes into attention and network, not their sums with the
            residuals (Xiong et al., 2020).
        bias: whether the linear layers and normalizations have biases.
        device, dtype: of the parameters.

    Shape:
        src (L, N, E), (L, E), or with `batch_first` (N, L, E), and the result the same; src_mask
        (L, L) or (N · nhead, L, L), src_key_padding_mask (N, L): True where no one may look.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.TransformerEncoderLayer(d_model=8, nhead=2, batch_first=True)
        >>> layer(gd.zeros(3, 5, 8)).shape
        torch.Size([3, 5, 8])
    """

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: str | Activation = F.relu, layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ):  # fmt: skip
        self._build(
            ("self_attn",), d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps,
            batch_first, norm_first, bias, device, dtype,
        )  # fmt: skip

    @property
    def activation_relu_or_gelu(self) -> int:
        """1 for ReLU, 2 for GELU, 0 for anything else."""
        if self.activation is F.relu or isinstance(self.activation, ReLU):
            return 1
        return 2 if self.activation is F.gelu or isinstance(self.activation, GELU) else 0

    def forward(
        self, src: Tensor, src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None, is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        other = None if src_mask is None else src_mask.dtype
        padding = float_mask(src_key_padding_mask, src, "src_key_padding_mask", other, "src_mask")
        mask = float_mask(src_mask, src, "src_mask")
        x = src
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), mask, padding, is_causal)
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(x + self._sa_block(x, mask, padding, is_causal))
        return self.norm2(x + self._ff_block(x))

    def _ff_block(self, x: Tensor) -> Tensor:
        return self.dropout2(self._network(x))


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to the encoder's results, then a network of two linear layers on
    each position; around each a residual connection, dropout and a layer normalization.

    Args are those of `TransformerEncoderLayer`.

    Shape:
        tgt (L, N, E) and memory (S, N, E), both without N, or with `batch_first` (N, L, E) and
        (N, S, E); the result has tgt's. tgt_mask (L, L), memory_mask (L, S), or each for every
        sample and head, (N · nhead, ...); tgt_key_padding_mask (N, L), memory_key_padding_mask
        (N, S): True where no one may look.
    """

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: str | Activation = F.relu, layer_norm_eps: float = 1e-5,
        batch_first: bool = False, norm_first: bool = False, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ):  # fmt: skip
        self._build(
            ("self_attn", "multihead_attn"), d_model, nhead, dim_feedforward, dropout, activation,
            layer_norm_eps, batch_first, norm_first, bias, device, dtype,
        )  # fmt: skip

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None, tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None, tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        other = (memory_mask, memory_key_padding_mask, memory_is_causal)
        x = tgt
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), *own)
            x = x + self._mha_block(self.norm2(x), memory, *other)
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(x + self._sa_block(x, *own))
        x = self.norm2(x + self._mha_block(x, memory, *other))
        return self.norm3(x + self._ff_block(x))

    def _mha_block(
        self, x: Tensor, mem: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None,
        is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        return self.dropout2(
            self.multihead_attn(
                x, mem, mem, attn_mask=attn_mask, key_padding_mask=key_padding_mask,
                need_weights=False, is_causal=is_causal,
            )[0]
        )  # fmt: skip

    def _ff_block(self, x: Tensor) -> Tensor:
        return self.dropout3(self._network(x))
