"""What every optimizer shares: parameter groups, per-parameter state, checkpoints and hooks.

An optimizer written for PyTorch, with a `step` of its own, works on this class as it is. The
package's own optimizers are written in a different way: see `rule`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from gradatim.autograd import RemovableHandle
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, MissingKey
from gradatim.optim import checkpoint, hooks
from gradatim.optim.checkpoint import Group
from gradatim.structure import TableOfTables
from gradatim.tensor import Tensor


class _Required:
    """The default of an option that every parameter group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


class Optimizer:
    """Base class of all optimizers.

    Args:
        params: what to optimize: tensors, `(name, tensor)` pairs, or dicts, each a parameter group
            with the key `"params"` and its own values of some options.
        defaults: options and their values, for groups that do not give their own.

    Attributes:
        param_groups: the groups, each a dict of its options and `"params"`, a list of tensors.
        state: for each parameter, what the optimizer remembers about it.

    Raises:
        ArgumentTypeError: `params` is a single tensor, or holds something else than tensors.
        ArgumentError: no parameters; a tensor that is not a leaf; a parameter in two groups.

    Example:
        >>> import gradatim as gd
        >>> w = gd.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = gd.optim.SGD([w], lr=0.1)
        >>> w.square().sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([0.8000, 1.6000], requires_grad=True)
    """

    counts: ClassVar[dict[str, float]] = {}
    """The plain numbers in a parameter's state, with their first values."""

    _scheduled = False  # whether a learning-rate scheduler was made for it
    _opt_called = False  # whether step() was called since

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise ArgumentTypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got a Tensor of shape {tuple(params.shape)}; put it in a list"
            )
        if not isinstance(params, Iterable) or hasattr(params, "named_parameters"):
            raise ArgumentTypeError(
                f"params argument given to the optimizer should be an iterable of Tensors or "
                f"dicts, but got {type(params).__name__}; pass model.parameters()"
            )
        self.defaults = defaults
        self.state = TableOfTables()
        self.param_groups: list[Group] = []
        self._hooks = hooks.Hooks()
        groups = list(params)
        if not groups:
            raise ArgumentError(
                "optimizer got an empty parameter list; a generator such as model.parameters() can "
                "be used only once"
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not getattr(cls.step, "hooked", False):
            cls.step = hooks.around(cls.step)  # type: ignore[method-assign]

    # --- steps, gradients, groups ---------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters.

        Args:
            closure: computes the loss anew, calls `backward`, and returns the loss.

        Returns:
            What `closure` returned.
        """
        raise NotImplementedError(f"{type(self).__name__} has no step() of its own")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or with `set_to_none=False` fill them with 0."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param.grad = None
                elif param.grad is not None:
                    if param.grad.grad_fn is not None:
                        param.grad.detach_()
                    else:
                        param.grad.requires_grad_(False)
                    param.grad.zero_()

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters, for example layers that were frozen until now.

        Args:
            param_group: `"params"`, and options that differ from the defaults.

        Raises:
            ArgumentTypeError, ArgumentError: see `Optimizer`.
        """
        if not isinstance(param_group, dict):
            raise ArgumentTypeError(
                f"param_group must be a dict, but got {type(param_group).__name__}"
            )
        if "params" not in param_group:
            raise MissingKey(f"a parameter group needs the key 'params'; got {list(param_group)}")
        names, tensors = _names_and_tensors(param_group["params"])
        for tensor in tensors:
            if not tensor.is_leaf and not tensor.retains_grad:
                raise ArgumentError(
                    "can't optimize a non-leaf Tensor: the result of an operation gets no .grad; "
                    "pass the tensor it was computed from, or its .detach().requires_grad_()"
                )
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ArgumentError(
                    "parameter group didn't specify a value of required optimization parameter "
                    f"{name}"
                )
        ids = set(map(id, tensors))
        if len(ids) != len(tensors):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; each is updated "
                "once for every time it appears",
                stacklevel=3,
            )
        for group in self.param_groups:
            if (names is not None) != ("param_names" in group):
                raise ArgumentError(
                    "all optimizer param groups should be with/without names: cannot add a group "
                    f"{'without' if names is None else 'with'} names to this optimizer"
                )
            if not ids.isdisjoint(map(id, group["params"])):
                raise ArgumentError("some parameters appear in more than one parameter group")
        param_group["params"] = tensors
        if names is not None:
            param_group["param_names"] = names
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        self.param_groups.append(param_group)

    # --- checkpoints and copies -----------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The state as plain data, in PyTorch's layout (see `checkpoint`).

        The tensors are the live ones: `copy.deepcopy` it to keep it past the next step.
        """
        for hook in self._hooks.before_state_dict.values():
            hook(self)
        state_dict = checkpoint.pack(self.param_groups, self.state, self.counts)
        for hook in self._hooks.after_state_dict.values():
            result = hook(self, state_dict)
            state_dict = state_dict if result is None else result
        return state_dict

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over options and state from a checkpoint, also one that PyTorch wrote.

        Raises:
            ArgumentError: the groups differ in number or size from this optimizer's.
        """
        state_dict = state_dict.copy()
        for hook in self._hooks.before_load.values():
            result = hook(self, state_dict)
            state_dict = state_dict if result is None else result
        groups, state = checkpoint.unpack(self.param_groups, state_dict, self.counts)
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in self._hooks.after_load.values():
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "defaults": self.defaults,
            "state": self.state,
            "param_groups": self.param_groups,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__.setdefault("_hooks", hooks.Hooks())
        for group in self.param_groups:  # options that the checkpoint's version did not have
            for name, default in self.defaults.items():
                group.setdefault(name, default)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join(lines) + "\n)"

    # --- hooks ----------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return new (args, kwargs).

        In a compiled step, hooks are called while the step is captured, not at each replay.
        """
        return hooks.register(self._hooks.before_step, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return hooks.register(self._hooks.after_step, hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` before `state_dict` is made."""
        return hooks.register(self._hooks.before_state_dict, hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` on what `state_dict` made; it may return another."""
        return hooks.register(self._hooks.after_state_dict, hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before loading; it may return another one to load."""
        return hooks.register(self._hooks.before_load, hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` after loading."""
        return hooks.register(self._hooks.after_load, hook, prepend)


def _names_and_tensors(params: Any) -> tuple[list[str] | None, list[Tensor]]:
    """The parameters of a group as given: one tensor, tensors, or (name, tensor) pairs."""
    if isinstance(params, Tensor):
        return None, [params]
    if isinstance(params, set):
        raise ArgumentTypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of "
            "tensors in sets will change between runs. Please use a list instead."
        )
    params = list(params)
    names = [param[0] for param in params if isinstance(param, tuple)]
    tensors = [param[1] if isinstance(param, tuple) else param for param in params]
    if names and len(names) != len(tensors):
        raise ArgumentError(
            "all optimizer params should be with/without names. Some param names are missing"
        )
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise ArgumentTypeError(
                "optimizer can only optimize Tensors, but one of the params is "
                f"{type(tensor).__name__}"
            )
    return names or None, tensors
