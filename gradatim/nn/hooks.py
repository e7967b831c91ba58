"""Hooks: functions of the user's that run around a module's forward or backward."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from gradatim.autograd import Function, RemovableHandle
from gradatim.graph.errors import ArgumentTypeError
from gradatim.tensor import Tensor


def _register(hooks: OrderedDict[int, Any], hook: Any, prepend: bool) -> RemovableHandle:
    handle = RemovableHandle(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


class Hooks:
    """The part of a Module that registers hooks and calls forward between them.

    The dictionaries map a handle's id to the hook, with the options it was registered with.
    """

    _forward_pre_hooks: OrderedDict[int, tuple[Callable[..., Any], bool]]
    _forward_hooks: OrderedDict[int, tuple[Callable[..., Any], bool, bool]]
    _backward_pre_hooks: OrderedDict[int, Callable[..., Any]]
    _backward_hooks: OrderedDict[int, Callable[..., Any]]

    def _init_hooks(self) -> None:
        for name in (
            "_forward_pre_hooks",
            "_forward_hooks",
            "_backward_pre_hooks",
            "_backward_hooks",
        ):
            self.__dict__.setdefault(name, OrderedDict())

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before each forward. What it returns, unless None, replaces the
        arguments.

        Args:
            hook: with `with_kwargs`, `hook(module, args, kwargs)`, which returns None or a pair.
            prepend: run before the hooks registered earlier.
        """
        return _register(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after each forward. What it returns, unless None,
        replaces the output.

        Args:
            hook: with `with_kwargs`, `hook(module, args, kwargs, output)`.
            prepend: run before the hooks registered earlier.
            always_call: run also when forward raises; the output is then None.

        Example:
            >>> import gradatim as gd
            >>> layer = gd.nn.ReLU()
            >>> handle = layer.register_forward_hook(lambda module, args, output: output + 1)
            >>> layer(gd.zeros(2))
            tensor([1., 1.])
            >>> handle.remove()
            >>> layer(gd.zeros(2))
            tensor([0., 0.])
        """
        return _register(self._forward_hooks, (hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` before the gradients of the module's inputs are made.
        What it returns, unless None, replaces `grad_output`, a tuple.
        """
        return _register(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` once the gradients of the module's inputs
        are known. What it returns, unless None, replaces `grad_input`. Both are tuples, with None
        for arguments that are no tensors.
        """
        return _register(self._backward_hooks, hook, prepend)

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        pending = {key: hook for key, hook in self._forward_hooks.items() if hook[2]}
        try:
            args, kwargs = self._run_forward_pre_hooks(args, kwargs)
            backward = None
            if self._backward_hooks or self._backward_pre_hooks:
                backward = _BackwardHooks(self)
                args = backward.watch_inputs(args)
            output = self.forward(*args, **kwargs)  # type: ignore[attr-defined]
            for key, (hook, with_kwargs, _) in list(self._forward_hooks.items()):
                pending.pop(key, None)
                extra = (kwargs, output) if with_kwargs else (output,)
                replaced = hook(self, args, *extra)
                if replaced is not None:
                    output = replaced
        except Exception:
            for hook, with_kwargs, _ in pending.values():
                hook(self, args, *((kwargs, None) if with_kwargs else (None,)))
            raise
        return output if backward is None else backward.watch_outputs(output)

    def _run_forward_pre_hooks(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        for hook, with_kwargs in list(self._forward_pre_hooks.values()):
            if with_kwargs:
                replaced = hook(self, args, kwargs)
                if replaced is None:
                    continue
                if not isinstance(replaced, tuple) or len(replaced) != 2:
                    raise ArgumentTypeError(
                        f"a forward pre-hook with kwargs must return None or a tuple of new args "
                        f"and kwargs, got {replaced!r}"
                    )
                args, kwargs = replaced
            else:
                replaced = hook(self, args)
                if replaced is not None:
                    args = replaced if isinstance(replaced, tuple) else (replaced,)
        return args, kwargs


class _BackwardHooks:
    """One call's backward hooks.

    Two identities are laid around forward, one through all its tensor arguments and one through
    its outputs. Backward reaches the second first, with `grad_output`, and the first last, with
    `grad_input`.
    """

    def __init__(self, module: Hooks):
        self.module = module
        self.grad_output: tuple[Any, ...] | None = None
        self.inputs_watched = False

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        watched, self.inputs_watched = _through_identity(args, self.on_grad_input)
        return watched

    def watch_outputs(self, output: Any) -> Any:
        outputs = output if isinstance(output, tuple) else (output,)
        watched, _ = _through_identity(outputs, self.on_grad_output)
        return watched if isinstance(output, tuple) else watched[0]

    def on_grad_output(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in list(self.module._backward_pre_hooks.values()):
            grads = _replaced(grads, hook(self.module, grads))
        self.grad_output = grads
        if not self.inputs_watched:  # no input needs a gradient, so nothing will come after this
            self.on_grad_input((None,))
        return grads

    def on_grad_input(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in list(self.module._backward_hooks.values()):
            grads = _replaced(grads, hook(self.module, grads, self.grad_output))
        return grads


def _replaced(grads: tuple[Any, ...], answer: Any) -> tuple[Any, ...]:
    if answer is None:
        return grads
    answer = answer if isinstance(answer, tuple) else (answer,)
    if len(answer) != len(grads):
        raise ArgumentTypeError(
            f"a backward hook returned {len(answer)} gradients, expected {len(grads)} or None"
        )
    return answer


def _through_identity(
    values: tuple[Any, ...], on_grads: Callable[[tuple[Any, ...]], tuple[Any, ...]]
) -> tuple[tuple[Any, ...], bool]:
    """The values, with the tensors among them passed through one identity whose backward calls
    `on_grads`; and whether any of them needs a gradient.
    """
    places = [k for k, value in enumerate(values) if isinstance(value, Tensor)]
    if not any(values[k].requires_grad for k in places):
        return values, False

    class Identity(Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Tensor) -> Any:
            return tuple(tensor.view_as(tensor) for tensor in tensors)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            all_grads: list[Any] = [None] * len(values)
            for k, grad in zip(places, grads):
                all_grads[k] = grad
            answers = on_grads(tuple(all_grads))
            return tuple(answers[k] for k in places)

    passed = list(values)
    for k, tensor in zip(places, Identity.apply(*[values[k] for k in places])):
        passed[k] = tensor
    return tuple(passed), True
