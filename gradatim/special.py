"""Special functions under PyTorch's names: `gd.special.i0e(x)`, `gd.special.zeta(s, q)`.

Example:
    >>> import gradatim as gd
    >>> gd.special.ndtr(gd.tensor([0.0, 1.96]))
    tensor([0.5000, 0.9750])
"""

from __future__ import annotations

from gradatim.ops._aliases import numpy_names
from gradatim.ops.activations import log_softmax, softmax
from gradatim.ops.arithmetic import xlogy
from gradatim.ops.elementwise import (
    digamma,
    erf,
    erfc,
    erfinv,
    exp2,
    expm1,
    lgamma,
    log1p,
    round,
    sigmoid,
    sinc,
)
from gradatim.ops.polynomials import FAMILIES
from gradatim.ops.reduce import logsumexp
from gradatim.ops.selection import logit
from gradatim.ops.special_functions import (
    airy_ai,
    bessel_j0,
    bessel_j1,
    bessel_y0,
    bessel_y1,
    entr,
    erfcx,
    i0,
    i0e,
    i1,
    i1e,
    igamma,
    igammac,
    log_ndtr,
    modified_bessel_i0,
    modified_bessel_i1,
    modified_bessel_k0,
    modified_bessel_k1,
    mvlgamma,
    ndtr,
    ndtri,
    polygamma,
    scaled_modified_bessel_k0,
    scaled_modified_bessel_k1,
    spherical_bessel_j0,
    xlog1py,
    zeta,
)

expit = sigmoid
gammaln, multigammaln = lgamma, mvlgamma
gammainc, gammaincc = igamma, igammac
psi = digamma
globals().update(FAMILIES)

__all__ = [
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "digamma", "entr", "erf",
    "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammainc", "gammaincc", "gammaln", "i0",
    "i0e", "i1", "i1e", "log1p", "log_ndtr", "log_softmax", "logit", "logsumexp",
    "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1",
    "multigammaln", "ndtr", "ndtri", "polygamma", "psi", "round", "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1", "sinc", "softmax", "spherical_bessel_j0", "xlog1py", "xlogy",
    "zeta", *FAMILIES,
]  # fmt: skip

# As in PyTorch they take `out=`, a tensor to write the result into.
globals().update({name: numpy_names(globals()[name]) for name in __all__})
