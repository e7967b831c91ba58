"""The stochastic diagonal Levenberg-Marquardt method of LeCun, Bottou, Bengio & Haffner 1998,
*Gradient-based learning applied to document recognition*, appendix C: a learning rate of its own
for each parameter.

    w_k ← w_k - ε_k ∂E/∂w_k        (eq. 18)
    ε_k = η / (μ + h_kk)           (eq. 21)

h_kk is the mean of ∂²E/∂w_k² over some hundreds of examples, by the approximation of
`rules.curvature`, estimated again before each epoch. Where the loss is flat, steps are up to η/μ;
μ keeps them from growing without bounds. The paper takes about three times fewer epochs with it
than with one rate for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gradatim.autograd import no_grad
from gradatim.graph.errors import ArgumentError
from gradatim.optim.checkpoint import Group
from gradatim.optim.options import check_learning_rate
from gradatim.optim.rule import Entry, RuleOptimizer, Scalar
from gradatim.rules.curvature import diagonal_curvature
from gradatim.tensor import Tensor


def levenberg_marquardt(
    w: Tensor, g: Tensor, h: Tensor, *, lr: Scalar, mu: Scalar
) -> tuple[Tensor, Tensor]:
    """One parameter's step: its new value, and the same h.

    Args:
        w, g: the parameter and its gradient.
        h: the second derivative of each of its numbers, not negative.
        lr, mu: η and μ.
    """
    return w - lr * g / (mu + h), h


class StochasticDiagonalLevenbergMarquardt(RuleOptimizer):
    """An optimizer with a rate for each parameter, from the loss's curvature along it.

    Until `estimate` is called, h is zero: every rate is η/μ.

    Args:
        params: tensors, `(name, tensor)` pairs, or parameter groups.
        lr: η, the global rate. The paper goes from 0.0005 down to 0.00001, case by case.
        mu: μ, at least 0 and in the paper 0.02. 0 needs curvature in every parameter.

    Raises:
        ArgumentError: a rate below 0, a μ below 0.

    Example:
        A valley a hundred times steeper along one axis is as good as a round one. With η = 1 and
        μ = 0 the step is Newton's:

        >>> import gradatim as gd
        >>> w = gd.tensor([3.0, -2.0], requires_grad=True)
        >>> stretch = gd.tensor([10.0, 1.0])
        >>> rule = StochasticDiagonalLevenbergMarquardt([w], lr=1.0, mu=0.0)
        >>> rule.estimate((stretch * w)[None], gd.ones(1, 2))        # E = ½ |stretch · w|²
        >>> (0.5 * (stretch * w) ** 2).sum().backward()
        >>> rule.step()
        >>> w.tolist()
        [0.0, 0.0]
    """

    rule = staticmethod(levenberg_marquardt)

    def __init__(self, params: Iterable[Any], lr: float = 5e-4, mu: float = 0.02) -> None:
        check_learning_rate(lr)
        if not mu >= 0:
            raise ArgumentError(f"mu is {mu}: it has to be 0 or more")
        super().__init__(params, {"lr": lr, "mu": mu})

    def slots(self, group: Group) -> dict[str, bool]:
        return {"curvature": True}

    def numbers(self, group: Group, entry: Entry) -> dict[str, float]:
        return {"lr": float(group["lr"]), "mu": float(group["mu"])}

    def estimate(self, outputs: Tensor, curvature: Tensor) -> None:
        """Set every h_kk to the mean over a batch (the paper: 500 examples).

        Args:
            outputs: (N, ...) what the network computed for N examples, with history.
            curvature: ∂²E/∂(output)² of each example, of the same shape, not negative.
        """
        params = [param for group in self.param_groups for param in group["params"]]
        self.set_curvature(
            [h / outputs.shape[0] for h in diagonal_curvature(outputs, curvature, params)]
        )

    def set_curvature(self, curvatures: Sequence[Tensor]) -> None:
        """Set every h_kk from a tensor for each parameter, in their order: for estimates that were
        made elsewhere, in a compiled function for instance.
        """
        params = [param for group in self.param_groups for param in group["params"]]
        with no_grad():
            for param, h in zip(params, curvatures, strict=True):
                slot = self.state[param].get("curvature")
                if slot is None:
                    self.state[param]["curvature"] = h.detach().clone()
                else:
                    slot.copy_(h)
