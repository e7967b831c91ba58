"""Sequences of different lengths: padded to one tensor, or packed without the padding.

A packed batch holds the first step of every sequence, then the second step of every sequence that
has one, and so on: `batch_sizes` says how many each step has. So the longest sequence comes first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from gradatim import ops
from gradatim.graph.dtypes import int64
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.tensor import Tensor, from_array


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """A packed batch of sequences; made by `pack_padded_sequence` and `pack_sequence`.

    Attributes:
        data: (sum of the lengths, ...).
        batch_sizes: (longest length,) int64: how many sequences have each step.
        sorted_indices: which of the given sequences stands where, if they were sorted.
        unsorted_indices: where each of the given sequences stands.
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if batch_sizes is None:
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With its data in another dtype or on another device."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else type(self)(data, *self[1:])


class Places:
    """Where each step of a packed batch stands in a padded one of shape (steps, batch, ...)."""

    def __init__(self, batch_sizes: Tensor):
        sizes = np.asarray(batch_sizes.tolist(), np.int64)
        self.batch = int(sizes[0])
        self.valid = np.arange(self.batch) < sizes[:, None]
        self.steps = len(sizes)
        self._packed = from_array(np.flatnonzero(self.valid))
        rows = np.cumsum(self.valid).reshape(self.valid.shape) - 1
        self._padded = from_array(np.where(self.valid, rows, 0).ravel())
        self.mask = from_array(self.valid[:, :, None])

    def pad(self, data: Tensor) -> Tensor:
        """(steps, batch, ...); what stands where a sequence is over is of no meaning."""
        rest = tuple(data.shape)[1:]
        return data.index_select(0, self._padded).reshape(self.steps, self.batch, *rest)

    def pack(self, padded: Tensor) -> Tensor:
        """The reverse: without what is of no meaning."""
        rest = tuple(padded.shape)[2:]
        flat = padded.reshape(self.steps * self.batch, *rest)
        return flat.index_select(0, self._packed)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The indices that undo an `index_select` with `permutation`."""
    return None if permutation is None else permutation.argsort()


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Leave out the padding.

    Args:
        input: (steps, batch, ...), or with `batch_first` (batch, steps, ...).
        lengths: of each sequence: a tensor or a list.
        enforce_sorted: the sequences come longest first; False sorts them.

    Raises:
        ArgumentError, ShapeError: for lengths that are not positive, do not fit, or not sorted.

    Example:
        >>> import gradatim as gd
        >>> x = gd.tensor([[1, 2, 3], [4, 5, 0]])
        >>> gd.nn.utils.rnn.pack_padded_sequence(x, [3, 2], batch_first=True).data
        tensor([1, 4, 2, 5, 3])
    """
    if not isinstance(lengths, Tensor):
        lengths = ops.tensor(lengths, dtype=int64)
    lengths = lengths.to(int64)
    order = None
    if not enforce_sorted:
        lengths, order = lengths.sort(descending=True)
        input = input.index_select(0 if batch_first else 1, order)
    steps = input.transpose(0, 1) if batch_first else input
    known = np.asarray(lengths.tolist(), np.int64)
    _check_lengths(known, steps)
    sizes = (np.arange(known[0])[:, None] < known).sum(1)
    batch_sizes = from_array(sizes.astype(np.int64))
    data = Places(batch_sizes).pack(steps[: int(known[0])])
    return PackedSequence(data, batch_sizes, order)


def _check_lengths(lengths: np.ndarray[Any, Any], steps: Tensor) -> None:
    if steps.numel() == 0:
        raise ShapeError("Cannot pack empty tensors.")
    if len(lengths) != steps.shape[1]:
        raise ShapeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(lengths)} "
            f"(batch_size={steps.shape[1]})"
        )
    if (lengths <= 0).any():
        raise ShapeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if (np.diff(lengths) > 0).any():
        raise ShapeError(
            f"lengths must be in decreasing order, got {lengths.tolist()}: sort the sequences, "
            f"longest first, or give enforce_sorted=False"
        )
    if lengths[0] > steps.shape[0]:
        raise ShapeError(
            f"a length of {lengths[0]} is more than the {steps.shape[0]} steps of the input"
        )


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Put the padding back: the padded batch, and the length of each sequence, in the order in
    which they were packed.

    Args:
        batch_first: the batch comes before the steps.
        padding_value: what the padding is.
        total_length: pad to this length, not just to the longest.

    Raises:
        ArgumentError: for a `total_length` that is too small.
    """
    places = Places(sequence.batch_sizes)
    total = places.steps if total_length is None else total_length
    if total < places.steps:
        raise ArgumentError(
            f"Expected total_length to be at least the length of the longest sequence in input, "
            f"but got total_length={total} and max sequence length being {places.steps}"
        )
    data = sequence.data
    padded = places.pad(data)
    mask = places.mask.reshape(places.steps, places.batch, *[1] * (data.ndim - 1))
    filling = ops.full((), padding_value, dtype=data.dtype)
    padded = ops.where(mask, padded, filling)
    if total > places.steps:
        rest = (total - places.steps, places.batch, *tuple(data.shape)[1:])
        padded = ops.cat([padded, ops.full(rest, padding_value, dtype=data.dtype)])
    lengths = from_array(places.valid.sum(0).astype(np.int64))
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(1, sequence.unsorted_indices)
        lengths = lengths.index_select(0, sequence.unsorted_indices)
    return (padded.transpose(0, 1) if batch_first else padded), lengths


def pad_sequence(
    sequences: Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences of different lengths, padded to the longest.

    Args:
        sequences: each (length, ...).
        batch_first: (batch, steps, ...) rather than (steps, batch, ...).
        padding_value: what the padding is.
        padding_side: "right" or "left".

    Example:
        >>> import gradatim as gd
        >>> gd.nn.utils.rnn.pad_sequence([gd.tensor([1, 2]), gd.tensor([3])], batch_first=True)
        tensor([[1, 2],
                [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise ShapeError(
            f"pad_sequence: expected a list of Tensors, got {type(sequences).__name__}"
        )
    given = list(sequences)
    if not given:
        raise ShapeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise ArgumentError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    longest = max(each.shape[0] for each in given)
    padded = []
    for each in given:
        rest = (longest - each.shape[0], *tuple(each.shape)[1:])
        filling = ops.full(rest, padding_value, dtype=given[0].dtype)
        padded.append(ops.cat([filling, each] if padding_side == "left" else [each, filling]))
    return ops.stack(padded, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded batch, each of its own length."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[:length] for row, length in zip(rows, lengths.tolist())]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """`pack_padded_sequence` of sequences that are not padded yet."""
    lengths = [each.shape[0] for each in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a packed batch, each of its own length."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
