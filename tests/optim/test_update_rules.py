"""Each optimizer's first steps, by hand from its paper."""

from __future__ import annotations

import math

import pytest

import gradatim as gd
from gradatim import realize


def steps_of(make, grads, start=1.0):
    """The values of one weight that gets the given gradients, one after the other."""
    w = gd.tensor([start], dtype=gd.float64, requires_grad=True)
    optimizer = make([w])
    values = []
    for grad in grads:
        w.grad = gd.tensor([grad], dtype=gd.float64)
        optimizer.step()
        values.append(w.item())
    return values


def test_sgd_goes_against_the_gradient():
    assert steps_of(lambda p: gd.optim.SGD(p, lr=0.5), [2.0, -4.0]) == [0.0, 2.0]


def test_sgd_with_momentum_keeps_its_velocity():
    # v: 2, then 0.5 * 2 + 2 = 3
    make = lambda p: gd.optim.SGD(p, lr=0.25, momentum=0.5)  # noqa: E731
    assert steps_of(make, [2.0, 2.0]) == [0.5, -0.25]


def test_the_first_gradient_is_not_dampened():
    # v: 2, then 0.5 * 2 + 0.75 * 2 = 2.5, then 0.5 * 2.5 + 0.75 * 2 = 2.75
    make = lambda p: gd.optim.SGD(p, lr=0.5, momentum=0.5, dampening=0.25)  # noqa: E731
    assert steps_of(make, [2.0, 2.0, 2.0]) == [0.0, -1.25, -2.625]


def test_nesterov_adds_the_new_velocity_to_the_gradient():
    # v: 2, direction 2 + 0.5 * 2 = 3; v: 3, direction 2 + 1.5 = 3.5
    make = lambda p: gd.optim.SGD(p, lr=0.5, momentum=0.5, nesterov=True)  # noqa: E731
    assert steps_of(make, [2.0, 2.0]) == [-0.5, -2.25]


def test_coupled_weight_decay_is_part_of_the_gradient():
    make = lambda p: gd.optim.SGD(p, lr=0.5, weight_decay=0.5)  # noqa: E731
    assert steps_of(make, [2.0], start=4.0) == [2.0]


def test_maximize_climbs():
    assert steps_of(lambda p: gd.optim.SGD(p, lr=0.5, maximize=True), [2.0]) == [2.0]


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_adams_first_step_is_the_learning_rate_whatever_the_gradient(size):
    make = lambda p: gd.optim.Adam(p, lr=0.25, eps=0)  # noqa: E731
    assert steps_of(make, [size]) == pytest.approx([0.75], rel=1e-15)


def test_adams_second_step():
    # m = 0.1 g1, then 0.9 m + 0.1 g2; v alike with 0.999; both divided by their corrections.
    m = (0.9 * 0.1 * 2.0 + 0.1 * -1.0) / (1 - 0.9**2)
    v = (0.999 * 0.001 * 4.0 + 0.001 * 1.0) / (1 - 0.999**2)
    first, second = steps_of(lambda p: gd.optim.Adam(p, lr=0.25, eps=1e-3), [2.0, -1.0])
    assert first == pytest.approx(1 - 0.25 * 2.0 / (2.0 + 1e-3), rel=1e-13)
    assert second == pytest.approx(first - 0.25 * m / (math.sqrt(v) + 1e-3), rel=1e-13)


def test_amsgrad_remembers_the_largest_square():
    make = lambda p: gd.optim.Adam(p, lr=1.0, betas=(0.0, 0.5), eps=0, amsgrad=True)  # noqa: E731
    # v: 8, then 0.5 * 8 + 0 = 4: the larger 8 stays, corrected with 1 - 0.5**2.
    first, second, third = steps_of(make, [4.0, 0.0, 1.0])
    assert (first, second) == pytest.approx((0.0, 0.0))
    assert third == pytest.approx(-1 / math.sqrt(8 / (1 - 0.5**3)), rel=1e-14)


