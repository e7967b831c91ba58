"""Reconstruction ICA (Le, Karpenko, Ngiam & Ng 2011, *ICA with reconstruction cost for efficient
overcomplete feature learning*): sparse features that may be more than the inputs.

    minimize over W₁, W₂:  ‖W₂ W₁ x − x‖² + λ Σⱼ √(ε + Σ over pool j of (W₁ x)²)

Independent component analysis asks that W W ᵀ = 1, which more features than inputs cannot satisfy.
Here the inputs have to come back instead. A pool of one feature gives plain sparseness, |W₁ x|; a
larger one lets features that answer together share one cost, and makes what the pool says the same
for all of them (topographic ICA). In the paper of 2011 W₂ is W₁ᵀ; Le et al. 2012 let both learn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradatim import ops
from gradatim.compile import compile as compiled
from gradatim.graph.errors import ArgumentError, DataError, ShapeError
from gradatim.nn import Module, Parameter
from gradatim.optim import Adam
from gradatim.random import Generator
from gradatim.tensor import Tensor


def reconstruction_ica_loss(
    inputs: Tensor, back: Tensor, energy: Tensor, sparsity: float, epsilon: float = 1e-2
) -> Tensor:
    """The cost of one example on average.

    Args:
        inputs, back: x and W₂ W₁ x, (N, ...).
        energy: of each pool the sum of squares of its features, (N, ...).
        sparsity: λ. epsilon: ε.

    Example:
        >>> import gradatim as gd
        >>> x = gd.tensor([[3.0, 4.0]])
        >>> reconstruction_ica_loss(x, x - 1, x**2, sparsity=0.5, epsilon=0.0)  # 2 + ½ (3 + 4)
        tensor(5.5000)
    """
    error = ((back - inputs) ** 2).flatten(1).sum(1)
    cost = (energy + epsilon).sqrt().flatten(1).sum(1)
    return (error + sparsity * cost).mean()


class ReconstructionICA(Module):
    """Reconstruction ICA of vectors.

    Args:
        inputs: values of an example. features: how many; may be more.
        sparsity: λ.
        tied: whether W₂ is W₁ᵀ, as in 2011.
        pool: so many features, one after another, share a cost.
        seed: of the first weights: random directions of length 1.

    Attributes:
        encoder: W₁, parameter (features, inputs).
        decoder: W₂, parameter (inputs, features); None if tied. Its columns count as if they
            had length 1, or small features with a large decoder would cost nothing.
        losses: the mean of each epoch of `fit`.

    Shape:
        (N, inputs) to (N, features).

    Example:
        >>> import gradatim as gd
        >>> draw = gd.Generator().manual_seed(0)
        >>> sources = gd.rand(2000, 2, generator=draw).mul(2).sub(1) ** 3  # sparse
        >>> rotation = gd.tensor([[0.8, -0.6], [0.6, 0.8]])
        >>> mixed = sources @ rotation.T / sources.std()
        >>> ica = ReconstructionICA(2, 2, sparsity=1.0).fit(mixed, epochs=20, rate=0.01)
        >>> found = ica.encoder / ica.encoder.norm(dim=1, keepdim=True) @ rotation
        >>> (found.abs() > 0.9).sum().item()  # each feature is one source
        2
    """

    def __init__(
        self,
        inputs: int,
        features: int,
        *,
        sparsity: float = 0.1,
        tied: bool = False,
        pool: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if inputs < 1 or features < 1 or sparsity < 0:
            raise ArgumentError(
                f"{features} features of {inputs} inputs with sparsity {sparsity}: expected 1 or "
                "more, 1 or more, and 0 or more"
            )
        if pool < 1 or features % pool:
            raise ArgumentError(f"{features} features cannot be shared out to pools of {pool}")
        self.sparsity, self.pool, self.seed = sparsity, pool, seed
        first = ops.randn(features, inputs, generator=Generator().manual_seed(seed))
        first = first / first.norm(dim=1, keepdim=True)
        self.encoder = Parameter(first)
        self.decoder = None if tied else Parameter(first.T.clone())
        self.losses: list[float] = []

    def forward(self, inputs: Tensor) -> Tensor:
        """W₁ x."""
        if inputs.dim() != 2 or inputs.shape[1] != self.encoder.shape[1]:
            raise ShapeError(
                f"inputs have shape {tuple(inputs.shape)}: expected (N, {self.encoder.shape[1]})"
            )
        return inputs @ self.encoder.T

    def loss(self, inputs: Tensor) -> Tensor:
        """The cost of examples (N, inputs), a mean."""
        features = self(inputs)
        if self.decoder is None:
            back = features @ self.encoder
        else:
            back = features @ (self.decoder / self.decoder.norm(dim=0)).T
        energy = (features**2).reshape(len(inputs), -1, self.pool).sum(2)
        return reconstruction_ica_loss(inputs, back, energy, self.sparsity)

    def fit(
        self,
        inputs: Tensor,
        *,
        epochs: int = 10,
        batch: int = 100,
        rate: float = 0.001,
        report: Callable[[int, float], None] | None = None,
    ) -> ReconstructionICA:
        """Learn from examples (N, inputs) with Adam; gives itself.

        Raises:
            DataError: fewer examples than a batch.
        """
        if len(inputs) < batch:
            raise DataError(f"{len(inputs)} examples do not fill a batch of {batch}")
        optimizer, draw = Adam(self.parameters(), lr=rate), np.random.default_rng(self.seed)

        @compiled
        def update(part: Tensor) -> Tensor:
            optimizer.zero_grad()
            loss = self.loss(part)
            loss.backward()
            optimizer.step()
            return loss.detach()

        batches = len(inputs) // batch
        self.losses = []
        for epoch in range(epochs):
            order = ops.tensor(draw.permutation(len(inputs))[: batches * batch])
            total = sum(update(inputs[places]) for places in order.split(batch))
            self.losses.append(float(total) / batches)
            if report:
                report(epoch + 1, self.losses[-1])
        return self
