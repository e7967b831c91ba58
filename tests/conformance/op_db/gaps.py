"""Operators that do not pass whole, in which parts, and why. All other parts of them must pass."""

from __future__ import annotations

GAPS: dict[str, tuple[set[str], str]] = {
    "special.polygamma/special_polygamma_n_0": (
        {"float32"},
        "float32: PyTorch's trigamma of negative numbers is off by up to 8e-4; Gradatim's is right "
        "to rounding",
    ),
    "special.hermite_polynomial_he": (
        {"float32"},
        "float32: PyTorch's recurrence loses digits where terms cancel (43.70929 for 43.70919)",
    ),
    "matrix_exp": (
        {"float32", "methods"},
        "float32: PyTorch rounds at each step, and is 0.2% off where terms cancel; Gradatim "
        "computes in float64",
    ),
    "addbmm": (
        {"in place"},
        "`x.addbmm_` refuses a result larger than x, which PyTorch makes x grow to",
    ),
    "as_strided_scatter": (
        {"gradients"},
        "PyTorch's gradient of the input is 0 where the input stays, and not 0 where it is written "
        "over; ours is the other way round, as finite differences are",
    ),
}
