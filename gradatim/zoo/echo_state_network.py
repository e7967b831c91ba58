"""Jaeger & Haas 2004: the echo state network, and a chaotic signal that it goes on with.

A thousand units are connected at random and stay so. Driven by a signal, they hold its past in a
thousand nonlinear ways (its echoes), and one linear readout of these is enough to say how it goes
on. Fed back into the network, what it says drives it further. What took back-propagation
through time days is one linear least-squares problem here (`gradatim.rules.Reservoir`).

The signal is that of Mackey & Glass 1977 with delay 17, which is chaotic: an error grows by about
a factor of e every 170 steps, so that 84 steps ahead is the usual test.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import gradatim as gd
from gradatim.explain.pictures.style import BLUE, PALE, RED, can_draw, new_figure, plain
from gradatim.rules.reservoir import Reservoir
from gradatim.zoo.system import Equation, Measure, Result, Settings, Sizes, System

AHEAD = 84
DELAY, STEP = 17, 0.1


def mackey_glass(
    length: int, sequences: int = 1, *, seed: int = 0, settle: int = 1000
) -> gd.Tensor:
    """Signals of Mackey & Glass 1977, squashed as the paper has them, tanh(y − 1).

        dy/dt = 0.2 y(t − 17) / (1 + y(t − 17)¹⁰) − 0.1 y(t)

    By Runge & Kutta's method of order 4 with a step of 0.1; one value of every ten is kept. Each
    sequence begins with a constant past of its own, between 0.7 and 1.4, and is cut off until it is
    on the attractor.

    Args:
        length: how many values.
        sequences: how many signals, side by side.
        seed: of the pasts.
        settle: so many values are cut off.

    Returns:
        float64 (length, sequences).
    """
    per_value, past = round(1 / STEP), round(DELAY / STEP)
    first = np.random.default_rng(seed).uniform(0.7, 1.4, sequences)
    history = gd.tensor(first) * gd.ones(past + 1, 1, dtype=gd.float64)

    def slope(now: Any, delayed: Any) -> Any:
        return 0.2 * delayed / (1 + delayed**10) - 0.1 * now

    def step(history: Any, _: None) -> tuple[Any, Any]:
        now, old, next_old = history[-1], history[0], history[1]
        middle = (old + next_old) / 2  # of the delayed signal, which is known on the grid only
        k1 = slope(now, old)
        k2 = slope(now + STEP / 2 * k1, middle)
        k3 = slope(now + STEP / 2 * k2, middle)
        k4 = slope(now + STEP * k3, next_old)
        new = now + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return gd.cat([history[1:], new[None]]), new

    _, values = gd.scan(step, history, length=(settle + length) * per_value)
    return gd.tanh(values[settle * per_value :: per_value] - 1)


def nrmse(found: gd.Tensor, wanted: gd.Tensor, variance: float) -> float:
    """√(mean (found − wanted)² / variance), as in the paper."""
    return float((((found - wanted) ** 2).mean() / variance).sqrt())


def linear_prediction(teacher: np.ndarray, past: np.ndarray, taps: int = 200) -> np.ndarray:
    """What a linear filter of the last `taps` values, fitted to (T,), says of (taps, N) after 84
    steps, its own outputs fed back: the baseline."""
    windows = np.lib.stride_tricks.sliding_window_view(teacher, taps + 1)
    rows = np.c_[windows[:, :-1], np.ones(len(windows))]
    weight = np.linalg.lstsq(rows, windows[:, -1], rcond=None)[0]
    past = past[-taps:]
    for _ in range(AHEAD):
        past = np.r_[past[1:], [weight[:-1] @ past + weight[-1]]]
    return past[-1]


def demo(settings: Settings) -> Result:
    """Five reservoirs learn 3,000 steps each, and go on with signals that they have not seen."""
    units, steps, washout = settings.of((1000, 3000, 1000), (100, 600, 200))
    reservoirs, trials = settings.of((5, 100), (1, 10))
    settings.report(f"computing {reservoirs} signals to learn and {trials} to go on with")
    teachers = mackey_glass(steps, reservoirs, seed=settings.seed)
    unseen = mackey_glass(1000 + AHEAD, trials, seed=settings.seed + 1000)
    variance = float(teachers.var())
    found, model, drawn = [], None, None
    for number in range(reservoirs):
        density = settings.of(0.01, 0.1)
        model = Reservoir(units, density=density, seed=settings.seed + number)
        trained = model.fit(teachers[:, number : number + 1], washout=washout)
        heard = unseen[:1000].unsqueeze(2)
        state = model.follow(heard)[-1]
        drawn = model.run(state, heard[-1], AHEAD).squeeze(2)
        found.append(nrmse(drawn[-1], unseen[-1], variance))
        settings.report(
            f"reservoir {number + 1} of {reservoirs}: error {trained:.1e} while it is led, "
            f"{found[-1]:.1e} after {AHEAD} steps alone"
        )
    taps = settings.of(200, 50)
    linear = linear_prediction(teachers[:, 0].numpy(), unseen[:1000].numpy(), taps)
    baseline = nrmse(gd.tensor(linear), unseen[-1], variance)
    measures = [
        Measure(
            f"NRMSE after {AHEAD} steps, median of {reservoirs} reservoirs",
            float(np.median(found)), unit="", baseline=baseline,
            baseline_name=f"linear filter of the last {taps} values",
            bar=settings.of(10**-3.5, None), paper=10**-4.2, lower_is_better=True,
        ),
        Measure(
            "the worst of the reservoirs", max(found), unit="", lower_is_better=True
        ),
    ]  # fmt: skip
    notes = [
        f"The error is taken over {trials} signals from other starts, each heard for 1,000 steps.",
        "The paper's 10⁻⁴·² is its plain method's; refined on more data it has 10⁻⁵·¹.",
    ]
    figure = picture(model, unseen) if can_draw() and model is not None else None
    return Result(measures, figure, notes, model=model)


def picture(model: Reservoir, unseen: gd.Tensor) -> Any:
    """A signal and how the network goes on with it, its error, and some units' states."""
    long = 1000
    wanted = mackey_glass(len(unseen) + long, 1, seed=7).squeeze(1)
    heard = wanted[: len(unseen)].reshape(-1, 1)
    states = model.follow(heard)
    alone = model.run(states[-1], heard[-1], long).squeeze(1).numpy()
    truth = wanted[len(unseen) :].numpy()
    figure = new_figure(9, 6.6)
    top, middle, bottom = figure.subplots(3, 1)
    top.plot(truth, color=PALE, linewidth=2.4, label="Mackey-Glass signal")
    top.plot(alone, color=BLUE, linewidth=1, label="the network alone")
    plain(top, "How the network goes on, from step 0", "", "tanh(y − 1)")
    top.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    middle.semilogy(np.maximum(np.abs(alone - truth), 1e-9), color=RED, linewidth=0.9)
    middle.axvline(AHEAD, color=PALE, linewidth=0.8, linestyle=":")
    middle.text(AHEAD + 6, 1e-8, f"{AHEAD} steps", color=PALE)
    plain(middle, "Its error: chaos multiplies it, whatever the network", "step", "|error|")
    bottom.plot(states[-200:, :8].numpy(), linewidth=0.9)
    plain(bottom, "Echoes: eight of the reservoir's units while they are led", "step", "state")
    return figure


