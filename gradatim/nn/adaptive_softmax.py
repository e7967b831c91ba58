"""A softmax over so many classes that most of them are looked at only when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gradatim import ops
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.nn import functional as F
from gradatim.nn.containers import ModuleList, Sequential
from gradatim.nn.layers import Linear
from gradatim.nn.module import Module
from gradatim.tensor import Tensor


class _ASMoutput(NamedTuple):
    """The log-probability of each target, and the loss."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """An approximation of the softmax over many classes, sorted by how frequent they are (Grave et
    al., 2017).

    The most frequent classes are scored in a short list, together with one score for each cluster
    of rarer ones; a cluster's own classes are scored only for the samples that need it, in fewer
    features. Which these are depends on the targets: they are computed now.

    Args:
        in_features: size of each sample.
        n_classes: how many classes there are.
        cutoffs: where one cluster ends and the next begins, ascending.
        div_value: cluster k has in_features / div_value^k features.
        head_bias: whether the short list's scores have a bias.
        device, dtype: of the parameters.

    Attributes:
        head: a `Linear` to the short list and the clusters.
        tail: for each cluster a `Sequential` of two `Linear`.

    Shape:
        input (N, in_features) or (in_features,), target (N,) or ().
        returns: `(output, loss)`: (N,) or (), the log-probability of each target, and the mean of
        their negatives.

    Raises:
        ArgumentError: for cutoffs that are not ascending, or not between 1 and n_classes - 1.
        ShapeError: for an input and a target that do not fit, or targets outside the classes.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.AdaptiveLogSoftmaxWithLoss(16, 100, cutoffs=[10, 50])
        >>> output, loss = layer(gd.zeros(3, 16), gd.tensor([2, 30, 99]))
        >>> output.shape, loss.shape
        (torch.Size([3]), torch.Size([]))
    """

    def __init__(
        self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0,
        head_bias: bool = False, device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ArgumentError("cutoffs should be a sequence of length larger than 0")
        if (
            cutoffs != sorted(set(cutoffs))
            or cutoffs[0] <= 0
            or cutoffs[-1] > n_classes - 1
            or any(int(c) != c for c in cutoffs)
        ):
            raise ArgumentError(
                f"cutoffs should be a sequence of unique, positive integers sorted in an "
                f"increasing order, where each value is between 1 and n_classes-1, got {cutoffs}"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        kind = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **kind)
        self.tail = ModuleList()
        for k, (low, high) in enumerate(zip(self.cutoffs, self.cutoffs[1:]), 1):
            width = int(in_features // div_value**k)
            self.tail.append(
                Sequential(
                    Linear(in_features, width, bias=False, **kind),
                    Linear(width, high - low, bias=False, **kind),
                )
            )

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        self.head.reset_parameters()
        for first, second in self.tail:
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        is_batched = self._check(input_, target_)
        input = input_ if is_batched else input_.unsqueeze(0)
        target = target_ if is_batched else target_.unsqueeze(0)
        classes = target._value()
        if classes.size and not 0 <= classes.min() <= classes.max() < self.n_classes:
            raise ShapeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{classes.min()}, {classes.max()}] were found. "
            )
        cluster = np.searchsorted(self.cutoffs, classes, side="right")
        first = np.where(cluster == 0, classes, self.shortlist_size + cluster - 1)
        scores = F.log_softmax(self.head(input), dim=1)
        output = scores.gather(1, ops.from_numpy(first).unsqueeze(1)).squeeze(1)
        for k, tail in enumerate(self.tail, 1):
            rows = np.flatnonzero(cluster == k)
            if not rows.size:
                continue
            places = ops.from_numpy(rows)
            within = ops.from_numpy(classes[rows] - self.cutoffs[k - 1])
            scores = F.log_softmax(tail(input.index_select(0, places)), dim=1)
            chosen = scores.gather(1, within.unsqueeze(1)).squeeze(1)
            output = output.index_add(0, places, chosen)
        loss = (-output).mean()
        return _ASMoutput(output if is_batched else output.squeeze(0), loss)

    def _check(self, input: Tensor, target: Tensor) -> bool:
        """Whether there is a batch."""
        if target.ndim > 1:
            raise ShapeError("0D or 1D target tensor expected, multi-target not supported")
        if target.ndim == 1 and input.shape[:1] != target.shape[:1]:
            raise ShapeError(
                f"Input and target should have the same size in the batch dimension, got "
                f"{list(input.shape)} and {list(target.shape)}"
            )
        if input.ndim != target.ndim + 1:
            raise ShapeError(
                f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found "
                f"inputs with size {list(input.shape)}"
            )
        return target.ndim == 1

    def _get_full_log_prob(self, input: Tensor, head_output: Tensor) -> Tensor:
        scores = F.log_softmax(head_output, dim=1)
        short = self.shortlist_size
        parts = [scores[:, :short]]
        for k, tail in enumerate(self.tail):
            cluster = scores[:, short + k].unsqueeze(1)
            parts.append(F.log_softmax(tail(input), dim=1) + cluster)
        return ops.cat(parts, 1)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes, (N, n_classes)."""
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """The likeliest class of each sample, (N,): what `log_prob(input).argmax(1)` gives, with a
        look at the clusters only for the samples that need it.
        """
        head_output = self.head(input)
        output = ops.argmax(head_output, 1)
        rows = np.flatnonzero(output._value() >= self.shortlist_size)
        if not rows.size:
            return output
        places = ops.from_numpy(rows)
        scores = self._get_full_log_prob(
            input.index_select(0, places), head_output.index_select(0, places)
        )
        return output.index_copy(0, places, ops.argmax(scores, 1))
