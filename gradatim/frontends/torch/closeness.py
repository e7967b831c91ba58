"""torch.testing.assert_close."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim.graph import dtypes
from gradatim.graph.dtypes import DType
from gradatim.tensor import Tensor

__all__ = ["assert_close"]

# PyTorch's defaults, by dtype: relative and absolute.
_TOLERANCES: dict[DType, tuple[float, float]] = {
    dtypes.float16: (1e-3, 1e-5),
    dtypes.bfloat16: (1.6e-2, 1e-5),
    dtypes.float32: (1.3e-6, 1e-5),
    dtypes.float64: (1e-7, 1e-7),
}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_dtype: bool = True,
    msg: str | None = None,
    **options: Any,
) -> None:
    """Raise an AssertionError unless two tensors (or lists, dicts, numbers) are close.

    Example:
        >>> import gradatim as gd
        >>> assert_close(gd.ones(2), gd.ones(2) + 1e-7)
    """
    settings = {
        "rtol": rtol, "atol": atol, "equal_nan": equal_nan, "check_dtype": check_dtype, "msg": msg,
    }  # fmt: skip
    if isinstance(expected, dict):
        assert actual.keys() == expected.keys(), msg or "The keys of the mappings do not match"
        for key in expected:
            assert_close(actual[key], expected[key], **settings)
        return
    if isinstance(expected, (list, tuple)):
        assert len(actual) == len(expected), msg or "The lengths of the sequences do not match"
        for a, b in zip(actual, expected):
            assert_close(a, b, **settings)
        return
    a, b = (x if isinstance(x, Tensor) else Tensor(x, dtype=None) for x in (actual, expected))
    assert a.shape == b.shape, msg or f"The shapes do not match: {a.shape} and {b.shape}"
    if check_dtype:
        assert a.dtype is b.dtype, msg or f"The dtypes do not match: {a.dtype} and {b.dtype}"
    relative, absolute = _TOLERANCES.get(a.dtype, (0.0, 0.0))
    np.testing.assert_allclose(
        np.asarray(a.detach().to(dtypes.float64)),
        np.asarray(b.detach().to(dtypes.float64)),
        rtol=relative if rtol is None else rtol,
        atol=absolute if atol is None else atol,
        equal_nan=equal_nan,
        err_msg=msg or "Tensor-likes are not close!",
    )
