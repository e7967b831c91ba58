"""Recurrent cells, and layers of them that run over a sequence: RNN, LSTM, GRU.

A cell is one step: a function of the input, the carried state and the weights. A layer is a `scan`
whose body is that step; the input projection stands inside of it and is moved in front of the loop
by graph/scan_rewrite.py. The gates are PyTorch's, in its order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType, bool_
from gradatim.graph.errors import ShapeError
from gradatim.graph.node import Node, Shape
from gradatim.ops.draws import dropout_mask
from gradatim.tensor import Tensor, named, wrap

__all__ = [
    "gru",
    "gru_cell",
    "lstm",
    "lstm_cell",
    "rnn_relu",
    "rnn_relu_cell",
    "rnn_tanh",
    "rnn_tanh_cell",
]

# --- one step ------------------------------------------------------------------------------------


class Weights:
    """The weights of one cell, as Nodes: those of the input, of the state, of the projection."""

    def __init__(self, nodes: Sequence[Node], has_biases: bool):
        self.ih, self.hh, *rest = nodes
        self.b_ih, self.b_hh = rest[:2] if has_biases else (None, None)
        projection = rest[2:] if has_biases else rest
        self.hr = projection[0] if projection else None


def _affine(x: Node, weight: Node, *biases: Node | None) -> Node:
    result = p.contract(x, weight, (1,), (1,))
    for bias in biases:
        if bias is not None:
            result = p.add(result, bias)
    return result


def _pieces(x: Node, count: int) -> list[Node]:
    """The gates: equal parts of the columns."""
    rows, columns = x.shape
    size = columns // count
    return [p.slice_(x, (0, k * size), (rows, (k + 1) * size), (1, 1)) for k in range(count)]


# One step of each kind: (input, state, weights) -> the new state, whose first part is the output.
Step = Callable[[Node, Sequence[Node], Weights], tuple[Node, ...]]


def _rnn(activation: Callable[[Node], Node]) -> Step:
    def step(x: Node, state: Sequence[Node], w: Weights) -> tuple[Node, ...]:
        (h,) = state
        return (activation(p.add(_affine(x, w.ih, w.b_ih, w.b_hh), _affine(h, w.hh))),)

    return step


def _lstm(x: Node, state: Sequence[Node], w: Weights) -> tuple[Node, ...]:
    """Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000)."""
    h, c = state
    gates = p.add(_affine(x, w.ih, w.b_ih, w.b_hh), _affine(h, w.hh))
    i, f, g, o = _pieces(gates, 4)
    c = p.add(p.mul(p.sigmoid(f), c), p.mul(p.sigmoid(i), p.tanh(g)))
    h = p.mul(p.sigmoid(o), p.tanh(c))
    return (h if w.hr is None else _affine(h, w.hr)), c


def _gru(x: Node, state: Sequence[Node], w: Weights) -> tuple[Node, ...]:
    """Cho et al. (2014), with the reset gate behind the product, as cuDNN and PyTorch have it."""
    (h,) = state
    from_x = _pieces(_affine(x, w.ih, w.b_ih), 3)
    from_h = _pieces(_affine(h, w.hh, w.b_hh), 3)
    r = p.sigmoid(p.add(from_x[0], from_h[0]))
    z = p.sigmoid(p.add(from_x[1], from_h[1]))
    n = p.tanh(p.add(from_x[2], p.mul(r, from_h[2])))
    return (p.add(n, p.mul(z, p.sub(h, n))),)


STEPS: dict[str, Step] = {
    "RNN_TANH": _rnn(p.tanh),
    "RNN_RELU": _rnn(p.relu),
    "LSTM": _lstm,
    "GRU": _gru,
}
GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}

# --- cells ---------------------------------------------------------------------------------------


def _cell(mode: str, input: Tensor, state: Sequence[Tensor], weights: Sequence[Any]) -> Any:
    x, nodes = input._read(), [s._read() for s in state]
    given = [w._read() for w in weights if w is not None]
    hidden = given[1].shape[1]
    if x.ndim != 2 or x.shape[1] != given[0].shape[1]:
        raise ShapeError(
            f"input has inconsistent input_size: got {x.shape[-1] if x.ndim else 0} expected "
            f"{given[0].shape[1]}"
        )
    for node in nodes:
        if node.shape[0] != x.shape[0]:
            raise ShapeError(
                f"Input batch size {x.shape[0]} doesn't match hidden0 batch size {node.shape[0]}"
            )
        if node.shape[1] != hidden:
            raise ShapeError(
                f"hidden0 has inconsistent hidden_size: got {node.shape[1]}, expected {hidden}"
            )
    new = STEPS[mode](x, nodes, Weights(given, weights[2] is not None))
    return [wrap(node) for node in new]


def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Any = None, b_hh: Any = None
) -> Tensor:
    """One step of a simple recurrent cell: h' = tanh(W_ih x + b_ih + W_hh h + b_hh).

    Args:
        input: (batch, features).
        hx: (batch, hidden).
        w_ih, w_hh: (hidden, features) and (hidden, hidden).
        b_ih, b_hh: (hidden,), or both None.
    """
    return _cell("RNN_TANH", input, [hx], (w_ih, w_hh, b_ih, b_hh))[0]


def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Any = None, b_hh: Any = None
) -> Tensor:
    """`rnn_tanh_cell` with relu in place of tanh."""
    return _cell("RNN_RELU", input, [hx], (w_ih, w_hh, b_ih, b_hh))[0]


def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Any = None, b_hh: Any = None
) -> Tensor:
    """One step of a gated recurrent unit: `rnn_tanh_cell` with weights for three gates (reset,
    update, new), one below the other."""
    return _cell("GRU", input, [hx], (w_ih, w_hh, b_ih, b_hh))[0]


def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Any = None,
    b_hh: Any = None,
) -> tuple[Tensor, Tensor]:
    """One step of a long short-term memory: `(h, c)` becomes the new `(h, c)`.

    The weights are those of `rnn_tanh_cell` for four gates (input, forget, cell, output), one below
    the other.
    """
    h, c = _cell("LSTM", input, list(hx), (w_ih, w_hh, b_ih, b_hh))
    return h, c


# --- layers --------------------------------------------------------------------------------------

Type = tuple[Shape, DType]


@functools.lru_cache(maxsize=256)
def _body(
    mode: str, state: tuple[Type, ...], x: Type, weights: tuple[Type, ...],
    has_biases: bool, is_masked: bool,
) -> p.Body:  # fmt: skip
    """The step as the body of a scan: inputs are the state, the slice of the input (and of the
    mask), the weights; outputs the new state and the step's output."""
    types = [*state, x, *([((x[0][0], 1), bool_)] if is_masked else []), *weights]
    inputs = [p.program_input(k, shape, dtype) for k, (shape, dtype) in enumerate(types)]
    before, (first, *rest) = inputs[: len(state)], inputs[len(state) :]
    after = STEPS[mode](first, before, Weights(rest[is_masked:], has_biases))
    output = after[0]
    if is_masked:  # where the sequence is over, the state stays
        alive = rest[0]
        output = p.select(alive, output, p.constant(0, x[1]))
        after = tuple(p.select(alive, new, old) for new, old in zip(after, before))
    return p.Body(inputs, [*after, output])


