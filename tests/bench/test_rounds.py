"""Taking turns, and which rounds count."""

import pytest

from gradatim.bench import rounds as rounds_
from gradatim.bench.report import as_json, make_row, make_table, notes
from gradatim.bench.rounds import Rounds, geometric_mean, is_quiet, measure
from gradatim.bench.runs import Result, differs
from gradatim.bench.workloads import choose

QUIET, NOISY = (100.0, 99.0), (100.0, 60.0)


class Clock:
    """Time that passes only when a step says so."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def step(self, seconds):
        def run():
            self.now += seconds
            return 0.0

        return run


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(rounds_, "time", Clock())
    return rounds_.time


def test_a_round_counts_if_both_probes_are_near_the_best():
    assert is_quiet(95.0, 100.0, 100.0)
    assert not is_quiet(94.9, 100.0, 100.0)
    assert not is_quiet(100.0, 94.9, 100.0)


def test_medians_are_over_quiet_rounds_alone():
    rounds = Rounds({"a": [1.0, 50.0, 3.0, 2.0]}, [QUIET, NOISY, QUIET, QUIET])
    assert rounds.quiet(100.0) == [0, 2, 3]
    assert rounds.medians(100.0) == {"a": 2.0}


def test_a_better_probe_later_disqualifies_earlier_rounds():
    rounds = Rounds({"a": [1.0]}, [QUIET])
    assert rounds.quiet(100.0) == [0]
    assert rounds.quiet(110.0) == []


def test_without_a_quiet_round_the_medians_are_over_all():
    rounds = Rounds({"a": [1.0, 2.0, 9.0]}, [NOISY] * 3)
    assert rounds.medians(100.0) == {"a": 2.0}


def test_measuring_goes_on_until_enough_rounds_were_quiet(clock):
    probes = iter([100.0] * 2 + [50.0] * 2 + [100.0] * 100)
    found, best = measure({"a": clock.step(1e-3)}, 2, lambda: next(probes))
    # The first round ends at a slow probe and the second begins at it.
    assert found.quiet(best) == [2, 3]
    assert best == 100.0


def test_measuring_stops_if_no_round_is_ever_quiet(clock):
    speeds = iter(range(1, 1000))
    found, _ = measure({"a": clock.step(1e-3)}, 2, lambda: 10.0 ** next(speeds))
    assert len(found.probes) == 6


def test_seconds_are_those_of_one_step(clock):
    steps = {"a": clock.step(1e-3), "b": clock.step(4e-3)}
    found, _ = measure(steps, 3, None)
    assert found.medians(0.0) == {"a": pytest.approx(1e-3), "b": pytest.approx(4e-3)}


def test_sides_take_turns_of_many_steps(clock):
    calls = []

    def noted(name):
        step = clock.step(1e-3)
        return lambda: (calls.append(name), step())[1]

    measure({"a": noted("a"), "b": noted("b")}, 2, None)
    turns = [name for k, name in enumerate(calls) if k == 0 or calls[k - 1] != name]
    assert turns == ["a", "b"] * 3  # once to count the steps of a turn, then two rounds
    assert calls.count("a") > 60


def test_geometric_mean():
    assert geometric_mean([1.0, 4.0, 2.0]) == pytest.approx(2.0)


def test_losses_that_differ_are_measured_relatively():
    assert differs([100.0, 1.0], [100.0, 1.0]) == 0
    assert differs([100.0, 1.0], [101.0, 1.0]) == pytest.approx(0.01)
    assert not differs([1.0], [float("nan")]) <= 1


# --- the report ----------------------------------------------------------------------------------


def result(ours, theirs, name="tiny_xor"):
    rounds = Rounds({"gradatim": [ours] * 2, "torch": [theirs] * 2}, [QUIET, NOISY])
    return Result(choose([name])[0], rounds, failed={"jax": "ValueError: no"})


def test_a_row_compares_with_the_best_peer_and_marks_the_bar():
    row = make_row(result(1e-3, 2e-3), 100.0)
    assert (row.best_peer, row.ratio, row.met) == ("torch", 2.0, True)
    assert (row.quiet, row.rounds) == (1, 2)
    assert make_row(result(1e-3, 1.4e-3), 100.0).met is False


def test_the_deck_has_to_reach_its_share_of_the_peak_too():
    fast = result(0.02, 1.0, "deck_mnist_b1000")
    assert make_row(fast, fast.operations / 0.02 / 0.85).met is True
    assert make_row(fast, fast.operations / 0.02 / 0.75).met is False


def test_the_table_and_its_notes_say_what_was_left_out():
    from rich.console import Console

    rows = [make_row(result(1e-3, 2e-3), 100.0)]
    console = Console(width=120)
    with console.capture() as said:
        console.print(make_table(rows, 100.0))
    assert all(word in said.get() for word in ("tiny_xor", "PyTorch", "2.00", "1/2"))
    text = "\n".join(notes(rows, 100.0, ["compile"]))
    assert "1 of 2 rounds" in text
    assert "tiny_xor: JAX left out, ValueError: no" in text
    assert "torch.compile left out: not installed" in text
    assert "Geometric mean 2.00 times the best peer; 1 of 1 bars met" in text


def test_the_json_has_every_measurement():
    content = as_json([make_row(result(1e-3, 2e-3), 100.0)], 100.0, 2)
    (workload,) = content["workloads"]
    assert workload["milliseconds"] == {"gradatim": 1.0, "torch": 2.0}
    assert workload["rounds"]["quiet"] == [0]
    assert content["machine"]["threads"] == 2
