"""Hooks: functions that a user hangs on an optimizer, by the moment they run."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import Any

from gradatim.autograd import RemovableHandle
from gradatim.graph.errors import ArgumentError

Hook = Callable[..., Any]


def register(hooks: OrderedDict[int, Hook], hook: Hook, prepend: bool = False) -> RemovableHandle:
    """Add `hook` behind (or, with `prepend`, before) the others in `hooks`."""
    handle = RemovableHandle(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


class Hooks:
    """The hooks of one optimizer, by the moment they run."""

    def __init__(self) -> None:
        self.before_step: OrderedDict[int, Hook] = OrderedDict()
        self.after_step: OrderedDict[int, Hook] = OrderedDict()
        self.before_state_dict: OrderedDict[int, Hook] = OrderedDict()
        self.after_state_dict: OrderedDict[int, Hook] = OrderedDict()
        self.before_load: OrderedDict[int, Hook] = OrderedDict()
        self.after_load: OrderedDict[int, Hook] = OrderedDict()


everywhere = Hooks()
"""Step hooks that run for every optimizer."""


def register_optimizer_step_pre_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before each step of every optimizer."""
    return register(everywhere.before_step, hook)


def register_optimizer_step_post_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after each step of every optimizer."""
    return register(everywhere.after_step, hook)


def around(step: Callable[..., Any]) -> Callable[..., Any]:
    """An optimizer's `step` with its hooks around it."""

    @wraps(step)
    def hooked_step(self: Any, *args: Any, **kwargs: Any) -> Any:
        arguments = (self, *args)
        for hook in (*everywhere.before_step.values(), *self._hooks.before_step.values()):
            result = hook(self, arguments, kwargs)
            if result is not None:
                if not (isinstance(result, tuple) and len(result) == 2):
                    raise ArgumentError(
                        "a step pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but {hook} returned {result!r}"
                    )
                arguments, kwargs = result
        output = step(*arguments, **kwargs)
        self._opt_called = True
        for hook in (*self._hooks.after_step.values(), *everywhere.after_step.values()):
            hook(self, arguments, kwargs)
        return output

    hooked_step.hooked = True  # type: ignore[attr-defined]
    return hooked_step
