"""Functions on tensors, composed from primitives. Each file also hangs its functions on Tensor.

`FUNCTIONS` is every public function by name; the package offers them as `gradatim.NAME`.
"""

from __future__ import annotations

import importlib
import types
from typing import Any

# In this order; `inplace` is last, because it makes the in-place variants of what is there by then.
_MODULES = (
    "creation", "elementwise", "arithmetic", "comparison", "selection", "operators", "movement",
    "padding", "interpolation", "grid_sampling", "shuffling", "unpooling", "fractional_pooling",
    "power_pooling", "dropouts",
    "casting", "joining", "reduce", "extremes", "moments", "norms", "cumulative", "linear",
    "factorizations", "orthogonal", "singular_values", "solving", "determinants", "matrix_norms",
    "products", "einsum", "indexing", "gathering", "scattering", "counting", "diagonals",
    "searching", "sorting", "quantiles", "activations", "losses", "classification",
    "convolution", "pooling", "adaptive_pooling", "unfolding", "normalization", "draws",
    "draws_in_place", "loops", "recurrent", "pointwise", "special_functions", "integration",
    "histograms", "distances", "margin_losses", "likelihood_losses", "ctc", "embedding",
    "attention", "multi_head_attention", "linear_cross_entropy", "inplace",
)  # fmt: skip

# Views of any kind and what is made of them; what programs ask of a tensor.
_MODULES += (
    "strided", "splitting", "view_scatter", "copies", "combining", "index_reducing",
    "native_norms", "probing", "segments", "signal_windows",
)  # fmt: skip

FUNCTIONS: dict[str, Any] = {}

# Functions that are not names of the package: they live in `nn.functional` alone, as in PyTorch.
_NOT_TOP_LEVEL = {
    "interpolate", "upsample", "upsample_nearest", "upsample_bilinear", "grid_sample",
    "affine_grid", "max_unpool1d", "max_unpool2d", "max_unpool3d", "lp_pool1d", "lp_pool2d",
    "lp_pool3d", "fractional_max_pool2d", "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d", "fractional_max_pool3d_with_indices", "gumbel_softmax",
    "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "nll_loss", "cross_entropy",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div", "linear", "pad", "gelu",
    "silu", "mish", "elu", "leaky_relu", "hardtanh", "relu6", "softplus", "logsigmoid", "glu",
    "hardsigmoid", "hardswish", "softsign", "tanhshrink", "softmin",
    "avg_pool2d", "avg_pool3d", "max_pool2d_with_indices", "max_pool3d_with_indices", "unfold",
    "fold", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d", "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d_with_indices", "adaptive_max_pool3d_with_indices",
    # The arguments of the first two stand in another order in the main namespace of PyTorch.
    "batch_norm", "instance_norm",
    "local_response_norm",
    "linear_cross_entropy",
    "ctc_loss", "embedding_bag", "scaled_dot_product_attention", "multi_head_attention_forward",
    "cosine_embedding_loss", "gaussian_nll_loss", "hinge_embedding_loss", "margin_ranking_loss",
    "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss",
    "poisson_nll_loss", "soft_margin_loss", "triplet_margin_loss",
    "triplet_margin_with_distance_loss", "check_reduction",
    "need_tensors",
    # In `linalg` and on Tensor.
    "linalg_vector_norm", "linalg_cross", "linalg_multi_dot", "type_",
    # Methods alone.
    "contiguous", "cpu", "cuda", "view", "view_as", "reshape_as", "expand", "expand_as", "repeat",
    "to", "type_as", "new_tensor", "is_set_to", "sum_to_size",
    # What the files here share: no operations.
    "named", "abs_int", "number_is_beyond", "check_float", "dropout_mask", "choose_reduction",
    "reduce_loss", "fitted", "in_place", "install",
}  # fmt: skip


# In-place methods that are names of the package as well, as in PyTorch.
_IN_PLACE_FUNCTIONS = (
    "abs_", "acos_", "acosh_", "addmv_", "arccos_", "arccosh_", "arcsin_", "arcsinh_", "arctan_",
    "arctanh_", "as_strided_", "asin_", "asinh_", "atan_", "atanh_", "ceil_", "celu_", "clamp_",
    "clamp_max_", "clamp_min_", "clip_", "conj_physical_", "cos_", "cosh_", "deg2rad_", "detach_",
    "erf_", "erfc_", "exp2_", "exp_", "expm1_", "fill_", "fix_", "floor_", "frac_", "gcd_", "i0_",
    "index_put_", "lcm_", "ldexp_", "log10_", "log1p_", "log2_", "log_", "logit_", "nan_to_num_",
    "neg_", "negative_", "rad2deg_", "reciprocal_", "relu_", "resize_as_", "round_", "rsqrt_",
    "selu_", "sigmoid_", "sin_", "sinc_", "sinh_", "sqrt_", "square_", "tan_", "tanh_", "trunc_",
    "xlogy_", "zero_",
)  # fmt: skip


def in_place_functions() -> dict[str, Any]:
    """The in-place methods that are functions of the package too."""
    from gradatim.tensor import Tensor

    found = {name: getattr(Tensor, name, None) for name in _IN_PLACE_FUNCTIONS}
    return {name: function for name, function in found.items() if function is not None}


def _gather() -> None:
    for name in _MODULES:
        module = importlib.import_module(f"gradatim.ops.{name}")
        names = getattr(module, "__all__", None)  # where it is not said: every public function
        for key in _functions_of(module) if names is None else names:
            FUNCTIONS.setdefault(key, getattr(module, key))


def _functions_of(module: types.ModuleType) -> list[str]:
    return [
        key
        for key, found in vars(module).items()
        if isinstance(found, types.FunctionType)
        and not key.startswith("_")
        and found.__module__ == module.__name__
    ]


def top_level() -> dict[str, Any]:
    """The functions that are also names of the package, with `out=` where PyTorch's have it."""
    with_out = importlib.import_module("gradatim.ops._out").with_out
    return {
        name: with_out(name, function)
        for name, function in FUNCTIONS.items()
        if name not in _NOT_TOP_LEVEL and not name.endswith("_")
    }


_gather()
globals().update(FUNCTIONS)
importlib.import_module("gradatim.ops.inplace").install()


def __getattr__(name: str) -> Any:
    raise AttributeError(f"gradatim.ops has no function {name!r}")
