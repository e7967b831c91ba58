"""Kullback-Leibler divergences: KL(p ‖ q) = E_p[log p - log q], by the classes of p and q.

The pairs there are stand in kl_same.py (both of one kind) and kl_mixed.py (of two kinds).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from gradatim import ops
from gradatim.distributions.distribution import Distribution
from gradatim.graph.errors import ArgumentTypeError, Unsupported
from gradatim.tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])

PAIRS: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {}
_known: dict[tuple[type, type], Callable[[Any, Any], Tensor] | None] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[F], F]:
    """Register a function of (p, q) for a pair of classes, and of their subclasses that have none
    of their own.

    Raises:
        ArgumentTypeError: for a class that is no Distribution.

    Example:
        >>> import gradatim as gd
        >>> from gradatim.distributions import Normal, kl_divergence, register_kl
        >>> class Mine(Normal):
        ...     pass
        >>> @register_kl(Mine, Mine)
        ... def kl_of_mine(p, q):
        ...     return gd.tensor(7.0)
        >>> kl_divergence(Mine(0.0, 1.0), Mine(0.0, 1.0))
        tensor(7.)
    """
    for given, name in ((type_p, "type_p"), (type_q, "type_q")):
        if not (isinstance(given, type) and issubclass(given, Distribution)):
            raise ArgumentTypeError(
                f"Expected {name} to be a Distribution subclass but got {given}"
            )

    def register(function: F) -> F:
        PAIRS[type_p, type_q] = function
        _known.clear()
        return function

    return register


def _steps(type_: type, base: type) -> int:
    """How far above a class one of its bases stands."""
    return type_.__mro__.index(base)


def _find(type_p: type, type_q: type) -> Callable[[Any, Any], Tensor] | None:
    """The function of the nearest pair of classes: nearest for p first, or for q first, which must
    not differ."""
    fitting = [(a, b) for a, b in PAIRS if issubclass(type_p, a) and issubclass(type_q, b)]
    if not fitting:
        return None

    def by_p(pair: tuple[type, type]) -> tuple[int, int]:
        return _steps(type_p, pair[0]), _steps(type_q, pair[1])

    def by_q(pair: tuple[type, type]) -> tuple[int, int]:
        return _steps(type_q, pair[1]), _steps(type_p, pair[0])

    left, right = PAIRS[min(fitting, key=by_p)], PAIRS[min(fitting, key=by_q)]
    if left is not right:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}): register_kl for this "
            f"pair says which is meant",
            RuntimeWarning,
            stacklevel=3,
        )
    return left


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p ‖ q), of the batch shape that both broadcast to.

    Raises:
        Unsupported: for a pair that has no formula.

    Example:
        >>> import gradatim as gd
        >>> d = gd.distributions
        >>> d.kl_divergence(d.Normal(0.0, 1.0), d.Normal(1.0, 1.0))
        tensor(0.5000)
    """
    key = type(p), type(q)
    if key not in _known:
        _known[key] = _find(*key)
    function = _known[key]
    if function is None:
        raise Unsupported(
            f"No KL(p || q) is implemented for p type {type(p).__name__} and q type "
            f"{type(q).__name__}: register_kl adds one"
        )
    return function(p, q)


def infinite_like(x: Tensor) -> Tensor:
    """What it is where p has values that q never has."""
    return ops.full_like(x, float("inf"))


import gradatim.distributions.kl_mixed  # noqa: E402 (it registers its pairs above)
import gradatim.distributions.kl_same  # noqa: E402, F401

__all__ = ["kl_divergence", "register_kl"]
