"""StackDataset: several data sets side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradatim.data.dataset import Dataset
from gradatim.graph.errors import ArgumentError


class StackDataset(Dataset[Any]):
    """Several data sets side by side: item i has the i-th item of each.

    Args:
        args: data sets of one length; items are tuples. Or:
        kwargs: data sets by name; items are dicts.

    Raises:
        ArgumentError: both, or neither; or the lengths differ.

    Example:
        >>> StackDataset("abc", [1, 2, 3])[1], StackDataset(x="abc", y=[1, 2, 3])[1]
        (('b', 2), {'x': 'b', 'y': 2})
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ArgumentError(
                "StackDataset takes data sets by place (items are then tuples) or by name (dicts), "
                "and got both"
            )
        if not args and not kwargs:
            raise ArgumentError("StackDataset got no data set: give at least one")
        self.datasets: Any = args or kwargs
        lengths = {len(dataset) for dataset in self._each()}
        if len(lengths) > 1:
            raise ArgumentError(
                f"the data sets of a StackDataset have {sorted(lengths)} items: expected one length"
            )
        self._length = lengths.pop()

    def _each(self) -> Any:
        return self.datasets.values() if isinstance(self.datasets, dict) else self.datasets

    def _like(self, items: Sequence[Any]) -> Any:
        if isinstance(self.datasets, dict):
            return dict(zip(self.datasets, items))
        return tuple(items)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        return self._like([dataset[index] for dataset in self._each()])

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """The items at several indices; data sets that can fetch several at once are asked to."""
        columns = []
        for dataset in self._each():
            fetch = getattr(dataset, "__getitems__", None)
            column = fetch(indices) if callable(fetch) else [dataset[i] for i in indices]
            if len(column) != len(indices):
                raise ArgumentError(
                    "Nested dataset's output size mismatch. Expected "
                    f"{len(indices)}, got {len(column)}"
                )
            columns.append(column)
        return [self._like(items) for items in zip(*columns)]
