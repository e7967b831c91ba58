"""gd.explain.step: make the worksheet of one training step."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradatim import nn, ops
from gradatim.autograd import enable_grad
from gradatim.autograd.reverse import grad_of_tensors
from gradatim.explain.functions import ACTIVATIONS, Function, activation_of, loss_formula
from gradatim.explain.tracing import Call, Trace, trace
from gradatim.explain.worksheet import (
    Array,
    Layer,
    Loss,
    Show,
    Update,
    Worksheet,
    parameter_symbol,
)
from gradatim.func import functional_call
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError, Error, ShapeError
from gradatim.nn import Module
from gradatim.random import fork_rng
from gradatim.tensor import Tensor

LossFunction = Callable[[Tensor, Tensor], Tensor]

LOSSES: dict[str, type[Module]] = {
    "mse": nn.MSELoss,
    "l1": nn.L1Loss,
    "smooth_l1": nn.SmoothL1Loss,
    "huber": nn.HuberLoss,
    "cross_entropy": nn.CrossEntropyLoss,
    "nll": nn.NLLLoss,
    "bce": nn.BCELoss,
    "bce_with_logits": nn.BCEWithLogitsLoss,
    "kl_div": nn.KLDivLoss,
    "poisson_nll": nn.PoissonNLLLoss,
    "soft_margin": nn.SoftMarginLoss,
    "hinge_embedding": nn.HingeEmbeddingLoss,
    "multi_margin": nn.MultiMarginLoss,
    "multilabel_margin": nn.MultiLabelMarginLoss,
    "multilabel_soft_margin": nn.MultiLabelSoftMarginLoss,
}
"""The losses that `step` knows by name."""


def step(
    model: Module,
    x: Any,
    y: Any,
    loss: str | LossFunction = "mse",
    lr: float = 0.1,
    *,
    row: int | None = None,
    neurons: Sequence[tuple[int, int]] = (),
    digits: int = 4,
) -> Worksheet:
    """One training step of plain gradient descent with every number. The model stays as it is.

    Args:
        model: any Module. The numbers of dense layers (`Linear`) are shown neuron by neuron, other
            layers as a whole.
        x: what the model takes: (features,), or (rows, features) and so on. Lists of numbers
            become tensors of the model's dtype.
        y: the targets, as the loss takes them.
        loss: a name (see `gd.explain.LOSSES`), a loss layer, or a function of outputs and targets
            that gives one number.
        lr: the learning rate, α in w ← w − α ∂L/∂w.
        row: the row of the batch (from 0) whose sums are shown neuron by neuron; by default all of
            a batch of up to three rows, else the first.
        neurons: (layer, neuron) pairs, from 1, to show in full however large the layer is.
        digits: how many significant digits are shown.

    Raises:
        ArgumentError: the model has no parameters, or none that can learn; an unknown loss; a
            learning rate that is not a number; a row or a neuron that is not there.
        DTypeError: x holds integers, which the model does not take.
        ShapeError: the loss is not one number.

    Example:
        >>> import gradatim as gd
        >>> model = gd.nn.Sequential(gd.nn.Linear(2, 1), gd.nn.Sigmoid())
        >>> _ = model.load_state_dict(
        ...     {"0.weight": gd.tensor([[0.5, -0.5]]), "0.bias": gd.tensor([0.0])}
        ... )
        >>> sheet = step(model, [1.0, 0.0], [1.0], loss="mse", lr=0.1)
        >>> sheet.formula
        'ŷⱼ = [σ(∑ᵢ w¹ⱼᵢ xᵢ + b¹ⱼ)]ⱼ'
        >>> update = sheet.updates[0]
        >>> [f"{array[0, 0]:.4f}" for array in (update.old, update.gradient, update.new)]
        ['0.5000', '-0.1774', '0.5177']
    """
    rate = checked_rate(lr)
    parameters = checked_parameters(model)
    function = find_loss(loss)
    inputs = as_input(x, parameters)
    targets = as_target(y, function, parameters)

    first = forward(model, function, inputs, targets)
    gradients = first.differentiate([p for p in parameters.values() if p.requires_grad])
    updates = _updates(parameters, gradients, rate)
    changed = {
        name: ops.tensor(u.new).requires_grad_()
        for name, u in updates.items()
        if u.gradient is not None
    }
    second = Pass(model, function, inputs, targets)
    second.run(changed)

    layers, is_chain = _layers(first, gradients, updates)
    after, _ = _layers(second, {}, updates)
    _check_choice(row, neurons, inputs, layers)
    name, formula = loss_formula(function)
    return Worksheet(
        model=type(model).__name__,
        learning_rate=rate,
        parameters=sum(p.numel() for p in parameters.values()),
        inputs=_rows(inputs),
        layers=tuple(layers),
        loss=Loss(
            name,
            formula,
            _rows(first.output),
            targets.numpy(),
            _terms(function, first.output, targets),
            first.loss.item(),
            second.loss.item(),
        ),
        updates=tuple(updates.values()),
        after=tuple(layer.activations for layer in after),
        is_chain=is_chain,
        options=Show(digits, row, tuple(tuple(n) for n in neurons)),
    )


# --- what was given ------------------------------------------------------------------------------


def checked_rate(lr: Any) -> float:
    """The learning rate, if it is a number."""
    if isinstance(lr, bool) or not isinstance(lr, int | float | np.number):
        raise ArgumentTypeError(f"lr is {lr!r}: expected a number, such as 0.1")
    return float(lr)


def checked_parameters(model: Any) -> dict[str, Tensor]:
    """The parameters by name, if there are any that can learn."""
    if not isinstance(model, Module):
        raise ArgumentTypeError(
            f"a worksheet needs a Module as its model, such as gd.nn.Sequential(...), got "
            f"{type(model).__name__}"
        )
    parameters = dict(model.named_parameters())
    name = type(model).__name__
    if not any(p.numel() for p in parameters.values()):
        raise ArgumentError(
            f"{name} has no parameters: a training step has nothing to update; give it a layer "
            "such as gd.nn.Linear"
        )
    if not any(p.requires_grad for p in parameters.values()):
        raise ArgumentError(
            f"all {len(parameters)} parameters of {name} are frozen: a training step has nothing "
            "to update; call requires_grad_() on those that should learn"
        )
    return parameters


def find_loss(loss: Any) -> LossFunction:
    """The loss of that name, or the function itself."""
    if not isinstance(loss, str):
        if not callable(loss):
            raise ArgumentTypeError(
                f"loss is {loss!r}: expected a name such as 'mse', a loss layer, or a function"
            )
        return loss  # type: ignore[no-any-return]
    name = loss.strip().lower().replace("-", "_")
    if name not in LOSSES:
        raise ArgumentError(
            f"there is no loss {loss!r}: choose from {', '.join(LOSSES)}, or give a function of "
            "outputs and targets"
        )
    found: LossFunction = LOSSES[name]()
    return found


def as_input(x: Any, parameters: Mapping[str, Tensor]) -> Tensor:
    """Tensors and arrays as they are; lists of numbers in the parameters' dtype."""
    if isinstance(x, Tensor):
        found = x.detach()
    elif isinstance(x, np.ndarray):
        found = ops.tensor(x)
    else:
        found = ops.tensor(x, dtype=next(p.dtype for p in parameters.values()))
    if found.numel() == 0:
        raise ShapeError(f"there is nothing in a batch of shape {tuple(found.shape)}: give rows")
    return found


