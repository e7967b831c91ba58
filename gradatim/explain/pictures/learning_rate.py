"""The learning rate: too small, right, too large, and how to find one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradatim import nn, ops, optim
from gradatim.compile import compile
from gradatim.explain.pictures.style import GREEN, INK, PALE, RED, SERIES, new_figure, plain
from gradatim.graph.errors import ArgumentError
from gradatim.nn import Module
from gradatim.random import fork_rng, manual_seed
from gradatim.tensor import Tensor

Batches = Sequence[tuple[Tensor, Tensor]]
GROWN = 4.0
"""A loss of so many times the first one counts as diverged."""


def losses_at(
    model: Module,
    batches: Batches,
    rates: Sequence[float],
    loss: Callable[[Tensor, Tensor], Tensor],
) -> list[float]:
    """The loss of each step of plain gradient descent, the rate of each step being given.

    Ends at the first loss that is not finite, which is the last of the list.
    """
    optimizer = optim.SGD(model.parameters(), lr=rates[0])

    @compile
    def step(inputs: Tensor, targets: Tensor) -> Tensor:
        value = loss(model(inputs), targets)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value.detach()

    found: list[float] = []
    for number, rate in enumerate(rates):
        optimizer.param_groups[0]["lr"] = rate
        found.append(step(*batches[number % len(batches)]).item())
        if not math.isfinite(found[-1]):
            break
    return found


def _small_problem(rows: int = 4000, batch: int = 200) -> tuple[Callable[[], Module], Batches]:
    """A network for digits, each time with the same first weights, and batches of digits."""
    from gradatim.data import mnist

    found = mnist()
    images = ops.tensor(found.train_images[:rows].reshape(rows, -1) / np.float32(255))
    targets = ops.one_hot(ops.tensor(found.train_labels[:rows]), 10).float()
    starts = range(0, rows, batch)
    batches = [(images[at : at + batch], targets[at : at + batch]) for at in starts]

    def make() -> Module:
        with fork_rng():
            manual_seed(0)
            return nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))

    return make, batches


def learning_rates(rates: Sequence[float] = (0.001, 0.03, 0.3, 1.0, 50.0), steps: int = 100) -> Any:
    """Loss curves of one network (784-100-10 on MNIST, mean squared error) at several rates.

    A curve that diverges is drawn until it leaves the picture, and says so.
    """
    if not rates or min(rates) <= 0 or steps < 2:
        raise ArgumentError(f"rates {list(rates)}, {steps} steps: expected rates above 0, 2 steps")
    make, batches = _small_problem()
    figure = new_figure(7.2, 4.2)
    axis = figure.subplots()
    curves = [losses_at(make(), batches, [rate] * steps, nn.MSELoss()) for rate in rates]
    first = next((curve[0] for curve in curves if math.isfinite(curve[0])), 1.0)
    ceiling = GROWN * first
    lowest = min(min(curve) for curve in curves if math.isfinite(curve[-1]) or len(curve) > 1)
    for rate, curve, color in zip(rates, curves, SERIES):
        diverged = _diverged(curve)
        shown = [
            min(value, 1e3 * first) if math.isfinite(value) else 1e3 * first for value in curve
        ]
        if diverged:  # drawn until it leaves the picture
            shown = shown[: 1 + next(n for n, value in enumerate(shown) if value > ceiling)]
        label = f"{rate:g}: diverges" if diverged else f"{rate:g}: {curve[-1]:.3f} at the end"
        axis.plot(
            np.arange(1, len(shown) + 1), shown, color=color, label=label, linewidth=1.7,
            ls="--" if diverged else "-",
        )  # fmt: skip
    plain(axis, "One network, several learning rates", "step", "loss")
    axis.set_yscale("log")
    axis.set_ylim(lowest * 0.8, ceiling)
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("{x:g}")
    axis.legend(frameon=False, title="learning rate", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _diverged(curve: Sequence[float]) -> bool:
    return not math.isfinite(curve[-1]) or curve[-1] > GROWN * curve[0]


def descent(rates: Sequence[float] = (0.02, 0.15, 0.5, 0.65), steps: int = 30) -> Any:
    """The path of gradient descent over the loss surface of a linear neuron with two weights.

    The surface is the mean squared error over 50 seeded cases, a bowl that is steeper one way than
    the other; the rate above which descent climbs is 2 over its greatest curvature.
    """
    if not rates or min(rates) <= 0 or steps < 1:
        raise ArgumentError(f"rates {list(rates)}, {steps} steps: expected rates above 0, 1 step")
    generator = np.random.default_rng(3)
    x = generator.normal(size=(50, 2)) * [1.2, 0.5]
    x[:, 1] += 0.3 * x[:, 0]
    best = np.array([1.0, -0.5])
    y = x @ best
    curvature = 2 * np.linalg.eigvalsh(x.T @ x / len(x))[-1]
    inputs, targets = ops.tensor(x), ops.tensor(y)
    span = np.linspace(-2.6, 2.6, 121)
    grid = np.stack(np.meshgrid(best[0] + span, best[1] + span), -1)
    surface = ((grid @ x.T - y) ** 2).mean(-1)
    figure = new_figure(3.1 * len(rates), 3.5)
    panels = figure.subplots(1, len(rates), squeeze=False, sharex=True, sharey=True)[0]
    for axis, rate in zip(panels, rates):
        path = _descend(inputs, targets, rate, steps)
        levels = np.geomspace(0.01, surface.max(), 16)
        axis.contourf(grid[..., 0], grid[..., 1], surface, levels=[0, *levels], cmap="Blues_r")
        axis.contour(
            grid[..., 0], grid[..., 1], surface, levels=levels, colors="white", linewidths=0.5
        )
        inside = (np.abs(path - best) <= span[-1]).all(axis=1)
        shown = path if inside.all() else path[: int(inside.argmin()) + 3]
        axis.plot(shown[:, 0], shown[:, 1], "o-", color=RED, markersize=3, linewidth=1.2)
        axis.plot(*best, marker="*", color="#facc15", markersize=13, markeredgecolor=INK)
        last = float(((x @ path[-1] - y) ** 2).mean())
        verdict = "diverges" if rate * curvature > 2 else f"loss {last:.2g} after {steps} steps"
        axis.set_title(f"learning rate {rate:g}\n{verdict}", loc="left", size=10, color=INK)
        axis.set_xlabel("$w_1$")
        axis.set_xlim(grid[..., 0].min(), grid[..., 0].max())
        axis.set_ylim(grid[..., 1].min(), grid[..., 1].max())
    panels[0].set_ylabel("$w_2$")
    return figure


def _descend(inputs: Tensor, targets: Tensor, rate: float, steps: int) -> np.ndarray:
    """The weights before each step and after the last, (steps + 1, 2)."""
    weights = ops.tensor([-0.9, 1.4], dtype=inputs.dtype, requires_grad=True)
    optimizer = optim.SGD([weights], lr=rate)
    path = [weights.detach().numpy().copy()]
    for _ in range(steps):
        optimizer.zero_grad()
        ((inputs @ weights - targets) ** 2).mean().backward()
        optimizer.step()
        path.append(weights.detach().numpy().copy())
    return np.array(path)


class Found(NamedTuple):
    """What a learning-rate finder found.

    Attributes:
        rates, losses: of each step; losses smoothed.
        suggestion: the rate at which the loss fell fastest.
        diverged_at: the rate at which the loss had grown, or None.
    """

    rates: np.ndarray
    losses: np.ndarray
    suggestion: float
    diverged_at: float | None


def find_learning_rate(
    model: Module,
    batches: Batches,
    loss: Callable[[Tensor, Tensor], Tensor],
    lowest: float = 1e-4,
    highest: float = 100.0,
    steps: int = 120,
) -> Found:
    """Raise the rate a little with each step, and see where the loss falls, and where it grows.

    Smith 2017, *Cyclical learning rates for training neural networks*, section 3.3. Losses are
    smoothed as moving averages. The model has its weights again afterwards.

    Args:
        batches: (inputs, targets) tensors, used in turn.

    Raises:
        ArgumentError: rates or steps that make no sense; a loss that is not finite from the start.
    """
    if not 0 < lowest < highest or steps < 10:
        raise ArgumentError(
            f"rates from {lowest:g} to {highest:g} in {steps} steps: expected 0 < lowest < highest "
            "and at least 10 steps"
        )
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    rates = np.geomspace(lowest, highest, steps)
    raw = losses_at(model, batches, rates.tolist(), loss)
    model.load_state_dict(kept)
    smooth: list[float] = []
    average = 0.0
    diverged_at = None
    for number, value in enumerate(raw):
        average = 0.8 * average + 0.2 * value
        smooth.append(average / (1 - 0.8 ** (number + 1)))
        if not math.isfinite(smooth[-1]) or smooth[-1] > GROWN * min(smooth):
            diverged_at = float(rates[number])
            break
    losses = np.array([value for value in smooth if math.isfinite(value)])
    if len(losses) < 2:
        raise ArgumentError(
            f"the loss is {raw[0]:g} at a rate of {lowest:g} and not finite after it: look at the "
            "inputs, or begin with a lower rate"
        )
    bottom = max(int(losses.argmin()), 1)
    slopes = np.gradient(np.log(losses[: bottom + 1]), np.log(rates[: bottom + 1]))
    suggestion = float(rates[int(slopes.argmin())])
    return Found(rates[: len(losses)], losses, suggestion, diverged_at)


def learning_rate_finder(
    model: Module | None = None,
    batches: Batches | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    **settings: Any,
) -> Any:
    """The curve of `find_learning_rate`, by default of a small network on MNIST."""
    if model is None or batches is None:
        make, batches = _small_problem()
        model = make()
    found = find_learning_rate(model, batches, loss or nn.MSELoss(), **settings)
    figure = new_figure(6.4, 3.8)
    axis = figure.subplots()
    axis.plot(found.rates, found.losses, color=SERIES[0], linewidth=1.8)
    axis.axvline(found.suggestion, color=GREEN, ls="--", linewidth=1.2)
    top = min(GROWN * found.losses.min(), found.losses.max()) * 1.1
    axis.annotate(
        f"falls fastest at {found.suggestion:.2g} ", (found.suggestion, top), color=GREEN,
        va="top", ha="right", size=9,
    )  # fmt: skip
    if found.diverged_at is not None:
        axis.axvline(found.diverged_at, color=RED, ls=":", linewidth=1.2)
        axis.annotate(
            f"diverges at {found.diverged_at:.2g} ", (found.diverged_at, top), color=RED,
            va="top", ha="right", size=9,
        )  # fmt: skip
    plain(axis, "Learning-rate finder", "learning rate", "loss (smoothed)")
    axis.set_xscale("log")
    axis.set_ylim(top=top)
    axis.tick_params(colors=INK)
    axis.spines[["left", "bottom"]].set_color(PALE)
    return figure
