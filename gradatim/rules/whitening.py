"""What patches of images go through before anything is learned of them: contrast normalization and
ZCA whitening, as Coates & Ng 2011 have them.

    x ← (x − mean(x)) / √(var(x) + ε)                  each patch by itself: light and contrast
    x ← V (D + ε)^(−½) Vᵀ (x − μ),  V D Vᵀ = cov(x)    all patches together: correlations

After the second no pixel says anything about its neighbour that a line could say. Of all matrices
that do so, this one (zero-phase component analysis, Bell & Sejnowski 1997) changes the patches
least: they still look like patches.
"""

from __future__ import annotations

from gradatim import linalg, ops
from gradatim.graph.dtypes import float64
from gradatim.graph.errors import ArgumentError, DataError, ShapeError
from gradatim.nn import Buffer, Module
from gradatim.tensor import Tensor


def normalize_contrast(patches: Tensor, epsilon: float = 10.0) -> Tensor:
    """Each patch with mean 0 and nearly variance 1.

    Args:
        patches: (..., values).
        epsilon: is added to the variance, so that noise in flat patches stays small. 10 suits
            pixels of 0 to 255; for 0 to 1 it is 10 / 255².

    Example:
        >>> import gradatim as gd
        >>> normalize_contrast(gd.tensor([[1.0, 3.0], [5.0, 5.0]]), epsilon=0)[0]
        tensor([-1.,  1.])
    """
    centered = patches - patches.mean(-1, keepdim=True)
    return centered * ops.rsqrt((centered**2).mean(-1, keepdim=True) + epsilon)


class ZCA(Module):
    """Whitening, found from patches by `fit`.

    Args:
        width: values of a patch.
        epsilon: is added to every variance, so that directions with almost none do not become
            noise.

    Attributes:
        mean: buffer (width,). weight: buffer (width, width), symmetric.

    Shape:
        (..., width) to (..., width).

    Example:
        >>> import gradatim as gd
        >>> _ = gd.manual_seed(0)
        >>> mixed = gd.randn(1000, 2) @ gd.tensor([[2.0, 1.0], [0.0, 1.0]])
        >>> white = ZCA(2, epsilon=0).fit(mixed)(mixed)
        >>> bool((gd.cov(white.T, correction=0) - gd.eye(2)).abs().max() < 1e-4)
        True
    """

    def __init__(self, width: int, epsilon: float = 0.1) -> None:
        super().__init__()
        if width < 1 or epsilon < 0:
            raise ArgumentError(
                f"width is {width}, epsilon {epsilon}: expected 1 or more, and 0 or more"
            )
        self.width, self.epsilon = width, epsilon
        self.mean = Buffer(ops.zeros(width))
        self.weight = Buffer(ops.eye(width))

    def fit(self, patches: Tensor) -> ZCA:
        """Find mean and weight from patches (N, width); gives itself.

        Raises:
            ShapeError: another shape. DataError: fewer than two patches.
        """
        if patches.dim() != 2 or patches.shape[1] != self.width:
            raise ShapeError(
                f"patches have shape {tuple(patches.shape)}: expected (N, {self.width})"
            )
        if len(patches) < 2:
            raise DataError("whitening is found from two patches or more")
        mean = patches.mean(0)
        centered = patches - mean
        values, vectors = linalg.eigh((centered.T @ centered).to(float64) / len(patches))
        # Rounding leaves variances of a little below 0.
        scale = ops.rsqrt(values.clamp(min=0) + max(self.epsilon, 1e-12))
        self.mean.copy_(mean)
        self.weight.copy_((vectors * scale) @ vectors.T)
        return self

    def forward(self, patches: Tensor) -> Tensor:
        """Whitened patches."""
        return (patches - self.mean) @ self.weight
