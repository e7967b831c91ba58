"""Embeddings: a table with a row of learned numbers for each word. The lookups are in
`ops/embedding.py`.
"""

from __future__ import annotations

from typing import Any

from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.graph.errors import AssertedError
from gradatim.nn import functional as F
from gradatim.nn import init
from gradatim.nn.module import Module
from gradatim.nn.parameter import Parameter
from gradatim.ops.embedding import padding_place
from gradatim.tensor import Tensor


class _Table(Module):
    """What the two have in common: the table, and how its rows are treated."""

    weight: Parameter
    padding_idx: int | None
    max_norm: float | None

    def _build(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None,
        max_norm: float | None, norm_type: float, scale_grad_by_freq: bool, sparse: bool,
        weight: Tensor | None, freeze: bool, device: Any, dtype: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_place(padding_idx, num_embeddings)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        shape = (num_embeddings, embedding_dim)
        if weight is not None and tuple(weight.shape) != shape:
            raise AssertedError(
                f"Shape of weight does not match num_embeddings and embedding_dim: expected "
                f"{shape}, got {tuple(weight.shape)}"
            )
        is_new = weight is None
        if weight is None:
            weight = ops.empty(*shape, device=device, dtype=dtype)
        self.weight = Parameter(weight, requires_grad=not freeze)
        if is_new:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the table anew, with zeros for the padding."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)


def _need_matrix(embeddings: Tensor) -> tuple[int, int]:
    if embeddings.ndim != 2:
        raise AssertedError(
            f"Embeddings parameter is expected to be 2-dimensional, got shape "
            f"{tuple(embeddings.shape)}"
        )
    rows, columns = embeddings.shape
    return rows, columns


class Embedding(_Table):
    """A row of the table for each index.

    The initial table is drawn from the standard normal distribution.

    Args:
        num_embeddings: rows of the table.
        embedding_dim: their size.
        padding_idx: this row is zeros at first and gets no gradient; -1 is the last.
        max_norm: rows that are looked up and whose norm is larger are first scaled down to it, in
            the table itself.
        norm_type: the order of that norm.
        scale_grad_by_freq: divide each row's gradient by how often the input names it.
        sparse: accepted; gradients are dense, with the same numbers.
        device, dtype: of the table.

    Attributes:
        weight: (num_embeddings, embedding_dim).

    Shape:
        indices (...) to (..., embedding_dim).

    Raises:
        AssertedError: for a `padding_idx` that is not there.
        ElementOutOfRange: for an index that is not there.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.Embedding(10, 3, padding_idx=0)
        >>> layer(gd.tensor([[0, 5], [9, 0]])).shape
        torch.Size([2, 2, 3])
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None,
        max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
        sparse: bool = False, _weight: Tensor | None = None, _freeze: bool = False,
        device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        self._build(
            num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq,
            sparse, _weight, _freeze, device, dtype,
        )  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type,
            self.scale_grad_by_freq, self.sparse,
        )  # fmt: skip

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        parts += [f"padding_idx={self.padding_idx}"] if self.padding_idx is not None else []
        parts += [f"max_norm={self.max_norm}"] if self.max_norm is not None else []
        parts += [f"norm_type={self.norm_type}"] if self.norm_type != 2 else []
        parts += ["scale_grad_by_freq=True"] if self.scale_grad_by_freq else []
        parts += ["sparse=True"] if self.sparse else []
        return ", ".join(parts)

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None,
        max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:  # fmt: skip
        """An embedding with a table that is there already, (words, features).

        Args:
            embeddings: the table.
            freeze: whether it stays as it is in training.
        """
        rows, columns = _need_matrix(embeddings)
        return cls(
            rows, columns, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
            _weight=embeddings, _freeze=freeze,
        )  # fmt: skip


class EmbeddingBag(_Table):
    """The sum, mean or largest of the rows of the table in each bag of indices.

    The initial table is drawn from the standard normal distribution.

    Args:
        num_embeddings, embedding_dim, max_norm, norm_type, scale_grad_by_freq, sparse: as for
            `Embedding`.
        mode: "sum", "mean" or "max".
        include_last_offset: the last of `offsets` is where the last bag ends.
        padding_idx: indices that say this row count for nothing.

    Shape:
        indices (bags, size), or of all bags (n,) with offsets (bags,), where each begins; to
        (bags, embedding_dim). per_sample_weights, of the indices' shape, multiplies the rows.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.EmbeddingBag(10, 3, mode="sum")
        >>> layer(gd.tensor([1, 2, 4, 5, 4]), gd.tensor([0, 2])).shape
        torch.Size([2, 3])
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, mode: str = "mean",
        sparse: bool = False, _weight: Tensor | None = None, include_last_offset: bool = False,
        padding_idx: int | None = None, device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        self._build(
            num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq,
            sparse, _weight, False, device, dtype,
        )  # fmt: skip
        self.mode = mode
        self.include_last_offset = include_last_offset

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq,
            self.mode, self.sparse, per_sample_weights, self.include_last_offset, self.padding_idx,
        )  # fmt: skip

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        parts += [f"max_norm={self.max_norm}"] if self.max_norm is not None else []
        parts += [f"norm_type={self.norm_type}"] if self.norm_type != 2 else []
        parts += ["scale_grad_by_freq=True"] if self.scale_grad_by_freq else []
        parts += [f"mode={self.mode!r}"]
        parts += [f"padding_idx={self.padding_idx}"] if self.padding_idx is not None else []
        return ", ".join(parts)

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, mode: str = "mean",
        sparse: bool = False, include_last_offset: bool = False, padding_idx: int | None = None,
    ) -> EmbeddingBag:  # fmt: skip
        """An embedding bag with a table that is there already, (words, features).

        Args:
            embeddings: the table.
            freeze: whether it stays as it is in training.
        """
        rows, columns = _need_matrix(embeddings)
        layer = cls(
            rows, columns, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings,
            include_last_offset, padding_idx,
        )  # fmt: skip
        layer.weight.requires_grad = not freeze
        return layer