def as_target(y: Any, loss: LossFunction, parameters: Mapping[str, Tensor]) -> Tensor:
    """As for inputs, but lists of whole numbers stay whole where they are classes."""
    takes_classes = ("CrossEntropyLoss", "NLLLoss", "MultiMarginLoss", "MultiLabelMarginLoss")
    if not isinstance(y, Tensor | np.ndarray) and type(loss).__name__ in takes_classes:
        return ops.tensor(y)
    return as_input(y, parameters)


def _check_choice(
    row: int | None, neurons: Sequence[tuple[int, int]], inputs: Tensor, layers: Sequence[Layer]
) -> None:
    count = len(_rows(inputs))
    if row is not None and not 0 <= row < count:
        raise ArgumentError(f"row is {row}: the batch has rows 0 to {count - 1}")
    sizes = {layer.number: layer.sums.shape[-1] for layer in layers if layer.is_dense}
    for layer, neuron in neurons:
        if layer not in sizes:
            raise ArgumentError(
                f"there is no dense layer {layer}: the dense layers are "
                f"{', '.join(map(str, sizes)) or 'none'}"
            )
        if not 1 <= neuron <= sizes[layer]:
            raise ArgumentError(
                f"layer {layer} has no neuron {neuron}: its neurons are 1 to {sizes[layer]}"
            )


# --- the passes ----------------------------------------------------------------------------------


