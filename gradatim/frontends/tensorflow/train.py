"""tf.train: optimizers (each a few nodes for each variable), schedules of the rate, checkpoints.

The formulas are TensorFlow's own, which differ from PyTorch's in small ways: Adam's epsilon stands
outside the corrected root, RMSProp's inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradatim.data.files import replacing
from gradatim.frontends.names import look_in, own_names
from gradatim.frontends.tensorflow import dtypes, math
from gradatim.frontends.tensorflow.differentiation import gradients
from gradatim.frontends.tensorflow.errors import GraphError, NotFoundError
from gradatim.frontends.tensorflow.graph import (
    Tensor,
    constant,
    control_dependencies,
    convert,
    get_default_graph,
    group,
)
from gradatim.frontends.tensorflow.variables import (
    Variable,
    assign,
    assign_add,
    global_variables,
    trainable_variables,
)


class Optimizer:
    """Changes variables such that a loss gets less. A subclass says how, in `_update`.

    Args:
        learning_rate: a number or a node.
    """

    def __init__(self, learning_rate: Any, use_locking: bool = False, name: str | None = None):
        self.learning_rate = learning_rate
        self.name = name or type(self).__name__.removesuffix("Optimizer")
        self._slots: dict[tuple[Variable, str], Variable] = {}

    def minimize(
        self,
        loss: Tensor,
        global_step: Variable | None = None,
        var_list: Sequence[Variable] | None = None,
        **options: Any,
    ) -> Tensor:
        """A node that does one step."""
        return self.apply_gradients(self.compute_gradients(loss, var_list), global_step)

    def compute_gradients(
        self, loss: Tensor, var_list: Sequence[Variable] | None = None, **options: Any
    ) -> list[tuple[Tensor | None, Variable]]:
        """Pairs of a gradient and its variable."""
        variables = list(trainable_variables() if var_list is None else var_list)
        if not variables:
            raise GraphError("No variables to optimize.")
        return list(zip(gradients(loss, variables), variables))

    def apply_gradients(
        self, grads_and_vars: Any, global_step: Variable | None = None, name: str | None = None
    ) -> Tensor:
        """A node that changes the variables by their gradients."""
        pairs = [(g, v) for g, v in grads_and_vars if g is not None]
        if not pairs:
            names = [v.name for _, v in grads_and_vars]
            raise GraphError(f"No gradients provided for any variable: {names}.")
        steps = self._prepare([v for _, v in pairs])
        for grad, variable in pairs:
            new = self._update(convert(grad), variable, self._rate(variable))
            if variable.constraint is not None:
                new = variable.constraint(new)
            steps.append(assign(variable, new))
        if global_step is not None:
            steps.append(assign_add(global_step, 1))
        return group(*steps, name=name or self.name)

    def _rate(self, variable: Variable) -> Tensor:
        rate = self.learning_rate
        rate = rate() if callable(rate) else rate
        return (
            math.cast(rate, variable.dtype)
            if isinstance(rate, Tensor)
            else convert(rate, variable.dtype)
        )

    def _prepare(self, variables: list[Variable]) -> list[Tensor]:
        """Steps that are done once for all variables."""
        return []

    def _update(self, grad: Tensor, variable: Variable, rate: Tensor) -> Tensor:
        """The variable's new value."""
        raise GraphError(
            f"{type(self).__name__} does not say how variables change: use one of its subclasses, "
            f"such as tf.train.AdamOptimizer"
        )

    # --- slots: what an optimizer remembers of each variable --------------------------------------

    def _slot(self, variable: Variable, name: str, value: float = 0.0) -> Variable:
        sizes = variable.sizes
        initial = np.full(sizes, value, variable.dtype.element.numpy)  # type: ignore[arg-type]
        made = Variable(constant(initial), trainable=False, name=f"{variable.op.name}/{name}")
        self._slots[variable, name] = made
        return made

    def get_slot(self, var: Variable, name: str) -> Variable | None:
        """What is remembered of a variable."""
        return self._slots.get((var, name))

    def get_slot_names(self) -> list[str]:
        return sorted({name for _, name in self._slots})

    def variables(self) -> list[Variable]:
        return list(self._slots.values())


class GradientDescentOptimizer(Optimizer):
    """w - rate * gradient."""

    def _update(self, grad: Tensor, variable: Variable, rate: Tensor) -> Tensor:
        return variable - rate * grad


