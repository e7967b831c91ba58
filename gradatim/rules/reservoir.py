"""The echo state network of Jaeger & Haas 2004, *Harnessing nonlinearity: predicting chaotic
systems and saving energy in wireless communication*: a large random network that never learns, and
a linear readout that does, in one step.

    x(n) = (1 − a) x(n−1) + a tanh(W x(n−1) + w_in u(n) + w_fb y(n−1) + b)        the reservoir
    y(n) = w_out · (x(n), 1)                                                      the readout

While it learns, the teacher's d(n−1) stands in the place of y(n−1) (*teacher forcing*), so that the
states do not depend on w_out, and the best w_out is a linear least-squares problem. Afterwards
its own outputs are fed back, and it goes on by itself.

That works only if the states forget where they began (the *echo state property*). In practice: the
spectral radius of W, its largest eigenvalue's modulus, is set a little below 1.
"""

from __future__ import annotations

import numpy as np

from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.compile import compile as compiled
from gradatim.graph.dtypes import float64
from gradatim.graph.errors import ArgumentError, DataError, ShapeError
from gradatim.nn import Buffer, Module, Parameter
from gradatim.tensor import Tensor


class Reservoir(Module):
    """A fixed random recurrent network with output feedback, and its trained linear readout.

    All numbers are float64: errors of 10⁻⁵ are found by cancellation among weights of 10² or more,
    which float32 has no digits for.

    Args:
        units: in the reservoir.
        outputs: how many signals it produces and is fed back.
        inputs: how many signals come from outside; none where it generates.
        spectral_radius: of W.
        density: the part of the entries of W that are not 0.
        feedback_scale, input_scale, bias_scale: w_fb, w_in and b are uniform in ± this.
        leak: a in the equations; 1 keeps nothing of the last state.
        seed: of everything that is drawn.

    Attributes:
        weight: W, buffer (units, units).
        feedback_weight, input_weight: buffers (outputs, units), (inputs, units).
        bias: buffer (units,).
        readout: w_out, parameter (units + 1, outputs); the last row is the constant's.

    Raises:
        ArgumentError: sizes below 1; a density or a leak outside (0, 1]; a W without any loop,
            whose spectral radius is 0 (too few units for so small a density).

    Example:
        >>> import gradatim as gd
        >>> wave = gd.sin(gd.arange(400, dtype=gd.float64) / 5)[:, None]
        >>> reservoir = Reservoir(50, density=0.2, seed=1)
        >>> reservoir.fit(wave[:300], washout=100) < 1e-5
        True
        >>> state = reservoir.follow(wave[:300])[-1]
        >>> ahead = reservoir.run(state, wave[299], steps=100)
        >>> bool((ahead - wave[300:]).abs().max() < 1e-3)
        True
    """

    def __init__(
        self,
        units: int = 1000,
        outputs: int = 1,
        inputs: int = 0,
        *,
        spectral_radius: float = 0.8,
        density: float = 0.01,
        feedback_scale: float = 1.0,
        input_scale: float = 1.0,
        bias_scale: float = 0.2,
        leak: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if units < 1 or outputs < 1 or inputs < 0:
            raise ArgumentError(
                f"a reservoir of {units} units, {outputs} outputs and {inputs} inputs: expected "
                "1 or more units and outputs, and 0 or more inputs"
            )
        for name, part in (("density", density), ("leak", leak)):
            if not 0 < part <= 1:
                raise ArgumentError(f"{name} is {part}: expected above 0 and at most 1")
        self.units, self.outputs, self.inputs, self.leak = units, outputs, inputs, leak
        draw = np.random.default_rng(seed)
        weight = draw.uniform(-1, 1, (units, units)) * (draw.random((units, units)) < density)
        radius = float(np.abs(np.linalg.eigvals(weight)).max())
        # Rounding gives the eigenvalues of a matrix without loops, all 0, as about 1e-16.
        if radius < 1e-6:
            raise ArgumentError(
                f"no signal can circulate among {units} units with density {density}: give more "
                "units, or a higher density"
            )
        self.weight = Buffer(ops.tensor(weight * (spectral_radius / radius)))
        self.feedback_weight = Buffer(
            ops.tensor(draw.uniform(-feedback_scale, feedback_scale, (outputs, units)))
        )
        self.input_weight = Buffer(
            ops.tensor(draw.uniform(-input_scale, input_scale, (inputs, units)))
        )
        self.bias = Buffer(ops.tensor(draw.uniform(-bias_scale, bias_scale, units)))
        self.readout = Parameter(ops.zeros(units + 1, outputs, dtype=float64))
        self._follow, self._run = compiled(self._states), compiled(self._outputs)

    def next_state(self, state: Tensor, fed_back: Tensor, inputs: Tensor | None = None) -> Tensor:
        """x(n) from x(n−1) (N, units), y(n−1) or d(n−1) (N, outputs), and u(n) (N, inputs)."""
        total = state @ self.weight.T + fed_back @ self.feedback_weight + self.bias
        if inputs is not None:
            total = total + inputs @ self.input_weight
        moved = ops.tanh(total)
        return moved if self.leak == 1 else (1 - self.leak) * state + self.leak * moved

    def read(self, state: Tensor) -> Tensor:
        """y(n) of states (..., units): (..., outputs)."""
        return state @ self.readout[:-1] + self.readout[-1]

    def follow(
        self, teacher: Tensor, inputs: Tensor | None = None, state: Tensor | None = None
    ) -> Tensor:
        """The states x(0), x(1), ... while the teacher's outputs are fed back in place of its own.

        Before the first step nothing is fed back: d(−1) is 0.

        Args:
            teacher: d, (T, outputs), or (T, N, outputs) for N sequences at once; float64.
            inputs: u, (T, inputs) or (T, N, inputs); needed if the reservoir has inputs.
            state: x(−1), (units,) or (N, units); 0 unless given.

        Returns:
            (T, units) or (T, N, units). The state n has heard d(0) to d(n−1), and not d(n).
        """
        teacher = self._signal(teacher, self.outputs, "the teacher")
        single = teacher.dim() == 2
        if single:
            teacher = teacher.unsqueeze(1)
        inputs = self._inputs(inputs, teacher, single)
        before = ops.cat([ops.zeros_like(teacher[:1]), teacher[:-1]])
        if state is None:
            state = ops.zeros(teacher.shape[1], self.units, dtype=float64)
        with no_grad():
            states = self._follow(state.reshape(-1, self.units), before, inputs)
        return states.squeeze(1) if single else states

    def fit(self, teacher: Tensor, inputs: Tensor | None = None, *, washout: int = 100) -> float:
        """Set w_out to the least-squares solution, and return its root mean squared error.

        Args:
            teacher, inputs: as of `follow`, one sequence.
            washout: so many first states still remember the start, and are left out.

        Raises:
            DataError: fewer than 2 steps stay after the washout.
        """
        teacher = self._signal(teacher, self.outputs, "the teacher")
        if teacher.dim() != 2 or len(teacher) - washout < 2:
            raise DataError(
                f"the teacher has shape {tuple(teacher.shape)}: expected one sequence, "
                f"(steps, {self.outputs}), with more than {washout + 1} steps (the washout takes "
                f"{washout})"
            )
        states = self.follow(teacher, inputs)[washout:]
        rows = ops.cat([states, ops.ones(len(states), 1, dtype=float64)], 1)
        # By singular values of the states themselves. The normal equations (and ridge regression,
        # which adds to them) square the condition of 1e15 and lose what makes 84 steps possible.
        solution = np.linalg.lstsq(rows.numpy(), teacher[washout:].numpy(), rcond=None)[0]
        with no_grad():
            self.readout.copy_(ops.tensor(solution))
            error = self.read(states) - teacher[washout:]
            return float((error**2).mean().sqrt())

    def run(self, state: Tensor, last: Tensor, steps: int, inputs: Tensor | None = None) -> Tensor:
        """Go on alone for some steps, with its own outputs fed back.

        Args:
            state: x of the last step, (units,), or (N, units) for N sequences.
            last: d of that step, (outputs,) or (N, outputs), which is fed back first.
            steps: how many.
            inputs: u of these steps, as of `follow`.

        Returns:
            y, (steps, outputs) or (steps, N, outputs).
        """
        single = state.dim() == 1
        state, last = state.reshape(-1, self.units), last.reshape(-1, self.outputs)
        shaped = ops.zeros(steps, len(state), self.outputs, dtype=float64)
        inputs = self._inputs(inputs, shaped, single)
        with no_grad():
            found = self._run(state, last, shaped, inputs)
        return found.squeeze(1) if single else found

    forward = follow

    def _states(self, state: Tensor, before: Tensor, inputs: Tensor | None) -> Tensor:
        def step(state: Tensor, heard: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
            state = self.next_state(state, *heard)
            return state, state

        return ops.scan(step, state, (before,) if inputs is None else (before, inputs))[1]

    def _outputs(
        self, state: Tensor, last: Tensor, shaped: Tensor, inputs: Tensor | None
    ) -> Tensor:
        def step(carry: tuple[Tensor, Tensor], heard: tuple[Tensor, ...]) -> tuple:
            state = self.next_state(*carry, *heard[1:])
            found = self.read(state)
            return (state, found), found

        heard = (shaped,) if inputs is None else (shaped, inputs)
        return ops.scan(step, (state, last), heard)[1]

    def _signal(self, signal: Tensor, width: int, name: str) -> Tensor:
        if signal.dim() not in (2, 3) or signal.shape[-1] != width:
            raise ShapeError(
                f"{name} has shape {tuple(signal.shape)}: expected (steps, {width}), or "
                f"(steps, sequences, {width})"
            )
        if not bool(ops.isfinite(signal).all()):
            raise DataError(f"{name} holds NaN or infinite values: remove or replace these")
        return signal.to(float64)

    def _inputs(self, inputs: Tensor | None, beside: Tensor, single: bool) -> Tensor | None:
        if (inputs is None) != (self.inputs == 0):
            raise ArgumentError(
                f"this reservoir has {self.inputs} inputs: "
                + ("give inputs" if self.inputs else "give no inputs")
            )
        if inputs is None:
            return None
        inputs = self._signal(inputs, self.inputs, "the input")
        inputs = inputs.unsqueeze(1) if single and inputs.dim() == 2 else inputs
        if inputs.shape[:2] != beside.shape[:2]:
            raise ShapeError(
                f"the input has {inputs.shape[0]} steps of {inputs.shape[1]} sequences: expected "
                f"{beside.shape[0]} of {beside.shape[1]}"
            )
        return inputs