class Pass:
    """A forward pass with its loss. Random draws and buffers are left as they were found."""

    def __init__(
        self, model: Module, function: LossFunction, inputs: Tensor, targets: Tensor
    ) -> None:
        self.model, self.function = model, function
        self.inputs, self.targets = inputs, targets
        self.trace: Trace
        self.output: Tensor
        self.loss: Tensor

    def run(self, changed: Mapping[str, Tensor]) -> None:
        buffers = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        tensors = {**buffers, **changed}
        try:
            with fork_rng(), enable_grad():
                self.trace = trace(
                    self.model, lambda: functional_call(self.model, tensors, (self.inputs,))
                )
        except Error as error:
            if not self.inputs.is_floating_point() and not isinstance(error, ArgumentError):
                raise DTypeError(
                    f"x holds {self.inputs.dtype}, which {type(self.model).__name__} does not "
                    f"take: give numbers with a point, such as x.float() ({error})"
                ) from error
            raise
        output = self.trace.output
        if not isinstance(output, Tensor):
            raise ArgumentTypeError(
                f"{type(self.model).__name__} gives a {type(output).__name__}: a worksheet needs "
                "a model that gives one tensor"
            )
        self.output = output
        with enable_grad():
            loss = self.function(output, self.targets)
        if not isinstance(loss, Tensor):
            raise ArgumentTypeError(
                f"the loss is a {type(loss).__name__}: expected a tensor with one number, computed "
                "from the outputs"
            )
        if loss.numel() != 1:
            raise ShapeError(
                f"the loss has shape {tuple(loss.shape)}, expected one number: use "
                'reduction="mean" or "sum", or call .mean() on it'
            )
        if not loss.requires_grad:
            raise ArgumentError(
                "the loss does not depend on any parameter that can learn: compute it from the "
                "model's outputs, without detach() or no_grad()"
            )
        self.loss = loss.reshape(())

    def differentiate(self, parameters: list[Tensor]) -> dict[int, Array | None]:
        """∂L/∂ of the parameters and of what passed between layers, by the handles' ids."""
        wanted = {id(t): t for t in parameters}
        for call in self.trace.calls:
            wanted |= {id(t): t for t in (call.input, call.output) if t.requires_grad}
        if self.output.requires_grad:
            wanted[id(self.output)] = self.output
        handles = list(wanted.values())
        found = grad_of_tensors([self.loss], handles, allow_unused=True)
        return {id(t): None if g is None else g.numpy() for t, g in zip(handles, found)}


def forward(model: Module, function: LossFunction, inputs: Tensor, targets: Tensor) -> Pass:
    """A forward pass with its loss."""
    done = Pass(model, function, inputs, targets)
    done.run({})
    return done


def _updates(
    parameters: Mapping[str, Tensor], gradients: Mapping[int, Array | None], rate: float
) -> dict[str, Update]:
    """Each parameter's update, without its symbol, which its layer gives."""
    found = {}
    for name, parameter in parameters.items():
        old = parameter.detach().clone().numpy()
        gradient = gradients.get(id(parameter))
        note = "frozen" if not parameter.requires_grad else "the loss does not depend on it"
        with np.errstate(all="ignore"):
            new = old if gradient is None else old - old.dtype.type(rate) * gradient
        symbol = rf"\mathrm{{{name.replace('_', chr(92) + '_')}}}"
        found[name] = Update(name, symbol, old, gradient, new, "" if gradient is not None else note)
    return found


def _rows(tensor: Tensor) -> Array:
    """With an axis for the rows of the batch."""
    array = tensor.detach().numpy()
    return array.reshape(1, -1) if array.ndim < 2 else array


def _terms(function: LossFunction, output: Tensor, targets: Tensor) -> Array | None:
    """The loss before it is averaged or added up, where the loss is a layer that can say it."""
    if not isinstance(function, Module) or not hasattr(function, "reduction"):
        return None
    each = copy.copy(function)
    each.reduction = "none"
    return np.asarray(each(output.detach(), targets).numpy())


# --- the layers ----------------------------------------------------------------------------------


@dataclass
class _Applied:
    """What happened to a layer's sums before the next layer saw them.

    Attributes:
        function, name, layer: the activation; None and "" where there is none.
        value: its result, without history.
        result: the handle whose gradient is the result's.
        handed_on: what the next layer is given.
    """

    function: Function | None
    name: str
    layer: Module | None
    value: Tensor
    result: Tensor
    handed_on: Tensor


