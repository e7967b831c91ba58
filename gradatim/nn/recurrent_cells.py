"""Recurrent cells, one step each, for loops written in Python: RNNCell, LSTMCell, GRUCell."""

from __future__ import annotations

import math
from typing import Any

from gradatim import ops
from gradatim.graph.errors import ArgumentError
from gradatim.nn import init
from gradatim.nn.module import Module
from gradatim.nn.parameter import Parameter
from gradatim.tensor import Tensor


class RNNCellBase(Module):
    """What the cells share. The weights are uniform on ±1/sqrt(hidden_size).

    Attributes:
        weight_ih: (gates · hidden_size, input_size).
        weight_hh: (gates · hidden_size, hidden_size).
        bias_ih, bias_hh: (gates · hidden_size,) or None.
    """

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        made = {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(ops.empty(rows, input_size, **made))
        self.weight_hh = Parameter(ops.empty(rows, hidden_size, **made))
        self.register_parameter("bias_ih", Parameter(ops.empty(rows, **made)) if bias else None)
        self.register_parameter("bias_hh", Parameter(ops.empty(rows, **made)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights and biases anew."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def _prepare(self, input: Tensor, states: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
        """The input and the parts of the state, each with a dimension for the batch."""
        cell = type(self).__name__
        if input.dim() not in (1, 2):
            raise ArgumentError(
                f"{cell}: Expected input to be 1D or 2D, got {input.dim()}D instead"
            )
        if states is not None:
            for state, name in zip(states, names):
                if state.dim() not in (1, 2):
                    raise ArgumentError(
                        f"{cell}: Expected {name} to be 1D or 2D, got {state.dim()}D instead"
                    )
        if input.dim() == 1:
            input = input.unsqueeze(0)
            states = None if states is None else [state.unsqueeze(0) for state in states]
        if states is None:
            sizes = (input.shape[0], self.hidden_size)
            zeros = ops.zeros(sizes, dtype=input.dtype, device=input.device)
            states = [zeros] * len(names)
        return input, states

    @property
    def _weights(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh


class RNNCell(RNNCellBase):
    """One step of a simple recurrent network: h' = tanh(W_ih x + b_ih + W_hh h + b_hh).

    Args:
        input_size, hidden_size: features of the input, and of the state.
        bias: whether the biases are there.
        nonlinearity: "tanh" or "relu".
        device, dtype: of the parameters.

    Shape:
        input (batch, input_size) and h (batch, hidden_size), zeros by default, to the new h; all
        of them may be without a batch.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.RNNCell(3, 4)(gd.zeros(2, 3)).shape
        torch.Size([2, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        x, (h,) = self._prepare(input, None if hx is None else [hx], ("hidden",))
        steps = {"tanh": ops.rnn_tanh_cell, "relu": ops.rnn_relu_cell}
        if self.nonlinearity not in steps:
            raise ArgumentError(f"Unknown nonlinearity: {self.nonlinearity}")
        new = steps[self.nonlinearity](x, h, *self._weights)
        return new if input.dim() == 2 else new.squeeze(0)


class LSTMCell(RNNCellBase):
    """One step of an `LSTM`: `(h, c)` becomes the new `(h, c)`. Arguments as `RNNCell`, without
    `nonlinearity`.

    Example:
        >>> import gradatim as gd
        >>> h, c = gd.nn.LSTMCell(3, 4)(gd.zeros(2, 3))
        >>> h.shape, c.shape
        (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        x, states = self._prepare(input, hx, ("hx[0]", "hx[1]"))
        h, c = ops.lstm_cell(x, states, *self._weights)
        return (h, c) if input.dim() == 2 else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a `GRU`. Arguments and shapes as `RNNCell`, without `nonlinearity`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        x, (h,) = self._prepare(input, None if hx is None else [hx], ("hidden",))
        new = ops.gru_cell(x, h, *self._weights)
        return new if input.dim() == 2 else new.squeeze(0)
