"""The L2-SVM: a linear classifier with squared hinge losses, one against all others.

    minimize ½ ‖w‖² + C Σᵢ max(0, 1 − tᵢ (w·xᵢ + b))²  for each class, t = 1 in it and −1 outside

The square (Tang 2013 compares it) punishes what is far on the wrong side more, and makes the
sum smooth, so that L-BFGS on all data finds its one minimum.
"""

from __future__ import annotations

from collections.abc import Callable

from gradatim import ops
from gradatim.autograd import grad, no_grad
from gradatim.compile import compile as compiled
from gradatim.graph.errors import ArgumentError, DataError, ShapeError
from gradatim.nn import Module, Parameter
from gradatim.optim import LBFGS
from gradatim.tensor import Tensor


class L2SVM(Module):
    """A linear classifier, trained by `fit` on all data at once.

    Every feature is brought to mean 0 and variance 1 on the way, which makes one C right for all;
    the weights that stay take features as they are.

    Args:
        features: of an input. classes: how many.
        penalty: C, for the mean over the examples: C Σ of the equation is penalty times the mean.

    Attributes:
        weight: parameter (classes, features). bias: parameter (classes,).
        losses: the objective, summed over the classes, after each step of `fit`.

    Example:
        >>> import gradatim as gd
        >>> x = gd.tensor([[0.0], [1.0], [2.0], [7.0], [8.0], [9.0]])
        >>> svm = L2SVM(1, 2).fit(x, gd.tensor([0, 0, 0, 1, 1, 1]))
        >>> svm(gd.tensor([[3.0], [6.0]])).argmax(1)
        tensor([0, 1])
    """

    def __init__(self, features: int, classes: int = 10, penalty: float = 100.0) -> None:
        super().__init__()
        if features < 1 or classes < 2 or not penalty > 0:
            raise ArgumentError(
                f"an SVM with {features} features, {classes} classes and penalty {penalty}: "
                "expected 1 or more, 2 or more, and above 0"
            )
        self.features, self.classes, self.penalty = features, classes, penalty
        self.weight = Parameter(ops.zeros(classes, features))
        self.bias = Parameter(ops.zeros(classes))
        self.losses: list[float] = []

    def forward(self, inputs: Tensor) -> Tensor:
        """Scores (N, classes) of inputs (N, features): the class is the largest."""
        return inputs @ self.weight.T + self.bias

    def fit(
        self,
        inputs: Tensor,
        labels: Tensor,
        steps: int = 60,
        report: Callable[[int, float], None] | None = None,
    ) -> L2SVM:
        """Train on all examples at once; gives itself.

        Args:
            inputs: (N, features). labels: class numbers, (N,).
            steps: of L-BFGS, at most.
            report: called with the step and the objective after each tenth.

        Raises:
            ShapeError, DataError: shapes that do not fit; labels outside the classes.
        """
        if inputs.dim() != 2 or inputs.shape[1] != self.features or labels.dim() != 1:
            raise ShapeError(
                f"inputs have shape {tuple(inputs.shape)}, labels {tuple(labels.shape)}: expected "
                f"(N, {self.features}) and (N,)"
            )
        if len(labels) != len(inputs):
            raise ShapeError(f"{len(inputs)} inputs with {len(labels)} labels: expected one each")
        if not len(labels) or int(labels.min()) < 0 or int(labels.max()) >= self.classes:
            raise DataError(f"labels have to be 0 to {self.classes - 1}, and of one input or more")
        mean, scale = inputs.mean(0), inputs.std(0, correction=0)
        scale = ops.where(scale > 1e-8, 1 / scale.clamp(min=1e-8), 0.0)  # constants say nothing
        sides = 2.0 * ops.one_hot(labels, self.classes).to(inputs.dtype) - 1.0
        weight = ops.zeros(self.features, self.classes).requires_grad_()
        bias = ops.zeros(self.classes).requires_grad_()

        @compiled
        def slopes() -> tuple[Tensor, Tensor, Tensor]:
            used = weight * scale.unsqueeze(1)
            scores = inputs @ used + (bias - mean @ used)
            short = ops.relu(1 - sides * scores)
            loss = 0.5 * (weight**2).sum() + self.penalty * (short**2).mean(0).sum()
            return loss.detach(), *grad(loss, [weight, bias])

        def objective() -> Tensor:
            loss, weight.grad, bias.grad = slopes()
            return loss

        optimizer = LBFGS(
            [weight, bias], max_iter=10, history_size=20, line_search_fn="strong_wolfe"
        )
        self.losses = []
        for step in range(0, steps, 10):
            optimizer.step(objective)
            self.losses.append(float(objective()))
            if report:
                report(step + 10, self.losses[-1])
            if len(self.losses) > 1 and self.losses[-2] - self.losses[-1] < 1e-5 * self.losses[-1]:
                break
        with no_grad():
            used = weight * scale.unsqueeze(1)
            self.weight.copy_(used.T)
            self.bias.copy_(bias - mean @ used)
        return self