def _layers(
    done: Pass, gradients: Mapping[int, Array | None], updates: dict[str, Update]
) -> tuple[list[Layer], bool]:
    """The calls as layers: each takes the activation after it along. Symbols go into `updates`."""
    calls = done.trace.calls
    layers: list[Layer] = []
    is_chain = True
    flowing: Tensor = done.inputs  # what the layer before handed on
    numbers: dict[int, int] = {}  # of the layers with parameters; one that runs twice has one
    k = 0
    while k < len(calls):
        call = calls[k]
        follows = call.input is flowing or (not layers and call.input.shape == done.inputs.shape)
        is_chain = is_chain and follows
        following = calls[k + 1] if k + 1 < len(calls) else None
        own = [name for name, _ in call.layer.named_parameters(recurse=False)]
        weighted = bool(own) and activation_of(call.layer) is None
        number = numbers.setdefault(id(call.layer), len(numbers) + 1) if weighted else 0
        if following is not None and weighted and _is_activation_of(following, call):
            applied = _by_layer(following)
            extra = [n for n, _ in following.layer.named_parameters(recurse=False)]
            paths = [f"{call.path}.{n}".lstrip(".") for n in own]
            paths += [f"{following.path}.{n}" for n in extra]
            k += 1
        else:
            target = following.input if following is not None else done.output
            applied = _in_between(call, target, done.output, weighted)
            paths = [f"{call.path}.{n}".lstrip(".") for n in own]
        k += 1
        for path in paths:
            name = path.rpartition(".")[2]
            is_slope = path.rpartition(".")[0] != call.path
            if weighted:
                symbol = rf"\beta^{number}" if is_slope else parameter_symbol(name, number)
                updates[path] = dataclasses.replace(updates[path], symbol=symbol)
        flowing = applied.handed_on
        layers.append(
            Layer(
                number=number if weighted else None,
                path=call.path,
                kind=type(call.layer).__name__,
                settings=call.layer.extra_repr(),
                is_dense=isinstance(call.layer, nn.Linear) and call.input.ndim <= 2,
                inputs=_rows(call.input_value),
                sums=_rows(call.output_value),
                activation=applied.function,
                activation_name=applied.name,
                activations=_rows(applied.value),
                slopes=_slopes(applied.layer, call.output_value) if applied.function else None,
                grad_activations=_like_rows(gradients.get(id(applied.result))),
                grad_sums=_like_rows(gradients.get(id(call.output))),
                updates=tuple(updates[path] for path in paths),
                follows=follows,
            )
        )
    return layers, is_chain and bool(layers) and done.output is flowing


def _like_rows(gradient: Array | None) -> Array | None:
    if gradient is None:
        return None
    return gradient.reshape(1, -1) if gradient.ndim < 2 else gradient


def _is_activation_of(following: Call, call: Call) -> bool:
    return following.input is call.handed_on and activation_of(following.layer) is not None


def _by_layer(call: Call) -> _Applied:
    function = activation_of(call.layer)
    name = type(call.layer).__name__
    return _Applied(function, name, call.layer, call.output_value, call.output, call.handed_on)


FUNCTIONAL = {name.lower(): name for name in ACTIVATIONS if name not in ("Threshold", "Identity")}


def _in_between(call: Call, target: Tensor, output: Tensor, weighted: bool) -> _Applied:
    """An activation that the model's code applies as a function: found by the name of the
    operation, and believed if it gives the values that were seen."""
    nothing = _Applied(None, "", None, call.output_value, call.output, call.handed_on)
    if not weighted or target is call.handed_on or target.shape != call.output.shape:
        return nothing
    operation = "" if target.grad_fn is None else target.grad_fn.name()
    name = FUNCTIONAL.get(operation.lower().removesuffix("backward0"))
    value = target.detach().clone()
    if name is not None:
        layer = getattr(nn, name)(*([-1] if "oftm" in name else []))
        if np.allclose(layer(call.output_value).detach().numpy(), value.numpy(), equal_nan=True):
            return _Applied(activation_of(layer), name, layer, value, target, target)
    return nothing


def _slopes(layer: Module | None, sums: Tensor) -> Array | None:
    """The derivative of an elementwise activation at the sums."""
    if layer is None:
        return None
    function = activation_of(layer)
    if function is None or function.derivative is None:
        return None
    if hasattr(layer, "inplace"):
        layer = copy.copy(layer)
        layer.inplace = False
    with enable_grad():
        point = sums.detach().clone().requires_grad_()
        (slopes,) = grad_of_tensors([layer(point).sum()], [point])
    return None if slopes is None else _rows(slopes)
