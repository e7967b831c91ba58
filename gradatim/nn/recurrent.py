"""Recurrent layers: RNN, LSTM, GRU, with PyTorch's arguments, names and initial weights.

What a step computes stands in ops/recurrent.py.
"""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Sequence
from typing import Any

from gradatim import ops
from gradatim.graph.errors import (
    ArgumentError,
    ArgumentTypeError,
    IndexOutOfRange,
    ShapeError,
    WrongKind,
)
from gradatim.nn import init
from gradatim.nn.module import Module
from gradatim.nn.parameter import Parameter
from gradatim.nn.utils.rnn import PackedSequence, Places
from gradatim.ops.recurrent import GATES, run_layers
from gradatim.tensor import Tensor


class RNNBase(Module):
    """What RNN, LSTM and GRU share: their weights, and how their arguments are checked.

    The weights are uniform on ±1/sqrt(hidden_size), drawn in the order of `parameters()`.

    Attributes:
        weight_ih_l0: (gates · hidden_size, input_size), of layer 0; in later layers
            (gates · hidden_size, directions · hidden_size).
        weight_hh_l0: (gates · hidden_size, hidden_size).
        bias_ih_l0, bias_hh_l0: (gates · hidden_size,), unless `bias=False`.
        weight_hr_l0: (proj_size, hidden_size), if there is a projection.
        weight_ih_l0_reverse ...: the same of the direction from the last step to the first.
    """

    mode: str

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        if mode not in GATES:
            raise ArgumentError(f"Unrecognized RNN mode: {mode}")
        _check_arguments(input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                f"dropout option adds dropout after all but last recurrent layer, so non-zero "
                f"dropout expects num_layers greater than 1, but got dropout={dropout} and "
                f"num_layers={num_layers}",
                stacklevel=3,
            )
        self._all_weights: list[list[str]] = []
        rows = GATES[mode] * hidden_size
        for layer in range(num_layers):
            features = input_size if layer == 0 else self._output_size
            for suffix in ("", "_reverse")[: self._directions]:
                shapes = {
                    f"weight_ih_l{layer}{suffix}": (rows, features),
                    f"weight_hh_l{layer}{suffix}": (rows, proj_size or hidden_size),
                }
                if bias:
                    shapes[f"bias_ih_l{layer}{suffix}"] = (rows,)
                    shapes[f"bias_hh_l{layer}{suffix}"] = (rows,)
                if proj_size:
                    shapes[f"weight_hr_l{layer}{suffix}"] = (proj_size, hidden_size)
                for name, shape in shapes.items():
                    setattr(self, name, Parameter(ops.empty(shape, device=device, dtype=dtype)))
                self._all_weights.append(list(shapes))
        self.reset_parameters()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _output_size(self) -> int:
        return self._directions * (self.proj_size or self.hidden_size)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The weights of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def reset_parameters(self) -> None:
        """Draw the weights and biases anew."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Does nothing: there is one way the weights lie in memory."""

    # --- forward ---------------------------------------------------------------------------------

    def _run(self, input: Any, hx: Any) -> tuple[Any, list[Tensor]]:
        """The outputs and the last states, in the form of `input`."""
        if isinstance(input, PackedSequence):
            return self._run_packed(input, hx)
        name = "RNN" if self.mode.startswith("RNN") else self.mode
        if input.dim() not in (2, 3):
            kind = "D tensor instead" if name == "RNN" else "D instead"
            raise ArgumentError(f"{name}: Expected input to be 2D or 3D, got {input.dim()}{kind}")
        is_batched = input.dim() == 3
        batch_dim = 0 if self.batch_first else 1
        if not is_batched:
            input = input.unsqueeze(batch_dim)
        states = None if hx is None else self._states(hx, is_batched)
        self._check_input(input)
        sizes = self._state_sizes(input.shape[batch_dim])
        if states is None:
            states = [ops.zeros(s, dtype=input.dtype, device=input.device) for s in sizes]
        self._check_states(states, sizes)
        output, last = self._layers(input.transpose(0, 1) if self.batch_first else input, states)
        if self.batch_first:
            output = output.transpose(0, 1)
        if not is_batched:
            output, last = output.squeeze(batch_dim), [end.squeeze(1) for end in last]
        return output, last

    def _run_packed(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, list[Tensor]]:
        """Sequences of different lengths: padded, with a mask that stops each where it ends."""
        data, _, order, back = input
        if data.dim() != 2:
            raise ShapeError(f"input must have 2 dimensions, got {data.dim()}")
        self._check_input(data)
        places = Places(input.batch_sizes)
        sizes = self._state_sizes(places.batch)
        if hx is None:
            states = [ops.zeros(s, dtype=data.dtype, device=data.device) for s in sizes]
        else:
            states = self._states(hx, is_batched=True)
            if order is not None:
                states = [state.index_select(1, order) for state in states]
        self._check_states(states, sizes)
        output, last = self._layers(places.pad(data), states, places)
        if back is not None:
            last = [state.index_select(1, back) for state in last]
        return PackedSequence(places.pack(output), *input[1:]), last

    def _layers(
        self, x: Tensor, states: list[Tensor], places: Any = None
    ) -> tuple[Tensor, list[Tensor]]:
        weights = [weight for several in self.all_weights for weight in several]
        return run_layers(
            self.mode, x, states, weights, self.bias, self.num_layers, self.dropout,
            self.training, self.bidirectional, places,
        )  # fmt: skip

    def _state_sizes(self, batch: int) -> list[tuple[int, int, int]]:
        """What each part of the state must be."""
        return [(self.num_layers * self._directions, batch, self.proj_size or self.hidden_size)]

    def _states(self, hx: Tensor, is_batched: bool) -> list[Tensor]:
        """The parts of the state, with a dimension for the batch."""
        dims, kind = (3, "batched 3-D") if is_batched else (2, "unbatched 2-D")
        if not isinstance(hx, Tensor):
            raise WrongKind(f"expected the state h_0 as one Tensor, got {type(hx).__name__}")
        if hx.dim() != dims:
            raise ShapeError(
                f"For {kind} input, hx should also be {dims}-D but got {hx.dim()}-D tensor"
            )
        return [hx if is_batched else hx.unsqueeze(1)]

    def _check_input(self, input: Tensor) -> None:
        weight = getattr(self, self._all_weights[0][0])
        if input.dtype is not weight.dtype:
            raise ArgumentError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: "
                f"model.to({input.dtype})"
            )
        if input.shape[-1] != self.input_size:
            raise ShapeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                f"{input.shape[-1]}"
            )

    def _check_states(self, states: list[Tensor], sizes: list[tuple[int, int, int]]) -> None:
        for k, (state, size) in enumerate(zip(states, sizes)):
            if tuple(state.shape) != size:
                which = f"hidden[{k}]" if len(sizes) > 1 else "hidden"
                raise ShapeError(f"Expected {which} size {size}, got {list(state.shape)}")

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        for name, usual in (
            ("proj_size", 0), ("num_layers", 1), ("bias", True), ("batch_first", False),
            ("dropout", 0), ("bidirectional", False),
        ):  # fmt: skip
            value = getattr(self, name)
            if value != usual:
                text += f", {name}={value}"
        return text


