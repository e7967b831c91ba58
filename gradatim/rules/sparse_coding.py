"""Sparse coding (Olshausen & Field 1996), with the parallel solver of Raina, Madhavan & Ng 2009,
*Large-scale deep unsupervised learning using graphics processors*, section 5:

    minimize over b and a    ½ Σ |x - a B|² + β Σ |a_j|      with |b_j| ≤ 1        (eq. 8)

Codes (B fixed): each coefficient's best value a*_j, with the others held, is closed:

    a*_j = S(b_j·(x - a B) + |b_j|² a_j, β) / |b_j|²         S(u, β) = sign(u) max(|u| - β, 0)

All are computed at once, and a moves along d = a* - a, as far as lowers the objective most. A step
of 1/bases always descends: it is the mean of moves that each lower a convex objective. The paper
tries the steps at which a coefficient changes its sign; here they are powers of ½ down to that.

Bases (a fixed): a gradient step, and back into the ball |b_j| ≤ 1.
"""

from __future__ import annotations

from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.compile import compile as compile_step
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.tensor import Tensor


class SparseCoding:
    """Bases and codes.

    Args:
        inputs, bases: how many numbers a case has, and how many bases describe it.
        penalty: β. rounds: of the solver for codes. learning_rate: of the bases.

    Attributes:
        B: (bases, inputs), rows of length 1 at most.

    Example:
        >>> import gradatim as gd
        >>> coding = SparseCoding(2, 2, penalty=0.5)
        >>> coding.B.copy_(gd.eye(2)).shape
        torch.Size([2, 2])
        >>> coding.encode(gd.tensor([[2.0, -0.25]])).tolist()
        [[1.5, 0.0]]
    """

    def __init__(
        self,
        inputs: int,
        bases: int,
        penalty: float = 0.1,
        rounds: int = 30,
        learning_rate: float = 1.0,
    ) -> None:
        if min(inputs, bases, rounds) < 1 or not penalty > 0:
            raise ArgumentError(
                f"inputs is {inputs}, bases {bases}, rounds {rounds}, penalty {penalty}: expected "
                "whole numbers from 1, and a penalty above 0"
            )
        self.penalty, self.rounds, self.learning_rate = penalty, rounds, learning_rate
        B = ops.randn(bases, inputs)
        self.B = B / (B**2).sum(1, keepdim=True).sqrt()
        self._round = compile_step(self._improve)
        self._compiled = compile_step(self._update)

    def objective(self, x: Tensor, a: Tensor) -> Tensor:
        """½ |x - a B|² + β |a|₁ of each case: (N,)."""
        return ((x - a @ self.B) ** 2).sum(1) / 2 + self.penalty * a.abs().sum(1)

    def encode(self, x: Tensor) -> Tensor:
        """Codes (N, bases) of cases (N, inputs)."""
        if x.dim() != 2 or x.shape[1] != self.B.shape[1]:
            raise ShapeError(
                f"cases of shape {tuple(x.shape)}: these bases take (N, {self.B.shape[1]})"
            )
        a = ops.zeros(x.shape[0], self.B.shape[0], dtype=x.dtype)
        for _ in range(self.rounds):
            a = self._round(x, a)
        return a

    def _improve(self, x: Tensor, a: Tensor) -> Tensor:
        squares = (self.B**2).sum(1).clamp(min=1e-8)
        rest = x - a @ self.B
        wanted = rest @ self.B.T + squares * a
        best = wanted.sign() * (wanted.abs() - self.penalty).clamp(min=0) / squares
        d = best - a
        moved = d @ self.B
        steps = [0.5**k for k in range(a.shape[1].bit_length() + 1)] + [0.0]
        # The square is a parabola in the step: three products serve all of them.
        linear, square = (rest * moved).sum(1), (moved**2).sum(1)
        costs = ops.stack(
            [
                t * t / 2 * square - t * linear + self.penalty * (a + t * d).abs().sum(1)
                for t in steps
            ],
            1,
        )
        chosen = ops.tensor(steps, dtype=a.dtype)[costs.argmin(1)]
        return a + chosen[:, None] * d

    def step(self, x: Tensor) -> Tensor:
        """Learn from a batch (N, inputs): codes, then bases; the mean objective before the step."""
        return self._compiled(x, self.encode(x), float(self.learning_rate))

    def _update(self, x: Tensor, a: Tensor, learning_rate: float) -> Tensor:
        with no_grad():
            loss = self.objective(x, a).mean()
            B = self.B + learning_rate / x.shape[0] * (a.T @ (x - a @ self.B))
            self.B.copy_(B / (B**2).sum(1, keepdim=True).sqrt().clamp(min=1.0))
        return loss
