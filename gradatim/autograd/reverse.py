"""backward() and grad(): the walk of `graph/gradients.py` meets tensors, `.grad` and versions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gradatim import views
from gradatim.autograd.hooks import call_hooks, on_gradient
from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentTypeError, GradientError, ShapeError
from gradatim.graph.gradients import gradients, zeros_like
from gradatim.graph.node import COUNTED, Node, mode
from gradatim.realize import flush, line_of, local
from gradatim.tensor import Tensor, wrap


def resolve_saved(saved: Node) -> Node:
    """What to read for a saved value: itself, or what `.data` has put in its place since.

    Raises:
        GradientError: if it was overwritten in a way that makes the gradient wrong.
    """
    steps = []
    root = saved
    while (
        root.overwritten is None
        and root.inputs
        and (root.primitive.kind == "movement" or root.primitive is p.VARIABLE)
        and root.primitive.name in ("reshape", "permute", "expand", "slice", "variable")
    ):
        if root.primitive is not p.VARIABLE:
            steps.append((root.primitive.name, *root.params))
        root = root.inputs[0]
    if root.overwritten is None:
        return saved
    through_data = root.overwritten != COUNTED
    if not through_data or root.overwritten[0].version != root.overwritten[1]:
        raise GradientError(
            f"one of the variables needed for gradient computation has been modified by an inplace "
            f"operation: the tensor of shape {list(saved.shape)} made at {line_of(root.site)} was "
            f"overwritten before backward(); use an operation that makes a new tensor there, or "
            f"clone() it first"
        )
    current: Node = root.overwritten[0].node
    now = views.apply_path(p.stop_gradient(current), tuple(reversed(steps)))
    found = p.substitute(now, saved)
    found.history = saved.history
    return found


def _seed(output: Tensor, grad: Any, position: int) -> Node:
    if grad is None:
        node = output._cell.node
        if node.shape == () and output._layout is None:
            return p.constant(1, node.dtype, node.device)
        if output.numel() != 1:
            raise GradientError(
                f"grad can be implicitly created only for scalar outputs: this one has shape "
                f"{list(output.shape)}; reduce it with .sum() or .mean(), or give gradient="
            )
        return p.full(tuple(output.shape), 1, output.dtype)
    if not isinstance(grad, Tensor):
        raise ArgumentTypeError(
            f"gradients can be either Tensors or None, but got {type(grad).__name__}"
        )
    if grad.shape != output.shape:
        raise ShapeError(
            f"Mismatch in shape: grad_output[{position}] has a shape of {grad.shape!r} and "
            f"output[{position}] has a shape of {output.shape!r}."
        )
    node = grad._read()
    return node if node.dtype is output.dtype else p.cast(node, output.dtype)


def _node_of(tensor: Tensor) -> Node:
    """The tensor's Node, with its history: the step of a view is recorded even within no_grad."""
    before, mode.recording = mode.recording, True
    try:
        return tensor._read()
    finally:
        mode.recording = before


def _roots(outputs: Sequence[Tensor], grads: Any) -> tuple[list[Node], list[Node]]:
    grads = [None] * len(outputs) if grads is None else grads
    if isinstance(grads, Tensor):
        grads = [grads]
    if not isinstance(grads, Iterable):
        raise ArgumentTypeError(
            f"gradients can be either Tensors or None, but got {type(grads).__name__}"
        )
    nodes, seeds = [], []
    for k, (output, grad) in enumerate(zip(outputs, grads)):
        if not output.requires_grad:
            raise GradientError(
                f"element {k} of tensors does not require grad and does not have a grad_fn: "
                f"nothing it was computed from has requires_grad=True"
            )
        nodes.append(_node_of(output))
        seeds.append(_seed(output, grad, k))
    return nodes, seeds


def _several(value: Any) -> list[Any]:
    return [value] if isinstance(value, Tensor) else list(value)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """`Tensor.backward` for several tensors at once."""
    outputs = _several(tensors)
    keep = create_graph if retain_graph is None else retain_graph
    wanted = None
    if inputs is not None:
        leaves = _several(inputs)
        if not leaves:
            raise GradientError("`inputs` argument to `backward()` cannot be empty.")
        wanted = {_node_of(tensor): tensor for tensor in leaves}
    before, mode.recording = mode.recording, create_graph
    try:
        nodes, seeds = _roots(outputs, grad_tensors)
        found = gradients(
            nodes,
            seeds,
            wanted=None if wanted is None else set(wanted),
            keep=keep,
            hook=on_gradient,
            resolve=resolve_saved,
        )
        taken = set(seeds)
        exposed = False
        for node, g in found.items():
            tensor = node.meta() if node.primitive is p.VARIABLE else (wanted or {}).get(node)
            if tensor is not None:
                if g in taken or g.buffer is not None or g.primitive is p.CONSTANT:
                    g = p.copy(g)  # two leaves, or the user, hold the same gradient
                taken.add(g)
                _accumulate(tensor, g, create_graph)
                exposed = exposed or tensor._cell.is_exposed
        if exposed:  # whoever shares that memory may write to it any time now
            flush()
    finally:
        mode.recording = before


def _accumulate(tensor: Tensor, g: Node, create_graph: bool) -> None:
    if tensor._hooks:
        g = call_hooks(tensor._hooks, wrap(g))._read()
    grad = tensor._grad
    if local.capture is not None:
        grad = local.capture.gradient_of(tensor)
    if grad is None:
        tensor._grad = wrap(g)
    elif create_graph:
        tensor._grad = wrap(p.add(grad._read(), g))
    else:
        grad._write(p.add(grad._read(), g))  # in place: who holds p.grad sees it
    if tensor._after_accumulate:
        for hook in list(tensor._after_accumulate.values()):
            hook(tensor)


def grad_of_tensors(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of outputs with respect to inputs, as `torch.autograd.grad`."""
    roots, leaves = _several(outputs), _several(inputs)
    if not leaves:
        raise GradientError("`inputs` argument to `grad()` cannot be empty.")
    keep = create_graph if retain_graph is None else retain_graph
    for position, leaf in enumerate(leaves):
        if not leaf.requires_grad:
            raise GradientError(
                f"One of the differentiated Tensors does not require grad: inputs[{position}]; "
                f"make it with requires_grad=True before it is used"
            )
    nodes_in = [_node_of(leaf) for leaf in leaves]
    before, mode.recording = mode.recording, create_graph
    try:
        nodes, seeds = _roots(roots, grad_outputs)
        found = gradients(
            nodes, seeds, wanted=set(nodes_in), keep=keep, hook=on_gradient, resolve=resolve_saved
        )
        results: list[Tensor | None] = []
        for position, (leaf, node) in enumerate(zip(leaves, nodes_in)):
            g = found.get(node)
            if g is None:
                if materialize_grads:
                    results.append(wrap(zeros_like(node)))
                    continue
                if not allow_unused:
                    raise GradientError(
                        f"One of the differentiated Tensors appears to not have been used in the "
                        f"graph: inputs[{position}]. Set allow_unused=True to get None for it."
                    )
                results.append(None)
                continue
            if leaf._hooks:
                g = call_hooks(leaf._hooks, wrap(g))._read()
            results.append(wrap(p.copy(g) if g in seeds else g))
    finally:
        mode.recording = before
    return tuple(results)
