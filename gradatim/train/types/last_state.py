"""LastState: recurrent layers that give their state after the last step of each series.

Series of different lengths come padded, with a first feature that is 1 at the steps that are there
and 0 behind the end. What is behind the end changes nothing: a state depends on the steps before
it only, and the one after the last true step is taken.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from gradatim import nn, ops
from gradatim.graph.errors import ArgumentError
from gradatim.nn import Module
from gradatim.tensor import Tensor

KINDS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}


class LastState(Module):
    """Recurrent layers one above another, and the top one's hidden state after the last step.

    Args:
        kind: "RNN", "LSTM" or "GRU".
        input_size: features of a step.
        hidden_sizes: the size of each layer's state, the lowest first.
        masked: whether a feature more comes first that says which steps are there.
        dropout: share of the features dropped in front of each layer.

    Shape:
        (N, T, input_size), or (N, T, 1 + input_size) if masked, to (N, hidden_sizes[-1]).

    Example:
        >>> import gradatim as gd
        >>> _ = gd.manual_seed(0)
        >>> layers = LastState("GRU", 2, [3], masked=True)
        >>> short = gd.tensor([[[1.0, 0.5, 2.0], [1.0, 0.1, 0.3]]])
        >>> padded = gd.cat([short, gd.zeros(1, 4, 3)], 1)
        >>> bool((layers(short) == layers(padded)).all())
        True
    """

    def __init__(
        self,
        kind: str,
        input_size: int,
        hidden_sizes: Sequence[int],
        masked: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ArgumentError(f"kind is {kind!r}: choose from {', '.join(KINDS)}")
        if not hidden_sizes:
            raise ArgumentError("LastState needs one hidden size or more, got none")
        self.kind, self.input_size, self.hidden_sizes = kind, input_size, list(hidden_sizes)
        self.masked, self.dropout = masked, float(dropout)
        sizes = [input_size, *hidden_sizes]
        self.layers = nn.ModuleList(
            [KINDS[kind](*pair, batch_first=True) for pair in itertools.pairwise(sizes)]
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, series: Tensor) -> Tensor:
        states = series[:, :, 1:] if self.masked else series
        for layer in self.layers:
            states, _ = layer(self.drop(states))
        if not self.masked:
            return states[:, -1]
        return (states * _is_last(series[:, :, 0]).unsqueeze(2)).sum(1)

    def extra_repr(self) -> str:
        return f"{self.kind}, {self.input_size}, {self.hidden_sizes}, masked={self.masked}"


def _is_last(present: Tensor) -> Tensor:
    """1 at the last step that is there and 0 elsewhere, from (N, T) of ones and then zeros."""
    behind = ops.cat([present[:, 1:], ops.zeros_like(present[:, :1])], 1)
    return present - behind
