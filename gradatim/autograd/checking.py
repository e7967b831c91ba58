"""gradcheck: backward() against central differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradatim.autograd.reverse import grad_of_tensors
from gradatim.graph.errors import ArgumentError, GradientError
from gradatim.tensor import Tensor, from_array


def gradcheck(
    func: Callable[..., Any], inputs: Any, eps: float = 1e-6, atol: float = 1e-5,
    rtol: float = 1e-3, raise_exception: bool = True,
) -> bool:  # fmt: skip
    """Whether backward() agrees with central differences, for every element.

    Args:
        func: gives a tensor or several.
        inputs: its arguments; the float64 ones that require a gradient are moved by `eps`.

    Raises:
        GradientError: with both numbers, unless `raise_exception` is False.

    Example:
        >>> import gradatim as gd
        >>> x = gd.rand(3, dtype=gd.float64, requires_grad=True)
        >>> gd.autograd.gradcheck(lambda x: x.exp().sum(), (x,))
        True
    """
    arguments = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    moved = [k for k, a in enumerate(arguments) if isinstance(a, Tensor) and a.requires_grad]
    if not moved:
        raise ArgumentError("gradcheck expects at least one input with requires_grad=True")

    def run(values: Sequence[Any]) -> list[Tensor]:
        outputs = func(*values)
        several = [outputs] if isinstance(outputs, Tensor) else list(outputs)
        return [o for o in several if o.dtype.is_floating_point]

    outputs = run(arguments)
    for place, output in enumerate(outputs):
        analytic = {k: np.zeros((output.numel(), arguments[k].numel())) for k in moved}
        for row in range(output.numel()) if output.requires_grad else ():
            unit = np.zeros(output.numel())
            unit[row] = 1
            seed = from_array(unit.reshape(output.shape), output.dtype)
            grads = grad_of_tensors(
                output, [arguments[k] for k in moved], seed, retain_graph=True, allow_unused=True
            )
            for k, g in zip(moved, grads):
                if g is not None:
                    analytic[k][row] = g.detach()._value().reshape(-1)
        for k in moved:
            numeric = _differences(run, arguments, k, place, eps)
            if not np.allclose(analytic[k], numeric, rtol=rtol, atol=atol, equal_nan=True):
                if not raise_exception:
                    return False
                worst = np.unravel_index(np.nanargmax(np.abs(analytic[k] - numeric)), numeric.shape)
                raise GradientError(
                    f"Jacobian mismatch for output {place} with respect to input {k}: at output "
                    f"element {worst[0]}, input element {worst[1]}, differences give "
                    f"{numeric[worst]:.6g} and backward() {analytic[k][worst]:.6g}"
                )
    return True


def _differences(
    run: Any, arguments: tuple[Any, ...], k: int, place: int, eps: float
) -> np.ndarray[Any, Any]:
    base = arguments[k].detach()._value().astype(np.float64)
    columns = []
    for j in range(base.size):
        ends = []
        for sign in (1, -1):
            moved = base.copy().reshape(-1)
            moved[j] += sign * eps
            values = list(arguments)
            values[k] = from_array(moved.reshape(base.shape), arguments[k].dtype).requires_grad_()
            ends.append(run(values)[place].detach()._value().astype(np.float64).reshape(-1).copy())
        columns.append((ends[0] - ends[1]) / (2 * eps))
    if not columns:
        return np.zeros((run(arguments)[place].numel(), 0))
    return np.stack(columns, axis=1)


def gradgradcheck(func: Callable[..., Any], inputs: Any, **options: Any) -> bool:
    """`gradcheck` of the gradient itself."""
    arguments = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    wanted = [k for k, a in enumerate(arguments) if isinstance(a, Tensor) and a.requires_grad]

    def first(*values: Any) -> Any:
        outputs = func(*values)
        several = [outputs] if isinstance(outputs, Tensor) else list(outputs)
        return grad_of_tensors(
            [o for o in several if o.requires_grad],
            [values[k] for k in wanted],
            [o.detach() * 0 + 1 for o in several if o.requires_grad],
            create_graph=True,
            materialize_grads=True,
        )

    return gradcheck(first, arguments, **options)
