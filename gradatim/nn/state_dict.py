"""A module's state as a dictionary: every parameter and persistent buffer by its dotted path."""

from __future__ import annotations

import itertools
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from gradatim.autograd import RemovableHandle, no_grad
from gradatim.graph.errors import ArgumentTypeError, CheckpointError
from gradatim.nn.parameter import Parameter
from gradatim.tensor import Tensor

_EXTRA_STATE = "_extra_state"


class StateDict(OrderedDict):
    """Tensors by name, in the order of registration; `_metadata` has each module's version."""

    _metadata: OrderedDict[str, dict[str, Any]]


class IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` found to differ: two lists of names."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class State:
    """The part of a Module that saves and loads its state."""

    _version = 1  # a subclass whose state changes its meaning counts this up

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _non_persistent_buffers_set: set[str]
    _modules: dict[str, Any]

    def _init_state_hooks(self) -> None:
        for name in (
            "_state_dict_pre_hooks",
            "_state_dict_hooks",
            "_load_state_dict_pre_hooks",
            "_load_state_dict_post_hooks",
        ):
            self.__dict__.setdefault(name, OrderedDict())

    # --- saving ---------------------------------------------------------------------------------

    def state_dict(
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> StateDict:
        """All parameters and persistent buffers, by dotted path. The values share memory with the
        module: they change when it trains; copy them to keep a snapshot.

        Args:
            destination: a dictionary to put them in; none makes a new one.
            prefix: put in front of every name.
            keep_vars: give the parameters themselves, not detached tensors.

        Example:
            >>> import gradatim as gd
            >>> list(gd.nn.Sequential(gd.nn.Linear(3, 2), gd.nn.ReLU()).state_dict())
            ['0.weight', '0.bias']
        """
        if destination is None:
            destination = StateDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in self._state_dict_hooks.values():
            hook(self, destination, prefix, metadata)
        return destination

    def _local_state(self) -> dict[str, Tensor]:
        """This module's own parameters and persistent buffers."""
        buffers = (
            (name, buffer)
            for name, buffer in self._buffers.items()
            if name not in self._non_persistent_buffers_set
        )
        members = itertools.chain(self._parameters.items(), buffers)
        return {name: member for name, member in members if member is not None}

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put this module's own state, without its children's, into `destination`."""
        for name, member in self._local_state().items():
            destination[prefix + name] = member if keep_vars else member.detach()
        if type(self).get_extra_state is not State.get_extra_state:
            destination[prefix + _EXTRA_STATE] = self.get_extra_state()

    def get_extra_state(self) -> Any:
        """Anything else to be kept in the state_dict: a subclass that defines this defines
        `set_extra_state` too.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no get_extra_state()")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave."""
        raise NotImplementedError(f"{type(self).__name__} defines no set_extra_state()")

    # --- loading --------------------------------------------------------------------------------

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy the values of a `state_dict` into this module's parameters and buffers.

        Args:
            state_dict: as `state_dict()` gives it.
            strict: raise unless the names are exactly this module's.
            assign: put the tensors themselves in place of the module's, instead of copying values.

        Returns:
            The names that are missing and those that are unexpected.

        Raises:
            CheckpointError: listing every name that is missing or unexpected and every shape that
                differs. Tensors that fit have been loaded by then.

        Example:
            >>> import gradatim as gd
            >>> layer = gd.nn.Linear(2, 1)
            >>> layer.load_state_dict({"weight": gd.zeros(1, 2), "bias": gd.ones(1)})
            <All keys matched successfully>
        """
        if not isinstance(state_dict, Mapping):
            raise ArgumentTypeError(
                f"Expected state_dict to be dict-like, got {type(state_dict)}: "
                f"pass what state_dict() returned"
            )
        loading = _Loading(getattr(state_dict, "_metadata", None) or {}, assign)
        loading.load(self, OrderedDict(state_dict), "")
        errors = loading.errors
        if strict and loading.unexpected:
            errors.insert(0, f"Unexpected key(s) in state_dict: {_quoted(loading.unexpected)}. ")
        if strict and loading.missing:
            errors.insert(0, f"Missing key(s) in state_dict: {_quoted(loading.missing)}. ")
        if errors:
            raise CheckpointError(
                "Error(s) in loading state_dict for {}:\n\t{}".format(
                    type(self).__name__, "\n\t".join(errors)
                )
            )
        return IncompatibleKeys(loading.missing, loading.unexpected)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load this module's own state, without its children's. A subclass may override it to read
        states that older versions of itself saved (`local_metadata["version"]`).
        """
        for hook in self._load_state_dict_pre_hooks.values():
            hook(
                self,
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )
        local_state = self._local_state()
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, member in local_state.items():
            key = prefix + name
            if key in state_dict:
                problem = self._load_one(name, key, member, state_dict[key], assign)
                if problem:
                    error_msgs.append(problem)
            elif strict:
                missing_keys.append(key)

        extra_key = prefix + _EXTRA_STATE
        takes_extra = type(self).set_extra_state is not State.set_extra_state
        if takes_extra and extra_key in state_dict:
            self.set_extra_state(state_dict[extra_key])
        elif takes_extra and strict:
            missing_keys.append(extra_key)
        if strict:
            for key in state_dict:
                name, dot, _ = key[len(prefix) :].partition(".")
                if not key.startswith(prefix) or (takes_extra and key == extra_key):
                    continue
                if name not in (self._modules if dot else local_state):
                    unexpected_keys.append(key)

    def _load_one(
        self, name: str, key: str, member: Tensor, value: Any, assign: bool
    ) -> str | None:
        """Load one tensor; the problem in words, or None."""
        if not isinstance(value, Tensor):
            return (
                f'While copying the parameter named "{key}", expected a Tensor from checkpoint but '
                f"received {type(value)}"
            )
        if member.ndim == 0 and tuple(value.shape) == (1,):
            value = value[0]  # before 2018 a single number had shape (1,)
        if value.shape != member.shape:
            return (
                f"size mismatch for {key}: copying a param with shape {value.shape} from "
                f"checkpoint, the shape in current model is {member.shape}."
            )
        try:
            if not assign:
                with no_grad():
                    member.copy_(value)
            elif isinstance(member, Parameter):
                if not isinstance(value, Parameter):
                    value = Parameter(value, member.requires_grad)
                setattr(self, name, value.requires_grad_(member.requires_grad))
            else:
                setattr(self, name, value)
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{member.shape} and whose dimensions in the checkpoint are {value.shape}, "
                f"an exception occurred : {error.args}."
            )
        return None

    # --- hooks ----------------------------------------------------------------------------------

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before this module's state is saved."""
        return RemovableHandle(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after it is saved."""
        return RemovableHandle(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)` before this module's state is loaded; it may change them.
        """
        return RemovableHandle(self._load_state_dict_pre_hooks, hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after it is loaded; it may change the lists."""
        return RemovableHandle(self._load_state_dict_post_hooks, hook)


class _Loading:
    """One `load_state_dict`: what it has found so far."""

    def __init__(self, metadata: Mapping[str, dict[str, Any]], assign: bool):
        self.metadata = metadata
        self.assign = assign
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.errors: list[str] = []

    def load(self, module: Any, state_dict: dict[str, Any], prefix: str) -> None:
        """Load `module` and all below it from the entries that begin with `prefix`."""
        metadata = dict(self.metadata.get(prefix[:-1], {}))
        if self.assign:
            metadata["assign_to_params_buffers"] = True
        module._load_from_state_dict(
            state_dict, prefix, metadata, True, self.missing, self.unexpected, self.errors
        )
        for name, child in module._modules.items():
            if child is not None:
                path = f"{prefix}{name}."
                below = {key: v for key, v in state_dict.items() if key.startswith(path)}
                self.load(child, below, path)
        for hook in module._load_state_dict_post_hooks.values():
            hook(module, IncompatibleKeys(self.missing, self.unexpected))


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
