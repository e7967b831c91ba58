"""Hidden Markov models whose states follow each other from left to right, and their best paths
(Viterbi 1967, *Error bounds for convolutional codes and an asymptotically optimum decoding
algorithm*; for speech Rabiner 1989, *A tutorial on hidden Markov models and selected applications
in speech recognition*, equations 32 to 35).

A recording begins in the first state and ends in the last; with each frame it stays where it is, or
goes on to the next state:

    δ₁(1) = log b₁(x₁)
    δₜ(j) = log bⱼ(xₜ) + max(δₜ₋₁(j) + log aⱼⱼ,  δₜ₋₁(j−1) + log aⱼ₋₁,ⱼ)

δ of the last state at the last frame is the score of the model for the recording, and going back
over the choices gives its *alignment*: which state each frame belongs to.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim import ops
from gradatim.compile import compile
from gradatim.graph.dtypes import int64
from gradatim.graph.errors import DataError, ShapeError

NEVER = -1e30  # the logarithm of a probability of 0, finite so that differences of two are numbers


def best_paths(
    frames: Any, lengths: np.ndarray, stay: np.ndarray, move: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The best path through each recording's model, all recordings at once.

    Args:
        frames: log b, float32 (T, N, states): how well each state explains each frame.
        lengths: frames of each recording, (N,), from `states` to T; what is behind them is ignored.
        stay, move: log a of staying in each state and of leaving it, (states,) or (N, states).

    Returns:
        scores, float32 (N,), and states, int64 (T, N); behind its end a recording stays in the last
        state.

    Raises:
        ShapeError: sizes that do not fit.
        DataError: a recording with fewer frames than states.

    Example:
        >>> log_b = np.log([[[0.9, 0.1]], [[0.8, 0.2]], [[0.3, 0.7]]])
        >>> half = np.log([0.5, 0.5])
        >>> scores, states = best_paths(log_b, np.array([3]), half, half)
        >>> states[:, 0].tolist(), round(float(np.exp(scores[0])), 4)  # 0.9 · 0.8 · 0.7 · ½ · ½
        ([0, 0, 1], 0.126)
    """
    frames, lengths = np.asarray(frames, np.float32), np.asarray(lengths)
    if frames.ndim != 3 or lengths.shape != frames.shape[1:2]:
        raise ShapeError(
            f"frames have shape {frames.shape}, lengths {lengths.shape}: expected "
            "(frames, recordings, states) and (recordings,)"
        )
    count, recordings, states = frames.shape
    if recordings and (lengths.min() < states or lengths.max() > count):
        raise DataError(
            f"recordings have {lengths.min()} to {lengths.max()} frames: a model of {states} "
            f"states needs {states} or more, and {count} are here"
        )
    alive = np.arange(count)[:, None, None] < lengths[:, None]
    costs = [
        np.broadcast_to(np.asarray(one, np.float32), (recordings, states)) for one in (stay, move)
    ]
    scores, paths = _search(*map(ops.tensor, (frames, alive, *costs)))
    return scores.numpy(), paths.numpy()


@compile
def _search(frames: Any, alive: Any, stay: Any, move: Any) -> tuple[Any, Any]:
    recordings, states = frames.shape[1:]
    closed = ops.full((recordings, states - 1), NEVER)
    first = ops.cat([frames[0, :, :1], closed], 1)
    nowhere = ops.full((recordings, 1), NEVER)

    def one_frame(best: Any, at: Any) -> Any:
        explained, still = at
        stayed = best + stay
        came = ops.cat([nowhere, (best + move)[:, :-1]], 1)
        moved = (came > stayed) & still
        best = ops.where(still, explained + ops.maximum(stayed, came), best)
        return best, moved

    last, moved = ops.scan(one_frame, first, (frames[1:], alive[1:]))

    def one_back(state: Any, moved_here: Any) -> Any:
        came = moved_here.gather(1, state[:, None])[:, 0]
        return state - came.to(int64), state

    end = ops.full((recordings,), states - 1, dtype=int64)
    begin, path = ops.scan(one_back, end, moved, reverse=True)
    return last[:, -1], ops.cat([begin[None], path], 0)


def even_paths(lengths: np.ndarray, states: int, longest: int | None = None) -> np.ndarray:
    """A first alignment, before anything is known: every state lasts equally long, (T, N).

    Example:
        >>> even_paths(np.array([4, 6]), 3)[:, 1].tolist()
        [0, 0, 1, 1, 2, 2]
    """
    at = np.arange(int(lengths.max()) if longest is None else longest)[:, None]
    return np.minimum(at * states // lengths, states - 1)


def transitions(
    paths: np.ndarray, lengths: np.ndarray, states: int
) -> tuple[np.ndarray, np.ndarray]:
    """The logarithms of staying and of leaving, (states,) each, counted from alignments (T, N).

    Each recording leaves each state once, so that a state that holds n frames of k recordings is
    left with probability k / n. Half a frame more is added for each recording, as a state that held
    one frame of each may hold two of another.

    Example:
        >>> stay, move = transitions(np.array([[0], [0], [0], [1]]), np.array([4]), 2)
        >>> [round(float(one), 3) for one in np.exp(move)]  # 1 / 3.5, 1 / 1.5
        [0.286, 0.667]
    """
    within = np.arange(len(paths))[:, None] < lengths
    frames = np.bincount(paths[within], minlength=states)
    leave = len(lengths) / (frames + len(lengths) / 2)
    return np.log(1 - leave).astype(np.float32), np.log(leave).astype(np.float32)
