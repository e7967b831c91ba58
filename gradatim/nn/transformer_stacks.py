"""Stacks of Transformer layers, and the Transformer of both (Vaswani et al., 2017, figure 1)."""

from __future__ import annotations

import copy
import warnings
from typing import Any

from gradatim import ops
from gradatim.autograd import is_grad_enabled
from gradatim.graph.errors import ShapeError
from gradatim.nn import functional as F
from gradatim.nn import init
from gradatim.nn.containers import ModuleList
from gradatim.nn.module import Module
from gradatim.nn.normalization import LayerNorm
from gradatim.nn.transformer import (
    Activation,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
)
from gradatim.ops.multi_head_attention import float_mask
from gradatim.tensor import Tensor


def _copies(layer: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


def causal_float_mask(size: int, device: Any = None, dtype: Any = None) -> Tensor:
    """(size, size), -inf where a position would look at a later one, and 0 elsewhere."""
    full = ops.full((size, size), -float("inf"), dtype=dtype, device=device)
    return ops.triu(full, diagonal=1)


class TransformerEncoder(Module):
    """Encoder layers, one after the other.

    In evaluation without gradients PyTorch takes a shortcut for padded batches, which leaves zeros
    at padded positions; so does this one, under the same conditions.

    Args:
        encoder_layer: is copied, with its initial weights, `num_layers` times.
        num_layers: how many.
        norm: a last normalization, or None.
        enable_nested_tensor: False: no zeros at padded positions.
        mask_check: only do it if the padding is at the end of each row.

    Shape:
        as for `TransformerEncoderLayer`.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.TransformerEncoderLayer(d_model=8, nhead=2, batch_first=True)
        >>> gd.nn.TransformerEncoder(layer, num_layers=3)(gd.zeros(3, 5, 8)).shape
        torch.Size([3, 5, 8])
    """

    def __init__(
        self, encoder_layer: Module, num_layers: int, norm: Module | None = None,
        enable_nested_tensor: bool = True, mask_check: bool = True,
    ):  # fmt: skip
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check
        obstacle = _obstacle(encoder_layer)
        self.use_nested_tensor = enable_nested_tensor and obstacle is None
        if enable_nested_tensor and obstacle is not None:
            warnings.warn(
                f"enable_nested_tensor is True, but self.use_nested_tensor is False because "
                f"encoder_layer{obstacle}",
                stacklevel=2,
            )

    def forward(
        self, src: Tensor, mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:  # fmt: skip
        other = None if mask is None else mask.dtype
        padding = float_mask(src_key_padding_mask, src, "src_key_padding_mask", other, "mask")
        mask = float_mask(mask, src, "mask")
        # PyTorch looks whether a mask that nobody called causal is, which saves it work; the
        # numbers are the same.
        causal = is_causal is True
        output = src
        for layer in self.layers:
            output = layer(output, src_mask=mask, is_causal=causal, src_key_padding_mask=padding)
        if padding is not None and mask is None and self._zeros_padding(src):
            output = self._without_padding(output, padding)
        return output if self.norm is None else self.norm(output)

    def _zeros_padding(self, src: Tensor) -> bool:
        """Whether PyTorch would leave padded positions out of the computation."""
        first: Any = self.layers[0]
        if not self.use_nested_tensor or first.training or src.ndim != 3:
            return False
        return not (
            is_grad_enabled()
            and (src.requires_grad or any(p.requires_grad for p in first.parameters()))
        )

    def _without_padding(self, output: Tensor, padding: Tensor) -> Tensor:
        padded = padding != 0
        if self.mask_check:  # no position behind a padded one may be filled
            gaps = padded[:, :-1] & ~padded[:, 1:]
            padded = padded & ~ops.any(gaps)
        return output.masked_fill(padded.unsqueeze(2), 0.0)


def _obstacle(layer: Any) -> str | None:
    """Why PyTorch has no shortcut for padded batches through a layer, if it has none."""
    if not isinstance(layer, TransformerEncoderLayer):
        return " was not TransformerEncoderLayer"
    reasons = {
        ".norm_first was True": layer.norm_first,
        ".self_attn.batch_first was not True"
        "(use batch_first for better inference performance)": not layer.self_attn.batch_first,
        ".self_attn was passed bias=False": layer.self_attn.in_proj_bias is None,
        ".activation_relu_or_gelu was not True": not layer.activation_relu_or_gelu,
        ".norm1.eps was not equal to encoder_layer.norm2.eps": layer.norm1.eps != layer.norm2.eps,
        ".self_attn.num_heads is odd": layer.self_attn.num_heads % 2 == 1,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


class TransformerDecoder(Module):
    """Decoder layers, one after the other.

    Args:
        decoder_layer: is copied, with its initial weights, `num_layers` times.
        num_layers: how many.
        norm: a last normalization, or None.

    Shape:
        as for `TransformerDecoderLayer`.
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None):
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self, tgt: Tensor, memory: Tensor, tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None, tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None, tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        output = tgt
        for layer in self.layers:
            output = layer(
                output, memory, tgt_mask=tgt_mask, memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=tgt_is_causal is True, memory_is_causal=memory_is_causal,
            )  # fmt: skip
        return output if self.norm is None else self.norm(output)


class Transformer(Module):
    """An encoder of the source and a decoder of the target, which attends to what the encoder
    gives.

    All matrices are drawn anew by Glorot's uniform distribution.

    Args:
        d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias, device, dtype: as for `TransformerEncoderLayer`.
        num_encoder_layers, num_decoder_layers: how many.
        custom_encoder, custom_decoder: modules to take instead.

    Shape:
        src (S, N, E) and tgt (T, N, E), both without N, or with `batch_first` (N, S, E) and
        (N, T, E); the result has tgt's. Masks as for the layers.

    Raises:
        ShapeError: for batches of different sizes, and a last dimension other than E.

    Example:
        >>> import gradatim as gd
        >>> model = gd.nn.Transformer(8, 2, 1, 1, 16)
        >>> mask = model.generate_square_subsequent_mask(4)
        >>> model(gd.zeros(5, 3, 8), gd.zeros(4, 3, 8), tgt_mask=mask).shape
        torch.Size([4, 3, 8])
    """

    def __init__(
        self, d_model: int = 512, nhead: int = 8, num_encoder_layers: int = 6,
        num_decoder_layers: int = 6, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: str | Activation = F.relu, custom_encoder: Any = None,
        custom_decoder: Any = None, layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__()
        kind = {"bias": bias, "device": device, "dtype": dtype}
        sizes = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first,
        )  # fmt: skip
        if custom_encoder is None:
            layer: Module = TransformerEncoderLayer(*sizes, **kind)
            norm = LayerNorm(d_model, eps=layer_norm_eps, **kind)
            custom_encoder = TransformerEncoder(layer, num_encoder_layers, norm)
        self.encoder = custom_encoder
        if custom_decoder is None:
            layer = TransformerDecoderLayer(*sizes, **kind)
            norm = LayerNorm(d_model, eps=layer_norm_eps, **kind)
            custom_decoder = TransformerDecoder(layer, num_decoder_layers, norm)
        self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        """Draw all matrices anew."""
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self, src: Tensor, tgt: Tensor, src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None, memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None, tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None, src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None, memory_is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        batch_axis = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[batch_axis] != tgt.shape[batch_axis]:
            raise ShapeError(
                f"the batch number of src and tgt must be equal, got {src.shape[batch_axis]} and "
                f"{tgt.shape[batch_axis]}"
            )
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise ShapeError(
                f"the feature number of src and tgt must be equal to d_model {self.d_model}, got "
                f"{src.shape[-1]} and {tgt.shape[-1]}"
            )
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        return self.decoder(  # type: ignore[no-any-return]
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )  # fmt: skip

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """The causal mask: (sz, sz), -inf where a position would look at a later one."""
        return causal_float_mask(sz, device, dtype)