def _layer(
    mode: str,
    x: Node,
    state: Sequence[Node],
    weights: Sequence[Node],
    has_biases: bool,
    reverse: bool,
    mask: Node | None,
) -> tuple[Node, list[Node]]:
    """One direction of one layer: the outputs of all steps, and the last state."""
    steps = x.shape[0]
    body = _body(
        mode,
        tuple((s.shape, s.dtype) for s in state),
        (x.shape[1:], x.dtype),
        tuple((w.shape, w.dtype) for w in weights),
        has_biases,
        mask is not None,
    )
    sequences = [x] if mask is None else [x, mask]
    *last, outputs = p.scan(body, state, sequences, weights, steps, reverse)
    return outputs, last


def run_layers(
    mode: str,
    input: Tensor,
    states: Sequence[Tensor],
    params: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    places: Any = None,
) -> tuple[Tensor, list[Tensor]]:
    """All layers of a network: the outputs of the last, and the last states of all.

    Args:
        mode: a key of `STEPS`.
        input: (steps, batch, features).
        states: h (and c) of each layer and direction, (layers · directions, batch, size).
        params: the weights of each layer and direction, one after the other.
        dropout: the probability with which outputs between layers are dropped in training.
        places: for sequences of different lengths, where they are over (see nn/utils/rnn.py).
    """
    directions = 2 if bidirectional else 1
    alive = None if places is None else places.mask._read()
    nodes = [param._read() for param in params]
    given = [state._read() for state in states]
    size = len(nodes) // (num_layers * directions)
    x = input._read()
    last: list[list[Node]] = []
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            k = layer * directions + direction
            weights = nodes[k * size : (k + 1) * size]
            found, end = _layer(
                mode, x, [_row(s, k) for s in given], weights, has_biases, bool(direction), alive
            )
            outputs.append(found)
            last.append(end)
        x = outputs[0] if directions == 1 else p.concatenate(outputs, 2)
        if dropout and train and layer < num_layers - 1:
            kept = wrap(x)
            if places is None:
                kept = _dropped(kept, dropout)
            else:  # nothing is drawn for what is padding
                kept = places.pad(_dropped(places.pack(kept), dropout))
            x = kept._read()
    ends = [wrap(p.concatenate([_as_row(end[j]) for end in last], 0)) for j in range(len(states))]
    return named(x, "Scan"), ends


