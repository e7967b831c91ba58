"""Network: a list of layers as modules of Gradatim or of PyTorch, whose names are the same."""

from __future__ import annotations

from typing import Any

from gradatim.bench.workloads import RECURRENT, Layer


def build(nn: Any, layers: tuple[Layer, ...]) -> Any:
    """The network, made of the modules in `nn`.

    Example:
        >>> import gradatim as gd
        >>> build(gd.nn, (("Linear", 2, 3), ("Tanh",)))
        Sequential(
          (0): Linear(in_features=2, out_features=3, bias=True)
          (1): Tanh()
        )
    """

    class LastStep(nn.Module):
        """A recurrent layer that gives its output at the last time step."""

        def __init__(self, name: str, *sizes: int):
            super().__init__()
            self.recurrent = getattr(nn, name)(*sizes, batch_first=True)

        def forward(self, x: Any) -> Any:
            return self.recurrent(x)[0][:, -1]

    modules = []
    for name, *arguments in layers:
        options: dict[str, Any] = {}
        if arguments and isinstance(arguments[-1], dict):
            options = arguments.pop()
        if name in RECURRENT:
            modules.append(LastStep(name, *arguments))
        else:
            modules.append(getattr(nn, name)(*arguments, **options))
    return nn.Sequential(*modules)
