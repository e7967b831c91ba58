"""Checkpoints: memory saved by computing parts of a model twice.

Example:
    >>> import gradatim as gd
    >>> block = gd.nn.Sequential(gd.nn.Linear(8, 8), gd.nn.Tanh(), gd.nn.Linear(8, 8))
    >>> x = gd.ones(2, 8, requires_grad=True)
    >>> y = gd.utils.checkpoint.checkpoint(block, x, use_reentrant=False)
    >>> y.sum().backward()          # the block's inner values are computed again here
    >>> x.grad.shape
    torch.Size([2, 8])
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gradatim.autograd.hooks import on_gradient
from gradatim.graph import node as graph_node
from gradatim.graph.errors import ArgumentError
from gradatim.graph.node import mode
from gradatim.graph.recompute import recomputed
from gradatim.nn.containers import Sequential
from gradatim.realize import state
from gradatim.tensor import Tensor, wrap
from gradatim.trees import flatten, unflatten

__all__ = ["checkpoint", "checkpoint_sequential", "noop_context_fn"]


def noop_context_fn() -> tuple[Any, Any]:
    """Two contexts that do nothing: `checkpoint`'s default."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Call `function`, and keep none of its inner values for the gradient: backward() computes them
    again from the arguments.

    `function` itself runs once, now: what is computed again is its graph. So its side effects
    happen once, and the random numbers of its dropout are the same both times, whatever
    `preserve_rng_state` says. (PyTorch calls the function a second time.)

    Args:
        function: takes and gives tensors, or trees of them. Parameters that it uses get gradients.
        use_reentrant: True is PyTorch's older kind, where no gradient flows unless an argument
            requires one, and `kwargs` are not allowed.
        context_fn: gives two context managers, for the first and the second computation.
        determinism_check: "default" or "none"; debug, early_stop: for PyTorch's scripts. The
            second computation is the first one's graph, and cannot differ.

    Raises:
        ArgumentError: for arguments that do not go together.
    """
    if use_reentrant is None:
        warnings.warn(
            "gradatim.utils.checkpoint: the use_reentrant parameter should be passed explicitly. "
            "use_reentrant=False is recommended",
            stacklevel=2,
        )
        use_reentrant = True
    if use_reentrant and kwargs:
        raise ArgumentError(f"Unexpected keyword arguments: {', '.join(kwargs)}")
    if use_reentrant and (context_fn is not noop_context_fn or debug):
        raise ArgumentError(
            "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
        )
    if determinism_check not in ("default", "none"):
        raise ArgumentError(
            f"determinism_check should be one of ['default', 'none'], but got {determinism_check}"
        )
    if use_reentrant and mode.recording:
        given = [each for each in flatten(args)[0] if isinstance(each, Tensor)]
        if not any(tensor.requires_grad for tensor in given):
            warnings.warn(
                "None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2
            )
            with _without_history():
                return function(*args)
    ahead, again = context_fn()
    first = next(graph_node._numbers)
    with ahead:
        result = function(*args, **kwargs)
    return _recomputed(result, first, again)


def _recomputed(result: Any, first: int, again: Any) -> Any:
    """The result, whose gradient computes what was made since `first` a second time."""
    if not mode.recording or (state.capture is not None and state.capture.is_loop):
        return result  # a loop keeps its values in its own way
    leaves, spec = flatten(result)
    places, nodes = [], []
    for k, leaf in enumerate(leaves):
        if isinstance(leaf, Tensor) and not leaf._requires_grad:
            node = leaf._read()
            if node.history and node.number >= first:
                places.append(k)
                nodes.append(node)
    if not nodes:
        return result
    for k, node in zip(places, recomputed(nodes, first, lambda: again, on_gradient)):
        made = wrap(node)
        made._op = leaves[k]._op
        leaves[k] = made
    return unflatten(spec, leaves)


@contextlib.contextmanager
def _without_history() -> Iterator[None]:
    before, mode.recording = mode.recording, False
    try:
        yield
    finally:
        mode.recording = before


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    *,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Call functions one after the other, in `segments` pieces, each but the last a `checkpoint`:
    only the values between the pieces are kept.

    Args:
        functions: a Sequential, or a sequence of functions of one argument.
        segments: how many pieces.
        input: of the first function.

    Example:
        >>> import gradatim as gd
        >>> layers = [gd.nn.Linear(4, 4) for _ in range(6)]
        >>> run = gd.utils.checkpoint.checkpoint_sequential
        >>> run(layers, 3, gd.ones(2, 4), use_reentrant=False).shape
        torch.Size([2, 4])
    """
    if use_reentrant is None:
        warnings.warn(
            "gradatim.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should "
            "be passed explicitly. use_reentrant=False is recommended",
            stacklevel=2,
        )
        use_reentrant = True
    if kwargs:
        raise ArgumentError(f"Unexpected keyword arguments: {', '.join(kwargs)}")
    steps = list(functions.children()) if isinstance(functions, Sequential) else list(functions)
    if not 1 <= segments <= len(steps):
        raise ArgumentError(
            f"checkpoint_sequential expects between 1 and {len(steps)} segments for {len(steps)} "
            f"functions, got {segments}"
        )
    size = len(steps) // segments
    start = 0
    for _ in range(segments - 1):
        input = checkpoint(
            _chain(steps[start : start + size]), input, use_reentrant=use_reentrant,
            preserve_rng_state=preserve_rng_state,
        )  # fmt: skip
        start += size
    return _chain(steps[start:])(input)


def _chain(steps: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def run(input: Any) -> Any:
        for step in steps:
            input = step(input)
        return input

    return run
