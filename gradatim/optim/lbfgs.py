"""L-BFGS: Newton's method, with the curvature estimated from the last few steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.autograd import enable_grad, no_grad
from gradatim.graph.errors import ArgumentError
from gradatim.optim.line_search import Point, strong_wolfe
from gradatim.optim.optimizer import Optimizer
from gradatim.optim.options import check_learning_rate
from gradatim.tensor import Tensor

Vector = np.ndarray


def two_loop(
    gradient: Vector, ys: list[Vector], ss: list[Vector], rho: list[Any], gamma: Any
) -> tuple[Vector, list[Any]]:
    """-H g with the inverse Hessian H estimated from steps s and changes of the gradient y:
    Nocedal & Wright 2006, *Numerical optimization*, algorithm 7.4.

    Args:
        rho: 1 / yᵀs of each pair.
        gamma: the first estimate of H is gamma times the identity (equation 7.20).

    Returns:
        The direction, and the α of each pair.
    """
    q = -gradient
    alphas: list[Any] = [None] * len(ys)
    for i in reversed(range(len(ys))):
        alphas[i] = ss[i].dot(q) * rho[i]
        q -= alphas[i] * ys[i]
    r = q * gamma
    for y, s, one_rho, alpha in zip(ys, ss, rho, alphas):
        r += (alpha - y.dot(r) * one_rho) * s
    return r, alphas


class LBFGS(Optimizer):
    """L-BFGS (Liu & Nocedal 1989), for small problems where the whole loss fits in one call.

    One `step` makes up to `max_iter` iterations, and calls the closure for each.

    Args:
        params: tensors, or `(name, tensor)` pairs; there can be only one parameter group.
        lr: the length of a step, or with a line search the first length that is tried.
        max_iter: most iterations in one `step`.
        max_eval: most calls of the closure in one `step`; max_iter · 1.25 unless given.
        tolerance_grad: where the largest |gradient| is no larger, it has arrived.
        tolerance_change: it stops where neither the loss nor a parameter changes by more.
        history_size: how many steps are remembered.
        line_search_fn: "strong_wolfe", or None for steps of a fixed length.

    Raises:
        ArgumentError: a negative learning rate; several parameter groups.

    Example:
        >>> import gradatim as gd
        >>> w = gd.tensor([3.0, -2.0], requires_grad=True)
        >>> optimizer = gd.optim.LBFGS([w], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = ((w - gd.tensor([1.0, 5.0])) ** 2).sum()
        ...     loss.backward()
        ...     return loss
        >>> optimizer.step(closure)
        tensor(53., grad_fn=<SumBackward0>)
        >>> w
        tensor([1.0000, 5.0000], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_learning_rate(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ArgumentError(
                "LBFGS doesn't support per-parameter options (parameter groups): got "
                f"{len(self.param_groups)} groups"
            )

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Make up to `max_iter` iterations.

        Args:
            closure: computes the loss anew, calls `backward`, and returns the loss.

        Returns:
            The loss before the first iteration.
        """
        with no_grad():
            return _Descent(self, closure).run()


class _Descent:
    """One `step` of L-BFGS. Vectors are the parameters' elements one after another, in NumPy: their
    number changes from step to step, and a Program for each number would cost more than it saves.
    """

    def __init__(self, optimizer: LBFGS, closure: Callable[[], Any]):
        group = optimizer.param_groups[0]
        self.params: list[Tensor] = group["params"]
        self.state = optimizer.state[self.params[0]]
        self.closure = closure
        lr = group["lr"]
        self.lr: float = lr.item() if isinstance(lr, Tensor) else lr
        self.max_iter: int = group["max_iter"]
        self.max_eval: int = group["max_eval"]
        self.tolerance_grad: float = group["tolerance_grad"]
        self.tolerance_change: float = group["tolerance_change"]
        self.history_size: int = group["history_size"]
        self.line_search_fn: str | None = group["line_search_fn"]

    def run(self) -> Any:
        state = self.state
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = self.evaluate()
        loss, gradient = float(first_loss.detach()), self.gradient()
        evaluations = 1
        state["func_evals"] += 1
        if self.arrived(gradient):
            return first_loss

        d, t = _array(state.get("d")), _array(state.get("t"))
        ys = [_array(y) for y in state.get("old_dirs") or []]
        ss = [_array(s) for s in state.get("old_stps") or []]
        rho = [_array(one) for one in state.get("ro") or []]
        gamma = _array(state.get("H_diag"))
        last_gradient, last_loss = _array(state.get("prev_flat_grad")), state.get("prev_loss")

        for iteration in range(1, self.max_iter + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d, gamma = -gradient, 1
                ys, ss, rho = [], [], []
                total = np.abs(gradient).sum()
                t = min(1.0, 1.0 / total) * self.lr
            else:
                y, s = gradient - last_gradient, d * t
                curvature = y.dot(s)
                if curvature > 1e-10:
                    if len(ys) == self.history_size:
                        for history in (ys, ss, rho):
                            history.pop(0)
                    ys.append(y)
                    ss.append(s)
                    rho.append(1.0 / curvature)
                    gamma = curvature / y.dot(y)
                d, alphas = two_loop(gradient, ys, ss, rho, gamma)
                unused = [None] * (self.history_size - len(alphas))
                state["al"] = [*map(_tensor, alphas), *unused]
                t = self.lr
            last_gradient, last_loss = gradient, loss
            slope = gradient.dot(d)
            if slope > -self.tolerance_change:
                break
            moved = 0
            if self.line_search_fn is not None:
                point, moved = self.search(Point(0, loss, gradient, slope), t, d, evaluations)
                loss, gradient, t = point.f, point.gradient, point.t
            else:
                self.move(self.values(), t, d)
                if iteration != self.max_iter:
                    loss, gradient = float(self.evaluate().detach()), self.gradient()
                    moved = 1
            evaluations += moved
            state["func_evals"] += moved
            if (
                iteration == self.max_iter
                or evaluations >= self.max_eval
                or self.arrived(gradient)
                or np.abs(d * t).max() <= self.tolerance_change
                or abs(loss - last_loss) < self.tolerance_change
            ):
                break

        state["d"], state["t"] = _tensor(d), _tensor(t)
        state["old_dirs"], state["old_stps"] = [*map(_tensor, ys)], [*map(_tensor, ss)]
        state["ro"], state["H_diag"] = [*map(_tensor, rho)], _tensor(gamma)
        state["prev_flat_grad"], state["prev_loss"] = _tensor(last_gradient), last_loss
        return first_loss

    def evaluate(self) -> Any:
        with enable_grad():
            return self.closure()

    def gradient(self) -> Vector:
        """The gradients of all parameters; 0 where there is none."""
        return np.concatenate(
            [
                np.zeros(param.numel(), param.dtype.numpy)
                if param.grad is None
                else param.grad.detach()._value().reshape(-1)
                for param in self.params
            ]
        )

    def arrived(self, gradient: Vector) -> bool:
        return bool(np.abs(gradient).max() <= self.tolerance_grad)

    def values(self) -> list[Vector]:
        return [np.array(param.detach()._value()) for param in self.params]

    def move(self, start: list[Vector], t: Any, d: Vector) -> None:
        """Set the parameters to `start` + t d."""
        place = 0
        for param, values in zip(self.params, start):
            piece = d[place : place + values.size].reshape(values.shape)
            param.copy_(ops.tensor(values + np.asarray(t, values.dtype) * piece))
            place += values.size

    def search(self, start: Point, t: Any, d: Vector, evaluations: int) -> tuple[Point, int]:
        """A line search along d; the parameters are then at the point that it found."""
        if self.line_search_fn != "strong_wolfe":
            raise ArgumentError(
                f"only 'strong_wolfe' is supported, got line_search_fn={self.line_search_fn!r}"
            )
        values = self.values()

        def at(length: Any) -> Point:
            self.move(values, length, d)
            loss = float(self.evaluate().detach())
            gradient = self.gradient()
            return Point(length, loss, gradient, gradient.dot(d))

        point, count = strong_wolfe(
            at, start, t, np.abs(d).max(), max_evaluations=self.max_eval - evaluations
        )
        self.move(values, point.t, d)
        return point, count


def _array(value: Any) -> Any:
    """A value of the state in NumPy; of a tensor of one number, that number."""
    return value.detach()._value()[()] if isinstance(value, Tensor) else value


def _tensor(value: Any) -> Any:
    """A value for the state: arrays and NumPy's numbers as tensors."""
    return ops.tensor(value) if isinstance(value, np.ndarray | np.generic) else value
