"""Orthogonal matching pursuit (Pati, Rezaiifar & Krishnaprasad 1993): say a signal with few atoms
of a dictionary.

    minimize ‖x − Σⱼ sⱼ dⱼ‖²  with at most k of the s not 0

Greedy: take the atom that fits what is left best, fit all atoms taken so far anew (that is the
*orthogonal* in it), and go on with what is then left. With k = 1 this is best, not only greedy:
s = d·x for the atom with the largest |d·x|.
"""

from __future__ import annotations

from gradatim import linalg, ops
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.tensor import Tensor


def orthogonal_matching_pursuit(signals: Tensor, dictionary: Tensor, k: int = 1) -> Tensor:
    """The codes of many signals at once.

    Args:
        signals: x, (N, width).
        dictionary: d, (atoms, width), each of length 1.
        k: at most so many atoms for each signal.

    Returns:
        s, (N, atoms): k values or fewer in each row are not 0.

    Raises:
        ShapeError: widths that differ. ArgumentError: k is below 1 or above the number of atoms.

    Example:
        >>> import gradatim as gd
        >>> atoms = gd.tensor([[1.0, 0.0], [0.6, 0.8]])
        >>> orthogonal_matching_pursuit(gd.tensor([[2.0, 0.1], [3.0, 4.0]]), atoms)
        tensor([[2., 0.],
                [0., 5.]])
    """
    if signals.dim() != 2 or dictionary.dim() != 2 or signals.shape[1] != dictionary.shape[1]:
        raise ShapeError(
            f"signals have shape {tuple(signals.shape)}, the dictionary "
            f"{tuple(dictionary.shape)}: expected (N, width) and (atoms, width)"
        )
    atoms = len(dictionary)
    if not 1 <= k <= atoms:
        raise ArgumentError(f"k is {k}: expected 1 to {atoms}, the number of atoms")
    left = signals
    free = ops.ones(len(signals), atoms, dtype=signals.dtype)
    places: list[Tensor] = []
    for _ in range(k):
        fit = left @ dictionary.T
        # An atom that was taken fits nothing of what is left, but rounding could say otherwise.
        place = ops.where(free > 0, fit.abs(), -1.0).argmax(1, keepdim=True)
        places.append(place)
        free = free.scatter(1, place, 0.0)
        if k == 1:
            return ops.where(free > 0, 0.0, fit)
        taken = dictionary[ops.cat(places, 1)]  # (N, so far, width)
        gram = taken @ taken.transpose(1, 2)
        # A signal that is said already gets atoms that depend on each other: pinv, not solve.
        weights = linalg.pinv(gram, hermitian=True) @ (taken @ signals.unsqueeze(2))
        left = signals - (weights * taken).sum(1)
    return ops.zeros_like(free).scatter(1, ops.cat(places, 1), weights.squeeze(2))
