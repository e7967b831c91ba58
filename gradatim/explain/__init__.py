"""Explain: what happens inside a step, for people who want to see it.

step         a worksheet: one training step with every number
graph        its computational graph, forward and backward
update_table the update rule alone
watching     which Programs a function runs
program      their kernels, as text
profile      how long each kernel takes
"""

import importlib
from typing import Any

_NAMES = {
    "LOSSES": "one_step",
    "StepGraph": "step_graph",
    "UpdateTable": "updating",
    "Worksheet": "worksheet",
    "graph": "step_graph",
    "step": "one_step",
    "update_table": "updating",
}


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"gradatim.explain.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'gradatim.explain' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
