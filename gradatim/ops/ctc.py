"""Connectionist temporal classification: the loss of a sequence of labels whose places in time are
not known (Graves et al., 2006).

A path says one class at each time step, a label or the blank; read without repetitions and blanks,
it is a sequence of labels. The loss is the negative logarithm of the probability of all paths that
read as the target, added up by the forward recursion of section 4.1, in logarithms.

The paper's states are here two rows: `blanks[s]`, where the path is at the blank behind the first s
labels, and `labels[s]`, where it is at label s. One step of time:

    blanks[s] <- p(blank)    · (blanks[s] + labels[s-1])
    labels[s] <- p(label s)  · (labels[s] + blanks[s] + labels[s-1] if the two labels differ)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import float32, int64
from gradatim.graph.errors import ArgumentError, DTypeError, ShapeError
from gradatim.ops._places import array_node, flat, known_values, place_node
from gradatim.ops.loops import scan
from gradatim.ops.loss_reduction import check_reduction, need_tensors, reduce_loss
from gradatim.tensor import Tensor, named, op, wrap

__all__ = ["ctc_loss"]

# The logarithm of a probability 0. It is finite, so that no gradient is infinity times 0, and sums
# of millions of them stay finite in float32.
NEVER = -1e30

Array = np.ndarray[Any, Any]


def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: str = "mean", zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    """-log P(target), the probability that the classes said over time read as the target.

    Args:
        log_probs: (T, N, C), or (T, C) of a single sequence: logarithms of probabilities over the
            classes at each time, as `log_softmax` gives them.
        targets: labels, (N, S) padded at the end, or all targets in one dimension, one after the
            other; (S,) of a single sequence.
        input_lengths, target_lengths: how many time steps and labels of each sequence count: N
            ints, or a tensor of them.
        blank: the class of the blank.
        reduction: "none", "sum", or "mean": each loss divided by the number of its labels, then the
            mean over the batch.
        zero_infinity: give 0, and no gradient, for a target that is too long to be said in time,
            instead of infinity.

    The gradient is PyTorch's, which takes `log_probs` for what `log_softmax` gave: its sum over the
    classes is 0.

    Raises:
        ShapeError, ArgumentError, DTypeError: for lengths and targets that do not fit.
        ElementOutOfRange: for a label that is not there.

    Example:
        >>> import gradatim as gd
        >>> even = gd.log_softmax(gd.zeros(2, 1, 2), dim=2)  # 3 of 4 paths read as the label 1
        >>> gd.nn.functional.ctc_loss(even, gd.tensor([[1]]), (2,), (1,)).exp()
        tensor(1.3333)
    """
    need_tensors("ctc_loss", log_probs=log_probs, targets=targets)
    check_reduction(reduction)
    if log_probs.ndim not in (2, 3) or not log_probs.dtype.is_floating_point:
        raise ShapeError(
            f"ctc_loss expects floating log_probs of shape (T, N, C) or (T, C), got "
            f"{log_probs.dtype.name} of shape {list(log_probs.shape)}"
        )
    is_batched = log_probs.ndim == 3
    batched = log_probs if is_batched else log_probs.unsqueeze(1)
    steps, batch, classes = batched.shape
    if not 0 <= blank < classes:
        raise ArgumentError(
            f"ctc_loss: blank must be in label range, from 0 to {classes - 1}, got {blank}"
        )
    lengths, most = _lengths(input_lengths, "input_lengths", batch)
    if most is not None and most.max(initial=0) > steps:
        raise ArgumentError(
            f"ctc_loss: Expected input_lengths to have value at most {steps}, but got value "
            f"{most.max()}: log_probs has {steps} time steps"
        )
    counts, known = _lengths(target_lengths, "target_lengths", batch)
    labels = _padded(targets, counts, known, batch, classes, blank)
    losses = _losses(batched, labels, lengths, counts, blank, zero_infinity)
    if reduction == "mean":
        losses = losses / ops.clamp(counts, min=1).to(losses.dtype)
    elif not is_batched:
        losses = losses.squeeze(0)
    return reduce_loss(losses, reduction)


# --- lengths and labels --------------------------------------------------------------------------


def _lengths(given: Any, name: str, batch: int) -> tuple[Tensor, Array | None]:
    """Lengths as an int64 tensor (N,), and their values if they are known."""
    lengths = given if isinstance(given, Tensor) else ops.tensor(given)
    if lengths.dtype.is_floating_point and lengths.numel():
        raise DTypeError(f"ctc_loss: {name} must be integral, got {lengths.dtype.name}")
    if lengths.ndim > 1 or lengths.numel() != batch:
        raise ShapeError(
            f"ctc_loss: {name} must be of size batch_size {batch}, got {list(lengths.shape)}"
        )
    lengths = lengths.reshape(-1).to(int64)
    values = known_values(given) if isinstance(given, Tensor) else np.asarray(given)
    if values is not None:
        values = values.reshape(-1).astype(np.int64)
        if values.min(initial=0) < 0:
            raise ArgumentError(
                f"ctc_loss: Expected {name} to have value at least 0, but got value {values.min()}"
            )
    return lengths, values


def _padded(
    targets: Tensor, counts: Tensor, known: Array | None, batch: int, classes: int, blank: int
) -> Tensor:
    """The labels of each sequence in a row, blanks behind them: (N, S), S at least 1."""
    if targets.ndim not in (1, 2):
        raise ShapeError(
            f"ctc_loss: Expected 1 to 2 dimensions, but got {targets.ndim}-dimensional tensor of "
            f"targets"
        )
    if targets.ndim == 1:
        if known is None:
            known = counts._value()
        starts = np.cumsum(known) - known
        if known.sum() != targets.numel():
            raise ShapeError(
                f"ctc_loss: Expected tensor to have size {known.sum()} at dimension 0, but got "
                f"size {targets.numel()}: target_lengths must add up to what there is in targets"
            )
    else:
        rows, width = targets.shape
        if rows != batch:
            raise ShapeError(
                f"ctc_loss: expected targets of {batch} sequences, got {list(targets.shape)}"
            )
        if known is not None and known.max(initial=0) > width:
            raise ShapeError(
                f"ctc_loss: Expected tensor to have size at least {known.max()} at dimension 1, "
                f"but got size {width} for targets"
            )
        starts = np.arange(batch) * width
    longest = int(known.max(initial=0)) if known is not None else targets.shape[-1]
    positions = np.arange(max(longest, 1))
    if not targets.numel():
        return ops.full((batch, len(positions)), blank, dtype=int64)
    places = np.minimum(starts[:, None] + positions, targets.numel() - 1)
    found = wrap(p.gather(flat(targets.to(int64)._read()), array_node(places)))
    counted = ops.from_numpy(positions) < counts.unsqueeze(1)
    return wrap(place_node(ops.where(counted, found, blank), classes, 2))


# --- the recursion -------------------------------------------------------------------------------


def _log_add(*terms: Tensor) -> Tensor:
    """log(Σ exp(terms)), of finite terms."""
    largest = terms[0].detach()
    for term in terms[1:]:
        largest = ops.maximum(largest, term.detach())
    total = ops.exp(terms[0] - largest)
    for term in terms[1:]:
        total = total + ops.exp(term - largest)
    return largest + ops.log(total)


def _one_later(row: Tensor, until: int | None = None) -> Tensor:
    """Each element at the next place, and NEVER at the first."""
    return ops.pad(row[:, :until], (1, 0), value=NEVER)


@op("CtcLoss")
def _losses(
    log_probs: Tensor, labels: Tensor, lengths: Tensor, counts: Tensor, blank: int,
    zero_infinity: bool,
) -> Tensor:  # fmt: skip
    """The loss of each sequence, (N,)."""
    steps, batch, classes = log_probs.shape
    dtype = log_probs.dtype
    if dtype.itemsize == 2:
        log_probs = log_probs.to(float32)
    width = labels.shape[1]
    said = ops.clamp(log_probs, min=NEVER)
    say_blank = said[:, :, blank : blank + 1]
    # Rows of one class over time, so that one index fetches a whole row.
    over_time = said.permute(1, 2, 0).reshape(batch * classes, steps)
    rows = ops.arange(batch).unsqueeze(1) * classes + labels
    say_label = over_time[rows.reshape(-1)].reshape(batch, width, steps).permute(2, 0, 1)
    differs = ops.pad(labels[:, 1:] != labels[:, :-1], (1, 0), value=False)
    alive = (ops.arange(steps).unsqueeze(1) < lengths).unsqueeze(2)

    def step(carry: tuple[Tensor, Tensor], x: tuple[Tensor, Tensor, Tensor]) -> Any:
        blanks, spoken = carry
        p_blank, p_label, goes_on = x
        before = _one_later(spoken)
        new_blanks = _log_add(blanks, before) + p_blank
        skipped = ops.where(differs, before[:, :-1], NEVER)
        new_spoken = _log_add(spoken, blanks[:, :-1], skipped) + p_label
        carry = (
            ops.where(goes_on, new_blanks, blanks),
            ops.where(goes_on, new_spoken, spoken),
        )
        return carry, None

    never = ops.full((batch, width), NEVER, dtype=log_probs.dtype)
    start = (ops.pad(never, (1, 0), value=0.0), never)
    (blanks, spoken), _ = scan(step, start, (say_blank, say_label, alive))
    last = counts.unsqueeze(1)
    at_blank = ops.gather(blanks, 1, last)
    at_label = ops.gather(spoken, 1, ops.clamp(last - 1, min=0))
    at_label = ops.where(last > 0, at_label, NEVER)
    losses = -_log_add(at_blank, at_label).squeeze(1)
    return _finished(losses, log_probs, alive, zero_infinity).to(dtype)


def _finished(losses: Tensor, log_probs: Tensor, alive: Tensor, zero_infinity: bool) -> Tensor:
    """The losses with the infinite ones as asked for, and with PyTorch's gradient: that of the
    formula and exp(log_probs), which is what `log_softmax` would add to it.
    """
    impossible = losses.detach() > -NEVER / 2
    value = ops.where(impossible, 0.0 if zero_infinity else math.inf, losses)
    if not log_probs.requires_grad:
        return value
    shares = ops.where(alive, ops.exp(log_probs), 0.0)
    original = losses + ops.sum(shares, (0, 2))
    if zero_infinity:
        original = ops.where(impossible, 0.0, original)
    else:
        original = original * ops.where(impossible, math.nan, 1.0).to(losses.dtype)
    return named(p.substitute(value.detach()._read(), original._read()), "CtcLoss")