def _check_arguments(
    input_size: Any,
    hidden_size: Any,
    num_layers: int,
    bias: Any,
    batch_first: Any,
    dropout: Any,
    proj_size: int,
) -> None:
    if (
        not isinstance(dropout, numbers.Number)
        or isinstance(dropout, bool)
        or not 0 <= dropout <= 1  # type: ignore[operator]
    ):
        raise ArgumentError(
            "dropout should be a number in range [0, 1] representing the probability of an "
            f"element being zeroed, got {dropout!r}"
        )
    for name, value, kind in (
        ("bias", bias, bool), ("batch_first", batch_first, bool), ("input_size", input_size, int),
        ("hidden_size", hidden_size, int),
    ):  # fmt: skip
        if not isinstance(value, kind):
            raise ArgumentTypeError(
                f"{name} should be of type {kind.__name__}, got: {type(value).__name__}"
            )
    for name, size in (
        ("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers),
    ):  # fmt: skip
        if size <= 0:
            raise ArgumentError(f"{name} must be greater than zero, got {size}")
    if proj_size < 0:
        raise ArgumentError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ArgumentError(
            f"proj_size has to be smaller than hidden_size, got {proj_size} and {hidden_size}"
        )


def _no_projection(arguments: dict[str, Any]) -> None:
    if "proj_size" in arguments:
        raise ArgumentError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RNNBase):
    """A simple recurrent network (Elman, 1990): h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh).

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        num_layers: each takes the outputs of the one before it.
        nonlinearity: "tanh" or "relu".
        bias: whether the biases are there.
        batch_first: the batch comes before the steps.
        dropout: the probability with which outputs between layers are dropped in training.
        bidirectional: each layer also runs from the last step to the first.
        device, dtype: of the parameters.

    Shape:
        input: (steps, batch, input_size), with `batch_first` (batch, steps, input_size), without a
            batch (steps, input_size), or a PackedSequence.
        hx: (num_layers · directions, batch, hidden_size), zeros by default.
        returns: `(output, h)`: the last layer's h of every step, (steps, batch, directions ·
            hidden_size), and the last h of every layer and direction.

    Raises:
        ShapeError, ArgumentError: for an input or a state of the wrong sizes or dtype.

    Example:
        >>> import gradatim as gd
        >>> output, h = gd.nn.RNN(3, 4, num_layers=2)(gd.zeros(5, 1, 3))
        >>> output.shape, h.shape
        (torch.Size([5, 1, 4]), torch.Size([2, 1, 4]))
    """

    def __init__(self, *args: Any, **kwargs: Any):
        _no_projection(kwargs)
        if len(args) > 3:
            self.nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            self.nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if self.nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(
                f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(f"RNN_{self.nonlinearity.upper()}", *args, **kwargs)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        output, (h,) = self._run(input, hx)
        return output, h


class GRU(RNNBase):
    """A network of gated recurrent units (Cho et al., 2014).

        r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)              reset
        z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)              update
        n = tanh(W_in x + b_in + r * (W_hn h + b_hn))           new
        h' = (1 - z) * n + z * h

    The weights of r, z and n stand one below the other. Arguments, shapes and errors as `RNN`,
    without `nonlinearity`.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        _no_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        output, (h,) = self._run(input, hx)
        return output, h


class LSTM(RNNBase):
    """A network with long short-term memory (Hochreiter and Schmidhuber, 1997).

        i = sigmoid(W_ii x + b_ii + W_hi h + b_hi)              input
        f = sigmoid(W_if x + b_if + W_hf h + b_hf)              forget
        g = tanh(W_ig x + b_ig + W_hg h + b_hg)                 cell
        o = sigmoid(W_io x + b_io + W_ho h + b_ho)              output
        c' = f * c + i * g
        h' = o * tanh(c')

    The weights of i, f, g and o stand one below the other. Arguments, shapes and errors as `RNN`,
    without `nonlinearity`, and:

    Args:
        proj_size: if not 0, h' is multiplied by a matrix to this size (Sak et al., 2014).

    Shape:
        hx: the pair `(h, c)`: (num_layers · directions, batch, proj_size or hidden_size) and
            (num_layers · directions, batch, hidden_size).
        returns: `(output, (h, c))`.

    Example:
        >>> import gradatim as gd
        >>> output, (h, c) = gd.nn.LSTM(3, 4, batch_first=True)(gd.zeros(2, 5, 3))
        >>> output.shape, h.shape, c.shape
        (torch.Size([2, 5, 4]), torch.Size([1, 2, 4]), torch.Size([1, 2, 4]))
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__("LSTM", *args, **kwargs)

    def _state_sizes(self, batch: int) -> list[tuple[int, int, int]]:
        (h,) = super()._state_sizes(batch)
        return [h, (*h[:2], self.hidden_size)]

    def _states(self, hx: Any, is_batched: bool) -> list[Tensor]:
        dims, kind = (3, "batched 3-D") if is_batched else (2, "unbatched 2-D")
        if not isinstance(hx, (Tensor, Sequence)):
            raise WrongKind(f"expected the state as a pair (h_0, c_0), got {type(hx).__name__}")
        if isinstance(hx, Tensor) or len(hx) != 2:
            given = f"a Tensor of shape {list(hx.shape)}" if isinstance(hx, Tensor) else f"{hx!r}"
            raise IndexOutOfRange(f"expected the state as a pair (h_0, c_0), got {given}")
        if any(state.dim() != dims for state in hx):
            raise ShapeError(
                f"For {kind} input, hx and cx should also be {dims}-D but got "
                f"({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
            )
        return list(hx) if is_batched else [state.unsqueeze(1) for state in hx]

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        output, (h, c) = self._run(input, hx)
        return output, (h, c)
