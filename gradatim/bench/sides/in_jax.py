"""A training step in JAX: one jitted function of parameters, optimizer state and batch, whose old
parameters and state are donated; the input's part of recurrent gates is taken out of the scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

if TYPE_CHECKING:
    from gradatim.bench.sides import Step
    from gradatim.bench.workloads import Layer, Workload

    Array = np.ndarray[Any, Any]

Parameters = dict[str, Any]


# --- layers: a function of its parameters, the value so far, and the layer's arguments -----------


def _linear(p: Parameters, x: Any, i: int, o: int) -> Any:
    return x @ p["weight"] + p["bias"]


def _convolution(
    p: Parameters, x: Any, i: int, o: int, kernel: int, stride: int = 1, padding: int = 0
) -> Any:
    y = lax.conv_general_dilated(
        x, p["weight"], (stride,) * 2, [(padding, padding)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )  # fmt: skip
    return y + p["bias"]


def _max_pool(p: Parameters, x: Any, size: int) -> Any:
    window = (1, size, size, 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")


def _average_pool(p: Parameters, x: Any, size: int) -> Any:
    window = (1, size, size, 1)
    return lax.reduce_window(x, 0.0, lax.add, window, window, "VALID") / size**2


def _flatten(p: Parameters, x: Any) -> Any:
    return x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)  # in the order of PyTorch's channels


def _scan(x: Any, p: Parameters, hidden: int, step: Any, start: Any) -> Any:
    """The input's part of the gates for all time steps at once, then the loop."""
    gates = jnp.swapaxes(x, 0, 1) @ p["weight_ih_l0"] + p["bias_ih_l0"]
    last, _ = lax.scan(lambda state, g: (step(state, g), None), start, gates)
    return last


def _rnn(p: Parameters, x: Any, i: int, hidden: int) -> Any:
    def step(h: Any, g: Any) -> Any:
        return jnp.tanh(g + h @ p["weight_hh_l0"] + p["bias_hh_l0"])

    return _scan(x, p, hidden, step, jnp.zeros((x.shape[0], hidden)))


def _lstm(p: Parameters, x: Any, i: int, hidden: int) -> Any:
    def step(state: Any, g: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(g + h @ p["weight_hh_l0"] + p["bias_hh_l0"], 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c

    zeros = jnp.zeros((x.shape[0], hidden))
    return _scan(x, p, hidden, step, (zeros, zeros))[0]


def _gru(p: Parameters, x: Any, i: int, hidden: int) -> Any:
    def step(h: Any, g: Any) -> Any:
        r, z, n = jnp.split(g, 3, -1)
        hr, hz, hn = jnp.split(h @ p["weight_hh_l0"] + p["bias_hh_l0"], 3, -1)
        z = jax.nn.sigmoid(z + hz)
        n = jnp.tanh(n + jax.nn.sigmoid(r + hr) * hn)
        return (1 - z) * n + z * h

    return _scan(x, p, hidden, step, jnp.zeros((x.shape[0], hidden)))


LAYERS: dict[str, Callable[..., Any]] = {
    "Linear": _linear,
    "Conv2d": _convolution,
    "MaxPool2d": _max_pool,
    "AvgPool2d": _average_pool,
    "Flatten": _flatten,
    "RNN": _rnn,
    "LSTM": _lstm,
    "GRU": _gru,
    "ReLU": lambda p, x: jax.nn.relu(x),
    "Tanh": lambda p, x: jnp.tanh(x),
    "Sigmoid": lambda p, x: jax.nn.sigmoid(x),
}


def _forward(layers: tuple[Layer, ...], parameters: list[Parameters], x: Any) -> Any:
    for (name, *arguments), p in zip(layers, parameters):
        options: dict[str, Any] = {}
        if arguments and isinstance(arguments[-1], dict):
            options = arguments.pop()
        x = LAYERS[name](p, x, *arguments, **options)
    return x


# --- the step ------------------------------------------------------------------------------------


def _cross_entropy(logits: Any, y: Any) -> Any:
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1))


LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "MSELoss": lambda a, y: jnp.mean((a - y) ** 2),
    "CrossEntropyLoss": _cross_entropy,
}
OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "SGD": lambda lr: optax.sgd(lr),
    "Adam": lambda lr: optax.adam(lr),
}


def _parameters(layers: tuple[Layer, ...], weights: dict[str, Array]) -> list[Parameters]:
    """For each layer, its parameters by name: weights as (inputs, outputs), kernels as HWIO."""
    found: list[Parameters] = [{} for _ in layers]
    for name, value in weights.items():
        place, *_, own = name.split(".")
        turned = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T
        found[int(place)][own] = jnp.array(turned)
    return found


def prepare(
    workload: Workload, weights: dict[str, Array], x: Array, y: Array, threads: int
) -> Step:
    """The step, jitted. JAX takes all the processors that the process may use."""
    loss_of, (name, options) = LOSSES[workload.loss], workload.optimizer
    optimizer = OPTIMIZERS[name](**options)

    def train(parameters: Any, state: Any, x: Any, y: Any) -> Any:
        def objective(p: Any) -> Any:
            return loss_of(_forward(workload.layers, p, x), y)

        loss, gradients = jax.value_and_grad(objective)(parameters)
        updates, state = optimizer.update(gradients, state, parameters)
        return optax.apply_updates(parameters, updates), state, loss

    jitted = jax.jit(train, donate_argnums=(0, 1))
    parameters = _parameters(workload.layers, weights)
    state = optimizer.init(parameters)
    batch = jnp.array(x.transpose(0, 2, 3, 1) if x.ndim == 4 else x)
    targets = batch if workload.targets == "input" else jnp.array(y)

    def step() -> Any:
        nonlocal parameters, state
        parameters, state, loss = jitted(parameters, state, batch, targets)
        return loss

    return step
