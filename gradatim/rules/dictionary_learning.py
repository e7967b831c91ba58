"""Dictionary learning by turns: codes for the dictionary, then the dictionary for the codes (Engan,
Aase & Husøy 1999, the method of optimal directions; with one atom for each signal the gain-shape
vector quantization that Coates & Ng 2011 call OMP-1).

    S ← the best codes with k atoms each        (orthogonal matching pursuit)
    D ← argmin ‖X − S D‖² = (SᵀS)⁻¹ Sᵀ X,  then every dⱼ ← dⱼ / ‖dⱼ‖

With k = 1, SᵀS is diagonal, and dⱼ is the direction of Σ s x over the signals that chose it.
"""

from __future__ import annotations

from collections.abc import Callable

from gradatim import linalg, ops
from gradatim.compile import compile as compiled
from gradatim.graph.errors import ArgumentError, DataError, ShapeError
from gradatim.nn import Buffer, Module
from gradatim.random import Generator
from gradatim.rules.matching_pursuit import orthogonal_matching_pursuit
from gradatim.tensor import Tensor

CHUNK = 10_000  # signals whose codes are held at once


class DictionaryLearning(Module):
    """A dictionary, and the codes of signals with it.

    Args:
        atoms: how many.
        width: values of a signal.
        k: atoms in each code.
        seed: of the first dictionary (random directions), and of the atoms that are set anew.

    Attributes:
        dictionary: buffer (atoms, width), each row of length 1.
        errors: of each turn of `fit`, the mean of ‖x − s D‖² before the dictionary changed.

    Example:
        >>> import gradatim as gd
        >>> _ = gd.manual_seed(0)
        >>> rays = gd.randn(500, 1) * gd.eye(3)[gd.arange(500) % 3]
        >>> learned = DictionaryLearning(3, 3, seed=1).fit(rays, turns=10)
        >>> learned.errors[-1] < 1e-10
        True
    """

    def __init__(self, atoms: int, width: int, k: int = 1, *, seed: int = 0) -> None:
        super().__init__()
        if atoms < 1 or width < 1 or not 1 <= k <= atoms:
            raise ArgumentError(
                f"a dictionary of {atoms} atoms of width {width}, {k} in a code: expected 1 or "
                "more of each, and no more in a code than there are"
            )
        self.atoms, self.width, self.k = atoms, width, k
        self.generator = Generator().manual_seed(seed)
        first = ops.randn(atoms, width, generator=self.generator)
        self.dictionary = Buffer(first / first.norm(dim=1, keepdim=True))
        self.errors: list[float] = []
        self._sums = compiled(self._sums_of)

    def forward(self, signals: Tensor) -> Tensor:
        """Codes (N, atoms) of signals (N, width)."""
        return orthogonal_matching_pursuit(signals, self.dictionary, self.k)

    def fit(
        self, signals: Tensor, turns: int = 10, report: Callable[[int, float], None] | None = None
    ) -> DictionaryLearning:
        """Learn from signals (N, width); gives itself. Each turn uses all of them.

        Args:
            turns: how often codes and dictionary take their turn.
            report: called with the turn and its error after each.

        Raises:
            ShapeError, DataError: signals of another width; fewer than atoms.
        """
        if signals.dim() != 2 or signals.shape[1] != self.width:
            raise ShapeError(
                f"signals have shape {tuple(signals.shape)}: expected (N, {self.width})"
            )
        if len(signals) < self.atoms:
            raise DataError(
                f"{len(signals)} signals cannot teach {self.atoms} atoms: give as many or more"
            )
        for turn in range(turns):
            parts = [self._sums(part) for part in signals.split(CHUNK)]
            gram, cross, error = (sum(values) for values in zip(*parts))
            self.errors.append(float(error) / len(signals))
            self._renew(signals, gram, cross)
            if report:
                report(turn + 1, self.errors[-1])
        return self

    def _sums_of(self, signals: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """SᵀS, SᵀX and Σ‖x − s D‖² of a part of the signals."""
        codes = self(signals)
        error = ((signals - codes @ self.dictionary) ** 2).sum()
        gram = (codes**2).sum(0) if self.k == 1 else codes.T @ codes
        return gram, codes.T @ signals, error

    def _renew(self, signals: Tensor, gram: Tensor, cross: Tensor) -> None:
        """The best dictionary for these sums, rows of length 1."""
        uses = gram if self.k == 1 else gram.diagonal()
        if self.k > 1:
            # Atoms that always come together leave the Gram matrix singular, but for this.
            ridge = 1e-6 * uses.mean() + (uses == 0).to(uses.dtype)
            cross = linalg.solve(gram + ridge.diag(), cross)
        length = cross.norm(dim=1, keepdim=True)
        # An atom that no signal chose is set to a signal, or it would never be chosen.
        chance = ops.randint(0, len(signals), (self.atoms,), generator=self.generator)
        other = signals[chance]
        other = other / other.norm(dim=1, keepdim=True).clamp(min=1e-12)
        used = ((uses > 0) & (length.squeeze(1) > 1e-12)).unsqueeze(1)
        self.dictionary.copy_(ops.where(used, cross / length.clamp(min=1e-12), other))