class MomentumOptimizer(Optimizer):
    """w - rate * a, where a = momentum * a + gradient (Polyak, 1964; Nesterov, 1983)."""

    def __init__(self, learning_rate: Any, momentum: Any, use_locking: bool = False,
                 name: str = "Momentum", use_nesterov: bool = False):  # fmt: skip
        super().__init__(learning_rate, use_locking, name)
        self.momentum, self.use_nesterov = momentum, use_nesterov

    def _update(self, grad: Tensor, variable: Variable, rate: Tensor) -> Tensor:
        slot = self._slot(variable, "Momentum")
        new = assign(slot, self.momentum * slot + grad)
        if self.use_nesterov:
            return variable - rate * (grad + self.momentum * new)
        return variable - rate * new


class AdamOptimizer(Optimizer):
    """w - rate_t * m / (sqrt(v) + epsilon), rate_t = rate * sqrt(1 - beta2^t) / (1 - beta1^t)
    (Kingma and Ba, 2015, the form before section 2.1)."""

    def __init__(self, learning_rate: Any = 0.001, beta1: float = 0.9, beta2: float = 0.999,
                 epsilon: float = 1e-8, use_locking: bool = False, name: str = "Adam"):  # fmt: skip
        super().__init__(learning_rate, use_locking, name)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def _prepare(self, variables: list[Variable]) -> list[Tensor]:
        dtype = variables[0].dtype
        powers = [
            Variable(constant(beta, dtype), trainable=False, name=f"{name}_power")
            for name, beta in (("beta1", self.beta1), ("beta2", self.beta2))
        ]
        self._powers = powers
        return [
            assign(power, power * beta) for power, beta in zip(powers, (self.beta1, self.beta2))
        ]

    def _update(self, grad: Tensor, variable: Variable, rate: Tensor) -> Tensor:
        first, second = self._slot(variable, "Adam"), self._slot(variable, "Adam_1")
        m = assign(first, first * self.beta1 + grad * (1 - self.beta1))
        v = assign(second, second * self.beta2 + grad * grad * (1 - self.beta2))
        power1, power2 = (math.cast(power, variable.dtype) for power in self._powers)
        now = rate * math.sqrt(1 - power2) / (1 - power1)  # type: ignore[attr-defined]
        return variable - now * m / (math.sqrt(v) + self.epsilon)  # type: ignore[attr-defined]


class AdagradOptimizer(Optimizer):
    """w - rate * gradient / sqrt(a), where a adds up squared gradients (Duchi et al., 2011)."""

    def __init__(self, learning_rate: Any, initial_accumulator_value: float = 0.1,
                 use_locking: bool = False, name: str = "Adagrad"):  # fmt: skip
        super().__init__(learning_rate, use_locking, name)
        self.initial = initial_accumulator_value

    def _update(self, grad: Tensor, variable: Variable, rate: Tensor) -> Tensor:
        slot = self._slot(variable, "Adagrad", self.initial)
        return variable - rate * grad / math.sqrt(assign(slot, slot + grad * grad))  # type: ignore[attr-defined]


class RMSPropOptimizer(Optimizer):
    """w - m, m = momentum * m + rate * gradient / sqrt(s + epsilon), s the running mean of squared
    gradients (Hinton's lecture 6, 2012), minus the squared running mean of gradients if centered.
    """

    def __init__(self, learning_rate: Any, decay: float = 0.9, momentum: float = 0.0,
                 epsilon: float = 1e-10, use_locking: bool = False, centered: bool = False,
                 name: str = "RMSProp"):  # fmt: skip
        super().__init__(learning_rate, use_locking, name)
        self.decay, self.momentum, self.epsilon = decay, momentum, epsilon
        self.centered = centered

    def _update(self, grad: Tensor, variable: Variable, rate: Tensor) -> Tensor:
        mean_square, moment = self._slot(variable, "RMSProp", 1.0), self._slot(variable, "Momentum")
        square = assign(mean_square, mean_square * self.decay + grad * grad * (1 - self.decay))
        inside: Tensor = square + self.epsilon
        if self.centered:
            slot = self._slot(variable, "RMSProp_mean")
            mean = assign(slot, slot * self.decay + grad * (1 - self.decay))
            inside = inside - mean * mean
        step = rate * grad / math.sqrt(inside)  # type: ignore[attr-defined]
        return variable - assign(moment, moment * self.momentum + step)


