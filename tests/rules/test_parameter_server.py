"""The parameter server: Adagrad by hand, staleness, and replicas that fail."""

import threading

import numpy as np
import pytest

from gradatim.graph.errors import NonFiniteError, ShapeError
from gradatim.rules import ParameterServer, downpour


def test_adagrad_by_hand():
    """w = 1, α = 0.1: after g = 3 it is 1 - 0.1; after g = 4 less 0.1 · 4/√(9 + 16)."""
    server = ParameterServer([np.array([1.0])], rate=0.1)
    server.push([np.array([3.0])], 0)
    assert server.fetch()[1][0] == pytest.approx([0.9])
    server.push([np.array([4.0])], 1)
    assert server.fetch()[1][0] == pytest.approx([0.82])


def test_what_was_fetched_is_a_copy_and_late_gradients_are_counted():
    server = ParameterServer([np.zeros(2), np.ones((2, 2))])
    version, (first, _) = server.fetch()
    first += 7
    assert (server.fetch()[1][0] == 0).all()
    for _ in range(3):
        server.push([np.ones(2), np.ones((2, 2))], version)
    assert server.staleness == [0, 1, 2]
    with pytest.raises(ShapeError, match="expected"):
        server.push([np.ones(2)], version)


def test_replicas_work_at_the_same_time():
    """Each waits in its first step until the other is in it, too."""
    both = threading.Barrier(2, timeout=10)

    def gradient(parameters, step):
        if step == 0:
            both.wait()
        return 0.0, [parameters[0]]

    server = ParameterServer([np.array([1.0])])
    losses = downpour(server, [gradient, gradient], steps=3)
    assert [len(one) for one in losses] == [3, 3]
    assert max(server.staleness) >= 1  # both fetched before either pushed


def test_gradients_add_up_until_they_are_pushed():
    server, seen = ParameterServer([np.array([1.0])], rate=0.1), []

    def gradient(parameters, step):
        seen.append(parameters[0].item())
        return 0.0, [np.array([1.0])]

    downpour(server, [gradient], steps=5, fetch_every=2, push_every=2)
    assert server.pushes == 3
    assert seen[0] == seen[1] == 1.0
    assert seen[2] == seen[3] == pytest.approx(0.9)
    assert seen[4] == pytest.approx(0.9 - 0.1 * 2 / np.sqrt(8))


def test_a_replica_that_fails_ends_all_and_says_why():
    def bad(parameters, step):
        return float("nan"), [parameters[0]]

    with pytest.raises(NonFiniteError, match="replica 0 is nan at step 0: lower the rate"):
        downpour(ParameterServer([np.zeros(1)]), [bad], steps=2)
