"""Function: an operation with a gradient of one's own. GradFn: a look at the history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradatim.autograd.recording import no_grad
from gradatim.graph import primitives as p
from gradatim.graph.errors import GradientError, ShapeError
from gradatim.graph.node import Node, mode
from gradatim.tensor import Tensor, wrap


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


class Undefined(GradientError, NotImplementedError):
    """A method that a Function's subclass has to define."""


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
        raise Undefined("a Function must define forward(ctx, ...)")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise Undefined("a Function must define backward(ctx, *grad_outputs)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        name = type(self).__name__
        raise GradientError(f"a Function is not called: write {name}.apply(...)")

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
            results[k]._op = f"={cls.__name__}Backward"
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
            if len(found) < len(args) or any(g is not None for g in found[len(args) :]):
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


class GradFn:
    """A read-only look at one Node of the history, under PyTorch's name for it."""

    def __init__(self, op: str | None, node: Node):
        self._op = op
        self._node = node

    def name(self) -> str:
        if self._node.primitive is p.VARIABLE and self._op is None:
            return "AccumulateGrad"
        if self._op is not None and self._op.startswith("="):  # a name as it is
            return self._op[1:]
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
