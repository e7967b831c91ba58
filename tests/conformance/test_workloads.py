"""Every workload of the benchmark trains alike in Gradatim, PyTorch and JAX."""

import importlib.util

import pytest

from gradatim.bench import sides
from gradatim.bench.runs import TOLERANCE, differs
from gradatim.bench.workloads import PUBLISHED, SIZES

STEPS = 3
PEERS = [
    pytest.param(name, marks=pytest.mark.skipif(bool(sides.missing(name)), reason="not installed"))
    for name in ("torch", "jax")
]


@pytest.fixture(scope="module")
def losses_of():
    """Losses of the first steps of a side, computed once."""
    known = {}

    def find(name, workload):
        if (name, workload.name) not in known:
            weights = sides.initial_weights(workload)
            step = sides.prepare(name, workload, weights, *workload.data(), 2)
            known[name, workload.name] = [float(step()) for _ in range(STEPS)]
        return known[name, workload.name]

    return find


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("workload", [*PUBLISHED, *SIZES], ids=lambda w: w.name)
def test_losses_are_the_same(workload, peer, losses_of):
    ours, theirs = losses_of(sides.OURS, workload), losses_of(peer, workload)
    assert differs(ours, theirs) <= TOLERANCE, (ours, theirs)
    assert ours[0] != ours[-1]  # it did train


def test_peers_that_are_not_installed_are_found_out(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert sides.missing("jax") == ["jax", "optax"]
    assert sides.missing("torch") == ["torch"]
    assert sides.missing(sides.OURS) == []
