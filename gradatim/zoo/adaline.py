"""Widrow & Hoff 1960: Adaline, the adaptive linear neuron, and least mean squares (LMS).

Adaline answers +1 or -1, like a perceptron. But it learns from the error of its sum, **before** the
quantizer: not whether it was wrong, but by how much. Each example moves the weights a small step
down the slope of its squared error, and the mean of these steps goes to the least-squares
solution, whether or not a line separates the classes.

    s = w·x + b,   answer sign(s)
    w ← w + 2μ (d - s) x,   b ← b + 2μ (d - s),   d = ±1         after each example

With a constant μ the weights keep trembling about the best ones (the misadjustment, which grows
with μ times the power of the inputs); steps that decay come to rest there.

B. Widrow, M. E. Hoff 1960, *Adaptive switching circuits*, IRE WESCON Convention Record, part 4.
The rule for one neuron, as on a worksheet, is `gradatim.rules.DeltaRule`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import gradatim as gd
from gradatim import nn
from gradatim.explain.pictures.style import BLUE, PALE, can_draw, new_figure, plain
from gradatim.zoo.sums import histograms
from gradatim.zoo.system import Equation, Measure, Result, Settings, Sizes, System

CHUNK = 10_000


class Adaline(nn.Module):
    """Adalines side by side, by default one with 16 inputs, as the machine with 4 × 4 switches.

    Args:
        inputs: of each neuron. neurons: how many, each with its own weights; all begin as 0.

    Attributes:
        weight: (inputs, neurons). bias: (neurons,): the weight of an input that is always +1.

    Shape:
        (N, inputs), to (N, neurons): s, the sums before the quantizer.

    Raises:
        ArgumentError: sizes below 1. ShapeError: inputs of another width.

    Example:
        >>> x = gd.tensor([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0]])
        >>> neuron = Adaline(2)
        >>> for _ in range(20):
        ...     error = neuron.learn(x, x[:, :1], 0.1)
        >>> neuron.quantized(x)[:, 0].tolist()
        [1.0, -1.0, 1.0, -1.0]
    """

    def __init__(self, inputs: int = 16, neurons: int = 1) -> None:
        super().__init__()
        if min(inputs, neurons) < 1:
            raise gd.ArgumentError(
                f"{neurons} Adalines of {inputs} inputs: expected 1 or more of each"
            )
        self.weight = nn.Parameter(gd.zeros(inputs, neurons), requires_grad=False)
        self.bias = nn.Parameter(gd.zeros(neurons), requires_grad=False)
        self._learn = gd.compile(self._lms)

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        if x.dim() != 2 or x.shape[1] != len(self.weight):
            raise gd.ShapeError(
                f"this Adaline has {len(self.weight)} inputs, and was given a tensor of shape "
                f"{tuple(x.shape)}: expected (N, {len(self.weight)})"
            )
        return x @ self.weight + self.bias

    def quantized(self, x: gd.Tensor) -> gd.Tensor:
        """+1 or -1, (N, neurons); a sum of 0 gives -1."""
        return (self(x) > 0).float() * 2 - 1

    def _lms(self, x: gd.Tensor, d: gd.Tensor, steps: gd.Tensor) -> gd.Tensor:
        def case(weights: Any, one: Any) -> tuple[Any, Any]:
            w, b = weights
            x, d, mu = one
            error = d - (x @ w + b)
            change = 2 * mu * error
            return (w + x.unsqueeze(1) * change, b + change), (error**2).mean()

        (w, b), squares = gd.scan(case, (self.weight, self.bias), (x, d, steps))
        self.weight.copy_(w)
        self.bias.copy_(b)
        return squares.mean()

    def learn(self, x: gd.Tensor, d: gd.Tensor, mu: float | gd.Tensor) -> float:
        """LMS, case by case in the order given.

        Args:
            x: (N, inputs). d: (N, neurons), +1 or -1 (any numbers, for a filter).
            mu: the step, or (N,) steps. Below 1/|(x, 1)|² for every case, or it may diverge.

        Returns:
            The mean squared error of the cases, each before its step.

        Raises:
            ShapeError: as `forward`. NonFiniteError: it diverged; says how small μ should be.
        """
        self(x[:1])
        steps = mu if isinstance(mu, gd.Tensor) else gd.full((len(x),), mu)
        with gd.no_grad():
            error = float(self._learn(x, d, steps))
        if not np.isfinite(error):
            power = float((x * x).sum(1).max()) + 1
            raise gd.NonFiniteError(
                f"LMS diverged with μ = {float(steps.max()):g}: the largest |(x, 1)|² is "
                f"{power:.4g}, so take μ below {1 / power:.2g}"
            )
        return error


def least_squares(x: np.ndarray, d: np.ndarray, test: np.ndarray) -> np.ndarray:
    """What the solution that LMS goes to answers: sums of the test cases (normal equations in
    float64, of least norm, as pixels at the edges are always 0)."""
    rows = np.c_[x, np.ones(len(x), x.dtype)].astype(np.float64)
    weight = np.linalg.pinv(rows.T @ rows, hermitian=True) @ (rows.T @ d)
    return np.c_[test, np.ones(len(test))] @ weight


def demo(settings: Settings) -> Result:
    """Ten Adalines, one for each digit of MNIST, beside least squares itself."""
    count, tests, epochs, mu = settings.of((60_000, 10_000, 4, 1e-3), (2_000, 500, 3, 1e-3))
    digits = gd.data.mnist()
    x = digits.train_images[:count].reshape(count, 784) / np.float32(255)
    test = digits.test_images[:tests].reshape(tests, 784) / np.float32(255)
    d = 2 * np.eye(10, dtype=np.float32)[digits.train_labels[:count]] - 1
    truth = digits.test_labels[:tests]
    exact = float((least_squares(x, d, test).argmax(1) == truth).mean())
    settings.report(f"least squares itself: {100 * exact:.2f}% of the test digits")
    model, rng = Adaline(784, 10), np.random.default_rng(settings.seed)
    light, wanted, unseen = gd.tensor(x), gd.tensor(d), gd.tensor(test)
    size, errors = min(CHUNK, count), []
    for epoch in range(epochs):
        order = rng.permutation(count)
        for start in range(0, count - size + 1, size):
            rows = gd.tensor(order[start : start + size])
            done = (epoch + (start + np.arange(size)) / count) / epochs
            steps = gd.tensor((mu * (1 - done)).astype(np.float32))
            errors.append(model.learn(light[rows], wanted[rows], steps))
        settings.report(f"epoch {epoch + 1} of {epochs}: mean squared error {errors[-1]:.4f}")
    reached = float((model(unseen).argmax(1).numpy() == truth).mean())
    measures = [
        Measure(
            "MNIST test accuracy", reached, baseline=exact,
            baseline_name="least squares itself, which LMS goes to",
            bar=settings.of(0.85, None),
        ),
        Measure(
            "mean squared error before the quantizer, last cases", errors[-1], unit="",
            baseline=float(d.var(0).mean()), baseline_name="a constant", lower_is_better=True,
        ),
    ]  # fmt: skip
    notes = [
        "Ten Adalines learn side by side; the largest sum is the answer.",
        f"μ falls from {mu:g} to 0 over {epochs} passes through {count:,} digits, case by case.",
    ]
    figure = picture(model, errors, size, unseen, truth) if can_draw() else None
    return Result(measures, figure, notes, model=model)


def picture(
    model: Adaline, errors: list[float], size: int, test: gd.Tensor, truth: np.ndarray
) -> Any:
    """The weights of five Adalines, the error as it falls, and the sums of one neuron."""
    figure = new_figure(9.5, 5)
    grid = figure.add_gridspec(2, 10)
    weights = model.weight.numpy().T.reshape(10, 28, 28)
    reach = np.quantile(np.abs(weights), 0.995)
    for k in range(5):
        axis = figure.add_subplot(grid[0, 2 * k : 2 * k + 2])
        axis.imshow(weights[k], cmap="RdBu", vmin=-reach, vmax=reach)
        axis.set_title(f"Adaline {k}", loc="left", size=9)
        axis.set(xticks=[], yticks=[])
    axis = figure.add_subplot(grid[1, :5])
    axis.plot(size / 1000 * np.arange(1, len(errors) + 1), errors, color=BLUE)
    plain(axis, "Squared error, each case before its step", "thousand cases", "mean (d − s)²")
    axis = figure.add_subplot(grid[1, 5:])
    sums, bins = model(test).numpy()[:, 0], np.linspace(-2, 2, 60)
    title = "Sums of Adaline 0: drawn to ±1, quantized at 0"
    histograms(axis, sums, truth == 0, bins, "0", title)
    for goal in (-1, 1):
        axis.axvline(goal, color=PALE, linewidth=0.8, linestyle=":")
    return figure


SYSTEM = System(
    number=2,
    name="adaline",
    title="Adaline",
    year=1960,
    authors="Widrow, Hoff",
    reference=(
        "B. Widrow and M. E. Hoff, Adaptive switching circuits, IRE WESCON Convention Record, "
        "part 4 (1960) 96-104"
    ),
    idea=(
        "The error is measured before the quantizer, so that it has a size and a slope. Each "
        "example gives a noisy but unbiased estimate of the gradient of the mean squared error, "
        "and a small step against it is all the learning there is. That is stochastic gradient "
        "descent, as all networks since have used it; it still runs in modems and hearing aids."
    ),
    equations=(
        Equation("s = Σ_i w_i x_i + w_0,  answer = sign(s)",
                 r"s = \sum_i w_i x_i + w_0,\quad q = \mathrm{sign}(s)", "the neuron"),
        Equation("ε = d − s", r"\varepsilon = d - s", "the error, before the quantizer"),
        Equation("w ← w + 2μ ε x", r"\mathbf{w} \leftarrow \mathbf{w} + 2\mu\,\varepsilon\,"
                 r"\mathbf{x}", "least mean squares: −μ ∂ε²/∂w"),
    ),
    # 16 switches and the threshold's weight.
    sizes=Sizes(neurons=1, connections=17, parameters=17, operations=2 * 17),
    data="MNIST, 60,000 digits",
    paper_data="letters on 4 × 4 switches, with noise",
    paper_result="",
    network=Adaline,
    demo=demo,
    minutes=1.0,
)  # fmt: skip