SYSTEM = System(
    number=9,
    name="echo-state-network",
    title="Echo state network",
    year=2004,
    authors="Jaeger, Haas",
    reference=(
        "H. Jaeger and H. Haas, Harnessing nonlinearity: predicting chaotic systems and saving "
        "energy in wireless communication, Science 304 (2004) 78-80"
    ),
    idea=(
        "The recurrent weights are random and never learn. If their spectral radius is below 1, "
        "the units hold nonlinear echoes of the signal's past, and the only thing to learn is a "
        "linear readout: a least-squares problem with one best solution. The output is fed back, "
        "with the teacher's signal in its place during training."
    ),
    equations=(
        Equation(
            "x(n) = tanh(W x(n−1) + w_fb y(n−1) + b)",
            r"\mathbf{x}(n) = \tanh(\mathbf{W}\mathbf{x}(n-1) + \mathbf{w}_{fb} y(n-1)"
            r" + \mathbf{b})",
            "reservoir",
        ),
        Equation(
            "y(n) = w_out · (x(n), 1)",
            r"y(n) = \mathbf{w}_{out} \cdot (\mathbf{x}(n), 1)",
            "readout",
        ),
        Equation(
            "w_out = argmin Σ (w · (x(n), 1) − d(n))²,  y(n−1) = d(n−1) in x(n)",
            r"\mathbf{w}_{out} = \arg\min_\mathbf{w} \sum_n "
            r"\left(\mathbf{w}\cdot(\mathbf{x}(n), 1) - d(n)\right)^2",
            "teacher forcing",
        ),
    ),
    # 1,000 units and the output. 1% of 10⁶ connections inside; 1,000 from the output, 1,000 biases,
    # 1,001 to the output, which are what learns.
    sizes=Sizes(
        neurons=1_001,
        connections=(10_000 + 1_000 + 1_000 + 1_001) / 1_001,
        parameters=1_001,
        operations=2 * (10_000 + 1_000 + 1_000 + 1_001),
        examples=3_000,
    ),
    data="Mackey-Glass signal with delay 17: 3,000 steps for each of five reservoirs",
    paper_data="Mackey-Glass signal with delay 17: 3,000 steps",
    paper_result="NRMSE of 10^-4.2 after 84 steps (10^-5.1 refined)",
    network=Reservoir,
    demo=demo,
    minutes=2.0,
)  # fmt: skip
