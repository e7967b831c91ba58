"""Gradients for users: backward(), grad(), no_grad(), Function, gradcheck.

The mathematics is in `graph/gradients.py`; here it meets tensors: `.grad`, hooks, versions.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradatim import views
from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, GradientError, ShapeError
from gradatim.graph.gradients import gradients, zeros_like
from gradatim.graph.node import COUNTED, LIVE, Node, mode
from gradatim.realize import line_of, state
from gradatim.tensor import Tensor, wrap

# --- recording or not --------------------------------------------------------------------------


class _Recording:
    """A context manager and decorator that turns the recording of history on or off."""

    recording = False

    def __init__(self, function: Callable[..., Any] | None = None):
        self._before: list[bool] = []
        self._function = function
        if function is not None:
            functools.update_wrapper(self, function)

    def __enter__(self) -> None:
        self._before.append(mode.recording)
        mode.recording = self.recording

    def __exit__(self, *error: Any) -> None:
        mode.recording = self._before.pop()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._function is None:  # used as @no_grad()
            function = args[0]

            @functools.wraps(function)
            def call(*a: Any, **k: Any) -> Any:
                with type(self)():
                    return function(*a, **k)

            return call
        with type(self)():  # used as @no_grad
            return self._function(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else functools.partial(self, instance)


class no_grad(_Recording):
    """Operations inside get no history; a context manager and a decorator.

    Example:
        >>> import gradatim as gd
        >>> x = gd.ones(2, requires_grad=True)
        >>> with gd.no_grad():
        ...     y = x * 2
        >>> y.requires_grad
        False
    """


class inference_mode(_Recording):
    """The same as `no_grad`."""

    def __init__(self, mode: Any = True):
        super().__init__(mode if callable(mode) else None)
        self.recording = mode is False


class enable_grad(_Recording):
    """Operations inside get history again, within `no_grad`."""

    recording = True


class set_grad_enabled(_Recording):
    """Turn history on or off, at once, or for a `with` block."""

    def __init__(self, mode_: bool):
        super().__init__()
        self.recording = bool(mode_)
        self._outer = mode.recording
        mode.recording = self.recording

    def __enter__(self) -> None:
        self._before.append(self._outer)
        mode.recording = self.recording

    def __call__(self, function: Any) -> Any:  # type: ignore[override]
        mode.recording = self._outer
        wanted = self.recording

        @functools.wraps(function)
        def call(*a: Any, **k: Any) -> Any:
            with set_grad_enabled(wanted):
                return function(*a, **k)

        return call


def is_grad_enabled() -> bool:
    """Whether operations get history now."""
    return mode.recording


# --- what a node remembers for hooks --------------------------------------------------------------


class _Notes:
    """Pinned on a Node (`meta`): who wants to see its gradient."""

    def __init__(self) -> None:
        self.hooks: dict[int, Callable[..., Any]] = {}
        self.retained: list[Tensor] = []


_ids = itertools.count()


class RemovableHandle:
    """What registering a hook gives: `remove()` takes the hook away again."""

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]):
        self.id = next(_ids)
        self._hooks = hooks
        hooks[self.id] = hook

    def remove(self) -> None:
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: Any) -> None:
        self.remove()


def _notes(tensor: Tensor) -> _Notes:
    node = tensor._read()
    if not isinstance(node.meta, _Notes):
        node.meta = _Notes()
    found: _Notes = node.meta
    return found


def register_hook(tensor: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    if not tensor.requires_grad:
        raise GradientError("cannot register a hook on a tensor that doesn't require gradient")
    if tensor._requires_grad:
        if tensor._hooks is None:
            tensor._hooks = {}
        return RemovableHandle(tensor._hooks, hook)
    return RemovableHandle(_notes(tensor).hooks, hook)


def register_after_accumulate(tensor: Tensor, hook: Callable[[Tensor], None]) -> RemovableHandle:
    if not tensor._requires_grad:
        raise GradientError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    if tensor._after_accumulate is None:
        tensor._after_accumulate = {}
    return RemovableHandle(tensor._after_accumulate, hook)


def retain_grad(tensor: Tensor) -> None:
    if not tensor.requires_grad:
        raise GradientError("can't retain_grad on Tensor that has requires_grad=False")
    if tensor._requires_grad or tensor._retains_grad:
        return
    tensor._retains_grad = True
    _notes(tensor).retained.append(tensor)


def _called(hooks: dict[int, Callable[..., Any]], grad: Tensor) -> Tensor:
    for hook in list(hooks.values()):
        result = hook(grad)
        if result is not None:
            if not isinstance(result, Tensor):
                raise ArgumentTypeError(
                    f"a gradient hook gives a Tensor or None, got {type(result).__name__}"
                )
            if result.shape != grad.shape:
                raise ShapeError(
                    f"hook gave a gradient of shape {list(result.shape)} for one of shape "
                    f"{list(grad.shape)}"
                )
            grad = result
    return grad


def _on_gradient(node: Node, g: Node) -> Node:
    notes = node.meta
    if not isinstance(notes, _Notes):
        return g
    grad = _called(notes.hooks, wrap(g))
    for tensor in notes.retained:
        before = tensor._grad
        tensor._grad = grad.clone() if before is None else before + grad
    return grad._read()


# --- values that were overwritten ------------------------------------------------------------------


def _resolve(saved: Node) -> Node:
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
    if root.overwritten == COUNTED:
        raise GradientError(
            f"one of the variables needed for gradient computation has been modified by an inplace "
            f"operation: the tensor of shape {list(saved.shape)} made at {line_of(root.site)} was "
            f"overwritten before backward(); use an operation that makes a new tensor there, or "
            f"clone() it first"
        )
    current: Node = root.overwritten.node
    while current.overwritten is not None and current.overwritten != COUNTED:
        current = current.overwritten.node
    now = views.apply_path(p.stop_gradient(current), tuple(reversed(steps)))
    found = p.substitute(now, saved)
    found.history = saved.history
    return found


# --- backward and grad --------------------------------------------------------------------------------


def _seed(output: Tensor, grad: Any, position: int) -> Node:
    if grad is None:
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
            hook=_on_gradient,
            resolve=_resolve,
        )
        taken = set(seeds)
        for node, g in found.items():
            tensor = node.meta() if node.primitive is p.VARIABLE else (wanted or {}).get(node)
            if tensor is not None:
                if g in taken or g.buffer is not None or g.primitive is p.CONSTANT:
                    g = p.copy(g)  # two leaves, or the user, hold the same gradient
                taken.add(g)
                _accumulate(tensor, g, create_graph)
    finally:
        mode.recording = before


def _accumulate(tensor: Tensor, g: Node, create_graph: bool) -> None:
    if tensor._hooks:
        g = _called(tensor._hooks, wrap(g))._read()
    grad = tensor._grad
    if state.capture is not None:
        grad = state.capture.gradient_of(tensor)
    if grad is None:
        tensor._grad = wrap(g)
    elif create_graph:
        tensor._grad = wrap(p.add(grad._read(), g))
    else:
        grad._write(p.add(grad._read(), g))  # in place: who holds p.grad sees it
    if tensor._after_accumulate:
        for hook in list(tensor._after_accumulate.values()):
            hook(tensor)


def _grad_of_tensors(
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
    keep = create_graph if retain_graph is None else retain_graph
    for leaf in leaves:
        if not leaf.requires_grad:
            raise GradientError("One of the differentiated Tensors does not require grad")
    nodes_in = [_node_of(leaf) for leaf in leaves]
    before, mode.recording = mode.recording, create_graph
    try:
        nodes, seeds = _roots(roots, grad_outputs)
        found = gradients(
            nodes, seeds, wanted=set(nodes_in), keep=keep, hook=_on_gradient, resolve=_resolve
        )
        results: list[Tensor | None] = []
        for leaf, node in zip(leaves, nodes_in):
            g = found.get(node)
            if g is None:
                if materialize_grads:
                    results.append(wrap(zeros_like(node)))
                    continue
                if not allow_unused:
                    raise GradientError(
                        "One of the differentiated Tensors appears to not have been used in the "
                        "graph. Set allow_unused=True if this is the desired behavior."
                    )
                results.append(None)
                continue
            if leaf._hooks:
                g = _called(leaf._hooks, wrap(g))._read()
            results.append(wrap(p.copy(g) if g in seeds else g))
    finally:
        mode.recording = before
    return tuple(results)


# --- gradients of functions ------------------------------------------------------------------------------


def value_and_grad(
    function: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives `function`'s value and its gradient.

    Args:
        function: gives a tensor with one element (with `has_aux`, a pair of it and anything).
        argnums: which arguments to differentiate with respect to; each a Tensor, or a tuple, list
            or dict of Tensors.

    Example:
        >>> import gradatim as gd
        >>> gd.value_and_grad(lambda x: (x * x).sum())(gd.tensor([1.0, 3.0]))
        (tensor(10.), tensor([2., 6.]))
    """
    places = [argnums] if isinstance(argnums, int) else list(argnums)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        arguments = list(args)
        opened: list[tuple[Tensor, Tensor]] = []
        outer = False

        def open_(tensor: Any) -> Any:
            nonlocal outer
            if not isinstance(tensor, Tensor) or not tensor.dtype.is_floating_point:
                raise ArgumentTypeError(
                    f"the arguments to differentiate are floating Tensors, got "
                    f"{tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__}"
                )
            node = tensor._read()
            outer = outer or bool(node.history)
            inner = p.copy(node)
            inner.history = LIVE
            new = wrap(inner)
            opened.append((tensor, new))
            return new

        for k in places:
            arguments[k] = _map(open_, arguments[k])
        with enable_grad():
            result = function(*arguments, **kwargs)
        value, aux = result if has_aux else (result, None)
        if not isinstance(value, Tensor) or value.numel() != 1:
            got = (
                f"shape {list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            )
            raise GradientError(f"grad expects the function to give one number, got {got}")
        found: dict[int, Tensor] = {}
        if value.requires_grad:
            nodes = {new._read(): new for _, new in opened}
            before, mode.recording = mode.recording, True
            try:
                grads = gradients(
                    [value._read()], [p.full(tuple(value.shape), 1, value.dtype)],
                    wanted=set(nodes), keep=True, hook=_on_gradient, resolve=_resolve,
                )  # fmt: skip
            finally:
                mode.recording = before
            found = {id(nodes[node]): wrap(g) for node, g in grads.items()}
        pieces = iter(opened)

        def close(_: Any) -> Tensor:
            tensor, new = next(pieces)
            grad = found.get(id(new))
            if grad is None:
                return wrap(zeros_like(tensor.detach()._read()))
            return grad if outer and mode.recording else grad.detach()

        results = tuple(_map(close, args[k]) for k in places)
        value = value if outer and mode.recording else value.detach()
        given = results[0] if isinstance(argnums, int) else results
        return ((value, aux), given) if has_aux else (value, given)

    return call


def _map(function: Callable[[Any], Any], tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _map(function, value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(_map(function, value) for value in tree)
    return function(tree)


def grad(function: Any, *args: Any, **kwargs: Any) -> Any:
    """A function that gives the gradient of `function`; of tensors, as `torch.autograd.grad`.

    Args:
        function: a function of tensors, with `argnums=0, has_aux=False`; or tensors (outputs), then
            the arguments of `torch.autograd.grad`.

    Example:
        >>> import gradatim as gd
        >>> cube = lambda x: x ** 3
        >>> gd.grad(gd.grad(cube))(gd.tensor(2.0))
        tensor(12.)
    """
    if not callable(function) or isinstance(function, Tensor):
        return _grad_of_tensors(function, *args, **kwargs)
    has_aux = kwargs.get("has_aux", False)
    both = value_and_grad(function, *args, **kwargs)

    @functools.wraps(function)
    def call(*a: Any, **k: Any) -> Any:
        value, result = both(*a, **k)
        return (result, value[1]) if has_aux else result

    return call


# --- operations with a gradient of one's own ----------------------------------------------------------------


class FunctionCtx:
    """What forward() leaves for backward()."""

    def __init__(self) -> None:
        self._saved: tuple[Any, ...] = ()
        self._flat: set[int] = set()
        self._materialize = True
        self.needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        self._saved = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        return self._saved

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        self._flat |= {id(tensor) for tensor in tensors}

    def mark_dirty(self, *tensors: Tensor) -> None:
        pass

    def set_materialize_grads(self, value: bool) -> None:
        self._materialize = value


class Function:
    """An operation with a gradient of one's own: subclass, and call `.apply(...)`.

    Example:
        >>> import gradatim as gd
        >>> class Clip(gd.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         return x.clamp(-1, 1)
        ...     @staticmethod
        ...     def backward(ctx, grad_output):
        ...         return grad_output          # straight through
        >>> x = gd.tensor([0.5, 3.0], requires_grad=True)
        >>> Clip.apply(x).sum().backward()
        >>> x.grad
        tensor([1., 1.])
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        raise GradientError("a Function must define forward(ctx, ...)")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise GradientError("a Function must define backward(ctx, *grad_outputs)")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        ctx = FunctionCtx()
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        with no_grad():
            if hasattr(cls, "setup_context"):
                outputs = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, outputs)
            else:
                outputs = cls.forward(ctx, *args, **kwargs)
        if not mode.recording or not any(ctx.needs_input_grad):
            return outputs
        several = isinstance(outputs, tuple)
        results = list(outputs) if several else [outputs]
        flowing = [
            k
            for k, out in enumerate(results)
            if isinstance(out, Tensor) and out.dtype.is_floating_point and id(out) not in ctx._flat
        ]
        inputs = [a for a in args if isinstance(a, Tensor)]
        nodes = p.custom_gradient(
            [p.stop_gradient(results[k]._read()) for k in flowing],
            [a._read() for a in inputs],
            cls._backward_of(ctx, args, [results[k] for k in flowing]),
        )
        for k, node in zip(flowing, nodes):
            results[k] = wrap(node)
            results[k]._op = cls.__name__
        return tuple(results) if several else results[0]

    @classmethod
    def _backward_of(cls, ctx: FunctionCtx, args: Any, outputs: Any) -> Any:
        types = [(tuple(out.shape), out.dtype) for out in outputs]

        def run(grads: Sequence[Node | None]) -> list[Node | None]:
            given: list[Tensor | None] = []
            for g, (shape, dtype) in zip(grads, types):
                if g is None and ctx._materialize:
                    g = p.full(shape, 0, dtype)
                given.append(None if g is None else wrap(g))
            found = cls.backward(ctx, *given)
            found = found if isinstance(found, tuple) else (found,)
            if len(found) < len(args):
                raise GradientError(
                    f"function {cls.__name__}Backward returned an incorrect number of gradients "
                    f"(expected {len(args)}, got {len(found)})"
                )
            results: list[Node | None] = []
            for arg, g in zip(args, found):
                if not isinstance(arg, Tensor):
                    continue
                if g is not None and g.shape != arg.shape:
                    raise ShapeError(
                        f"Function {cls.__name__}Backward returned an invalid gradient: got "
                        f"{list(g.shape)} but expected shape compatible with {list(arg.shape)}"
                    )
                node = None if g is None else g._read()
                if node is not None and node.dtype is not arg.dtype:
                    node = p.cast(node, arg.dtype)
                results.append(node)
            return results

        return run


# --- what made a tensor ----------------------------------------------------------------------------------------


class GradFn:
    """A read-only look at one Node of the history, under PyTorch's name for it."""

    def __init__(self, op: str | None, node: Node):
        self._op = op
        self._node = node

    def name(self) -> str:
        if self._node.primitive is p.VARIABLE and self._op is None:
            return "AccumulateGrad"
        op = self._op or self._node.primitive.name.title().replace("_", "")
        if op in ("CopySlices", "CopyBackwards"):  # PyTorch's names of writes stand alone
            return op
        name, _, overload = op.partition(":")
        return f"{name}Backward{overload or 0}"

    @property
    def variable(self) -> Any:
        return self._node.meta() if self._node.primitive is p.VARIABLE else None

    @property
    def next_functions(self) -> tuple[tuple[GradFn | None, int], ...]:
        return tuple((GradFn(None, n), 0) if n.history else (None, 0) for n in self._node.inputs)

    def __repr__(self) -> str:
        return f"<{self.name()} object at {hex(id(self._node))}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GradFn) and other._node is self._node

    def __hash__(self) -> int:
        return hash(self._node)


# --- checking gradients --------------------------------------------------------------------------------------------


def gradcheck(
    func: Callable[..., Any], inputs: Any, eps: float = 1e-6, atol: float = 1e-5,
    rtol: float = 1e-3, raise_exception: bool = True,
) -> bool:  # fmt: skip
    """Whether backward() agrees with central differences, for every element.

    Args:
        func: gives a tensor or several.
        inputs: its arguments; the float64 ones that require a gradient are moved by `eps`.

    Raises:
        GradientError: with both numbers, unless `raise_exception` is False.

    Example:
        >>> import gradatim as gd
        >>> x = gd.rand(3, dtype=gd.float64, requires_grad=True)
        >>> gd.autograd.gradcheck(lambda x: x.exp().sum(), (x,))
        True
    """
    arguments = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    moved = [k for k, a in enumerate(arguments) if isinstance(a, Tensor) and a.requires_grad]
    if not moved:
        raise ArgumentError("gradcheck expects at least one input with requires_grad=True")

    def run(values: Sequence[Any]) -> list[Tensor]:
        outputs = func(*values)
        several = [outputs] if isinstance(outputs, Tensor) else list(outputs)
        return [o for o in several if o.dtype.is_floating_point]

    outputs = run(arguments)
    for place, output in enumerate(outputs):
        analytic = {k: np.zeros((output.numel(), arguments[k].numel())) for k in moved}
        for row in range(output.numel()) if output.requires_grad else ():
            unit = np.zeros(output.numel())
            unit[row] = 1
            from gradatim.tensor import from_array

            seed = from_array(unit.reshape(output.shape), output.dtype)
            grads = _grad_of_tensors(
                output, [arguments[k] for k in moved], seed, retain_graph=True, allow_unused=True
            )
            for k, g in zip(moved, grads):
                if g is not None:
                    analytic[k][row] = g.detach()._value().reshape(-1)
        for k in moved:
            numeric = _differences(run, arguments, k, place, eps)
            if not np.allclose(analytic[k], numeric, rtol=rtol, atol=atol, equal_nan=True):
                if not raise_exception:
                    return False
                worst = np.unravel_index(np.nanargmax(np.abs(analytic[k] - numeric)), numeric.shape)
                raise GradientError(
                    f"Jacobian mismatch for output {place} with respect to input {k}: at output "
                    f"element {worst[0]}, input element {worst[1]}, differences give "
                    f"{numeric[worst]:.6g} and backward() {analytic[k][worst]:.6g}"
                )
    return True


def _differences(
    run: Any, arguments: tuple[Any, ...], k: int, place: int, eps: float
) -> np.ndarray[Any, Any]:
    from gradatim.tensor import from_array

    base = arguments[k].detach()._value().astype(np.float64)
    columns = []
    for j in range(base.size):
        ends = []
        for sign in (1, -1):
            moved = base.copy().reshape(-1)
            moved[j] += sign * eps
            values = list(arguments)
            values[k] = from_array(moved.reshape(base.shape), arguments[k].dtype).requires_grad_()
            ends.append(run(values)[place].detach()._value().astype(np.float64).reshape(-1).copy())
        columns.append((ends[0] - ends[1]) / (2 * eps))
    if not columns:
        return np.zeros((run(arguments)[place].numel(), 0))
    return np.stack(columns, axis=1)


def gradgradcheck(func: Callable[..., Any], inputs: Any, **options: Any) -> bool:
    """`gradcheck` of the gradient itself."""
    arguments = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    wanted = [k for k, a in enumerate(arguments) if isinstance(a, Tensor) and a.requires_grad]

    def first(*values: Any) -> Any:
        outputs = func(*values)
        several = [outputs] if isinstance(outputs, Tensor) else list(outputs)
        return _grad_of_tensors(
            [o for o in several if o.requires_grad],
            [values[k] for k in wanted],
            [o.detach() * 0 + 1 for o in several if o.requires_grad],
            create_graph=True,
            materialize_grads=True,
        )

    return gradcheck(first, arguments, **options)
