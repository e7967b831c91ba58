"""Steps whose length each weight finds for itself, from the signs of its gradients (Jacobs 1988,
*Increased rates of convergence through learning rate adaptation*, the delta-bar-delta rule; with
geometric changes and steps along the sign alone as Robinson and Fallside 1991 train with it).

    η ← φ η  if g ḡ > 0,  η / φ  otherwise          g: the gradient of these frames
    ḡ ← β ḡ + (1 − β) g                             ḡ: its running average
    w ← w − η sign(g)

Only signs count: the size of a gradient, which in a recurrent network differs by orders of
magnitude from weight to weight, does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.graph.errors import ArgumentError
from gradatim.tensor import Tensor


class SignSteps:
    """The rule, for parameters whose gradients are at hand. It may be used in a compiled step.

    Args:
        parameters: leaves.
        first: every η at the start.
        average: β, at least 0 and below 1.
        least: no η becomes smaller.

    Attributes:
        steps: η of each parameter.
        averages: ḡ of each parameter.

    Example:
        >>> import gradatim as gd
        >>> w = gd.nn.Parameter(gd.tensor([1.0, -2.0]))
        >>> rule = SignSteps([w], first=0.5)
        >>> rule.step([gd.tensor([3.0, -0.001])], factor=2.0)  # no average yet: η is halved
        >>> w.tolist(), rule.steps[0].tolist()
        ([0.75, -1.75], [0.25, 0.25])
        >>> rule.step([gd.tensor([1.0, 0.001])], factor=2.0)
        >>> w.tolist(), rule.steps[0].tolist()
        ([0.25, -1.875], [0.5, 0.125])
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        first: float = 1e-3,
        average: float = 0.9,
        least: float = 1e-6,
    ) -> None:
        if not 0 < least <= first or not math.isfinite(first):
            raise ArgumentError(
                f"first is {first} and least {least}: expected 0 < least, and first at least that"
            )
        if not 0 <= average < 1:
            raise ArgumentError(f"average is {average}: expected at least 0 and below 1")
        self.parameters = list(parameters)
        self.average, self.least = average, least
        self.steps = [ops.full_like(p.detach(), first) for p in self.parameters]
        self.averages = [ops.zeros_like(p.detach()) for p in self.parameters]

    def step(
        self,
        gradients: Sequence[Tensor],
        factor: float | Tensor = 1.1,
        most: float | Tensor = 1.0,
    ) -> None:
        """Change every parameter once.

        Args:
            gradients: one for each parameter, of its shape.
            factor: φ, above 1.
            most: no η becomes larger.
        """
        with no_grad():
            every = zip(self.parameters, gradients, self.averages, self.steps)
            for parameter, gradient, average, step in every:
                agrees = gradient * average > 0
                longer = step * ops.where(agrees, factor, 1 / factor)
                step.copy_(longer.clamp(min=self.least).minimum(ops.full_like(longer, most)))
                average.copy_(self.average * average + (1 - self.average) * gradient)
                parameter.sub_(step * ops.sign(gradient))