def test_adamw_shrinks_weights_apart_from_the_gradient():
    make = lambda p: gd.optim.AdamW(p, lr=0.5, weight_decay=0.5)  # noqa: E731
    assert steps_of(make, [0.0, 0.0], start=16.0) == [12.0, 9.0]


def test_rmsprop_divides_by_the_root_mean_square():
    make = lambda p: gd.optim.RMSprop(p, lr=0.5, alpha=0.75, eps=0)  # noqa: E731
    assert steps_of(make, [4.0]) == [0.0]  # n = 0.25 * 16, its root 2


def test_centered_rmsprop_divides_by_the_deviation():
    make = lambda p: gd.optim.RMSprop(p, lr=1.0, alpha=0.5, eps=0, centered=True)  # noqa: E731
    assert steps_of(make, [4.0]) == [-1.0]  # n = 8, m = 2: the root of 8 - 4


def test_adagrad_divides_by_the_root_of_all_squares():
    make = lambda p: gd.optim.Adagrad(p, lr=1.0, eps=0)  # noqa: E731
    assert steps_of(make, [3.0, 4.0]) == pytest.approx([0.0, -0.8], rel=1e-15)  # 4 / 5


def test_adagrads_learning_rate_decays():
    make = lambda p: gd.optim.Adagrad(p, lr=1.0, lr_decay=1.0, eps=0)  # noqa: E731
    assert steps_of(make, [3.0, 4.0]) == pytest.approx([0.0, -0.4], rel=1e-15)


def test_adadelta_needs_no_learning_rate():
    make = lambda p: gd.optim.Adadelta(p, rho=0.75, eps=1.0)  # noqa: E731
    # E[g²] = 0.25 * 12 = 3: Δ = sqrt((0 + 1) / (3 + 1)) * g
    assert steps_of(make, [math.sqrt(12)]) == pytest.approx([1 - math.sqrt(12) / 2], rel=1e-15)


def test_adamax_divides_by_the_largest_recent_gradient():
    make = lambda p: gd.optim.Adamax(p, lr=1.0, betas=(0.0, 0.5), eps=0)  # noqa: E731
    assert steps_of(make, [4.0, 1.0]) == [0.0, -0.5]  # u: 4, then max(2, 1)


def test_radam_starts_without_dividing():
    assert steps_of(lambda p: gd.optim.RAdam(p, lr=0.125), [4.0]) == pytest.approx([0.5])


def test_rprop_looks_at_signs_only():
    make = lambda p: gd.optim.Rprop(p, lr=1.0, etas=(0.5, 2.0))  # noqa: E731
    # Δ: 1; same sign, 2; sign changed, 1 and no step; then a step of 1.
    assert steps_of(make, [9.0, 0.1, -0.1, -5.0]) == [0.0, -2.0, -2.0, -1.0]


def test_asgd_averages_from_t0_on():
    w = gd.tensor([8.0], dtype=gd.float64, requires_grad=True)
    optimizer = gd.optim.ASGD([w], lr=1.0, lambd=0.0, t0=1)
    means = []
    for _ in range(4):
        w.grad = gd.tensor([1.0], dtype=gd.float64)
        optimizer.step()
        means.append(optimizer.state[w]["ax"].item())
    # w: 7, 6, 5, 4; the average starts anew up to the step after t0 + 1
    assert means == [7.0, 6.0, 5.0, 4.5]


def test_nadam_takes_part_of_the_next_momentum_step_now():
    mu1, mu2 = (0.9 * (1 - 0.5 * 0.96 ** (t * 0.004)) for t in (1, 2))
    along_g = (1 - mu1) / (1 - mu1)
    along_m = mu2 / (1 - mu1 * mu2) * 0.1
    value = steps_of(lambda p: gd.optim.NAdam(p, lr=0.5, eps=0), [3.0])
    assert value == pytest.approx([1 - 0.5 * (along_g + along_m)], rel=1e-7)  # μ's in float32


