"""Containers: modules that hold other modules in a sequence, a list or a dictionary."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gradatim.graph.errors import ArgumentError, ArgumentTypeError, IndexOutOfRange, MissingKey
from gradatim.nn.module import Module, layout


class _Numbered(Module):
    """Submodules named "0", "1", "2" ..., which behave like a list."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def _key(self, index: Any) -> str:
        """The name of the module at a position, which may be negative."""
        position = operator.index(index)
        if not -len(self) <= position < len(self):
            raise IndexOutOfRange(
                f"index {position} is out of range for {type(self).__name__} of {len(self)} modules"
            )
        return list(self._modules)[position]

    def __setitem__(self, index: Any, module: Module) -> None:
        setattr(self, self._key(index), module)

    def __delitem__(self, index: Any) -> None:
        if isinstance(index, slice):
            keys = list(self._modules)[index]
        else:
            keys = [self._key(index)]
        for key in keys:
            delattr(self, key)
        modules = list(self._modules.values())  # numbered anew, without gaps
        self.__dict__["_modules"] = {str(k): module for k, module in enumerate(modules)}

    def append(self, module: Module) -> Any:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Add a module in front of the one at `index`."""
        self._insert(index, module)
        return self

    def _insert(self, index: int, module: Module) -> None:
        if not isinstance(module, Module):
            raise ArgumentTypeError(f"expected a Module to insert, got {type(module).__name__}")
        if not -len(self) <= index <= len(self):
            raise IndexOutOfRange(f"Index out of range: {index}")
        modules = list(self._modules.values())
        modules.insert(index, module)
        self.__dict__["_modules"] = {str(k): each for k, each in enumerate(modules)}

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add several modules at the end."""
        for module in list(modules):
            self.append(module)
        return self

    def pop(self, key: Any) -> Any:
        """Remove the module at a position and give it."""
        module = self[key]
        del self[key]
        return module


class Sequential(_Numbered):
    """Modules called one after the other, each with the result of the one before.

    Args:
        *modules: named "0", "1", ...; or one OrderedDict, whose keys are the names.

    Shape:
        Whatever the first module takes; whatever the last one gives.

    Example:
        >>> import gradatim as gd
        >>> from gradatim import nn
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> model(gd.zeros(5, 4)).shape
        torch.Size([5, 2])
        >>> model[:2]
        Sequential(
          (0): Linear(in_features=4, out_features=8, bias=True)
          (1): ReLU()
        )
    """

    def __init__(self, *modules: Any):
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], OrderedDict):
            named: Iterable[tuple[str, Any]] = modules[0].items()
        else:
            named = ((str(k), module) for k, module in enumerate(modules))
        for name, module in named:
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)
        return input

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._key(index)]

    def __add__(self, other: Any) -> Sequential:
        _require_sequential(other)
        return Sequential(*self, *other)

    def __iadd__(self, other: Any) -> Sequential:
        _require_sequential(other)
        return self.extend(other)

    def __mul__(self, times: int) -> Sequential:
        if not isinstance(times, int):
            raise ArgumentTypeError(
                f"a Sequential can be multiplied by an int, got {type(times).__name__}"
            )
        if times <= 0:
            raise ArgumentError(f"Non-positive multiplication factor {times} for a Sequential")
        return Sequential(*list(self) * times)

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Sequential:
        return self.extend(list(self * times)[len(self) :])


def _require_sequential(other: Any) -> None:
    if not isinstance(other, Sequential):
        raise ArgumentError(
            f"add operator supports only objects of Sequential class, but {type(other)} is given."
        )


class ModuleList(_Numbered):
    """A list of modules, whose parameters belong to the module that holds it. It has no forward.

    Example:
        >>> from gradatim import nn
        >>> nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
        ModuleList(
          (0-2): 3 x Linear(in_features=8, out_features=8, bias=True)
        )
    """

    def __init__(self, modules: Iterable[Module] | None = None):
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self._modules.values())[index])
        return self._modules[self._key(index)]

    def insert(self, index: int, module: Module) -> None:
        """Add a module in front of the one at `index`."""
        self._insert(index, module)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, other: Iterable[Module]) -> ModuleList:
        return self.extend(other)

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add several modules at the end."""
        if not isinstance(modules, Iterable):
            raise ArgumentTypeError(
                f"ModuleList.extend should be called with an iterable, but got "
                f"{type(modules).__name__}"
            )
        return super().extend(modules)

    def __repr__(self) -> str:
        """Neighbours that print alike share a line: `(0-2): 3 x Linear(...)`."""
        runs: list[tuple[int, int, str]] = []  # first position, last position, text
        for position, module in enumerate(self):
            text = repr(module)
            if runs and runs[-1][2] == text:
                runs[-1] = (runs[-1][0], position, text)
            else:
                runs.append((position, position, text))
        lines = []
        for first, last, text in runs:
            label = f"({first})" if first == last else f"({first}-{last})"
            times = "" if first == last else f"{last - first + 1} x "
            lines.append(f"{label}: {times}{text}".replace("\n", "\n  "))
        return layout(self._get_name(), [], lines)


class ModuleDict(Module):
    """A dictionary of modules, whose parameters belong to the module that holds it. It has no
    forward.

    Example:
        >>> from gradatim import nn
        >>> heads = nn.ModuleDict({"digit": nn.Linear(8, 10), "sign": nn.Linear(8, 2)})
        >>> heads["sign"]
        Linear(in_features=8, out_features=2, bias=True)
    """

    def __init__(self, modules: Any = None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        if key not in self._modules:
            raise MissingKey(f"ModuleDict has no module {key!r}: it has {list(self._modules)}")
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Remove a module and give it."""
        module = self[key]
        del self[key]
        return module

    def keys(self) -> Any:
        """The names."""
        return self._modules.keys()

    def items(self) -> Any:
        """Pairs of name and module."""
        return self._modules.items()

    def values(self) -> Any:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Any) -> None:
        """Add modules from a mapping or from pairs; a name that is there already is replaced."""
        for key, module in pairs_of("ModuleDict", modules):
            self[key] = module


def pairs_of(name: str, items: Any) -> Iterator[tuple[str, Any]]:
    """The pairs of a mapping, or of an iterable of pairs.

    Raises:
        ArgumentTypeError, ArgumentError: for anything else.
    """
    if isinstance(items, Mapping) or hasattr(items, "items"):
        yield from items.items()
        return
    if not isinstance(items, Iterable):
        raise ArgumentTypeError(
            f"{name}.update should be called with an iterable of key/value pairs, but got "
            f"{type(items).__name__}"
        )
    for position, pair in enumerate(items):
        if not isinstance(pair, Iterable):
            raise ArgumentTypeError(
                f"{name} update sequence element #{position} should be Iterable; is "
                f"{type(pair).__name__}"
            )
        pair = tuple(pair)
        if len(pair) != 2:
            raise ArgumentError(
                f"{name} update sequence element #{position} has length {len(pair)}; 2 is required"
            )
        yield pair


class Container(Module):
    """A module that holds the modules given by name. (Deprecated in PyTorch: write a Module.)"""

    def __init__(self, **kwargs: Any):
        super().__init__()
        for name, module in kwargs.items():
            self.add_module(name, module)
