"""ParameterList and ParameterDict: modules that hold parameters by number or by name."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gradatim.graph.errors import ArgumentTypeError, Error, IndexOutOfRange
from gradatim.nn.containers import pairs_of
from gradatim.nn.module import Module
from gradatim.nn.parameter import Parameter
from gradatim.tensor import Tensor


class _NotCallable(Error, RuntimeError):
    """A container of parameters, called as if it were a layer."""


class _Holder(Module):
    """Values under names; tensors among them become parameters."""

    def _put(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor) and not isinstance(value, Parameter):
            value = Parameter(value)
        setattr(self, name, value)

    def _describe(self, name: str, value: Any) -> str:
        """One line of the repr."""
        if not isinstance(value, Tensor):
            return f"  ({name}): Object of type: {type(value).__name__}"
        kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
        sizes = "x".join(map(str, value.shape))
        return f"  ({name}): {kind} containing: [{self._type_of(value)} of size {sizes}]"

    def _type_of(self, value: Tensor) -> str:
        return str(value.dtype)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise _NotCallable(f"{type(self).__name__} should not be called.")


class ParameterList(_Holder):
    """A list of parameters that belong to the module that holds it.

    Args:
        values: tensors become parameters; anything else is kept as it is.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.ParameterList([gd.zeros(2), gd.zeros(3, 4)])
        ParameterList(
            (0): Parameter containing: [torch.float32 of size 2]
            (1): Parameter containing: [torch.float32 of size 3x4]
        )
    """

    def __init__(self, values: Iterable[Any] | None = None):
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def _name(self, index: Any) -> str:
        position = operator.index(index)
        if not -self._size <= position < self._size:
            raise IndexOutOfRange(
                f"index {position} is out of range for a ParameterList of {self._size}"
            )
        return str(position % self._size)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(self[k] for k in range(*index.indices(self._size)))
        return getattr(self, self._name(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        self._put(self._name(index), value)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(self._size))

    def __iadd__(self, values: Iterable[Any]) -> ParameterList:
        return self.extend(values)

    def append(self, value: Any) -> ParameterList:
        """Add a value at the end."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Add several values at the end."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise ArgumentTypeError(
                f"ParameterList.extend should be called with an iterable, but got "
                f"{type(values).__name__}"
            )
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        return "\n".join(self._describe(str(k), value) for k, value in enumerate(self))


class ParameterDict(_Holder):
    """A dictionary of parameters that belong to the module that holds it.

    Args:
        parameters: a mapping or pairs; tensors become parameters, anything else is kept as it is.

    Example:
        >>> import gradatim as gd
        >>> scales = gd.nn.ParameterDict({"left": gd.ones(1), "right": gd.ones(1)})
        >>> [name for name, _ in scales.named_parameters()]
        ['left', 'right']
    """

    def __init__(self, parameters: Any = None):
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise ArgumentTypeError(
                f"a key of a ParameterDict must be a string, got {type(key).__name__}"
            )
        self._keys[key] = None
        self._put(key, value)

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __or__(self, other: Any) -> ParameterDict:
        merged = self.copy()
        merged.update(other)
        return merged

    def __ior__(self, other: Any) -> ParameterDict:
        self.update(other)
        return self

    def copy(self) -> ParameterDict:
        """Another dictionary of the same parameters."""
        return ParameterDict(self.items())

    def get(self, key: str, default: Any = None) -> Any:
        """The value under a key, or `default`."""
        return getattr(self, key) if key in self._keys else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value under a key, put there if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Any:
        """Remove a value and give it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the pair added last and give it."""
        key = next(reversed(self))
        return key, self.pop(key)

    def clear(self) -> None:
        """Remove all values."""
        for key in list(self):
            del self[key]

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new ParameterDict with these keys, all with the same value."""
        return ParameterDict((key, default) for key in keys)

    def keys(self) -> Any:
        """The names."""
        return self._keys.keys()

    def items(self) -> Iterator[tuple[str, Any]]:
        """Pairs of name and value."""
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Iterator[Any]:
        """The values."""
        return (self[key] for key in self._keys)

    def update(self, parameters: Any) -> None:
        """Add values from a mapping or from pairs; a key that is there already is replaced."""
        pairs = pairs_of("ParameterDict", parameters)
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            pairs = iter(sorted(pairs))  # PyTorch takes a plain dict by name
        for key, value in pairs:
            self[key] = value

    def _type_of(self, value: Tensor) -> str:
        return value.type()  # PyTorch shows the old name here: torch.FloatTensor

    def extra_repr(self) -> str:
        return "\n".join(self._describe(key, value) for key, value in self.items())