OTHERS = ("Optimizer", "lr_scheduler", "swa_utils")
OPTIMIZERS = [name for name in gd.optim.__all__ if name not in OTHERS]


@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - {"Muon"}))  # Muon is for matrices
def test_every_optimizer_fits_a_line(name):
    gd.manual_seed(0)
    x = gd.randn(50, 2)
    y = x @ gd.tensor([2.0, -1.0]) + 0.5
    w, b = gd.zeros(2, requires_grad=True), gd.zeros((), requires_grad=True)
    lr = {"Adadelta": 5.0, "Adagrad": 0.5, "SGD": 0.1, "ASGD": 0.1, "Adafactor": 0.5}.get(
        name, 0.05
    )
    optimizer = getattr(gd.optim, name)([w, b], lr=lr)

    def closure():
        optimizer.zero_grad()
        loss = ((x @ w + b - y) ** 2).mean()
        loss.backward()
        return loss

    first = optimizer.step(closure).item()
    for _ in range(200):
        last = optimizer.step(closure).item()
    assert last < 1e-2 * first


# RAdam has two phases, Adafactor's first average is all gradient, and LBFGS needs a closure.
@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - {"RAdam", "Adafactor", "LBFGS"}))
def test_a_schedule_and_the_step_count_make_no_new_program(name):
    w = gd.tensor([[0.5, 0.25], [1.0, 2.0]], requires_grad=True)
    optimizer = getattr(gd.optim, name)([w], lr=0.37)
    scheduler = gd.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=30)
    counts = []
    for _ in range(5):
        optimizer.zero_grad()
        (w**2).sum().backward()
        optimizer.step()
        scheduler.step()
        counts.append(len(realize.state.programs))
    assert counts == counts[:1] * 5


def test_muon_moves_a_matrix_by_an_orthogonal_one():
    w = gd.zeros(3, 3, dtype=gd.float64, requires_grad=True)
    w.grad = gd.tensor([[0.0, 5.0, 0.0], [0.0, 0.0, 0.5], [-1.0, 0.0, 0.0]], dtype=gd.float64)
    gd.optim.Muon([w], lr=1.0, weight_decay=0.0).step()
    # Five iterations bring singular values to 1 ± 0.3 (Jordan et al. 2024).
    assert (w @ w.T).detach().numpy() == pytest.approx(gd.eye(3).numpy(), abs=0.6)
    assert (w.detach() != 0).sum() == 3


def test_adafactors_first_step_is_relative_to_the_weights():
    # The update is the gradient's sign, scaled by the weights' root mean square times min(lr, 1).
    make = lambda p: gd.optim.Adafactor(p, lr=0.25)  # noqa: E731
    assert steps_of(make, [3.0], start=8.0) == pytest.approx([6.0])
    assert steps_of(make, [-3.0], start=0.0) == pytest.approx([0.25 * 1e-3])


def test_lbfgs_finds_the_minimum_of_a_parabola_in_two_steps():
    x = gd.tensor([4.0, -2.0], dtype=gd.float64, requires_grad=True)
    optimizer = gd.optim.LBFGS([x], lr=1, max_iter=3)

    def closure():
        optimizer.zero_grad()
        loss = ((x - 1) ** 2).sum() * 2
        loss.backward()
        return loss

    optimizer.step(closure)
    assert x.tolist() == pytest.approx([1, 1], rel=1e-12)


def test_an_average_of_weights_fades_or_counts_all_alike():
    model = gd.nn.Linear(1, 1, bias=False)
    utils = gd.optim.swa_utils
    fading = utils.AveragedModel(model, multi_avg_fn=utils.get_ema_multi_avg_fn(0.75))
    alike = utils.AveragedModel(model)
    for value in (8.0, 4.0, 0.0):
        gd.nn.init.constant_(model.weight, value)
        fading.update_parameters(model)
        alike.update_parameters(model)
    assert fading.module.weight.item() == (8 * 0.75 + 4 * 0.25) * 0.75
    assert alike.module.weight.item() == 4
    assert alike.n_averaged == 3
