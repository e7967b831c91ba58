"""What belongs to a Module: parameters, buffers and submodules, by name.

Assigning a Parameter or a Module to an attribute registers it; both, and buffers, live in
dictionaries of their own, in the order of registration, and are found through `__getattr__`.
Every change is counted, so that a compiled step sees in one comparison that nothing changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gradatim.graph.errors import ArgumentError, ArgumentTypeError, Error, MissingMember
from gradatim.nn.buffer import Buffer
from gradatim.nn.parameter import Parameter
from gradatim.realize import state
from gradatim.structure import TABLES, Table
from gradatim.tensor import Tensor


class MemberNameError(Error, KeyError):
    """A name that a parameter, buffer or submodule cannot have."""

    __str__ = Exception.__str__  # KeyError's would quote the message


class Members:
    """The part of a Module that holds its parameters, buffers and submodules."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _non_persistent_buffers_set: set[str]
    _modules: dict[str, Any]

    def _init_members(self) -> None:
        for name, empty in (
            ("_parameters", Table()),
            ("_buffers", Table()),
            ("_non_persistent_buffers_set", set()),
            ("_modules", Table()),
        ):
            self.__dict__.setdefault(name, empty)

    # --- registration ---------------------------------------------------------------------------

    def _check_name(self, kind: str, name: Any, own: dict[str, Any]) -> None:
        if not isinstance(name, str):
            raise ArgumentTypeError(
                f"{kind} name should be a string, got {type(name).__name__}: {name!r}"
            )
        if "." in name:
            raise MemberNameError(f'{kind} name can\'t contain ".", got: {name}')
        if name == "":
            raise MemberNameError(f'{kind} name can\'t be empty string ""')
        if name not in own and hasattr(self, name):
            raise MemberNameError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter, the same as assigning it to the attribute `name`; None keeps the name
        for a parameter that this module does not use.

        Raises:
            MemberNameError: for a name with a dot, an empty one, or one that is taken.
            ArgumentTypeError: for anything but a Parameter.
        """
        if "_parameters" not in self.__dict__:
            raise _too_early("parameter")
        self._check_name("parameter", name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise ArgumentTypeError(
                f"cannot assign '{_type_name(param)}' object to parameter '{name}' "
                f"(nn.Parameter or None required)"
            )
        if param is not None and not param.is_leaf:
            raise ArgumentError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be "
                f"created explicitly. To express '{name}' as a function of another Tensor, compute "
                f"the value in the forward() method."
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is part of the module's state but not trained, such as a running mean.

        Args:
            name: the attribute it will be.
            tensor: its value; None keeps the name, and is not in `state_dict`.
            persistent: whether it is part of `state_dict`.
        """
        if "_buffers" not in self.__dict__:
            raise _too_early("buffer")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ArgumentTypeError(
                f"cannot assign '{_type_name(tensor)}' object to buffer '{name}' "
                f"(a Tensor or None required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Any) -> None:
        """Add a submodule, the same as assigning it to the attribute `name`."""
        if module is not None and not isinstance(module, Members):
            if isinstance(module, type) and issubclass(module, Members):
                raise ArgumentTypeError(
                    f"{module.__name__} is a class and not a Module: make one with "
                    f"{module.__name__}(...)"
                )
            advice = ""
            if isinstance(module, (list, tuple)):
                advice = f": give its modules one by one, {type(self).__name__}(*modules)"
            raise ArgumentTypeError(f"{_type_name(module)} is not a Module subclass{advice}")
        self._check_name("module", name, self._modules)
        self._modules[name] = module

    def register_module(self, name: str, module: Any) -> None:
        """The same as `add_module`."""
        self.add_module(name, module)

    # --- attributes -----------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        for members in TABLES:
            found = own.get(members)
            if found and name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if isinstance(value, Parameter):
            if "_parameters" not in own:
                raise _too_early("parameters")
            self._forget(name, but="_parameters")
            self.register_parameter(name, value)
        elif name in own.get("_parameters", ()):
            if value is not None:
                raise self._refusal(value, "parameter", name, "nn.Parameter")
            self._parameters[name] = None
        elif isinstance(value, Members):
            if "_modules" not in own:
                raise _too_early("module")
            self._forget(name, but="_modules")
            self._modules[name] = value
        elif name in own.get("_modules", ()):
            if value is not None:
                raise self._refusal(value, "child module", name, "nn.Module")
            self._modules[name] = None
        elif isinstance(value, Buffer):
            if "_buffers" not in own:
                raise _too_early("buffer")
            self._forget(name, but="_buffers")
            self.register_buffer(name, value, value.persistent)
        elif name in own.get("_buffers", ()):
            if value is not None and not isinstance(value, Tensor):
                raise self._refusal(value, "buffer", name, "a Tensor")
            self._buffers[name] = value
        else:
            super().__setattr__(name, value)
            if name == "training" or name in TABLES:
                state.structure += 1

    def __delattr__(self, name: str) -> None:
        for members in (self._parameters, self._buffers, self._modules):
            if name in members:
                del members[name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        own = [*self.__dict__, *self._parameters, *self._buffers, *self._modules]
        return sorted({*dir(type(self)), *(name for name in own if not name[:1].isdigit())})

    def _forget(self, name: str, but: str) -> None:
        """Remove whatever else has this name."""
        self.__dict__.pop(name, None)
        for members in TABLES:
            if members != but:
                self.__dict__[members].pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def _refusal(self, value: Any, kind: str, name: str, expected: str) -> ArgumentTypeError:
        return ArgumentTypeError(
            f"cannot assign '{_type_name(value)}' as {kind} '{name}' ({expected} or None expected)"
        )

    # --- iteration ------------------------------------------------------------------------------

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """This module (its name is `prefix`) and all below it, each with its dotted path, parents
        first. A module that is registered twice comes once, unless `remove_duplicate=False`.
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Any]:
        """This module and all below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Any]]:
        """The submodules of this module itself, by name, each once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Any]:
        """The submodules of this module itself."""
        for _, module in self.named_children():
            yield module

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters with their dotted paths, in the order of registration, each once.

        Args:
            prefix: put in front of every path.
            recurse: also those of submodules.
            remove_duplicate: a parameter shared by two modules comes once, under its first path.

        Example:
            >>> import gradatim as gd
            >>> [name for name, _ in gd.nn.Linear(3, 2).named_parameters()]
            ['weight', 'bias']
        """
        return self._named_members(
            lambda module: module._parameters.items(), prefix, recurse, remove_duplicate
        )

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, as an optimizer takes them."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """All buffers with their dotted paths; arguments as for `named_parameters`."""
        return self._named_members(
            lambda module: module._buffers.items(), prefix, recurse, remove_duplicate
        )

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def _named_members(
        self,
        members_of: Callable[[Any], Iterable[tuple[str, Any]]],
        prefix: str,
        recurse: bool,
        remove_duplicate: bool,
    ) -> Iterator[tuple[str, Any]]:
        seen = set()
        modules = [(prefix, self)]
        if recurse:
            modules = list(self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate))
        for path, module in modules:
            for name, member in members_of(module):
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    # --- lookup by path -------------------------------------------------------------------------

    def get_submodule(self, target: str) -> Any:
        """The module at a dotted path; "" is this module.

        Raises:
            AttributeError: naming the part of the path that is not there.
        """
        module: Any = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise _no_member(module, name)
            module = getattr(module, name)
            if not isinstance(module, Members):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise _no_member(module, name)
        parameter = getattr(module, name)
        if not isinstance(parameter, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return parameter

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise _no_member(module, name)
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return getattr(module, name)


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _too_early(what: str) -> AttributeError:
    return AttributeError(
        f"cannot assign {what} before Module.__init__() call: begin __init__ with "
        f"super().__init__()"
    )


def _no_member(module: Any, name: str) -> MissingMember:
    there = [*module._modules, *module._parameters, *module._buffers]
    known = f"it has {', '.join(there)}" if there else "it has no members"
    return MissingMember(f"{type(module).__name__} has no attribute `{name}`: {known}")
