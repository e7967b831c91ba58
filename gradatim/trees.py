"""Trees: tensors nested in tuples, lists and dicts, taken apart and put together again.

A tree is its leaves, from left to right, and its structure (`Spec`). Everything that is no tuple,
list or dict is a leaf, None too.

Example:
    >>> leaves, spec = flatten({"a": 1, "b": [2, (3,)]})
    >>> leaves
    [1, 2, 3]
    >>> spec
    {'a': *, 'b': [*, (*,)]}
    >>> unflatten(spec, [10, 20, 30])
    {'a': 10, 'b': [20, (30,)]}
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Spec:
    """The structure of a tree.

    Attributes:
        kind: tuple, list, dict or a subclass of one; None for a leaf.
        keys: of a dict.
        children: of each element.
        factory: of a defaultdict.
    """

    kind: Any = None
    keys: tuple[Any, ...] = ()
    children: tuple[Spec, ...] = ()
    factory: Any = None

    @property
    def leaves(self) -> int:
        """How many leaves there are."""
        return 1 if self.kind is None else sum(child.leaves for child in self.children)

    def __repr__(self) -> str:
        if self.kind is None:
            return "*"
        parts = [repr(child) for child in self.children]
        if issubclass(self.kind, dict):
            inside = ", ".join(f"{key!r}: {part}" for key, part in zip(self.keys, parts))
            return f"{{{inside}}}"
        inside = ", ".join(parts)
        if issubclass(self.kind, list):
            return f"[{inside}]"
        return f"({inside},)" if len(parts) == 1 else f"({inside})"


LEAF = Spec()


def flatten(tree: Any) -> tuple[list[Any], Spec]:
    """The leaves, and the structure."""
    leaves: list[Any] = []
    return leaves, _spec(tree, leaves)


def _spec(tree: Any, leaves: list[Any]) -> Spec:
    if isinstance(tree, dict):
        children = tuple(_spec(child, leaves) for child in tree.values())
        factory = tree.default_factory if isinstance(tree, defaultdict) else None
        return Spec(type(tree), tuple(tree), children, factory)
    if isinstance(tree, (tuple, list)) and not _is_shape(tree):
        return Spec(type(tree), (), tuple(_spec(child, leaves) for child in tree))
    leaves.append(tree)
    return LEAF


def _is_shape(tree: Any) -> bool:
    from gradatim.size import Size

    return isinstance(tree, Size)


def unflatten(spec: Spec, leaves: Iterable[Any]) -> Any:
    """The tree of a structure and its leaves."""
    return _build(spec, iter(leaves))


def _build(spec: Spec, leaves: Iterator[Any]) -> Any:
    kind = spec.kind
    if kind is None:
        return next(leaves)
    made = [_build(child, leaves) for child in spec.children]
    if issubclass(kind, defaultdict):
        return kind(spec.factory, zip(spec.keys, made))
    if issubclass(kind, dict):
        return kind(zip(spec.keys, made))
    return kind(*made) if hasattr(kind, "_fields") else kind(made)


def map_leaves(function: Callable[..., Any], tree: Any) -> Any:
    """The tree with `function` applied to each leaf."""
    leaves, spec = flatten(tree)
    return unflatten(spec, [function(leaf) for leaf in leaves])


def spread(prefix: Any, spec: Spec) -> list[Any] | None:
    """One entry of `prefix` for each leaf of a tree: a leaf of `prefix` stands for all below it.
    None if it does not fit.

    Example:
        >>> _, spec = flatten((1, (2, 3)))
        >>> spread((0, None), spec)
        [0, None, None]
    """
    own: list[Any] = []
    shape = _spec(prefix, own)
    found: list[Any] = []
    return found if _spread(shape, iter(own), spec, found) else None


def _spread(shape: Spec, own: Iterator[Any], spec: Spec, found: list[Any]) -> bool:
    if shape.kind is None:
        found += [next(own)] * spec.leaves
        return True
    if shape.kind is not spec.kind or len(shape.children) != len(spec.children):
        return False
    if shape.keys != spec.keys:
        return False
    pairs: Sequence[tuple[Spec, Spec]] = list(zip(shape.children, spec.children))
    return all(_spread(a, own, b, found) for a, b in pairs)