class AdadeltaOptimizer(Optimizer):
    """w - rate * d, d = gradient * sqrt(u + epsilon) / sqrt(a + epsilon) (Zeiler, 2012)."""

    def __init__(self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-8,
                 use_locking: bool = False, name: str = "Adadelta"):  # fmt: skip
        super().__init__(learning_rate, use_locking, name)
        self.rho, self.epsilon = rho, epsilon

    def _update(self, grad: Tensor, variable: Variable, rate: Tensor) -> Tensor:
        squares, updates = self._slot(variable, "Adadelta"), self._slot(variable, "Adadelta_1")
        square = assign(squares, squares * self.rho + grad * grad * (1 - self.rho))
        step = grad * math.sqrt(updates + self.epsilon) / math.sqrt(square + self.epsilon)  # type: ignore[attr-defined]
        with control_dependencies(
            [assign(updates, updates * self.rho + step * step * (1 - self.rho))]
        ):
            return variable - rate * step


# --- the rate, the step --------------------------------------------------------------------------


def exponential_decay(
    learning_rate: Any, global_step: Tensor, decay_steps: Any, decay_rate: Any,
    staircase: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """rate * decay_rate ^ (step / decay_steps)."""
    turns = math.cast(global_step, dtypes.float32) / float(decay_steps)
    turns = math.floor(turns) if staircase else turns  # type: ignore[attr-defined]
    return convert(float(learning_rate)) * math.pow(convert(float(decay_rate)), turns)  # type: ignore[attr-defined]


def piecewise_constant(
    x: Tensor, boundaries: Sequence[float], values: Sequence[float], name: str | None = None
) -> Tensor:
    """values[k] up to boundaries[k], the last value beyond all."""
    from gradatim.frontends.tensorflow.arrays import where

    found = constant(float(values[-1]))
    for boundary, value in reversed(list(zip(boundaries, values))):
        found = where(x <= boundary, constant(float(value)), found)
    return found


def get_or_create_global_step(graph: Any = None) -> Variable:
    """The variable that counts steps."""
    found = get_global_step()
    if found is None:
        found = Variable(constant(0, dtypes.int64), trainable=False, name="global_step")
    return found


create_global_step = get_or_create_global_step


def get_global_step(graph: Any = None) -> Variable | None:
    """The variable that counts steps, if there is one."""
    found = get_default_graph().by_name.get("global_step")
    return found if isinstance(found, Variable) else None


class ExponentialMovingAverage:
    """Running means of variables: decay * mean + (1 - decay) * value."""

    def __init__(
        self,
        decay: float,
        num_updates: Any = None,
        zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ):
        self.decay, self.name = decay, name
        self._means: dict[Tensor, Variable] = {}

    def apply(self, var_list: Any = None) -> Tensor:
        """A node that brings the means up to date."""
        steps = []
        for variable in trainable_variables() if var_list is None else var_list:
            initial = (
                variable.initial if isinstance(variable, Variable) else np.zeros(variable.sizes)
            )
            mean = Variable(initial, trainable=False, name=f"{variable.op.name}/{self.name}")
            self._means[variable] = mean
            steps.append(assign(mean, mean * self.decay + variable * (1 - self.decay)))
        return group(*steps)

    def average(self, var: Tensor) -> Variable | None:
        """The mean of a variable."""
        return self._means.get(var)


# --- checkpoints ---------------------------------------------------------------------------------


class Saver:
    """Writes the variables' values to a file, and reads them again.

    Files are safetensors: `path` + ".safetensors".
    """

    def __init__(self, var_list: Any = None, max_to_keep: int = 5, **options: Any):
        self.var_list = var_list

    def _variables(self) -> dict[str, Variable]:
        if isinstance(self.var_list, dict):
            return self.var_list
        found = global_variables() if self.var_list is None else self.var_list
        return {variable.op.name: variable for variable in found}

    def save(self, sess: Any, save_path: str, global_step: Any = None, **options: Any) -> str:
        """Write, and give the path to restore from."""
        from safetensors.numpy import save_file

        if isinstance(global_step, Tensor):
            global_step = int(sess.run(global_step))
        path = save_path if global_step is None else f"{save_path}-{global_step}"
        named = self._variables()
        values = sess.run(list(named.values()))
        with replacing(f"{path}.safetensors") as temporary:
            save_file({k: np.ascontiguousarray(v) for k, v in zip(named, values)}, temporary)
        return path

    def restore(self, sess: Any, save_path: str) -> None:
        """Read, and give the variables of a session the values."""
        from safetensors.numpy import load_file

        try:
            values = load_file(f"{save_path}.safetensors")
        except FileNotFoundError:
            raise NotFoundError(f"there is no checkpoint {save_path}.safetensors") from None
        for name, variable in self._variables().items():
            if name not in values:
                raise NotFoundError(f"Key {name} not found in checkpoint {save_path}.safetensors")
            sess.put(variable, values[name])


__all__ = own_names(__name__)
__getattr__, __dir__ = look_in("tf.train", globals())