def _row(x: Node, k: int) -> Node:
    rest = x.shape[1:]
    one = p.slice_(x, (k, *(0,) * len(rest)), (k + 1, *rest), (1,) * x.ndim)
    return p.reshape(one, rest)


def _as_row(x: Node) -> Node:
    return p.reshape(x, (1, *x.shape))


def _dropped(x: Tensor, probability: float) -> Tensor:
    if x.numel() == 0:
        return x
    if probability == 1:
        return x * 0.0
    return x * (dropout_mask(tuple(x.shape), 1 - probability, x.dtype) / (1 - probability))


def _network(mode: str) -> Callable[..., tuple[Tensor, ...]]:
    def run(
        input: Tensor,
        hx: Any,
        params: Sequence[Tensor],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> tuple[Tensor, ...]:
        states = [hx] if isinstance(hx, Tensor) else list(hx)
        x = input.transpose(0, 1) if batch_first else input
        output, last = run_layers(
            mode, x, states, params, has_biases, num_layers, dropout, train, bidirectional
        )
        return (output.transpose(0, 1) if batch_first else output), *last

    return run


def rnn_tanh(
    input: Tensor, hx: Tensor, params: Sequence[Tensor], has_biases: bool, num_layers: int,
    dropout: float, train: bool, bidirectional: bool, batch_first: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Layers of simple recurrent cells, as `torch.rnn_tanh`: `(output, h)`.

    Args:
        input: (steps, batch, features), or with `batch_first` (batch, steps, features).
        hx: (layers · directions, batch, hidden).
        params: of each layer and direction w_ih, w_hh, and with `has_biases` b_ih, b_hh.
        dropout: the probability with which outputs between layers are dropped, if `train`.
        bidirectional: each layer also runs from the last step to the first, with other weights.
    """
    return _network("RNN_TANH")(
        input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first
    )


def rnn_relu(
    input: Tensor, hx: Tensor, params: Sequence[Tensor], has_biases: bool, num_layers: int,
    dropout: float, train: bool, bidirectional: bool, batch_first: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """`rnn_tanh` with relu in place of tanh."""
    return _network("RNN_RELU")(
        input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first
    )


def gru(
    input: Tensor, hx: Tensor, params: Sequence[Tensor], has_biases: bool, num_layers: int,
    dropout: float, train: bool, bidirectional: bool, batch_first: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Layers of gated recurrent units; arguments and results as `rnn_tanh`."""
    return _network("GRU")(
        input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first
    )


def lstm(
    input: Tensor, hx: Sequence[Tensor], params: Sequence[Tensor], has_biases: bool,
    num_layers: int, dropout: float, train: bool, bidirectional: bool, batch_first: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Layers of long short-term memories: `(output, h, c)`. Arguments as `rnn_tanh`, but `hx` is
    the pair `(h, c)`, and a fifth weight, if there is one, projects h."""
    return _network("LSTM")(
        input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first
    )
