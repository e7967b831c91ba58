"""Asynchronous descent with a parameter server (Dean et al. 2012, *Large scale distributed deep
networks*: Downpour SGD).

Several replicas of a model work on different data. Each fetches the parameters, computes gradients
for some steps, and pushes their sum; nobody waits for anybody. The server keeps the parameters
in shards, each with a lock of its own, and takes every gradient as it comes, though its replica
may have fetched before others pushed (that is its *staleness*). Adagrad gives each parameter a
rate of its own, which makes the late gradients bearable:

    G ← G + g²,    w ← w − α g / √G
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from gradatim.graph.errors import ArgumentError, NonFiniteError, ShapeError

GradientFunction = Callable[[list[np.ndarray], int], tuple[float, list[np.ndarray]]]
"""Takes the parameters and the number of the step; gives the loss and the gradients."""


class ParameterServer:
    """Keeps parameters, gives them out, and takes gradients.

    Args:
        parameters: arrays; copied. Each is a shard.
        rate: α of Adagrad.

    Attributes:
        pushes: how many gradients came.
        staleness: of each push, how many others came between its fetch and itself.

    Example:
        >>> server = ParameterServer([np.array([1.0])], rate=0.5)
        >>> version, (w,) = server.fetch()
        >>> server.push([np.array([4.0])], version)
        >>> server.fetch()[1][0]
        array([0.5])
    """

    def __init__(self, parameters: Sequence[np.ndarray], rate: float = 0.01) -> None:
        if not rate > 0:
            raise ArgumentError(f"rate is {rate}: it has to be above 0")
        self.rate = rate
        self._shards = [np.array(one) for one in parameters]
        self._squares = [np.zeros_like(one) for one in self._shards]
        self._locks = [threading.Lock() for _ in self._shards]
        self._counting = threading.Lock()
        self.pushes = 0
        self.staleness: list[int] = []

    def fetch(self) -> tuple[int, list[np.ndarray]]:
        """How many pushes there were, and a copy of the parameters. Other replicas may push
        between two shards."""
        version, found = self.pushes, []
        for shard, lock in zip(self._shards, self._locks):
            with lock:
                found.append(shard.copy())
        return version, found

    def push(self, gradients: Sequence[np.ndarray], version: int) -> None:
        """Take gradients of parameters that were fetched as `version`.

        Raises:
            ShapeError: gradients of other shapes.
        """
        shapes = [one.shape for one in self._shards]
        if [one.shape for one in gradients] != shapes:
            raise ShapeError(
                f"gradients have shapes {[one.shape for one in gradients]}: expected {shapes}"
            )
        parts = zip(self._shards, self._squares, self._locks, gradients)
        for shard, squares, lock, gradient in parts:
            with lock:
                squares += gradient**2
                shard -= self.rate * gradient / np.sqrt(squares + 1e-12)
        with self._counting:
            self.staleness.append(self.pushes - version)
            self.pushes += 1


def downpour(
    server: ParameterServer,
    replicas: Sequence[GradientFunction],
    steps: int,
    *,
    fetch_every: int = 1,
    push_every: int = 1,
    report: Callable[[int, int, float], None] | None = None,
) -> list[list[float]]:
    """Let replicas learn at once, each in a thread, until each has done its steps.

    A replica that fetches less often than at each step goes on with what it has.

    Args:
        replicas: one function each; it is called from its own thread only.
        steps: of each replica.
        fetch_every, push_every: so many steps apart. Gradients add up until they are pushed.
        report: called with replica, step and loss after each step.

    Returns:
        The losses of each replica.

    Raises:
        NonFiniteError: a loss is not finite; says of which replica, after all have stopped. What
            else a replica raises comes out, too.

    Example:
        >>> server = ParameterServer([np.array([3.0])], rate=0.5)
        >>> def gradient(parameters, step):  # of ½ w²
        ...     return float(parameters[0][0] ** 2 / 2), [parameters[0]]
        >>> losses = downpour(server, [gradient, gradient], steps=50)
        >>> server.pushes, bool(abs(server.fetch()[1][0][0]) < 0.1)
        (100, True)
    """
    if not replicas or fetch_every < 1 or push_every < 1:
        raise ArgumentError(
            f"{len(replicas)} replicas that fetch every {fetch_every} and push every {push_every} "
            "steps: expected 1 or more of each"
        )
    losses: list[list[float]] = [[] for _ in replicas]
    failures: list[BaseException] = []

    def work(number: int, gradients_of: GradientFunction) -> None:
        version, parameters = server.fetch()
        waiting: list[np.ndarray] | None = None
        for step in range(steps):
            if failures:
                return
            if step and step % fetch_every == 0:
                version, parameters = server.fetch()
            loss, gradients = gradients_of(parameters, step)
            if not np.isfinite(loss):
                raise NonFiniteError(
                    f"the loss of replica {number} is {loss} at step {step}: lower the rate"
                )
            losses[number].append(loss)
            if waiting is None:
                waiting = [np.array(one) for one in gradients]
            else:
                waiting = [a + b for a, b in zip(waiting, gradients)]
            if (step + 1) % push_every == 0 or step + 1 == steps:
                server.push(waiting, version)
                waiting = None
            if report:
                report(number, step, loss)

    def guarded(number: int, gradients_of: GradientFunction) -> None:
        try:
            work(number, gradients_of)
        except BaseException as error:  # a thread's errors are lost, if nobody keeps them
            failures.append(error)

    threads = [
        threading.Thread(target=guarded, args=pair, daemon=True) for pair in enumerate(replicas)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return losses
